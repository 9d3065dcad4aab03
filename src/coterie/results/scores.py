"""Scores of task subsets: what training, an estimator or a publication says about each."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypedDict

import numpy as np
import pyarrow as pa

from coterie.errors import CoterieError
from coterie.files import naming_damage
from coterie.schema import structure, within

SEPARATOR = "+"


class _About(TypedDict, total=False):
    tasks: list[str]
    details: dict[str, Any]
    resources: list[str]


@dataclass(frozen=True, kw_only=True, repr=False)
class ScoreTable:
    """``scores`` (R, T) of R candidate models, higher is better, NaN where a model does not train a task.

    ``subsets`` (R, T) says which tasks each row trains, ``costs`` (R,) what it takes of a budget (1 for a full-size model),
    ``resources`` by name what it takes besides (R,), such as memory. Files are long tables with the columns ``subset`` (task
    names joined by +), ``task``, ``value`` and, where models differ, ``cost`` and resources; Parquet keeps the order of the
    tasks and ``details``, which must be JSON, besides.

    >>> table = ScoreTable.of(("a", "b"), {("a",): [0.5], ("a", "b"): [0.75, 0.25]})
    >>> table.scores
    array([[0.5 ,  nan],
           [0.75, 0.25]])
    """

    tasks: tuple[str, ...]
    subsets: np.ndarray
    scores: np.ndarray
    costs: np.ndarray
    details: Mapping[str, Any] = field(default_factory=dict)
    resources: Mapping[str, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, tasks: Sequence[str], scores: Mapping[tuple[str, ...], Sequence[float]]) -> Self:
        """Make a table from a mapping: subset to the scores of its tasks, in the order of the subset.

        Raises:
            CoterieError: a subset names a task that is not among ``tasks``, or has another number of scores.
        """
        place = {name: position for position, name in enumerate(tasks)}
        values = np.full((len(scores), len(tasks)), np.nan)
        for row, (subset, found) in enumerate(scores.items()):
            unknown = [name for name in subset if name not in place]
            if unknown:
                raise CoterieError(f"Row {SEPARATOR.join(subset)!r} names the unknown task {unknown[0]!r}.")
            if len(found) != len(subset):
                raise CoterieError(f"Row {SEPARATOR.join(subset)!r} must have {len(subset)} scores; found {len(found)}.")
            values[row, [place[name] for name in subset]] = found
        return cls(tasks=tuple(tasks), subsets=~np.isnan(values), scores=values, costs=np.ones(len(values)))

    @property
    def names(self) -> tuple[str, ...]:
        """Each row's subset as text."""
        return tuple(SEPARATOR.join(name for name, used in zip(self.tasks, row, strict=True) if used) for row in self.subsets)

    def to_arrow(self) -> pa.Table:
        """The long form; the order of the tasks and the details are in its metadata."""
        names = self.names
        columns: dict[str, list[Any]] = {name: [] for name in ("subset", "task", "value", "cost", *self.resources)}
        for row, task in np.argwhere(self.subsets):
            columns["subset"].append(names[row])
            columns["task"].append(self.tasks[task])
            columns["value"].append(float(self.scores[row, task]))
            columns["cost"].append(float(self.costs[row]))
            for name, values in self.resources.items():
                columns[name].append(float(values[row]))
        about = json.dumps({"tasks": self.tasks, "details": dict(self.details), "resources": list(self.resources)})
        return pa.table(columns).replace_schema_metadata({"coterie": about})

    def save(self, path: str | Path) -> None:
        """Write the long form as Parquet."""
        from coterie.data.arrow_files import write_parquet

        write_parquet(path, self.to_arrow())

    @classmethod
    def load(cls, path: str | Path, *, higher_is_better: bool = True, resources: Sequence[str] = ()) -> Self:
        """Read a long table from Parquet or CSV; tasks are in order of appearance unless :meth:`save` wrote it.

        ``resources`` names further columns to read.

        Raises:
            CoterieError: the file cannot be read, lacks a column, or holds the same row twice at the same cost.
        """
        table = _read(Path(path))
        with naming_damage(path), within(path, "table of scores"):
            about: _About = structure(json.loads((table.schema.metadata or {}).get(b"coterie", b"{}")), _About)
        about["resources"] = list(dict.fromkeys([*about.get("resources", ()), *resources]))
        return cls.from_rows(table.to_pylist(), higher_is_better=higher_is_better, source=str(path), **about)

    @classmethod
    def from_rows(
        cls,
        rows: Sequence[Mapping[str, Any]],
        *,
        higher_is_better: bool = True,
        source: str = "scores",
        tasks: Sequence[str] = (),
        details: Mapping[str, Any] | None = None,
        resources: Sequence[str] = (),
    ) -> Self:
        """Make a table from records with ``subset``, ``task``, ``value`` and perhaps ``cost``; ``tasks`` come first, in order.

        Raises:
            CoterieError: a column is missing, a value is no number, a task has no values, or a row is there twice at one cost,
                or with two values of a resource.
        """
        needed = ("subset", "task", "value", *resources)
        missing = [f"column {name!r}" for name in needed if name not in rows[0]] if rows else ["rows"]
        if missing:
            raise CoterieError(f"{source} has no {missing[0]}; needed are {', '.join(needed)} and perhaps cost.")
        names = tuple(dict.fromkeys([*tasks, *(str(row["task"]) for row in rows)]))
        place = {name: position for position, name in enumerate(names)}
        sign = 1.0 if higher_is_better else -1.0
        found: dict[tuple[frozenset[str], float], np.ndarray] = {}
        taken: dict[tuple[frozenset[str], float], list[float]] = {}
        for row in rows:
            subset, task = str(row["subset"]), str(row["task"])
            value = _number(row["value"], source, subset, task)
            cost = 1.0 if row.get("cost") is None else _number(row["cost"], source, subset, "cost")
            unknown = [name for name in subset.split(SEPARATOR) if name not in place]
            if unknown:
                raise CoterieError(f"{source}: row {subset!r} names the task {unknown[0]!r}, of which there are no values.")
            if len(set(subset.split(SEPARATOR))) < len(subset.split(SEPARATOR)):
                raise CoterieError(f"{source}: row {subset!r} names a task twice.")
            if task not in subset.split(SEPARATOR):
                raise CoterieError(f"{source}: row {subset!r} has a value for task {task!r}, which it does not train.")
            key = (frozenset(subset.split(SEPARATOR)), cost)
            values = found.setdefault(key, np.full(len(names), np.nan))
            amounts = [_number(row.get(name), source, subset, name) for name in resources]
            if taken.setdefault(key, amounts) != amounts:
                raise CoterieError(f"{source}: row {subset!r} has more than one value of {' or '.join(map(repr, resources))}.")
            if not np.isnan(values[place[task]]):
                raise CoterieError(f"{source}: row {subset!r} gives task {task!r} twice at cost {cost:g}.")
            values[place[task]] = sign * value
        masks = np.array([[name in members for name in names] for members, _ in found])
        return cls(
            tasks=names, subsets=masks, scores=np.stack(list(found.values())), costs=np.array([cost for _, cost in found]),
            details=details or {},
            resources={name: np.array([amounts[n] for amounts in taken.values()]) for n, name in enumerate(resources)},
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"ScoreTable({len(self.subsets)} rows x {len(self.tasks)} tasks)"


def _number(value: Any, source: str, subset: str, what: str) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise CoterieError(f"{source}: row {subset!r} has {value!r} for {what!r}, which must be a finite number.")
    return number


def _read(path: Path) -> pa.Table:
    from pyarrow import csv

    from coterie.data.arrow_files import read_parquet

    try:
        return csv.read_csv(path) if ".csv" in path.suffixes else read_parquet(path)
    except (OSError, pa.ArrowException, CoterieError) as error:
        raise CoterieError(f"{path} cannot be read as a table of scores: {error}") from error
