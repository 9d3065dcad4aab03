"""Do auxiliary tasks whose weights follow the gain that is measured help a task of few labels?

    python benchmarks/cotraining.py --data DATA_FOLDER

5, 20 or 50 labels of a main task, a third as many (two at least) to validate by, in two settings: the other
tasks keep all their labels ("main few"), or have as few, on examples of their own ("all few"). Labels
are drawn anew for each seed, with both classes among them. Two main tasks of each table. Models are
an ``mlp`` of the same initialisation, 250 steps of 32 examples each, and are judged by the AUROC of the
main task on the whole test part:

========= =========================================================================================
adaptive  ``ct.AdaptiveWeights``: weights follow the gains on validation examples
final     the weights that adaptive ended with, from the first step
shuffled  the same, among the auxiliaries at random: does it matter which one has which weight?
equal     the weights that adaptive starts with: auxiliaries alike, together as heavy as the main task
joint     all tasks alike, one model, its epoch kept by the mean loss of all tasks
single    the main task alone, on its own examples
========= =========================================================================================

All but joint keep the epoch of the least validation loss of the main task. What is found is kept in
``results/cotraining.jsonl`` as it comes, and continued; the summary in ``results/cotraining.json``."""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from _common import RESULTS, log, save_result
from sklearn.metrics import roc_auc_score

import coterie as ct
from coterie.data import Dataset
from coterie.data.targets import Labels, measure
from coterie.results import Fit
from coterie.seeds import numpy_generator
from coterie.statistics import nadeau_bengio
from coterie.testing import planted
from coterie.training import WeightsProvider

STEPS, BATCH = 250, 32
LABELS, SETTINGS = (5, 20, 50), ("main few", "all few")
WIDE = {"lr": 3e-3, "model_options": {"hidden": (32, 32)}}
NARROW = {"lr": 5e-3, "model_options": {"hidden": (6,)}}
ARMS = ("adaptive", "final", "shuffled", "equal", "joint", "single")
KEPT = RESULTS / "cotraining.jsonl"


class Static(WeightsProvider):
    """Weights that stay, of models whose epochs are kept by other losses than those they train on."""

    init = "shared"

    def __init__(self, rows: np.ndarray, judged: np.ndarray) -> None:
        self.matrix = torch.tensor(rows / rows.sum(1, keepdims=True), dtype=torch.float32)
        self.judged, self.n_rows = torch.tensor(judged, dtype=torch.float32), len(rows)

    def weights(self, step: int) -> torch.Tensor:  # noqa: ARG002
        """The same at every step."""
        return self.matrix

    def settings(self) -> dict[str, object]:
        """The weights."""
        return {"weights": self.matrix.tolist()}


def tables(folder: Path) -> dict[str, tuple[Callable[[int], Dataset], tuple[int, int], dict]]:
    """Data by seed, main tasks and settings of each table."""
    real = {
        name: ct.load(str(folder / f"tabular/{name}.parquet")) for name in ("emotions", "scene")
    }
    return {
        "agreeing heads": (lambda seed: planted("agreeing heads", seed).data, (0, 4), WIDE),
        "conflicting heads": (lambda seed: planted("conflicting heads", seed).data, (0, 4), NARROW),
        **{name: (lambda _, data=data: data, (0, 3), WIDE) for name, data in real.items()},
    }


