"""From what the library returns to arrays and texts.

Every attribute, name and key that the gate knows is in this file.

A refactoring that renames one of them meets it here, and nowhere else.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from functools import singledispatch
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

import coterie as ct
from coterie.cli import main as command_line
from coterie.data.preprocessing import Preprocessing
from coterie.datamaps import Gram
from coterie.results import Assignments
from tests.golden.records import Record

# What another run, hour or machine changes: seconds that were measured, and what says when and
# where. They are dropped as keys and as columns.
MEASURED = frozenset(
    {
        "seconds",
        "grouped_seconds",
        "shared_seconds",
        "step_seconds",
        "strategy_reason",
        "created",
        "environments",
        "python",
        "system",
        "machine",
        "versions",
        "hardware",
    }
)
TIMES = ("seconds", "latency")
# The price in seconds of what is planned, and the order that follows from it, are measured too.
PLANNED = ("method", "trainings", "look_aheads", "model_steps", "bytes", "fits")

ATTRIBUTES: dict[type, tuple[str, ...]] = {
    ct.Affinity: ("tasks", "matrix", "method", "counts", "stderr", "cost", "details"),
    ct.Comparison: (
        "tasks",
        "kinds",
        "metric_names",
        "scores_table",
        "gains_table",
        "costs_table",
        "groupings",
        "data_map",
        "history",
        "stability",
        "agreement",
        "verdict",
    ),
    ct.DataMap: (
        "tasks",
        "kinds",
        "ids",
        "epoch",
        "confidence",
        "variability",
        "correctness",
        "count",
        "earlier",
    ),
    ct.Dataset: (
        "inputs",
        "targets",
        "values",
        "tasks",
        "split",
        "ids",
        "preprocessing",
        "notes",
        "input_shape",
    ),
    ct.Fit: ("weights", "scores", "history", "cost", "data_map", "grouping"),
    ct.Grouping: (
        "tasks",
        "membership",
        "labels",
        "method",
        "fuzziness",
        "distances",
        "row_weights",
        "details",
    ),
    ct.History: (
        "train_loss",
        "validation_loss",
        "validation_score",
        "learning_rate",
        "best_epoch",
    ),
    ct.ScoreTable: ("tasks", "subsets", "scores", "costs", "details", "resources"),
    ct.Selection: (
        "tasks",
        "rows",
        "serves",
        "subsets",
        "objective",
        "cost",
        "gap",
        "proven",
        "details",
    ),
    ct.Split: ("train", "validation", "test"),
    Gram: ("tasks", "distances2", "shared", "features", "coordinates", "negative_share", "notes"),
}

# What is kept under the names of earlier versions.
RENAMED = {f"{name}_table": name for name in ("scores", "gains", "costs")}


def read(found: Mapping[str, Any]) -> Record:
    """What a case returned, flattened.

    Parts are named by their path, such as ``fit/history/train_loss``.
    """
    record = Record()
    for name, value in _parts(found, ""):
        kept = record.arrays if isinstance(value, np.ndarray) else record.texts
        if name in record.arrays or name in record.texts:
            raise ValueError(f"A case gives {name!r} twice.")
        kept[name] = value
    return record


def cli(*arguments: object) -> None:
    """Run the command line in this process; what it prints holds seconds."""
    with redirect_stdout(StringIO()):
        status = command_line([*map(str, arguments), "--quiet"])
    if status:
        raise RuntimeError(f"coterie {arguments[0]} ended with status {status}.")


def report(comparison: ct.Comparison, folder: Path) -> dict[str, Any]:
    """The page of a comparison, line by line, and its JSON twin."""
    page = timeless(comparison).report(folder / "report.html")
    twin = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))
    return {"page": page.read_text(encoding="utf-8").splitlines(), "twin": twin}


def timeless(comparison: ct.Comparison) -> ct.Comparison:
    """The comparison as if every measured time had been one second, or one minute."""
    costs = comparison.costs_table
    for name in ("seconds", "latency"):
        one = pa.array(np.ones(costs.num_rows))
        costs = costs.set_column(costs.column_names.index(name), name, one)
    recommended = comparison.recommendation
    return replace(
        comparison,
        found={
            name: [
                replace(each, cost=replace(each.cost, seconds=float(each.cost.seconds > 0)))
                for each in several
            ]
            for name, several in comparison.found.items()
        },
        costs_table=costs,
        findings=tuple(_in_time(each, "minutes") for each in comparison.findings),
        standings=tuple(_in_time(each, *TIMES) for each in comparison.standings),
        recommendation=recommended
        and replace(
            recommended,
            chosen=_in_time(recommended.chosen, *TIMES),
            best=_in_time(recommended.best, *TIMES),
        ),
        config=_without_measured(comparison.config),
    )


def _in_time(one: Any, *names: str) -> Any:
    """One of what a comparison tells with the times of these names, where it has them, set to 1."""
    return replace(one, **{name: 1.0 for name in names if getattr(one, name) is not None})


def outcomes(comparison: ct.Comparison) -> list[str]:
    """The words by which the verdict judges each grouping, before any number."""
    judged = [sentence.partition(": ") for sentence in comparison.verdict]
    heads = {name: text for name, _, text in judged if name in comparison.groupings}
    return [
        f"{name}: {text.partition(',')[0].partition('.')[0].partition(' if ')[0]}"
        for name, text in heads.items()
    ]


@singledispatch
def _read(value: Any) -> Any:
    """One value as an array, JSON types, or a mapping of further values."""
    if type(value) in ATTRIBUTES:
        return {RENAMED.get(name, name): getattr(value, name) for name in ATTRIBUTES[type(value)]}
    raise TypeError(f"tests/golden/reading.py does not know how to read {type(value)}.")


@_read.register(str)
@_read.register(int)
@_read.register(float)
@_read.register(type(None))
def _(value: Any) -> Any:
    return value


@_read.register
def _(value: np.ndarray) -> np.ndarray:
    return value.astype(str) if value.dtype.kind == "O" else value


@_read.register
def _(value: np.generic) -> Any:
    return value.item()


@_read.register
def _(value: torch.Tensor) -> np.ndarray:
    return value.detach().cpu().numpy()


@_read.register
def _(value: pa.Table) -> dict[str, Any]:
    types = {field.name: str(field.type) for field in value.schema}
    columns = {name: value.column(name) for name in value.column_names if name not in MEASURED}
    arrays = {
        name: column.to_numpy()
        if pa.types.is_primitive(column.type)
        else np.array(column.to_pylist(), dtype=str)
        for name, column in columns.items()
    }
    return {"columns": types, **arrays}


@_read.register
def _(value: pd.DataFrame) -> dict[str, Any]:
    return {
        "index": value.index.to_numpy(),
        **_read(pa.Table.from_pandas(value, preserve_index=False)),
    }


@_read.register
def _(value: ct.Comparison) -> dict[str, Any]:
    value = timeless(value)
    read = {RENAMED.get(name, name): getattr(value, name) for name in ATTRIBUTES[ct.Comparison]}
    read["groupings"] = {
        name: [_with_details(each) for each in several] for name, several in value.found.items()
    }
    return read


def _with_details(found: ct.Found) -> ct.Grouping:
    """The grouping with what it was found by among its details, where it once was."""
    told = found.evidence
    details = dict(found.grouping.details)
    if isinstance(told, ct.Affinity):
        matrices = {which: getattr(told, which) for which in ("matrix", "stderr")}
        rows = {
            which: None
            if a is None
            else [[None if np.isnan(x) else float(x) for x in row] for row in a]
            for which, a in matrices.items()
        }
        details["affinity"] = {"method": told.method, **rows}
    elif isinstance(told, ct.Selection):
        gap = float(told.gap) if np.isfinite(told.gap) else None
        details |= {"objective": told.objective, "gap": gap, "proven": told.proven, **told.details}
    elif isinstance(told, Assignments):
        probabilities = told.probabilities.tolist()
        details |= {"mode": told.mode, "probabilities": probabilities, "pruned": told.pruned}
    if told is not None:
        details["cost"] = {"model_steps": found.cost.model_steps, "seconds": 1.0}
    if found.chosen is not None:
        details["chosen"] = found.chosen
    return replace(found.grouping, details=details)


@_read.register
def _(value: ct.Tasks | Preprocessing) -> Any:
    return value.to_dict()


@_read.register
def _(value: ct.Plan) -> Any:
    workloads = [{name: getattr(work, name) for name in PLANNED} for work in value.workloads]
    return {
        "units": value.units,
        "picked": sorted(value.picked),
        "workloads": sorted(workloads, key=lambda w: w["method"]),
    }


@_read.register(Mapping)
def _(value: Mapping[str, Any]) -> Any:
    return {str(key): item for key, item in value.items() if key not in MEASURED}


@_read.register(list)
@_read.register(tuple)
def _(value: Sequence[Any]) -> Any:
    return list(value)


def _parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    value = _read(value)
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _parts(item, f"{path}/{key}" if path else key)
    elif isinstance(value, list) and not _plain(value):
        for place, item in enumerate(value):
            yield from _parts(item, f"{path}/{place}")
    else:
        yield path, _without_measured(value) if isinstance(value, list) else value


def _plain(value: Any) -> bool:
    """Whether there is nothing but JSON types."""
    if isinstance(value, list | tuple):
        return all(map(_plain, value))
    if isinstance(value, dict):
        return all(map(_plain, value.values()))
    return value is None or isinstance(value, str | int | float)


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: 1.0 if key in MEASURED else _timeless(item) for key, item in value.items()}
    return value


def _without_measured(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            str(key): _without_measured(item) for key, item in value.items() if key not in MEASURED
        }
    return [_without_measured(item) for item in value] if isinstance(value, list | tuple) else value
