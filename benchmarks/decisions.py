"""How often are the answers of a comparison wrong? Drawn from models that were really trained.

    python benchmarks/decisions.py draws --data FOLDER --pools CACHE
    python benchmarks/decisions.py groups

Pools: the arms of a comparison (`coterie.evaluation.arms`) are trained with many seeds on three
tables, groups from the data map of the first seed, and on planted data sets with their true groups;
outputs are kept for all examples that did not train. These are the population, its mean over all
seeds the true gain. A comparison is a draw with replacement of seeds and of test examples from its
pool, so that both are as independent as the intervals take them to be. It is judged by
`coterie.statistics` and by the earlier rule: Student's interval over seeds alone, "not worth it"
unless that lies above or below 0.

A false "better" has a true gain of 0 or less, a false "not worth it" (or "worse") one above the
margin. "At the border" moves each true gain to just there, which is the hardest case and takes in
all pairs.

Groups: whether `coterie.compare` finds true groups better than joint training, random groups and
an ensemble with five seeds."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
import torch
from _common import log, save_result
from torch import Tensor

import coterie as ct
from coterie.data import Dataset
from coterie.evaluation.arms import BASELINES, Lineup, combine, line_up, stack_rows
from coterie.metrics import deciding
from coterie.results import Grouping
from coterie.results.tables import MEAN
from coterie.seeds import numpy_generator
from coterie.statistics import interval, nadeau_bengio, outcome, with_mean
from coterie.tasks import Tasks
from coterie.testing import Regime, planted

SEEDS = (3, 5, 10, 20)
EXAMPLES = (100, 400)
TABLES = ("emotions", "flags", "scene")
SETTINGS: dict[str, Any] = {
    "epochs": 15,
    "batch_size": 64,
    "lr": 2e-3,
    "model_options": {"hidden": (32,)},
    "keep": "last",
}
WORTH = ("joint", "random", "ensemble")
REGIMES: tuple[Regime, ...] = (
    "agreeing heads",
    "conflicting heads",
    "disjoint examples",
    "no structure",
)


@dataclass(frozen=True)
class Pool:
    """Outputs (S, A, N, P) of arms on all examples that did not train, and their labels (N, T)."""

    kind: str
    name: str
    arms: tuple[str, ...]
    outputs: Tensor
    targets: Tensor
    tasks: Tasks

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Each grouping against all else that stands beside it, and what stands beside joint."""
        found = []
        for name in self.arms:
            if name.startswith("groups"):
                n_groups = name.removeprefix("groups ")
                beside = ("joint", "single", f"random ({name})", f"ensemble (K={n_groups})")
                found += [(name, other) for other in beside]
        return found + [(name, "joint") for name in self.arms if not name.startswith("groups")][1:]


def outputs_of(
    data: Dataset, groupings: Mapping[str, Grouping], seed: int, settings: Mapping[str, Any]
) -> tuple[tuple[str, ...], Tensor, Tensor]:
    """Names of all arms, their outputs (A, N, P) of one seed, and the positions (N,)."""
    asked = {name: grouping.n_groups for name, grouping in groupings.items()}
    arms = line_up(
        Lineup(n_tasks=len(data.tasks), groupings=groupings, asked=asked, draws=1, seed=seed),
        BASELINES,
    )
    rows, init, _, used = stack_rows(arms)
    fit = ct.fit("mlp", data, rows, init=init.tolist(), seed=seed, **settings)
    positions = torch.cat([data.split.validation, data.split.test])
    members = ct.predict(fit.stack, data, positions)
    combined = [
        combine(members[own], arm.serves, data.tasks) for arm, own in zip(arms, used, strict=True)
    ]
    return tuple(arm.name for arm in arms), torch.stack(combined), positions


def pool(
    kind: str,
    name: str,
    data: Dataset,
    groupings: Mapping[str, Grouping],
    seeds: int,
    settings: Mapping[str, Any],
    cache: Path,
) -> Pool:
    """Train, or read what was trained before."""
    file = cache / f"{name}.npz"
    if not file.exists():
        units = [outputs_of(data, groupings, seed, settings) for seed in range(seeds)]
        outputs = torch.stack([unit[1] for unit in units]).numpy()
        np.savez(file, arms=units[0][0], outputs=outputs, positions=units[0][2].numpy())
    kept = np.load(file)
    return Pool(
        kind,
        name,
        tuple(kept["arms"].tolist()),
        torch.from_numpy(kept["outputs"]),
        data.targets[torch.from_numpy(kept["positions"])],
        data.tasks,
    )


