"""Does "auto" find groups where there are none, and does it still find those that there are?

    python benchmarks/false_structure.py [--only PART ...]

Each part is saved when it is done:

* ``simulated``: maps of tasks that share nothing but what makes an example easy for all of them (a
  Gaussian copula with one factor), of equal and of unequal difficulty; whole, with gaps, compared
  by density, and of mixed kinds.
* ``trained``: an "mlp" on independent tasks with equal and with unequal noise.
* ``power``: planted groups and digits, where several groups are to be found.
* ``window``: the map up to the best epoch and that of all epochs, when trained for 10, 30, 100; on
  the networks of the planted regimes, and on wide ones that learn wrong labels by heart.
* ``seconds``: what the calibration takes.

"before" is the rule of earlier versions: the largest silhouette of k-means is at least 0.1.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import numpy as np
from _common import RESULTS, log, save_result
from scipy.stats import beta, norm
from sklearn.metrics import adjusted_rand_score

import coterie as ct
from coterie.datamaps import gram
from coterie.grouping._automatic import kmeans_silhouettes
from coterie.seeds import numpy_generator
from coterie.testing import planted

N_TASKS = (5, 10, 20, 40)
BEFORE = 0.1


def simulated_map(
    n_tasks: int,
    seed: int,
    *,
    unequal: bool,
    n_examples: int = 1_000,
    gaps: float = 0.0,
    mixed: bool = False,
    loading: float = 0.5,
) -> ct.DataMap:
    """Confidences with a beta distribution, whose common factor is how easy an example is."""
    random = numpy_generator(seed, "simulated map", n_tasks, unequal)
    means = random.uniform(0.55, 0.95, n_tasks) if unequal else np.full(n_tasks, 0.75)
    loadings = random.uniform(0, 2 * loading, n_tasks).clip(0, 0.95)
    common, own = (random.standard_normal((n_examples, n)) for n in (1, n_tasks))
    ranks = norm.cdf(loadings * common + np.sqrt(1 - loadings**2) * own)
    confidence = beta.ppf(ranks, 4 * means, 4 * (1 - means))
    noise = random.uniform(0.6, 1.4, confidence.shape)
    variability = 0.5 * np.sqrt(confidence * (1 - confidence)) * noise
    if gaps:
        missing = random.uniform(size=confidence.shape) < gaps
        confidence[missing] = variability[missing] = np.nan
    seen = ~np.isnan(confidence)
    kinds = [("binary", "regression")[task % 2 if mixed else 0] for task in range(n_tasks)]
    return ct.DataMap(
        tasks=tuple(f"task {task}" for task in range(n_tasks)),
        kinds=tuple(kinds),
        ids=np.arange(n_examples),
        epoch=10,
        confidence=confidence,
        variability=variability,
        correctness=np.where(seen, confidence > 0.5, np.nan),
        count=np.where(seen, 10.0, 0.0),
    )


def unrelated(n_tasks: int, seed: int, *, unequal: bool) -> ct.Dataset:
    """The regime "no structure" of :func:`coterie.testing.planted`, with noise from .5 to 8."""
    if not unequal:
        return planted("no structure", seed, n_groups=1, per_group=n_tasks).data
    random = numpy_generator(seed, "unequal noise", n_tasks)
    inputs = random.standard_normal((1_500, 12))
    noise = np.geomspace(0.5, 8, n_tasks) * random.standard_normal((1_500, n_tasks))
    targets = inputs @ random.standard_normal((12, n_tasks)) + noise > 0
    return ct.load(
        {"inputs": inputs.astype(np.float32), "targets": targets.astype(np.float32)}, seed=seed
    )


def judged(source: ct.DataMap, features: str = "cells") -> dict[str, Any]:
    """Whether several groups are found now, were found before, and what tells them apart."""
    measured = gram(source, features)
    now = ct.group(measured, "auto")
    earlier = kmeans_silhouettes(measured.distances2, restarts=3, seed=0)
    two = ct.group(measured, 2)
    return {
        "n_groups": now.n_groups,
        "silhouette": max(now.details["silhouette"].values()),
        "least": now.details["least_silhouette"],
        "before": max(earlier.values()) >= BEFORE,
        "difficulty of two groups": two.details.get("difficulty_share"),
    }


def shares(found: Iterable[dict[str, Any]]) -> dict[str, float]:
    """How often several groups were found, and means of what was seen."""
    rows = list(found)
    several = np.array([row["n_groups"] > 1 for row in rows])
    return {
        "maps": len(rows),
        "several": round(float(several.mean()), 3),
        "several before": round(float(np.mean([row["before"] for row in rows])), 3),
        **{
            name: round(float(np.mean([row[name] for row in rows])), 3)
            for name in ("silhouette", "least", "difficulty of two groups")
            if rows[0][name] is not None
        },
    }


def simulated(n_maps: int) -> dict[str, Any]:
    """False structure of simulated maps."""
    kinds: dict[str, Callable[[int, int, bool], dict[str, Any]]] = {
        "whole": lambda t, s, u: judged(simulated_map(t, s, unequal=u)),
        "centred": lambda t, s, u: judged(simulated_map(t, s, unequal=u), "centred"),
        "gaps": lambda t, s, u: judged(simulated_map(t, s, unequal=u, gaps=0.5)),
        "mixed kinds": lambda t, s, u: judged(simulated_map(t, s, unequal=u, mixed=True)),
        "density": lambda t, s, u: judged(simulated_map(t, s, unequal=u), "density"),
    }
    found: dict[str, Any] = {}
    for name, judge in kinds.items():
        for n_tasks in N_TASKS:
            for unequal in (False, True):
                key = f"{name}, {n_tasks} tasks, {'un' * unequal}equal difficulty"
                found[key] = shares(judge(n_tasks, seed, unequal) for seed in range(n_maps))
                log(f"{key}: {found[key]}")
    return found


def trained(n_maps: int) -> dict[str, Any]:
    """False structure of real fits, and of what else reads their maps."""
    settings = {"epochs": 15, "batch_size": 32, "lr": 3e-3, "model_options": {"hidden": (64,)}}
    found: dict[str, Any] = {}
    for n_tasks in N_TASKS:
        for unequal in (False, True):
            maps = []
            for seed in range(n_maps):
                data = unrelated(n_tasks, seed, unequal=unequal)
                maps.append(ct.fit("mlp", data, record=True, seed=seed, **settings).data_map)
            key = f"{n_tasks} tasks, {'un' * unequal}equal noise"
            found[key] = shares(judged(each) for each in maps)
            found[key]["several by affinity of maps"] = float(
                np.mean(
                    [
                        ct.group(ct.affinities.data_map_affinity(m), "auto").n_groups > 1
                        for m in maps
                    ]
                )
            )
            log(f"{key}: {found[key]}")
    return found


def power(n_maps: int) -> dict[str, Any]:
    """Planted groups that are to be found, and digits."""
    found: dict[str, Any] = {}
    for regime in ("conflicting heads", "agreeing heads"):
        for features in ("cells", "centred"):
            rows, rand, known, share = [], [], [], []
            for seed in range(n_maps):
                case = planted(regime, seed)
                fit = ct.fit(
                    "mlp", case.data, record=True, seed=seed, **{**case.settings, "keep": "best"}
                )
                rows.append(judged(fit.data_map, features))
                true = case.grouping.labels
                auto, three = (ct.group(fit, k, features=features) for k in ("auto", 3))
                rand.append(adjusted_rand_score(true, auto.labels))
                known.append(adjusted_rand_score(true, three.labels))
                share.append(three.details["difficulty_share"])
            found[f"{regime}, {features}"] = {
                **shares(rows),
                "adjusted Rand": round(float(np.mean(rand)), 3),
                "adjusted Rand, K = 3": round(float(np.mean(known)), 3),
                "difficulty of three groups": round(float(np.mean(share)), 3),
                "n_groups": [row["n_groups"] for row in rows],
            }
            log(f"{regime}, {features}: {found[f'{regime}, {features}']}")
    for name, targets in (("digits", None), ("digits, one against the rest", 10)):
        data = ct.load("digits")
        data = data if targets is None else ct.load("digits", targets=data.tasks.names[:targets])
        for features in ("cells", "centred"):
            fits = [ct.fit("mlp", data, record=True, epochs=15, seed=s) for s in range(5)]
            rows = [judged(fit.data_map, features) for fit in fits]
            groups = [str(ct.group(fit, "auto", features=features)) for fit in fits]
            found[f"{name}, {features}"] = {**shares(rows), "groups": groups}
            log(f"{name}, {features}: {found[f'{name}, {features}']}")
    return found


def window(n_maps: int) -> dict[str, Any]:
    """Adjusted Rand of the map up to the best epoch, and of that of all epochs."""
    wide = {"model_options": {"hidden": (128, 128)}, "lr": 2e-3}
    found: dict[str, Any] = {}
    for regime in ("conflicting heads", "agreeing heads"):
        for network, changed, wrong in (
            ("its own", {}, 0.0),
            ("wide, 20 % wrong labels", wide, 0.2),
        ):
            for epochs in (10, 30, 100):
                rows = [windows(regime, seed, epochs, wrong, changed) for seed in range(n_maps)]
                key = f"{regime}, {network}, {epochs} epochs"
                found[key] = {
                    name: [row[name] for row in rows]
                    if name == "best epoch"
                    else round(float(np.mean([row[name] for row in rows])), 3)
                    for name in rows[0]
                }
                log(f"{key}: {found[key]}")
    return found


def windows(
    regime: Any, seed: int, epochs: int, wrong: float, changed: dict[str, Any]
) -> dict[str, float]:
    """Of one training."""
    case = planted(regime, seed)
    data, true = case.data, case.grouping.labels
    if wrong:
        random = numpy_generator(seed, "wrong labels")
        targets = np.asarray(data.targets)
        flip = random.uniform(size=targets.shape) < wrong
        inputs = np.asarray(data.inputs)
        data = ct.load(
            {"inputs": inputs, "targets": np.where(flip, 1 - targets, targets)}, seed=seed
        )
    settings = {**case.settings, "keep": "best", "epochs": epochs, **changed}
    maps = {
        "to the best epoch": ct.fit("mlp", data, record=True, seed=seed, **settings),
        "all epochs": ct.fit("mlp", data, record=True, seed=seed, **{**settings, "keep": "last"}),
    }
    rand = {
        f"{name}, {features}": adjusted_rand_score(true, ct.group(fit, 3, features=features).labels)
        for name, fit in maps.items()
        for features in ("cells", "centred")
    }
    return {**rand, "best epoch": int(maps["to the best epoch"].history.best_epoch[0]) + 1}


def seconds(_: int) -> dict[str, float]:
    """What a grouping takes once the map is measured, "auto" and not."""
    found = {}
    for n_tasks in N_TASKS:
        measured = gram(simulated_map(n_tasks, 0, unequal=True, n_examples=50_000))
        for n_groups in (2, "auto"):
            started = perf_counter()
            ct.group(measured, n_groups)
            found[f"{n_tasks} tasks, {n_groups}"] = round(perf_counter() - started, 3)
    log(str(found))
    return found


PARTS = {
    "seconds": (seconds, 1),
    "trained": (trained, 20),
    "power": (power, 20),
    "window": (window, 10),
    "simulated": (simulated, 100),
}


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    asked = parser.parse_args().only
    file = RESULTS / "false_structure.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    for name in asked:
        part, repetitions = PARTS[name]
        found[name] = part(repetitions)
        save_result("false_structure", found)


if __name__ == "__main__":
    main()
