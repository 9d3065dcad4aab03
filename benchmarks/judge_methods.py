"""Which way of finding groups is right, how often, and at which cost?

Judged on the ground truth of ``ground_truth.py``.

    python benchmarks/judge_methods.py emotions scene flags --data DATA_FOLDER
    python benchmarks/judge_methods.py emotions scene flags --data DATA_FOLDER --searches

With ``--searches`` only the searches of DMTG run, into what is there.

On each of ten splits every method measures on its own joint training, or asks for rows of that
split's table, which are the very models it would have trained. It chooses K = 2 and 3 models, by
validation only, and is scored on the test table. The selection is exact (``select``) for score
estimators, by clustering (``group``) and by averaging (``subset_scores``, then ``select``) for
affinities. Regret is what it loses against the best choice on the test table (``to the optimum``),
and against the best choice on the validation table (``to the validated``); it may be negative
there. All in points of the mean over tasks: of balanced accuracy, or of the loss times 100. Cost is
in trainings of one model, the joint one included."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from _common import RESULTS, log, save_result
from ground_truth import SETTINGS, all_rows, load

import coterie as ct
from coterie.affinities import AuxiliaryGain, Lookahead, TransferGain, affinities
from coterie.data import Dataset
from coterie.differentiable import MODES
from coterie.estimators import (
    GradTagScores,
    MTGNetScores,
    PairScores,
    SurrogateScores,
    TableScores,
    TrainedScores,
    judge,
)
from coterie.evaluation import repeated_splits
from coterie.grouping import agreement, group, select, subset_scores
from coterie.results import Affinity, ScoreTable
from coterie.seeds import numpy_generator
from coterie.statistics import nadeau_bengio

GROUPS = (2, 3)
EVERY = 5
RANDOM_DRAWS = 50
PUBLISHED: dict[str, Any] = {"step": 1, "normalise": False, "batch_size": None}
PROBES = {
    "cosine": "cosine",
    "lookahead": Lookahead(scored_on="train", **PUBLISHED),
    "transfer_gain": TransferGain(scored_on="train", **PUBLISHED),
    "auxiliary_gain": AuxiliaryGain(**PUBLISHED),
    "data_map": "data_map",
}
Serves = np.ndarray


def truth(
    name: str, split: int, tasks: tuple[str, ...], rows: np.ndarray
) -> dict[tuple[str, str], np.ndarray]:
    """Scores and negated losses (R, T) of the unit whose seed is the split, by part and measure."""
    frame = pd.read_parquet(RESULTS / f"ground_truth_{name}.parquet")
    frame = frame[(frame.split == split) & (frame.seed == split)]
    subsets = ["+".join(np.array(tasks)[row > 0]) for row in rows]
    found = {}
    for part, measure in product(("validation", "test"), ("score", "loss")):
        table = frame[frame.part == part].pivot_table(
            index="subset", columns="task", values=measure
        )
        sign = 1.0 if measure == "score" else -1.0
        found[part, measure] = sign * table.loc[subsets, list(tasks)].to_numpy()
    return found


def estimators(
    data: Dataset, joint: ct.Fit, table: Callable[[], TableScores], measure: str, seed: int
) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every score estimator, made when asked for.

    Rows to train are looked up in a table of its own, and counted.
    """
    yield (
        "early (20 %)",
        lambda: TrainedScores("mlp", data, seed=seed, measure=measure, share=0.2, **SETTINGS),
    )
    yield "pairs", lambda: PairScores().fit(table())
    yield "surrogate", lambda: SurrogateScores(seed=seed).fit(table())
    yield "mtgnet", lambda: MTGNetScores(seed=seed).fit(table())
    yield "gradtag", lambda: GradTagScores(measure=measure, seed=seed).fit(joint, data)


def study(folder: Path, name: str) -> dict[str, Any]:
    """All methods on all splits of one table."""
    data = load(folder, name)
    rows, records = all_rows(len(data.tasks)), []
    for split, part in enumerate(repeated_splits(data, 10)):
        records += judge_split(part, truth(name, split, data.tasks.names, rows), rows, split)
        log(f"{name}: split {split} judged")
    frame = pd.DataFrame(records)
    stable = stability_of_searches(data)
    return {
        "tasks": list(data.tasks.names),
        "examples": len(data),
        "rows": len(rows),
        "methods": summary(frame),
        "dmtg_adjusted_rand_between_seeds": stable,
    }


