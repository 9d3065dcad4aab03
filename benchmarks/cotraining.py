"""Do auxiliary tasks whose weights follow the gain that is measured help a task of few labels?

    python benchmarks/cotraining.py --data DATA_FOLDER

5, 20 or 50 labels of a main task, a third as many (two at least) to validate by, in two settings: the other
tasks keep all their labels ("main few"), or have as few, on examples of their own ("all few"). Labels
are drawn anew for each seed, with both classes among them; of planted data the tables, too. The main
task is the first of the table. Models are an ``mlp`` of the same initialisation, 300 steps of 32
examples each, and are judged by the AUROC of the main task on the whole test part:

========= =========================================================================================
adaptive  ``ct.AdaptiveWeights``: weights follow the gains on validation examples
final     the weights that adaptive ended with, from the first step
shuffled  the same, among the auxiliaries at random: does it matter which one has which weight?
joint     the weights that adaptive starts with: all tasks alike
usual     the same model, its epoch kept by the mean loss of all tasks, as ``ct.fit`` does
light     auxiliaries alike, together as heavy as the main task
single    the main task alone, on its own examples
========= =========================================================================================

All but usual keep the epoch of the least validation loss of the main task. "Conflicting heads" are nine
tasks in three groups on six units, "agreeing heads" eight in two on a wide network. What is found is kept in
``results/cotraining.jsonl`` as it comes, and continued; the summary in ``results/cotraining.json``."""

from __future__ import annotations

import argparse
import json
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
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

STEPS, BATCH = 300, 32
LABELS, SETTINGS = (5, 20, 50), ("main few", "all few")
WIDE = {"lr": 3e-3, "model_options": {"hidden": (32, 32)}}
NARROW = {"lr": 5e-3, "model_options": {"hidden": (6,)}}
ARMS = ("adaptive", "final", "shuffled", "joint", "usual", "light", "single")
# Tasks of the main task's own group, which come next to it.
COMPANIONS = {"agreeing heads": 3, "conflicting heads": 2}
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


def tables(folder: Path) -> dict[str, tuple[Callable[[int], Dataset], dict]]:
    """Data by seed, and settings, of each table."""
    real = {
        name: ct.load(str(folder / f"tabular/{name}.parquet")) for name in ("emotions", "scene")
    }
    agreeing = partial(planted, "agreeing heads", n_groups=2, per_group=4)
    return {
        "agreeing heads": (lambda seed: agreeing(seed).data, WIDE),
        "conflicting heads": (lambda seed: planted("conflicting heads", seed).data, NARROW),
        **{name: (lambda _, data=data: data, WIDE) for name, data in real.items()},
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


def auroc(fit: Fit, data: Dataset, row: int) -> float:
    """Of the first task on the test part."""
    test = data.split.test
    return float(roc_auc_score(data.targets[test, 0], ct.predict(fit.stack, data, test)[row, :, 0]))


def measured(data: Dataset, settings: dict, seed: int) -> dict[str, Any]:
    """The test AUROC of every arm for the first task, and what adaptive ended with."""
    n_tasks, started = len(data.tasks), perf_counter()
    provider = ct.AdaptiveWeights(data.tasks.names[0])
    adaptive = train(data, provider, settings, seed)
    seconds = perf_counter() - started
    own, alike = np.eye(n_tasks)[0], np.ones(n_tasks)
    light, final = own + (1 - own) / (n_tasks - 1), np.asarray(adaptive.weights)[0]
    order = numpy_generator(seed, "shuffled").permutation(n_tasks - 1) + 1
    rows, judged = [final, final[[0, *order]], alike, alike, light], [own, own, own, alike, own]
    static = train(data, Static(np.stack(rows), np.stack(judged)), settings, seed)
    single = train(alone := only(data, 0), None, settings, seed)
    found = [(adaptive, data, 0), *((static, data, row) for row in range(5)), (single, alone, 0)]
    return {
        "auroc": {arm: auroc(*each) for arm, each in zip(ARMS, found, strict=True)},
        "epoch": {
            arm: [int(fit.history.best_epoch[row]), len(fit.history.validation_loss)]
            for arm, (fit, _, row) in zip(ARMS, found, strict=True)
        },
        "weights": (final / final[0]).round(4).tolist(),
        "gains": provider.gains()[1:, 0].round(7).tolist(),
        "extra_steps": provider.spent / adaptive.cost["steps"][0],
        "seconds": seconds,
    }


def run(folder: Path, seeds: int) -> None:
    """Everything that is not there yet, seed by seed."""
    done = {tuple(line["case"]) for line in lines()}
    known = tables(folder)
    for seed in range(seeds):
        for name, (load, settings) in known.items():
            for n in LABELS:
                for setting in SETTINGS:
                    case = (name, setting, n, seed)
                    if case in done:
                        continue
                    whole = load(seed)
                    few = [0] if setting == "main few" else list(range(len(whole.tasks)))
                    rng = numpy_generator(seed, "few labels", name, setting, str(n))
                    found = measured(few_labels(whole, few, n, rng), settings, seed)
                    with KEPT.open("a", encoding="utf-8") as file:
                        file.write(json.dumps({"case": case, **found}) + "\n")
                    log(f"{case}: {found['auroc']}")


def lines() -> list[dict[str, Any]]:
    """What was found so far."""
    text = KEPT.read_text(encoding="utf-8") if KEPT.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def summary(seeds: int) -> dict[str, Any]:
    """By table, setting and number of labels: mean AUROC of each arm, and adaptive against each.

    Points of AUROC, paired over seeds, with 95 % intervals.
    """
    scores: dict[tuple, list] = defaultdict(list)
    others: dict[tuple, list] = defaultdict(list)
    for line in lines():
        name, setting, n, seed = line["case"]
        if seed >= seeds:
            continue
        scores[name, setting, n].append([100 * line["auroc"][arm] for arm in ARMS])
        others[name, setting, n].append(line)
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
        if name in COMPANIONS:
            cell["weight_on_companions"] = on_companions([each["weights"] for each in found], name)
        cell["extra_steps"] = float(np.mean([each["extra_steps"] for each in found]))
        cells.append(cell)
    over_all = {}
    for setting in SETTINGS:
        for n in LABELS:
            chosen = [np.array(v) for (_, s, k), v in scores.items() if (s, k) == (setting, n)]
            mean = np.mean(chosen, axis=0)
            over_all[f"{setting}, {n}"] = {
                "auroc": dict(zip(ARMS, mean.mean(0).round(2).tolist(), strict=True)),
                "adaptive_against": {
                    arm: interval(mean[:, 0] - mean[:, place])
                    for place, arm in enumerate(ARMS)
                    if place
                },
                "usual_against": {
                    arm: interval(mean[:, ARMS.index("usual")] - mean[:, place])
                    for place, arm in enumerate(ARMS)
                    if arm != "usual"
                },
            }
    return {"cells": cells, "over_tables": over_all}


def on_companions(weights: list[list[float]], name: str) -> dict[str, Any]:
    """Share of the auxiliaries' weight that the main task's own group has, where any has weight."""
    n, others = COMPANIONS[name], [np.array(each[1:]) for each in weights]
    shares = np.array([each[:n].sum() / each.sum() for each in others if each.any()])
    return {"share": interval(shares), "by_chance": round(n / len(others[0]), 2)}


def interval(differences: np.ndarray) -> list[float]:
    """Mean and 95 % t interval."""
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
    save_result("cotraining", {"steps": STEPS, "batch_size": BATCH, **summary(asked.seeds)})


if __name__ == "__main__":
    main()
