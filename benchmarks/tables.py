"""Joint ``tabm`` and ``mlp`` beside a forest and boosted trees on tables: mean AUROC or R2 on test.

Everything at its default settings, on ten splits of each table, one seed each; seconds are those of
the processor, on one thread. ``tune`` compares settings of ``tabm`` instead, by validation scores of
tables that are not judged, and ``cost`` takes the time of whole comparisons. Tables of at most 5,000 training examples, but for
landmine, whose fields have few positives each; those that are not ours come
from ``tables_data.py``. What was done is not done again.

    python benchmarks/tables.py judge --data DATA_FOLDER --more FOLDER --splits 10
    python benchmarks/tables.py tune --data DATA_FOLDER --more FOLDER --splits 1
    python benchmarks/tables.py cost --data DATA_FOLDER --more FOLDER"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from _common import RESULTS, log, save_result
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

import coterie as ct
from coterie.data import Dataset
from coterie.families import FAMILIES, fit
from coterie.metrics import scores

MOST_ROWS = 8333
ARMS = ("forest", "boosting", "mlp", "tabm")
GENRES = ["Action", "Animation", "Comedy", "Drama", "Documentary", "Romance", "Short"]
REASONS = ["abany", "abdefect", "abnomore", "abhlth", "abpoor", "abrape", "absingle"]


def ours(name: str, **how: Any) -> Callable[[Path, Path, int], Dataset]:
    """A table of the data folder."""
    return lambda data, more, seed: load(data / f"tabular/{name}.parquet", seed, **how)  # noqa: ARG005


def theirs(name: str, *targets: str, **how: Any) -> Callable[[Path, Path, int], Dataset]:
    """A table of the other folder."""
    return lambda data, more, seed: load(more / f"{name}.parquet", seed, targets=targets, **how)  # noqa: ARG005


def load(source: Path | pd.DataFrame, seed: int, **how: Any) -> Dataset:
    """A split, of at most so many rows."""
    rows = len(source) if isinstance(source, pd.DataFrame) else len(pd.read_parquet(source))
    limit = MOST_ROWS if rows > MOST_ROWS else None
    given = source if isinstance(source, pd.DataFrame) else str(source)
    return ct.load(given, seed=seed, rare="drop", **{"limit": limit, **how})


def digits(data: Path, more: Path, seed: int) -> Dataset:  # noqa: ARG001
    """Fourteen questions about digits, of 64 pixels as a table."""
    whole = ct.load("digits", seed=seed)
    pixels = whole.inputs.flatten(1).float().numpy() / 16  # type: ignore[union-attr]
    arrays = {"inputs": pixels, "targets": whole.targets.numpy()}
    return ct.load(arrays, names=whole.tasks.names, seed=seed)


def hours(data: Path, more: Path, seed: int) -> Dataset:  # noqa: ARG001
    """Seven electrical series a day ahead, from what they are now, an hour and a day before.

    A fortnight falls in one part: hours next to each other are nearly the same.
    """
    series = pd.read_parquet(data / "tabular/etth1.parquet").select_dtypes("number")
    parts = [series.shift(lag).add_suffix(f" before {lag}") for lag in (0, 1, 24)]
    table = pd.concat([*parts, series.shift(-24)], axis=1).dropna().reset_index(drop=True)
    table["fortnight"] = table.index // (14 * 24)
    return load(table, seed, targets=list(series.columns), group_column="fortnight")


def of_sklearn(
    load_table: Callable[..., Any], *targets: str
) -> Callable[[Path, Path, int], Dataset]:
    """Columns of a table of scikit-learn, without those that are computed from them."""

    def loaded(data: Path, more: Path, seed: int) -> Dataset:  # noqa: ARG001
        frame = load_table(as_frame=True).frame
        derived = [c for c in frame if str(c).startswith("worst") or str(c).endswith("error")]
        return load(frame.drop(columns=derived), seed, targets=targets)

    return loaded


JUDGED = {
    "emotions": ours("emotions"),
    "scene": ours("scene"),
    "landmine": ours("landmine", limit=None),
    "parkinsons": ours(
        "parkinsons", targets=["motor_UPDRS", "total_UPDRS"], group_column="subject#"
    ),
    "etth1": hours,
    "digits": digits,
    "movies": theirs("movies", *GENRES),
    "abortion": theirs("abortion", *REASONS, exclude=["id", "pid"]),
    "attrition": theirs("attrition", "Attrition", "OverTime"),
    "cells": theirs("cells", "class"),
    "credit": theirs("credit", "Status"),
    "ames": theirs("ames", "Sale_Price", "Year_Built", "Garage_Area"),
    "meats": theirs("meats", "water", "fat", "protein"),
    "concrete": theirs("concrete", "compressive_strength"),
}
TUNING = {
    "wine": of_sklearn(load_wine, "alcohol", "hue", "flavanoids"),
    "cancer": of_sklearn(load_breast_cancer, "target", "mean texture", "mean symmetry"),
    "diabetes": of_sklearn(load_diabetes, "target", "bmi", "bp", "s5"),
    "flags": ours("flags"),
    "boston": theirs("boston", "medv", "nox", "rm"),
    "college": theirs("college", "Private", "Outstate", "Grad.Rate"),
    "athletes": theirs("athletes", "pcBfat", "ferr", "sex"),
    "juice": theirs("juice", "Purchase"),
    "mail": theirs("mail", "yesno"),
    "wages": theirs("wages", "wage", "health_ins", exclude=["logwage"]),
}
SETTINGS: dict[str, dict[str, Any]] = {
    "as it is": {},
    "no bins": {"model_options": {"bins": 0}},
    "no bins, k = 16": {"model_options": {"bins": 0, "k": 16}},
    "no bins, dropout 0": {"model_options": {"bins": 0, "dropout": 0.0}},
    "no bins, hidden 64": {"model_options": {"bins": 0, "hidden": (64, 64)}},
    "no bins, three layers": {"model_options": {"bins": 0, "hidden": (128, 128, 128)}},
    "no bins, lr threefold": {"model_options": {"bins": 0}, "lr": 3e-3},
    "mlp": {"model": "mlp"},
}


def judged(name: str, data: Dataset, seed: int) -> dict[str, Any]:
    """Score on test, and seconds."""
    start = process_time()
    if name in FAMILIES:
        outputs = fit(name, data, seed=seed).outputs(data, data.split.test)
    else:
        fitted = ct.fit(name, data, seed=seed, device="cpu")
        outputs = ct.predict(fitted.stack, data, data.split.test, device="cpu")[0]
    seconds = process_time() - start
    found = scores(outputs[None], data.targets[data.split.test], data.tasks)
    return {"score": round(float(found.nanmean()), 5), "seconds": round(seconds, 3)}


def tuned(name: str, data: Dataset, seed: int) -> dict[str, Any]:
    """Score on validation at the kept epoch, and seconds."""
    settings = {"model": "tabm", **SETTINGS[name]}
    start = process_time()
    found = ct.fit(settings.pop("model"), data, seed=seed, device="cpu", **settings)
    seconds = round(process_time() - start, 3)
    return {"score": round(float(np.nanmean(found.scores)), 5), "seconds": seconds}


def compared(data: Path) -> list[dict[str, Any]]:
    """Seconds of one seed of a comparison of two groups on two tables, rivals left out."""
    rows = []
    for table in ("emotions", "scene"):
        loaded = ct.load(str(data / f"tabular/{table}.parquet"))
        for model in ("mlp", "tabm"):
            start = process_time()
            ct.compare(model, loaded, ["data_map"], n_groups=2, seeds=1, rivals="none")
            seconds = round(process_time() - start, 1)
            rows.append({"table": table, "model": model, "seconds": seconds})
            log(str(rows[-1]))
    return rows


def main() -> None:
    """Parse; train what is missing, split by split; save after each table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("judge", "tune", "cost"))
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--more", type=Path, required=True)
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--arms", nargs="+")
    asked = parser.parse_args()
    if asked.what == "cost":
        save_result("tables_cost", {"rows": compared(asked.data)})
        return
    tables, arms, measured, result = (
        (JUDGED, ARMS, judged, "tables")
        if asked.what == "judge"
        else (TUNING, tuple(SETTINGS), tuned, "tables_tuning")
    )
    path = RESULTS / f"{result}.json"
    rows = json.loads(path.read_text())["rows"] if path.exists() else []
    done = {(row["table"], row["split"], row["arm"]) for row in rows}
    for split in range(asked.splits):
        for table, source in tables.items():
            missing = [arm for arm in asked.arms or arms if (table, split, arm) not in done]
            if not missing:
                continue
            data = source(asked.data, asked.more, split)
            sizes = {"examples": len(data), "inputs": data.input_shape[0], "tasks": len(data.tasks)}
            for arm in missing:
                row = {"table": table, "split": split, "arm": arm, **sizes}
                rows.append({**row, **measured(arm, data, split)})
                log(str(rows[-1]))
            save_result(result, {"rows": rows})


if __name__ == "__main__":
    main()
