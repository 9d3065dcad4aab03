"""By which metric are models of several classes compared with the least noise?

    python benchmarks/deciding_metric.py --data FOLDER

A joint "mlp" is trained on all training examples and on every second of them: a gain that is there
for certain. Its mean over seeds (initialisation and batch order), over its standard deviation over
seeds and test examples, is told for accuracy, balanced accuracy and log-loss skill, each of which
also chooses its own epoch. The larger, the fewer seeds and examples find the gain. The tables:
digits (10 classes), scenes with one label (6), flags (language, religion, landmass) and the hours of
a transformer whose oil temperature and load fall in one of five equal parts."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from _common import log, save_result

import coterie as ct
from coterie.data import Dataset
from coterie.metrics import Predictions, metric_named

METRICS = ("accuracy", "balanced accuracy", "log-loss skill")
INITIALISATIONS = 10
SETTINGS: dict[str, Any] = {"epochs": 30, "lr": 3e-3, "batch_size": 64}


def digits(_: Path) -> Dataset:
    """Which digit it is."""
    from sklearn.datasets import load_digits

    pixels, digit = load_digits(return_X_y=True)
    frame = pd.DataFrame(pixels).rename(columns=str).assign(digit=digit)
    return ct.load(frame, targets=["digit"], kinds={"digit": "multiclass"})


def scene(folder: Path) -> Dataset:
    """Which scene it is, of those that are one."""
    frame = pd.read_parquet(folder / "scene.parquet")
    names = list(ct.load(str(folder / "scene.parquet")).tasks.names)
    labels = frame[names].to_numpy(dtype=float)
    one = labels.sum(1) == 1
    frame = frame.drop(columns=names)[one].assign(scene=np.array(names)[labels[one].argmax(1)])
    return ct.load(frame.reset_index(drop=True), targets=["scene"])


def flags(folder: Path) -> Dataset:
    """What a country is, from its flag."""
    targets = ["language", "religion", "landmass"]
    frame = pd.read_parquet(folder / "flags.parquet")
    return ct.load(frame, targets=targets, kinds=dict.fromkeys(targets, "multiclass"))


def hours(folder: Path) -> Dataset:
    """Fifths of two series from the others, of every fourth hour."""
    frame = pd.read_parquet(folder / "etth1.parquet").iloc[::4].reset_index(drop=True)
    targets = ["OT", "HUFL"]
    fifths = {name: pd.qcut(frame[name], 5, labels=list("abcde")).astype(str) for name in targets}
    others = frame.select_dtypes("number").drop(columns=targets)
    return ct.load(others.assign(**fifths), targets=targets)


TABLES = {"digits": digits, "scene": scene, "flags": flags, "hours": hours}


def seed_gains(data: Dataset, metric: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Gain (M, T) of all training examples over half of them on test, and its variance over these.

    Models m share the order of batches, not the initialisation.
    """
    half = replace(data, split=replace(data.split, train=data.split.train[::2]))
    test, rows = data.split.test, np.ones((INITIALISATIONS, len(data.tasks)))
    whole, halved = (
        ct.predict(
            ct.fit("mlp", each, rows, metric=metric, seed=seed, **SETTINGS).stack, data, test
        )
        for each in (data, half)
    )
    decides = metric_named(metric)
    gain, variance = np.zeros((2, *rows.shape))
    for t, columns in enumerate(data.tasks.columns):
        (more, of_more), (less, of_less) = (
            decides.influence(
                Predictions.of(outputs[..., columns], data.targets[test, t], data.tasks, t)
            )
            for outputs in (whole, halved)
        )
        gain[:, t], variance[:, t] = more - less, ((of_more - of_less) ** 2).sum(1)
    return gain, variance


def judged(data: Dataset, metric: str, seeds: int) -> list[dict[str, Any]]:
    """For each task the gain in points, its noise, and the one over the other."""
    gains, variances = map(
        np.concatenate, zip(*(seed_gains(data, metric, seed) for seed in range(seeds)), strict=True)
    )
    mean, over_seeds = 100 * gains.mean(0), 100 * gains.std(0, ddof=1)
    over_examples = 100 * np.sqrt(variances.mean(0))
    both = np.hypot(over_seeds, over_examples)
    return [
        {
            "task": task.name,
            "classes": len(task.classes),
            "gain": _rounded(mean[t]),
            "sd over seeds": _rounded(over_seeds[t]),
            "sd over test examples": _rounded(over_examples[t]),
            "signal to noise over seeds": _rounded(mean[t] / over_seeds[t]),
            "signal to noise": _rounded(mean[t] / both[t]),
        }
        for t, task in enumerate(data.tasks)
    ]


def _rounded(value: float) -> float | None:
    """None where a class has one test example, whose noise nobody knows."""
    return round(float(value), 3) if np.isfinite(value) else None


def main() -> None:
    """Measure and keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the tables")
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    found: list[dict[str, Any]] = []
    for name, load in TABLES.items():
        data = load(asked.data)
        for metric in METRICS:
            rows = judged(data, metric, asked.seeds)
            found += [{"table": name, "metric": metric, **row} for row in rows]
            for row in rows:
                log(f"{name} {row['task']}: {metric} {row['gain']:+.2f} {row['signal to noise']}")
    log(
        str(
            save_result(
                "deciding_metric", {"trainings": asked.seeds * INITIALISATIONS, "gains": found}
            )
        )
    )


if __name__ == "__main__":
    main()