def searches_again(folder: Path, name: str) -> dict[str, Any]:
    """The kept judgement with the searches of differentiable grouping made anew.

    They share nothing with the other methods.
    """
    data = load(folder, name)
    kept = json.loads((RESULTS / f"judged_{name}.json").read_text(encoding="utf-8"))
    rows, records = all_rows(len(data.tasks)), []
    for split, part in enumerate(repeated_splits(data, 10)):
        judgement = _Judgement(
            data.tasks.names, rows, truth(name, split, data.tasks.names, rows), split
        )
        for n_groups in GROUPS:
            judgement.add("joint", n_groups, judgement.serving(np.ones((1, len(data.tasks)))), 1)
            judgement.add_searches(part, n_groups)
        records += judgement.records
        log(f"{name}: split {split} searched")
    anew = {(entry["method"], entry["groups"]): entry for entry in summary(pd.DataFrame(records))}
    before = kept.pop("about")["date"][:10]
    return {
        **kept,
        "methods": [
            anew.get((entry["method"], entry["groups"]), entry) for entry in kept["methods"]
        ],
        "dmtg_adjusted_rand_between_seeds": stability_of_searches(data),
        "others_judged": kept.get("others_judged", before),
    }


def judge_split(
    data: Dataset, true: dict[tuple[str, str], np.ndarray], rows: np.ndarray, split: int
) -> list[dict[str, Any]]:
    """Regrets, correlations and costs of all methods on one split."""
    tasks, n_tasks = data.tasks.names, len(data.tasks)
    judgement = _Judgement(tasks, rows, true, split)
    joint = ct.fit("mlp", data, seed=split, record=True, init="shared", **SETTINGS)
    one = float(joint.cost["model_steps"])
    found = affinities(PROBES, "mlp", data, seed=split, every=EVERY, **SETTINGS)
    for n_groups in GROUPS:
        judgement.add("joint", n_groups, judgement.serving(np.ones((1, n_tasks))), 1)
        judgement.add_random(n_groups)
        judgement.add_searches(data, n_groups)
        soft = group(joint.data_map, n_groups, seed=split)
        judgement.add("data map, clusters", n_groups, judgement.partition(soft.labels), 1)
        for which, measured in found.items():
            cost = float(measured.cost["model_steps"]) / one
            labels = group(measured, n_groups, seed=split).labels
            judgement.add(
                f"{which}, SDP", n_groups, judgement.partition(labels), cost, _guess(measured, rows)
            )
            judgement.add(
                f"{which}, averaged", n_groups, judgement.averaged(measured, n_groups), cost
            )
        for measure in ("loss", "score"):
            table = ScoreTable(
                tasks=tasks,
                subsets=rows > 0,
                scores=true["validation", measure],
                costs=np.ones(len(rows)),
            )
            judgement.add(
                f"all rows, by {measure}",
                n_groups,
                judgement.selected(true["validation", measure], n_groups),
                len(rows),
                true["validation", measure],
                measure,
            )
            oracle = lambda table=table, measure=measure: TableScores(  # noqa: E731
                table, steps_per_row=one, measure=measure
            )
            for which, make in estimators(data, joint, oracle, measure, split):
                if n_groups == GROUPS[0]:
                    made = make()
                    judgement.kept[which, measure] = (
                        made.predict(rows),
                        float(made.cost["model_steps"]) / one,
                    )
                scores, cost = judgement.kept[which, measure]
                cost += which == "gradtag"
                judgement.add(
                    f"{which}, by {measure}",
                    n_groups,
                    judgement.selected(scores, n_groups),
                    cost,
                    scores,
                    measure,
                )
    judgement.add("single", n_tasks, judgement.partition(np.arange(n_tasks)), n_tasks)
    return judgement.records


def search(data: Dataset, n_groups: int, mode: Any, seed: int) -> ct.Grouping:
    """The partition that a differentiable grouping ends with."""
    provider = ct.DifferentiableGrouping(n_groups, mode)
    ct.fit("mlp", data, provider, seed=seed, **SETTINGS)
    return provider.result()


def stability_of_searches(data: Dataset) -> dict[str, float]:
    """Mean adjusted Rand index between the partitions of ten seeds on one split."""
    return {
        f"{mode} K={n_groups}": agreement(
            [search(data, n_groups, mode, seed) for seed in range(10)]
        )["mean"]
        for mode in MODES
        for n_groups in GROUPS
    }


def _guess(measured: Affinity, rows: np.ndarray) -> np.ndarray:
    """What an affinity says of every row; nothing of a task alone."""
    values = np.full(rows.shape, np.nan)
    several = rows.sum(1) > 1
    values[several] = subset_scores(measured, rows[several]).scores
    return values