def pools(folder: Path, cache: Path, seeds: int, planted_seeds: int, sets: int) -> Iterator[Pool]:
    """All of them, one after the other."""
    for name in TABLES:
        data = ct.load(str(folder / f"{name}.parquet"), rare="drop", split=(0.5, 0.1, 0.4))
        found = ct.fit("mlp", data, record=True, seed=0, **SETTINGS).data_map
        groupings = {f"groups {k}": ct.group(found, k) for k in (2, 3)}
        yield pool("tables", name, data, groupings, seeds, SETTINGS, cache)
    for seed in range(sets):
        for regime in REGIMES:
            true = planted(regime, seed)
            groupings = {"groups 3": true.grouping}
            name = f"{regime} {seed}"
            yield pool(regime, name, true.data, groupings, planted_seeds, true.settings, cache)


def measured(outputs: Tensor, targets: Tensor, tasks: Tasks) -> tuple[np.ndarray, np.ndarray]:
    """Scores (..., T) and contributions (..., n, T) in points, of outputs (..., n, P)."""
    models = outputs.flatten(0, -3)
    found = [
        [
            each(models[..., tasks.columns[t]], targets[:, t], tasks, t)
            for each in (metric.values, metric.contributions)
        ]
        for t, metric in enumerate(deciding(tasks))
    ]
    values, parts = (np.stack(each, -1) for each in zip(*found, strict=True))
    shape = outputs.shape[:-2]
    return 100 * values.reshape(*shape, -1), 100 * parts.reshape(*shape, *parts.shape[1:])


def true_scores(of: Pool) -> np.ndarray:
    """Of each arm and task in the population, (A, T), in points."""
    return np.mean([measured(each, of.targets, of.tasks)[0] for each in of.outputs], axis=0)


def comparison(of: Pool, truth: np.ndarray, n: int, draw: int) -> Iterator[dict[str, Any]]:
    """What both rules say of mean gains, and the new one of each task, from one draw."""
    rng = numpy_generator(draw, "decisions", of.name, n)
    seeds = rng.integers(len(of.outputs), size=max(SEEDS))
    examples = rng.integers(len(of.targets), size=n)
    values, parts = measured(of.outputs[seeds][:, :, examples], of.targets[examples], of.tasks)
    margins = np.array([metric.margin or 1.0 for metric in deciding(of.tasks)])
    for name, other in of.pairs:
        a, b = of.arms.index(name), of.arms.index(other)
        gains, added = values[:, a] - values[:, b], parts[:, a] - parts[:, b]
        # The truth of the mean is over those tasks that these examples define.
        defined = np.isfinite(gains).all(0) & np.isfinite(added).all((0, 1))
        true = np.append(truth[a] - truth[b], (truth[a] - truth[b])[defined].mean())
        gains, added = with_mean(gains, added)
        about = {"kind": of.kind, "pool": of.name, "pair": f"{name} - {other}", "examples": n}
        for count in SEEDS:
            new, earlier = interval(gains[:count], added[:count]), nadeau_bengio(gains[:count])
            judged = [("new", new, place) for place in (*np.flatnonzero(defined), -1)]
            for rule, found, place in (*judged, ("earlier", earlier, -1)):
                margin = margins.max() if place == -1 else margins[place]
                said = outcome(found[place], margin)
                if rule == "earlier" and said == "undecided":  # It knew no margin.
                    said = "not worth it"
                yield {
                    **about,
                    "what": "mean" if place == -1 else "task",
                    "seeds": count,
                    "rule": rule,
                    "true": true[place],
                    "margin": margin,
                    "said": said,
                    "above": bool(found.low[place] > true[place]),
                    "below": bool(found.high[place] < true[place]),
                }


