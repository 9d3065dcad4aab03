"""Candidate rows for a selection: read, checked and named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np
import numpy.typing as npt

from coterie.errors import CoterieError, require_type
from coterie.results import ScoreTable
from coterie.results.subsets import join

Task = str | int
Subsets = np.ndarray | Sequence[Sequence[Task]]
_NAMED = 8


@dataclass(frozen=True)
class Rows:
    """R candidate models of T tasks.

    ``subsets`` (R, T) bool, ``scores`` (R, T), NaN outside, ``costs`` (R,), their source.
    """

    tasks: tuple[str, ...]
    subsets: np.ndarray
    scores: np.ndarray
    costs: np.ndarray
    source: str

    def name(self, row: int) -> str:
        """A row's subset as text."""
        names = list(compress(self.tasks, self.subsets[row]))
        return join(names if len(names) <= _NAMED else [*names[:_NAMED], "..."])


def read_rows(
    scores: ScoreTable | np.ndarray,
    subsets: Subsets | None,
    costs: npt.ArrayLike | None,
    tasks: Sequence[str] | None,
) -> Rows:
    """Bring a table or arrays into one form.

    Raises:
        CoterieError: shapes that do not fit, one task only, infinite or missing scores, scores
            outside a row's subset, tasks that are unknown or that no row covers, negative costs,
            the same row twice at the same cost.
    """
    source = None
    if isinstance(scores, ScoreTable):
        if not (subsets is None and costs is None and tasks is None):
            raise CoterieError(
                "`scores` is a ScoreTable, which has its own subsets, costs and tasks: do not give "
                "them again."
            )
        source = scores.details.get("candidates")
        scores, subsets, costs, tasks = scores.scores, scores.subsets, scores.costs, scores.tasks
    values = numbers("scores", scores)
    if values.ndim != 2 or not values.size:
        raise CoterieError(f"`scores` must have shape (rows, tasks); found {values.shape}.")
    if tasks is not None:
        require_type("tasks", tasks, Iterable)
    names = tuple(f"task {t}" for t in range(values.shape[1])) if tasks is None else tuple(tasks)
    _check_names(names, values.shape[1])
    mask = ~np.isnan(values) if subsets is None else _mask(subsets, values.shape, names)
    price = np.ones(len(values)) if costs is None else numbers("costs", costs)
    rows = Rows(names, mask, values, price, str(source or _source(mask)))
    _check_scores(rows)
    _check_costs(rows)
    return rows


