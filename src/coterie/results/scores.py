"""Scores of task subsets: what training, an estimator or a publication says about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypedDict

import numpy as np
import pyarrow as pa

from coterie.codec import Format, mark_table, recognised, unmark_table
from coterie.errors import CoterieError, require_list, require_texts, require_type
from coterie.files import path_of
from coterie.results.score_rows import COLUMNS, read_long, read_rows
from coterie.results.subsets import join
from coterie.results.views import as_html
from coterie.schema import Details, Json, array_of, structure, within

if TYPE_CHECKING:
    import pandas as pd

_FORMAT = Format("table of subset scores")


class _About(TypedDict, total=False):
    tasks: list[str]
    details: dict[str, Json]
    resources: list[str]
    marked: bool


@dataclass(frozen=True, kw_only=True, repr=False)
class ScoreTable:
    """``scores`` (R, T) of R candidate models, higher is better, NaN where untrained.

    ``subsets`` (R, T) says which tasks each row trains, ``costs`` (R,) what it takes of a budget (1
    for a full-size model), ``resources`` by name what it takes besides (R,), such as memory. Files
    are long tables with the columns ``subset`` (task names joined by +), ``task``, ``value`` and,
    where models differ, ``cost`` and resources; Parquet keeps the order of the tasks and
    ``details``, which must be JSON, besides. Written, a + or a backslash within a name stands
    behind a backslash; read, it need not where the names leave no doubt.

    >>> table = ScoreTable.of(("a", "b"), {("a",): [0.5], ("a", "b"): [0.75, 0.25]})
    >>> table.scores
    array([[0.5 ,  nan],
           [0.75, 0.25]])
    """

    tasks: tuple[str, ...]
    subsets: np.ndarray
    scores: np.ndarray
    costs: np.ndarray
    details: Details = field(default_factory=dict)
    resources: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together."""
        tasks = require_texts("tasks", self.tasks)
        scores = array_of("scores", self.scores, "fiu R T", T=len(tasks))
        sizes = {"R": len(scores), "T": len(tasks)}
        made = {
            "tasks": tasks,
            "scores": scores,
            "subsets": array_of("subsets", self.subsets, "biu R T", **sizes),
        }
        made["costs"] = array_of("costs", self.costs, "fiu R", **sizes)
        require_type("details", self.details, Mapping)
        require_type("resources", self.resources, Mapping)
        made["resources"] = {
            name: array_of(name, each, "fiu R", **sizes) for name, each in self.resources.items()
        }
        for name, value in made.items():
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, tasks: Sequence[str], scores: Mapping[tuple[str, ...], Sequence[float]]) -> Self:
        """Make a table from a mapping.

        Subset to the scores of its tasks, in the order of the subset.

        Raises:
            CoterieError: a subset names a task that is not among ``tasks``, or has another number
                of scores.
        """
        require_type("scores", scores, Mapping)
        tasks = require_texts("tasks", tasks)
        place = {name: position for position, name in enumerate(tasks)}
        values = np.full((len(scores), len(tasks)), np.nan)
        for row, (subset, found) in enumerate(scores.items()):
            subset, found = require_texts("scores", subset), array_of("scores", found, "fiu n")
            unknown = [name for name in subset if name not in place]
            if unknown:
                raise CoterieError(f"Row {join(subset)!r} names the unknown task {unknown[0]!r}.")
            if len(found) != len(subset):
                raise CoterieError(
                    f"Row {join(subset)!r} must have {len(subset)} scores; found {len(found)}."
                )
            values[row, [place[name] for name in subset]] = found
        return cls(
            tasks=tasks, subsets=~np.isnan(values), scores=values, costs=np.ones(len(values))
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Each row's subset as text, as in the column ``subset`` of a file."""
        return tuple(join(compress(self.tasks, row)) for row in self.subsets)

    def to_arrow(self) -> pa.Table:
        """The long form; the order of the tasks and the details are in its metadata.

        Raises:
            CoterieError: what is written could not be read again: two tasks or rows are the same, a
                row trains nothing or has no finite score, a resource has the name of a column,
                ``details`` are no JSON, or a name is no Unicode text.
        """
        _check_readable(self)
        names = self.names
        columns: dict[str, list[str | float]] = {
            name: [] for name in (*COLUMNS, "cost", *self.resources)
        }
        for row, task in np.argwhere(self.subsets):
            own = {name: values[row] for name, values in self.resources.items()} | {
                "cost": self.costs[row]
            }
            written = {
                "subset": names[row],
                "task": self.tasks[task],
                "value": float(self.scores[row, task]),
            }
            for name, value in {
                **written,
                **{name: float(number) for name, number in own.items()},
            }.items():
                columns[name].append(value)
        try:
            about: dict[str, Json] = {
                "tasks": list(self.tasks),
                "details": dict(self.details),
                "resources": list(self.resources),
                "marked": True,
            }
            return mark_table(pa.table(columns), _FORMAT, about)
        except TypeError as error:
            raise CoterieError(f"`details` must be JSON to be saved: {error}.") from error
        except UnicodeEncodeError as error:
            raise CoterieError(
                f"A name must be Unicode text to be saved; found {error.object!r}."
            ) from error

    def save(self, path: str | Path) -> None:
        """Write the long form as Parquet.

        Raises:
            CoterieError: as :meth:`to_arrow`.
        """
        from coterie.data.arrow_files import write_parquet

        write_parquet(path, self.to_arrow())

    @classmethod
    def load(
        cls, path: str | Path, *, higher_is_better: bool = True, resources: Sequence[str] = ()
    ) -> Self:
        """Read a long table from Parquet or CSV.

        Tasks are in order of appearance unless :meth:`save` wrote it.

        ``resources`` names further columns to read.

        Raises:
            CoterieError: the file cannot be read, lacks a column, or is no table of scores, see
                :meth:`from_rows`.
        """
        with recognised(path_of(path), _FORMAT):
            table = read_long(path_of(path))
        table, about = unmark_table(table, _FORMAT, path)
        with within(path, "table of scores"):
            about = structure(about, _About)
        about["resources"] = list(dict.fromkeys([*about.get("resources", ()), *resources]))
        return cls.from_rows(
            table.to_pylist(), higher_is_better=higher_is_better, source=str(path), **about
        )

    @classmethod
    def from_rows(
        cls,
        rows: Sequence[Mapping[str, object]],
        *,
        higher_is_better: bool = True,
        source: str = "scores",
        tasks: Sequence[str] = (),
        details: Details | None = None,
        resources: Sequence[str] = (),
        marked: bool = False,
    ) -> Self:
        """Make a table from records with ``subset``, ``task``, ``value`` and perhaps ``cost``.

        ``tasks`` come first, in order.

        ``marked`` says that a + within a name stands behind a backslash in every ``subset``, as
        :meth:`save` writes it. Else the tasks that have values decide how a text is read.

        Raises:
            CoterieError: a column is missing, a value is no number, a task has no values, a row is
                there twice at one cost, or with two values of a resource, or a subset may be read
                in two ways.
        """
        rows = require_list("rows", rows, Mapping)
        tasks, resources = require_texts("tasks", tasks), require_texts("resources", resources)
        require_type("source", source, str)
        for name, switch in (("higher_is_better", higher_is_better), ("marked", marked)):
            require_type(name, switch, bool)
        if details is not None:
            require_type("details", details, Mapping)
        found = read_rows(rows, source, tasks=tasks, resources=resources, marked=marked)
        return cls(
            tasks=found.tasks,
            subsets=found.subsets,
            scores=found.values if higher_is_better else -found.values,
            costs=found.costs,
            details=details or {},
            resources=found.resources,
        )

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each candidate: a column for each task, its cost and its resources."""
        import pandas as pd

        scores = pd.DataFrame(
            self.scores, pd.Index(self.names, name="subset"), pd.Index(list(self.tasks))
        )
        costs = pd.DataFrame({"cost": self.costs, **self.resources}, scores.index)
        return pd.concat([scores, costs], axis=1)

    def _repr_html_(self) -> str:
        return as_html(self, self.frame)

    def __repr__(self) -> str:
        return f"ScoreTable({len(self.subsets)} rows x {len(self.tasks)} tasks)"


def _check_readable(table: ScoreTable) -> None:
    """Refuse what could not be read again as it is."""
    if len(set(table.tasks)) < len(table.tasks):
        twice = next(name for name in table.tasks if table.tasks.count(name) > 1)
        raise CoterieError(f"`tasks` must differ to be saved; {twice!r} is there twice.")
    for name, values in table.resources.items():
        if name in COLUMNS or (name == "cost" and not np.array_equal(values, table.costs)):
            raise CoterieError(
                f"`resources` must have names of their own to be saved: {name!r} is a column of "
                "every table."
            )
    trained = np.asarray(table.subsets, dtype=bool)
    columns = np.stack([table.costs, *table.resources.values()], axis=1)
    numbers = np.concatenate([columns, np.where(trained, table.scores, 0)], axis=1)
    seen: set[tuple[bytes, float]] = set()
    for row, (subset, cost) in enumerate(zip(trained, table.costs, strict=True)):
        if not subset.any():
            raise CoterieError(f"Row {row} of a table must train a task to be saved.")
        if not np.isfinite(numbers[row]).all():
            raise CoterieError(
                f"Row {table.names[row]!r} must have finite scores, cost and resources to be saved."
            )
        if (key := (subset.tobytes(), float(cost))) in seen:
            raise CoterieError(
                f"Row {table.names[row]!r} must not be there twice at cost {cost:g} to be saved."
            )
        seen.add(key)