def rates(of: pd.DataFrame) -> dict[str, Any]:
    """Of comparisons by one rule: wrong answers, where they can be, and what was answered."""
    nothing, much = of[of.true <= 0], of[of.true > of.margin]
    earlier = (of.rule == "earlier").all()
    return {
        "comparisons": len(of),
        "no gain": len(nothing),
        "false better": _share(nothing.said == "better"),
        "gain above margin": len(much),
        "false not worth it": _share(much.said.isin(["not worth it", "worse"])),
        "found better": _share(much.said == "better"),
        "border better": _share(of.above),
        # The earlier rule says it of whatever does not lie above 0.
        "border not worth it": None if earlier else _share(of.below),
        "coverage": _share(~(of.above | of.below)),
        **{said: _share(of.said == said) for said in ("better", "not worth it", "worse")},
        "undecided": _share(of.said == "undecided"),
    }


def _share(which: pd.Series) -> float | None:
    return round(float(which.mean()), 4) if len(which) else None


def summary(frame: pd.DataFrame, keys: list[str]) -> list[dict[str, Any]]:
    """One line of rates for each combination of the keys."""
    return [
        dict(zip(keys, values, strict=True)) | rates(of)
        for values, of in frame.groupby(keys, sort=False)
    ]


def found_groups(regime: str, seed: int) -> dict[str, Any]:
    """What a real comparison of five seeds says of true groups."""
    true = planted(regime, seed)
    result = ct.compare("mlp", true.data, true.grouping, seeds=5, rivals="none", **true.settings)
    rows = [
        row
        for row in result.gains.to_dict("records")
        if row["task"] == MEAN and row["role"] == "grouped" and row["reference_role"] in WORTH
    ]
    kept = ("gain", "low", "high", "outcome")
    return {
        "regime": regime,
        "set": seed,
        "better": all(row["outcome"] == "better" for row in rows),
        "against": {row["reference_role"]: {key: row[key] for key in kept} for row in rows},
    }


def draws(asked: argparse.Namespace) -> None:
    """Train, draw, print; saved after every pool."""
    asked.pools.mkdir(parents=True, exist_ok=True)
    records, truths = [], []
    for of in pools(asked.data, asked.pools, asked.seeds, asked.planted_seeds, asked.sets):
        truth = true_scores(of)
        for name, other in of.pairs:
            gain = truth[of.arms.index(name)] - truth[of.arms.index(other)]
            truths.append({"pool": of.name, "pair": f"{name} - {other}", "gain": gain.mean()})
        for n in EXAMPLES:
            for draw in range(asked.draws if of.kind == "tables" else asked.planted_draws):
                records += comparison(of, truth, n, draw)
        log(f"{of.name}: {len(of.outputs)} seeds, {len(of.targets)} examples")
        settings = {name: getattr(asked, name) for name in SIZES}
        save_result("decisions", {"settings": settings, "true_gains": truths, **tables(records)})


def tables(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Rates of wrong answers, by what may matter."""
    frame = pd.DataFrame(records)
    frame["source"] = np.where(frame.kind == "tables", "tables", "planted")
    means, tasks = (frame[frame.what == what] for what in ("mean", "task"))
    return {
        "processor_seconds": process_time(),
        "pools": len(frame.pool.unique()),
        "summary": summary(means, ["source", "examples", "seeds", "rule"]),
        "overall": summary(means, ["seeds", "rule"]),
        "tasks": summary(tasks, ["examples", "seeds"]),
        "by_kind": summary(means, ["kind", "seeds", "rule"]),
        "by_pair": summary(means[means.rule == "new"], ["pool", "pair", "examples"]),
    }


def groups(asked: argparse.Namespace) -> None:
    """Compare, print, save."""
    found = []
    for regime in ("agreeing heads", "conflicting heads"):
        for seed in range(asked.compared):
            found.append(found_groups(regime, seed))
            log(str(found[-1]))
    save_result("decisions_groups", {"comparisons": found, "processor_seconds": process_time()})


SIZES = {
    "seeds": (60, "of a table's pool"),
    "planted_seeds": (10, "of a planted set's pool"),
    "sets": (3, "planted sets of each regime"),
    "draws": (100, "from a table's pool, for each number of examples"),
    "planted_draws": (40, "the same from a planted set's pool"),
    "compared": (5, "planted sets of each regime whose groups are compared"),
}


def main() -> None:
    """Parse and do it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("draws", "groups"))
    parser.add_argument("--data", type=Path, help="folder of the tables")
    parser.add_argument("--pools", type=Path, help="folder for trained outputs")
    for name, (size, of) in SIZES.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=size, help=of)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    (draws if asked.what == "draws" else groups)(asked)


if __name__ == "__main__":
    main()