def few_labels(data: Dataset, few: list[int], n: int, rng: np.random.Generator) -> Dataset:
    """The data with ``n`` labels of some tasks, and a third as many to validate by.

    Examples without any label left are left out. Inputs stay as they were scaled.
    """
    values = data.targets.numpy().astype(np.float64)
    for part, size in (("train", n), ("validation", max(2, n // 3))):
        at = getattr(data.split, part).numpy()
        for task in few:
            values[at[~drawn(values[at, task], size, rng)], task] = np.nan
    return with_labels(data, data.tasks.items, values)


def only(data: Dataset, task: int) -> Dataset:
    """One task of the data, on the examples that have a label of it."""
    values = data.targets.numpy().astype(np.float64)
    return with_labels(data, data.tasks.items[task : task + 1], values[:, task, None])


def with_labels(data: Dataset, tasks: Sequence[ct.Task], values: np.ndarray) -> Dataset:
    """The data with other labels (N, T), measured anew, without the examples that have none."""
    some = torch.from_numpy(~np.isnan(values).all(1))
    parts = {part: getattr(data.split, part) for part in ("train", "validation", "test")}
    split = ct.Split(**{part: at[some[at]] for part, at in parts.items()})
    labels = Labels(tasks=tuple(tasks), values=values)
    measured, targets = measure(labels, split.train.numpy())
    return replace(
        data, tasks=measured, targets=targets, split=split, rebuild=None, fewer=None, values=None
    )


def drawn(labels: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` examples at random, with one of either class at least, (N,) bool."""
    order = rng.permutation(len(labels))
    first = [order[labels[order] == value][:1] for value in (0, 1)]
    rest = np.setdiff1d(order, np.concatenate(first), assume_unique=True)
    chosen = np.concatenate([*first, rng.permutation(rest)])[:n]
    return np.isin(np.arange(len(labels)), chosen)


def train(data: Dataset, weights: Any, settings: dict, seed: int) -> Fit:
    """One fit of so many steps."""
    epochs = math.ceil(STEPS / math.ceil(len(data.split.train) / BATCH))
    return ct.fit("mlp", data, weights, epochs=epochs, batch_size=BATCH, seed=seed, **settings)


def auroc(fit: Fit, data: Dataset, row: int, task: int) -> float:
    """On the test part."""
    test = data.split.test
    return float(
        roc_auc_score(data.targets[test, task], ct.predict(fit.stack, data, test)[row, :, task])
    )


def measured(
    data: Dataset, mains: list[int], settings: dict, seed: int
) -> Iterator[dict[str, Any]]:
    """The test AUROC of every arm for each main task, and what adaptive ended with."""
    n_tasks, m = len(data.tasks), len(mains)
    own, started = np.eye(n_tasks)[mains], perf_counter()
    provider = ct.AdaptiveWeights([data.tasks.names[main] for main in mains])
    provider.init = "shared"
    adaptive = train(data, provider, settings, seed)
    seconds, rng = perf_counter() - started, numpy_generator(seed, "shuffled")
    equal, final = own + (1 - own) / (n_tasks - 1), np.asarray(adaptive.weights)
    shuffled = final.copy()
    for row, main in enumerate(mains):
        others = np.setdiff1d(np.arange(n_tasks), main)
        shuffled[row, others] = final[row, rng.permutation(others)]
    rows = np.concatenate([final, shuffled, equal, np.ones((1, n_tasks))])
    judged = np.concatenate([own, own, own, np.ones((1, n_tasks))])
    static = train(data, Static(rows, judged), settings, seed)
    for row, main in enumerate(mains):
        alone = only(data, main)
        single = train(alone, None, settings, seed)
        yield {
            "main": data.tasks.names[main],
            "auroc": {
                "adaptive": auroc(adaptive, data, row, main),
                "final": auroc(static, data, row, main),
                "shuffled": auroc(static, data, m + row, main),
                "equal": auroc(static, data, 2 * m + row, main),
                "joint": auroc(static, data, 3 * m, main),
                "single": auroc(single, alone, 0, 0),
            },
            "weights": np.round(final[row] / final[row, main], 4).tolist(),
            "gains": np.round(provider.gains()[:, main], 7).tolist(),
            "model_steps": provider.spent / sum(adaptive.cost["steps"]),
            "seconds": seconds / m,
        }


def run(folder: Path, seeds: int) -> None:
    """Everything that is not there yet, seed by seed."""
    done = {tuple(line["case"]) for line in lines()}
    known = tables(folder)
    for seed in range(seeds):
        for name, (load, mains, settings) in known.items():
            for n in LABELS:
                for setting in SETTINGS:
                    case = (name, setting, n, seed)
                    if case in done:
                        continue
                    whole = load(seed)
                    rng = numpy_generator(seed, "few labels", name, setting, str(n))
                    if setting == "main few":
                        cases = [(few_labels(whole, [main], n, rng), [main]) for main in mains]
                    else:
                        cases = [
                            (few_labels(whole, list(range(len(whole.tasks))), n, rng), list(mains))
                        ]
                    found = [
                        each
                        for data, some in cases
                        for each in measured(data, some, settings, seed)
                    ]
                    with KEPT.open("a", encoding="utf-8") as file:
                        file.write(json.dumps({"case": case, "found": found}) + "\n")
                    log(f"{case}: {[each['auroc'] for each in found]}")


def lines() -> list[dict[str, Any]]:
    """What was found so far."""
    text = KEPT.read_text(encoding="utf-8") if KEPT.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def summary() -> dict[str, Any]:
    """By table, setting and number of labels: mean AUROC of each arm, and adaptive against each.

    Points of AUROC, mean over the main tasks, paired over seeds, with 95 % intervals.
    """
    scores: dict[tuple, list] = defaultdict(list)
    others: dict[tuple, list] = defaultdict(list)
    for line in lines():
        name, setting, n, _ = line["case"]
        found = line["found"]
        scores[name, setting, n].append(
            [100 * np.mean([each["auroc"][arm] for each in found]) for arm in ARMS]
        )
        others[name, setting, n].extend(found)
    cells = []
    for (name, setting, n), values in scores.items():
        table, found = np.array(values), others[name, setting, n]
        cell: dict[str, Any] = {"table": name, "setting": setting, "labels": n, "seeds": len(table)}
        cell["auroc"] = dict(zip(ARMS, table.mean(0).round(2).tolist(), strict=True))
        cell["adaptive_against"] = {
            arm: interval(table[:, 0] - table[:, place]) for place, arm in enumerate(ARMS) if place
        }
        cell["auxiliaries_left"] = float(
            np.mean([sum(w > 0 for w in each["weights"]) - 1 for each in found])
        )
        cell["none_left"] = float(np.mean([sum(each["weights"]) == 1 for each in found]))
        cell["extra_steps"] = float(np.mean([each["model_steps"] for each in found]))
        cells.append(cell)
    over_all = {}
    for setting in SETTINGS:
        for n in LABELS:
            chosen = [np.array(v) for (_, s, k), v in scores.items() if (s, k) == (setting, n)]
            seeds = min(map(len, chosen), default=0)
            if seeds < 2:
                continue
            mean = np.mean([each[:seeds] for each in chosen], axis=0)
            over_all[f"{setting}, {n}"] = {
                "auroc": dict(zip(ARMS, mean.mean(0).round(2).tolist(), strict=True)),
                "adaptive_against": {
                    arm: interval(mean[:, 0] - mean[:, place])
                    for place, arm in enumerate(ARMS)
                    if place
                },
            }
    return {"cells": cells, "over_tables": over_all}


def interval(differences: np.ndarray) -> list[float]:
    """Mean and 95 % t interval."""
    if len(differences) < 2:
        return [float(differences.mean())]
    found = nadeau_bengio(differences[:, None])
    return [round(float(each[0]), 2) for each in (found.mean, found.low, found.high)]


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=10)
    asked = parser.parse_args()
    run(asked.data, asked.seeds)
    save_result("cotraining", {"steps": STEPS, "batch_size": BATCH, **summary()})


if __name__ == "__main__":
    main()
