"""Long tables of scores: one row for each candidate and each task that it trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from coterie.errors import CoterieError
from coterie.results.subsets import readings, split

COLUMNS = ("subset", "task", "value")
Row = Mapping[str, object]


@dataclass(frozen=True)
class Rows:
    """R candidates by T tasks: ``subsets`` and ``values`` (R, T), ``costs`` and resources (R,)."""

    tasks: tuple[str, ...]
    subsets: np.ndarray
    values: np.ndarray
    costs: np.ndarray
    resources: dict[str, np.ndarray]


def read_rows(
    rows: Sequence[Row],
    source: str,
    *,
    tasks: Sequence[str],
    resources: Sequence[str],
    marked: bool,
) -> Rows:
    """Bring the rows of one candidate together; those of one subset at two costs are two.

    Raises:
        CoterieError: as :meth:`coterie.ScoreTable.from_rows`.

    >>> rows = [{"subset": "a+b", "task": task, "value": v} for task, v in (("a", 0.5), ("b", 0.7))]
    >>> read_rows(rows, "scores", tasks=(), resources=(), marked=False).values
    array([[0.5, 0.7]])
    """
    _require_columns(rows, source, resources)
    names = tuple(dict.fromkeys([*tasks, *(_text(row, "task", source) for row in rows)]))
    members = _members(rows, names, source, marked=marked)
    place = {name: position for position, name in enumerate(names)}
    found: dict[tuple[frozenset[str], float], np.ndarray] = {}
    taken: dict[tuple[frozenset[str], float], list[float]] = {}
    for row in rows:
        subset, task = str(row["subset"]), str(row["task"])
        value = _number(row["value"], source, subset, task)
        cost = 1.0 if row.get("cost") is None else _number(row["cost"], source, subset, "cost")
        if task not in members[subset]:
            raise CoterieError(
                f"{source}: row {subset!r} has a value for task {task!r}, which it does not train."
            )
        key = (members[subset], cost)
        values = found.setdefault(key, np.full(len(names), np.nan))
        amounts = [_number(row.get(name), source, subset, name) for name in resources]
        if taken.setdefault(key, amounts) != amounts:
            raise CoterieError(
                f"{source}: row {subset!r} has more than one value of "
                f"{' or '.join(map(repr, resources))}."
            )
        if not np.isnan(values[place[task]]):
            raise CoterieError(
                f"{source}: row {subset!r} gives task {task!r} twice at cost {cost:g}."
            )
        values[place[task]] = value
    return Rows(
        tasks=names,
        subsets=np.array([[name in subset for name in names] for subset, _ in found]),
        values=np.stack(list(found.values())),
        costs=np.array([cost for _, cost in found]),
        resources={
            name: np.array([amounts[n] for amounts in taken.values()])
            for n, name in enumerate(resources)
        },
    )


def _require_columns(rows: Sequence[Row], source: str, resources: Sequence[str]) -> None:
    if taken := [name for name in resources if name in COLUMNS]:
        raise CoterieError(
            f"`resources` must name further columns of {source}; {taken[0]!r} has a meaning of its "
            "own."
        )
    needed = (*COLUMNS, *resources)
    missing = [f"column {name!r}" for name in needed if name not in rows[0]] if rows else ["rows"]
    if missing:
        raise CoterieError(
            f"{source} has no {missing[0]}; needed are {', '.join(needed)} and perhaps cost."
        )


def read_long(path: Path, what: str = "table of scores") -> pa.Table:
    """A long table from Parquet or CSV.

    Names are text, also where they look like numbers, dates or gaps.

    Raises:
        CoterieError: the file cannot be read.
    """
    from pyarrow import csv

    from coterie.data.arrow_files import read_parquet

    # A name may hold line breaks.
    layout = csv.ParseOptions(newlines_in_values=True)
    texts = csv.ConvertOptions(column_types=dict.fromkeys(COLUMNS[:2], pa.string()))
    try:
        named_csv = ".csv" in [suffix.lower() for suffix in path.suffixes]
        return (
            csv.read_csv(path, parse_options=layout, convert_options=texts)
            if named_csv
            else read_parquet(path)
        )
    except (OSError, pa.ArrowException, CoterieError) as error:
        raise CoterieError(f"{path} cannot be read as a {what}: {error}") from error


def _members(
    rows: Sequence[Mapping[str, object]], names: Sequence[str], source: str, *, marked: bool
) -> dict[str, frozenset[str]]:
    """The tasks that each text in the column ``subset`` stands for."""
    valued: dict[str, set[str]] = {}
    for row in rows:
        valued.setdefault(_text(row, "subset", source), set()).add(str(row["task"]))
    found: dict[str, frozenset[str]] = {}
    for text, with_values in valued.items():
        pieces = split(text)
        possible = [frozenset(pieces)] if marked else readings(text, names)
        if len(possible) > 1:
            possible = [reading for reading in possible if reading == with_values] or possible
        if len(possible) > 1:
            one, other = (", ".join(map(repr, sorted(reading))) for reading in possible)
            raise CoterieError(
                f"{source}: row {text!r} may be read as {one} or as {other}; write a + within a "
                "name as \\+ in every subset."
            )
        unknown = [name for name in pieces if name not in names]
        if unknown and (marked or not possible):
            raise CoterieError(
                f"{source}: row {text!r} names the task {unknown[0]!r}, of which there are no "
                "values."
            )
        if not possible or (marked and len(set(pieces)) < len(pieces)):
            raise CoterieError(f"{source}: row {text!r} names a task twice.")
        found[text] = possible[0]
    return found


def _text(row: Mapping[str, object], column: str, source: str) -> str:
    if row[column] is None:
        raise CoterieError(f"{source}: a row has nothing in the column {column!r}.")
    return str(row[column])


def _number(value: object, source: str, subset: str, what: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        number = np.nan
    if not np.isfinite(number):
        raise CoterieError(
            f"{source}: row {subset!r} has {value!r} for {what!r}, which must be a finite number."
        )
    return number
