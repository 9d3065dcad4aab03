"""Scores of task subsets: what training, an estimator or a publication says about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from coterie.errors import CoterieError
from coterie.files import atomic

SEPARATOR = "+"


@dataclass(frozen=True, kw_only=True, repr=False)
class ScoreTable:
    """``scores`` (R, T) of R candidate models, higher is better, NaN where a model does not train a task.

    ``subsets`` (R, T) says which tasks each row trains, ``costs`` (R,) what it takes of a budget (1 for a full-size model).
    Files are long tables with the columns ``subset`` (task names joined by +), ``task``, ``value`` and, where models differ,
    ``cost``.

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

    @classmethod
    def of(cls, tasks: Sequence[str], scores: Mapping[tuple[str, ...], Sequence[float]]) -> Self:
        """Make a table from a mapping: subset to the scores of its tasks, in the order of the subset.

        Raises:
            CoterieError: a subset names a task that is not among ``tasks``.
        """
        place = {name: position for position, name in enumerate(tasks)}
        values = np.full((len(scores), len(tasks)), np.nan)
        for row, (subset, found) in enumerate(scores.items()):
            unknown = [name for name in subset if name not in place]
            if unknown:
                raise CoterieError(f"Row {SEPARATOR.join(subset)!r} names the unknown task {unknown[0]!r}.")
            values[row, [place[name] for name in subset]] = found
        return cls(tasks=tuple(tasks), subsets=~np.isnan(values), scores=values, costs=np.ones(len(values)))

    @property
    def names(self) -> tuple[str, ...]:
        """Each row's subset as text."""
        return tuple(SEPARATOR.join(name for name, used in zip(self.tasks, row, strict=True) if used) for row in self.subsets)

    def to_arrow(self) -> pa.Table:
        """The long form."""
        names, columns = self.names, {"subset": [], "task": [], "value": [], "cost": []}
        for row, task in np.argwhere(self.subsets):
            columns["subset"].append(names[row])
            columns["task"].append(self.tasks[task])
            columns["value"].append(float(self.scores[row, task]))
            columns["cost"].append(float(self.costs[row]))
        return pa.table(columns)

    def save(self, path: str | Path) -> None:
        """Write the long form as Parquet."""
        with atomic(path) as temporary:
            pq.write_table(self.to_arrow(), temporary)

    @classmethod
    def load(cls, path: str | Path, *, higher_is_better: bool = True) -> Self:
        """Read a long table from Parquet or CSV; tasks are in order of appearance.

        Raises:
            CoterieError: the file cannot be read, lacks a column, or holds the same row twice at the same cost.
        """
        return cls.from_rows(_read(Path(path)), higher_is_better=higher_is_better, source=str(path))

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]], *, higher_is_better: bool = True, source: str = "scores") -> Self:
        """Make a table from records with ``subset``, ``task``, ``value`` and perhaps ``cost``."""
        missing = [name for name in ("subset", "task", "value") if not rows or name not in rows[0]]
        if missing:
            raise CoterieError(f"{source} has no column {missing[0]!r}; needed are subset, task, value and perhaps cost.")
        tasks = tuple(dict.fromkeys(str(row["task"]) for row in rows))
        place = {name: position for position, name in enumerate(tasks)}
        sign = 1.0 if higher_is_better else -1.0
        found: dict[tuple[str, float], np.ndarray] = {}
        for row in rows:
            subset, task, cost = str(row["subset"]), str(row["task"]), float(row.get("cost") or 1.0)
            unknown = [name for name in (*subset.split(SEPARATOR), task) if name not in place]
            if unknown:
                raise CoterieError(f"{source}: row {subset!r} names the task {unknown[0]!r}, of which there are no values.")
            values = found.setdefault((subset, cost), np.full(len(tasks), np.nan))
            if not np.isnan(values[place[task]]):
                raise CoterieError(f"{source}: row {subset!r} gives task {task!r} twice at cost {cost:g}.")
            values[place[task]] = sign * float(row["value"])
        masks = np.array([[name in subset.split(SEPARATOR) for name in tasks] for subset, _ in found])
        return cls(
            tasks=tasks, subsets=masks, scores=np.stack(list(found.values())), costs=np.array([cost for _, cost in found])
        )

    def __repr__(self) -> str:
        return f"ScoreTable({len(self.subsets)} rows x {len(self.tasks)} tasks)"


def _read(path: Path) -> list[dict[str, Any]]:
    from pyarrow import csv

    try:
        table = csv.read_csv(path) if ".csv" in path.suffixes else pq.read_table(path)
    except (OSError, pa.ArrowInvalid) as error:
        raise CoterieError(f"{path} cannot be read as a table of scores: {error}") from error
    return table.to_pylist()