def numbers(name: str, values: npt.ArrayLike) -> np.ndarray:
    """What was given as an array in float64.

    Raises:
        CoterieError: it holds something that is no number, or rows of unequal lengths.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise CoterieError(
            f"`{name}` must be numbers in rows of equal length; found {values!r:.80}."
        ) from None


def _check_names(names: tuple[str, ...], n_tasks: int) -> None:
    if len(names) != n_tasks:
        raise CoterieError(
            f"`tasks` must name the {n_tasks} columns of `scores`; found {len(names)} names."
        )
    if len(set(names)) < n_tasks:
        twice = next(name for name in names if names.count(name) > 1)
        raise CoterieError(f"`tasks` must have names that differ; {twice!r} is there twice.")
    if n_tasks < 2:
        raise CoterieError("`scores` must have at least 2 tasks to select groups of; found 1.")


def _mask(subsets: Subsets, shape: tuple[int, ...], names: tuple[str, ...]) -> np.ndarray:
    if hasattr(subsets, "shape"):
        given = np.asarray(subsets)
        if given.shape != shape:
            raise CoterieError(
                f"`subsets` must have the shape of `scores`, {shape}; found {given.shape}."
            )
        if not np.isin(given, (0, 1)).all():
            raise CoterieError("`subsets` must be 0 or 1 everywhere: which tasks each row trains.")
        return given.astype(bool)
    require_type("subsets", subsets, Sequence)
    if len(subsets) != shape[0]:
        raise CoterieError(
            f"`subsets` must list the tasks of each of the {shape[0]} rows of `scores`; found "
            f"{len(subsets)}."
        )
    mask = np.zeros(shape, dtype=bool)
    for row, members in enumerate(subsets):
        listed = [members] if isinstance(members, str) else list(members)
        if len(listed) == shape[1] and all(isinstance(used, bool | np.bool_) for used in listed):
            mask[row] = listed
            continue
        mask[row, [position_of(task, names, f"`subsets`: row {row}") for task in listed]] = True
    return mask


def every_subset(n_tasks: int) -> np.ndarray:
    """All non-empty subsets of the tasks, (2^T - 1, T) bool.

    >>> every_subset(2).tolist()
    [[True, False], [False, True], [True, True]]
    """
    return (np.arange(1, 2**n_tasks)[:, None] >> np.arange(n_tasks) & 1).astype(bool)


def position_of(task: Task, names: tuple[str, ...], where: str) -> int:
    """Position of a task given by name or position.

    Raises:
        CoterieError: there is no such task; ``where`` says what named it.
    """
    if isinstance(task, str) and task in names:
        return names.index(task)
    if isinstance(task, int | np.integer) and not isinstance(task, bool) and 0 <= task < len(names):
        return int(task)
    known = ", ".join(names[:10]) + (", ..." if len(names) > 10 else "")
    raise CoterieError(
        f"{where} names the unknown task {task!r}; the {len(names)} tasks are {known}."
    )


def _source(mask: np.ndarray) -> str:
    n_rows, n_tasks = mask.shape
    distinct = len(np.unique(np.packbits(mask, axis=1), axis=0))
    return (
        f"all {n_rows} subsets"
        if n_rows == distinct == 2**n_tasks - 1
        else f"{n_rows} rows as given"
    )


def _check_scores(rows: Rows) -> None:
    missing = np.isnan(rows.scores)
    problems = (
        (~rows.subsets.any(axis=1, keepdims=True), "trains no task"),
        (
            np.isinf(rows.scores),
            "has an infinite score for {task!r}; leave the row out, or give a finite score",
        ),
        (rows.subsets & missing, "has no score (NaN) for {task!r}, which it trains"),
        (
            ~rows.subsets & ~missing,
            "has a score for {task!r}, which it does not train; NaN stands for that",
        ),
    )
    for found, words in problems:
        if found.any():
            row, task = np.argwhere(found)[0]
            name = rows.name(row)
            raise CoterieError(
                f"`scores`: row {row}{f' ({name})' if name else ''} "
                f"{words.format(task=rows.tasks[task])}."
            )
    bare = [
        name for name, column in zip(rows.tasks, rows.subsets.T, strict=True) if not column.any()
    ]
    if bare:
        raise CoterieError(
            f"`scores`: no row covers {', '.join(map(repr, bare))}; every task needs a row that "
            "trains it."
        )


def _check_costs(rows: Rows) -> None:
    if rows.costs.shape != (len(rows.scores),):
        raise CoterieError(
            f"`costs` must have one value for each of the {len(rows.scores)} rows; found "
            f"{rows.costs.shape}."
        )
    wrong = np.flatnonzero(~(np.isfinite(rows.costs) & (rows.costs >= 0)))
    if len(wrong):
        row = int(wrong[0])
        raise CoterieError(
            f"`costs` must be finite and not negative; row {row} ({rows.name(row)}) has "
            f"{rows.costs[row]:g}."
        )
    seen: dict[tuple[bytes, float], int] = {}
    for row, key in enumerate(
        zip(map(bytes, np.packbits(rows.subsets, axis=1)), rows.costs.tolist(), strict=True)
    ):
        if (other := seen.setdefault(key, row)) != row:
            raise CoterieError(
                f"`scores` has the row {rows.name(row)} twice at cost {key[1]:g} (rows {other} and "
                f"{row}); keep one, or give them the costs by which they differ."
            )
