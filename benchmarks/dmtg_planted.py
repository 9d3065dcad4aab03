"""Does differentiable grouping find groups that are there?

Planted groups, every mode, adjusted Rand index over seeds.

    python benchmarks/dmtg_planted.py

Twelve binary tasks in three groups of four on 24 inputs x. A group has a latent z = x A of two
directions of its own; a task is whether a random mix of sin 2 z0, sin 2 z1 and z0 z1, all of them
in it, is above its median. First the groups must be worth finding: models of the true groups, of
random ones of the same sizes, of all tasks and of single ones are trained and compared. Then every
mode searches with K = 3, without and with a penalty on uneven branches. 3,000 examples, the ``mlp``
with two layers of 16 units, 30 epochs of batches of 32. Every seed has its own tasks; other
problems were used while the defaults were chosen."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from _common import log, save_result
from sklearn.metrics import adjusted_rand_score

import coterie as ct
from coterie.data import Dataset
from coterie.seeds import numpy_generator
from coterie.statistics import nadeau_bengio

N_EXAMPLES, N_INPUTS, N_GROUPS, PER_GROUP = 3_000, 24, 3, 4
LABELS = np.repeat(np.arange(N_GROUPS), PER_GROUP)
SETTINGS: dict[str, Any] = {
    "epochs": 30,
    "batch_size": 32,
    "lr": 1e-3,
    "model_options": {"hidden": (16, 16)},
}
DRAWS = 3
Make = Callable[[], ct.DifferentiableGrouping]
MODES = ("paper", "annealed", "expected", "straight_through")
SEARCHES: dict[str, Make] = {
    **{mode: lambda mode=mode: ct.DifferentiableGrouping(N_GROUPS, mode) for mode in MODES},
    **{
        f"{mode}, balance 0.3": lambda mode=mode: ct.DifferentiableGrouping(
            N_GROUPS, mode, balance=0.3
        )
        for mode in MODES
    },
    "annealed, independent starts": lambda: ct.DifferentiableGrouping(
        N_GROUPS, "annealed", init="independent"
    ),
}


def planted(seed: int) -> Dataset:
    """Tasks of a group share a latent that the others do not have."""
    rng = numpy_generator(seed, "planted")
    x = rng.standard_normal((N_EXAMPLES, N_INPUTS))
    columns = []
    for _ in range(N_GROUPS):
        directions = rng.standard_normal((N_INPUTS, 2))
        z = x @ (directions / np.linalg.norm(directions, axis=0))
        features = np.stack([np.sin(2 * z[:, 0]), np.sin(2 * z[:, 1]), z[:, 0] * z[:, 1]], axis=1)
        for _ in range(PER_GROUP):
            mix = features @ (rng.choice([-1, 1], 3) * rng.uniform(0.5, 1.5, 3))
            columns.append(mix > np.median(mix))
    return ct.load(
        {"inputs": x.astype(np.float32), "targets": np.stack(columns, axis=1).astype(np.float32)}
    )


def worth_finding(seeds: Sequence[int]) -> dict[str, Any]:
    """Mean validation scores of true and random groups, of joint and single models.

    True against random, in points.
    """
    n_tasks, true = len(LABELS), np.eye(N_GROUPS)[LABELS].T
    found: dict[str, list[float]] = {"true": [], "random": [], "joint": [], "single": []}
    for seed in seeds:
        rng = numpy_generator(seed, "random groups")
        shuffled = [true[:, rng.permutation(n_tasks)] for _ in range(DRAWS)]
        groupings = {
            "true": [true],
            "random": shuffled,
            "joint": [np.ones((1, n_tasks))],
            "single": [np.eye(n_tasks)],
        }
        rows = np.concatenate([rows for each in groupings.values() for rows in each])
        fit = ct.fit("mlp", planted(seed), rows, init="shared", seed=seed, **SETTINGS)
        # Each task is served by one row of a grouping: the others have no score for it.
        scores = iter(
            np.split(
                fit.scores,
                np.cumsum([len(rows) for each in groupings.values() for rows in each])[:-1],
            )
        )
        for name, each in groupings.items():
            found[name].append(
                float(np.mean([np.nanmean(np.nanmax(next(scores), axis=0)) for _ in each]))
            )
    gain = nadeau_bengio(100 * (np.array(found["true"]) - np.array(found["random"]))[:, None])
    means = {name: float(np.mean(values)) for name, values in found.items()}
    return {
        "scores": means,
        "gain": float(gain.mean[0]),
        "low": float(gain.low[0]),
        "high": float(gain.high[0]),
    }


def searches(make: Make, seeds: Sequence[int]) -> dict[str, Any]:
    """What a mode finds on every seed."""
    runs = []
    for seed in seeds:
        fit = ct.fit("mlp", planted(seed), make(), seed=seed, **SETTINGS)
        labels = fit.grouping.labels
        last = np.array(fit.grouping.details["probabilities"][-1])
        runs.append(
            {
                "adjusted_rand": float(adjusted_rand_score(LABELS, labels)),
                "score": float(np.nanmean(fit.scores[labels, np.arange(len(labels))])),
                "branches": len(set(labels.tolist())),
                "probability": float(last.max(axis=1).mean()),
            }
        )
    return {name: [run[name] for run in runs] for name in runs[0]}


def summary(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Means over seeds, and the adjusted Rand index paired with that of "paper"."""
    lines = {}
    for name, runs in found.items():
        n = len(runs["adjusted_rand"])
        above = nadeau_bengio(
            (np.array(runs["adjusted_rand"]) - found["paper"]["adjusted_rand"][:n])[:, None]
        )
        lines[name] = {
            "seeds": n,
            **{what: float(np.mean(values)) for what, values in runs.items()},
            "exact": sum(value > 1 - 1e-9 for value in runs["adjusted_rand"]),
            "above_paper": [float(above.mean[0]), float(above.low[0]), float(above.high[0])],
        }
    return lines


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=20)
    seeds, found = range(parser.parse_args().seeds), {}
    worth = worth_finding(seeds)
    log(f"worth finding: {worth}")
    if not worth["low"] > 0:
        raise RuntimeError(
            "The planted groups are not worth finding: nothing can be learnt from searching for "
            "them."
        )
    for name, make in SEARCHES.items():
        found[name] = searches(make, seeds)
        log(f"{name}: {summary(found)[name]}")
    save_result(
        "dmtg_planted",
        {
            "tasks": len(LABELS),
            "groups": N_GROUPS,
            "settings": SETTINGS,
            "worth": worth,
            "summary": summary(found),
            "runs": found,
        },
    )


if __name__ == "__main__":
    main()