class _Judgement:
    """Choices of one split, scored on its test table."""

    def __init__(
        self,
        tasks: tuple[str, ...],
        rows: np.ndarray,
        true: dict[tuple[str, str], np.ndarray],
        split: int,
    ) -> None:
        self.tasks, self.rows, self.true, self.split = tasks, rows, true, split
        self.place = {row.tobytes(): position for position, row in enumerate(rows > 0)}
        self.records: list[dict[str, Any]] = []
        self.kept: dict[tuple[str, str], tuple[np.ndarray, float]] = {}
        self.best = {
            (part, measure, k): self.selected(true[part, measure], k)
            for part, measure, k in product(("validation", "test"), ("score", "loss"), GROUPS)
        }

    def selected(self, scores: np.ndarray, n_groups: int) -> Serves:
        """The row that serves each task in the exact selection by these scores."""
        return select(scores, self.rows > 0, tasks=self.tasks, budget=n_groups).serves

    def averaged(self, measured: Affinity, n_groups: int) -> Serves:
        several = np.flatnonzero(self.rows.sum(1) > 1)
        table = subset_scores(measured, self.rows[several])
        return several[
            select(table.scores, table.subsets, tasks=self.tasks, budget=n_groups).serves
        ]

    def partition(self, labels: np.ndarray) -> Serves:
        return np.array([self.place[(labels == label).tobytes()] for label in labels])

    def serving(self, groups: np.ndarray) -> Serves:
        return np.array(
            [
                next(self.place[g.tobytes()] for g in groups > 0 if g[t])
                for t in range(len(self.tasks))
            ]
        )

    def add_random(self, n_groups: int) -> None:
        """Random partitions into groups of any sizes, averaged."""
        rng = numpy_generator(self.split, "random partitions", n_groups)
        n_tasks, draws = len(self.tasks), []
        while len(draws) < RANDOM_DRAWS:
            labels = rng.integers(n_groups, size=n_tasks)
            if len(set(labels)) == n_groups:
                draws.append(self.partition(labels))
        self._enter("random partition", n_groups, draws, n_groups, {})

    def add_searches(self, data: Dataset, n_groups: int) -> None:
        """Partitions that are learnt while the models train."""
        for mode in MODES:
            learnt = search(data, n_groups, mode, self.split)
            self.add(f"dmtg {mode}", n_groups, self.partition(learnt.labels), n_groups)

    def add(
        self,
        method: str,
        n_groups: int,
        serves: Serves,
        cost: float,
        guess: np.ndarray | None = None,
        measure: str | None = None,
    ) -> None:
        facts = {}
        if guess is not None:
            several = (self.rows.sum(1) > 1) & ~np.isnan(np.where(self.rows > 0, guess, 0)).any(1)
            for what in ("loss", "score") if measure is None else (measure,):
                truth = self.true["test", what][several]
                facts[f"rank correlation, {what}"] = judge.within_target_correlation(
                    guess[several], truth, self.rows[several], "spearman"
                )
        self._enter(method, n_groups, [serves], cost, facts)

    def _enter(
        self, method: str, n_groups: int, draws: list[Serves], cost: float, facts: dict[str, float]
    ) -> None:
        record: dict[str, Any] = {
            "split": self.split,
            "method": method,
            "groups": n_groups,
            "trainings": cost,
            **facts,
        }
        for measure in ("score", "loss"):
            table, points = self.true["test", measure], 100 / len(self.tasks)
            value = np.mean([judge.served_score(serves, table) for serves in draws])
            record[f"test {measure}"] = points * value
            if n_groups in GROUPS:
                for part, name in (("test", "optimum"), ("validation", "validated")):
                    best = judge.served_score(self.best[part, measure, n_groups], table)
                    record[f"{measure} regret to the {name}"] = points * (best - value)
        self.records.append(record)


def summary(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Means and 95 % intervals over splits of every method and number of groups."""
    found = []
    numbers = [name for name in frame.columns if name not in {"split", "method", "groups"}]
    joint = frame[frame.method == "joint"].set_index(["groups", "split"])
    for (method, n_groups), mine in frame.groupby(["method", "groups"], sort=False):
        entry: dict[str, Any] = {"method": method, "groups": int(n_groups)}
        for name in numbers:
            values = mine[name].dropna().to_numpy()
            if len(values):
                entry[name] = _interval(values)
        if n_groups in GROUPS:
            reference = joint.loc[n_groups].loc[mine.split]
            for measure in ("score", "loss"):
                gain = mine[f"test {measure}"].to_numpy() - reference[f"test {measure}"].to_numpy()
                entry[f"{measure} gain over joint"] = _interval(gain)
        found.append(entry)
    return found


def _interval(values: np.ndarray) -> dict[str, float]:
    """Mean and interval with the correction for overlapping splits (training 60 %, test 20 %)."""
    interval = nadeau_bengio(values[:, None], overlap=0.2 / 0.6)
    low, high = float(interval.low[0]), float(interval.high[0])
    return {"mean": float(values.mean()), "low": low, "high": high}


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument(
        "--searches", action="store_true", help="only dmtg, into the results that are there"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.tables:
        found = (searches_again if arguments.searches else study)(arguments.data, name)
        save_result(f"judged_{name}", {**found, "settings": SETTINGS, "every": EVERY})


if __name__ == "__main__":
    main()
