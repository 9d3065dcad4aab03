"""What may share a model: the options of select and group that say so, as arguments of Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np

from coterie.cli import options
from coterie.errors import CoterieError


class Constraints(TypedDict, total=False):
    """What ``select`` and ``group`` take alike."""

    sizes: tuple[int | None, int | None]
    must_link: list[tuple[str, str]]
    cannot_link: list[tuple[str, str]]
    time_limit: float


class GroupConstraints(Constraints, total=False):
    """What ``group`` takes."""

    row_limits: dict[str, tuple[np.ndarray, list[float]]] | None


def constraints_of(asked: options.ConstraintOptions, tasks: Sequence[str]) -> Constraints:
    """The constraints that need no amounts.

    >>> asked = options.ConstraintOptions(max_size=3, must_link=("a+b",))
    >>> constraints_of(asked, ("a", "b"))["must_link"]
    [('a', 'b')]
    """
    return {
        "sizes": (asked.min_size, asked.max_size),
        "must_link": _pairs("must-link", asked.must_link, tasks),
        "cannot_link": _pairs("cannot-link", asked.cannot_link, tasks),
        "time_limit": asked.time_limit,
    }


def group_constraints(verb: options.Group, tasks: Sequence[str]) -> GroupConstraints:
    """What is asked of groups, if anything is.

    Raises:
        CoterieError: the clustering takes no constraints, or what tasks take is not told.
    """
    asked = verb.constraints
    if asked == options.ConstraintOptions() and verb.amounts is None:
        return {}
    if verb.grouping.clustering != "principled":
        raise CoterieError(
            "What may share a model is for `--clustering principled` only; found "
            f"{verb.grouping.clustering!r}."
        )
    limits = _row_limits(asked.row_limit, verb.amounts, tasks)
    return {**constraints_of(asked, tasks), "row_limits": limits}


def _row_limits(
    given: Sequence[str], amounts: Path | None, tasks: Sequence[str]
) -> dict[str, tuple[np.ndarray, list[float]]] | None:
    """Limits on what the tasks of a group take in sum, with what each takes by a table."""
    if bool(given) != (amounts is not None):
        lacking = "--amounts FILE" if given else "--row-limit COLUMN=LIMIT"
        raise CoterieError(
            f"`--row-limit` limits columns of the table of `--amounts`; `{lacking}` is not given."
        )
    if amounts is None:
        return None
    limits = dict(map(_limit, given))
    taken = _amounts(amounts, list(limits), tasks)
    return {name: (taken[name], limit) for name, limit in limits.items()}


def _limit(text: str) -> tuple[str, list[float]]:
    """A name with one limit, or with one for each group."""
    name, _, numbers = text.rpartition("=")
    texts = [f"{name}={number}" for number in numbers.split(",")]
    return name, [numbers_of("row-limit", [each])[name] for each in texts]


def _amounts(path: Path, names: Sequence[str], tasks: Sequence[str]) -> Mapping[str, np.ndarray]:
    """Columns of a table with a row for each task, in the order of the tasks (T,)."""
    from coterie.results.score_rows import read_long

    table = read_long(path, "table of amounts")
    if lacking := [name for name in ("task", *names) if name not in table.column_names]:
        raise CoterieError(f"{path} lacks the column {lacking[0]!r}.")
    rows = {str(row["task"]): row for row in table.to_pylist()}
    untold = [f"no row of the task {task!r}" for task in tasks if task not in rows]
    if faults := ["a task twice"] * (len(rows) < len(table)) + untold:
        raise CoterieError(f"{path} must have one row for each task; it has {faults[0]}.")
    found = {}
    for name in names:
        try:
            found[name] = np.array([float(rows[task][name]) for task in tasks])
        except (TypeError, ValueError):
            raise CoterieError(
                f"{path}: column {name!r} must hold a number for every task."
            ) from None
    return found


def _pairs(flag: str, given: Sequence[str], tasks: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs of tasks, whose names may hold a + themselves.

    A name that there is not is left to be complained of as such.
    """
    from coterie.results.subsets import readings, split

    pairs = []
    for text in given:
        found = readings(text, tasks, size=2)
        pair = tuple(sorted(found[0], key=tasks.index)) if len(found) == 1 else split(text)
        if len(found) > 1 or len(pair) != 2:
            plus = (
                " Write a + within a name as \\+."
                if found or any("+" in name for name in tasks)
                else ""
            )
            raise CoterieError(
                f"`--{flag}` takes pairs of task names such as A+B; found {text!r}.{plus}"
            )
        pairs.append(pair)
    return pairs


def numbers_of(flag: str, given: Sequence[str]) -> dict[str, float]:
    """Numbers by name.

    >>> numbers_of("row-limit", ["memory=8"])
    {'memory': 8.0}
    """
    found = {}
    for text in given:
        name, _, number = text.rpartition("=")
        try:
            found[name] = float(number)
        except ValueError:
            name = ""
        if not name:
            raise CoterieError(f"`--{flag}` takes NAME=NUMBER; found {text!r}.")
    return found
