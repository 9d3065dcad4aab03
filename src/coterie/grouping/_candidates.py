"""Which groups of tasks to consider where all of them are too many."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from math import comb

import numpy as np

from coterie.errors import CoterieError, require_whole
from coterie.grouping._affinities import standardised
from coterie.grouping._method import Settings
from coterie.grouping._rows import Task, every_subset, position_of
from coterie.grouping.sdp import sdp

MAX_SIZE, BEAM, LIMIT = 4, 32, 4095
_CLUSTERS = 8
Predict = Callable[[np.ndarray], np.ndarray]


def candidates(
    tasks: int | Sequence[str],
    predict: Predict | None = None,
    *,
    max_size: int = MAX_SIZE,
    groups: Sequence[Sequence[Task]] = (),
    beam: int = BEAM,
    limit: int = LIMIT,
) -> tuple[np.ndarray, str]:
    """Rows of tasks to score and select from, and a statement of how they came about.

    Where all 2^T - 1 subsets are at most ``limit``, these. Otherwise all subsets of sizes 1, 2, ...
    up to ``max_size`` while their number stays within ``limit``; the row of all tasks; ``groups``
    of your own; 2 to 8 clusters of the predicted scores of pairs, by the semidefinite relaxation of
    :func:`coterie.group`; rows grown by beam search (after MTG-Net: Song et al., NeurIPS 2022):
    from the best rows of the largest size listed, each step adds one task to each, asks ``predict``
    and keeps the ``beam`` rows of the largest total and the best row of each task. Scores are
    standardised within each task by the mean and spread of the listed rows, so that no task's scale
    rules the total.

    Args:
        tasks: number or names of the T tasks.
        predict: scores (M, T) of weights (M, T), higher is better, NaN where the weight is 0; never
            asked about a task alone. Without it nothing is clustered or grown.
        max_size: largest size of which all subsets are listed.
        groups: further rows, as names or positions.
        beam: rows kept by their total at each size.
        limit: largest number of rows that are listed.

    Returns:
        Distinct rows (R, T) bool, and the statement, for ``details["candidates"]`` of a table.

    Raises:
        CoterieError: fewer than 2 tasks, settings below 1, unknown tasks, predictions of another
            shape.

    >>> candidates(3)[1]
    'all 7 subsets'
    >>> candidates(20, groups=[range(10)], max_size=2)[1]
    'all 210 subsets of at most 2 tasks, the row of all tasks, 1 given group; 212 rows'
    """
    names = (
        tuple(f"task {t}" for t in range(tasks))
        if isinstance(tasks, int | np.integer)
        else tuple(tasks)
    )
    _check(len(names), max_size=max_size, beam=beam, limit=limit)
    if 2 ** len(names) - 1 <= limit:
        return every_subset(len(names)), f"all {2 ** len(names) - 1} subsets"
    listed, size = _listed(len(names), max_size, limit)
    parts = [listed, np.ones((1, len(names)), dtype=bool)]
    statement = [
        f"all {len(listed)} subsets of at most {size} task{'s' * (size > 1)}",
        "the row of all tasks",
    ]
    if len(groups):
        parts.append(np.zeros((len(groups), len(names)), dtype=bool))
        for row, members in zip(parts[-1], groups, strict=True):
            row[[position_of(task, names, "`groups`") for task in members]] = True
        statement.append(f"{len(groups)} given group{'s' * (len(groups) > 1)}")
    if predict is not None and size > 1:
        several = listed[listed.sum(axis=1) > 1]
        scores = _asked(predict, several)
        parts += [_clusters(several, scores), _grown(several, scores, size, predict, beam)]
        statement.append(f"{len(parts[-2])} clusters of predicted pairs")
        statement.append(
            f"{len(parts[-1])} rows grown by beam search of width {beam} over predicted scores"
        )
    rows = np.vstack(parts)
    rows = rows[np.sort(np.unique(rows[rows.any(axis=1)], axis=0, return_index=True)[1])]
    return rows, f"{', '.join(statement)}; {len(rows)} rows"


def most_asked(n_tasks: int) -> int:
    """How many rows :func:`candidates` asks ``predict`` about at most, as it is set.

    >>> most_asked(9), most_asked(14)
    (0, 3954)
    """
    if 2**n_tasks - 1 <= LIMIT:
        return 0
    listed, size = _listed(n_tasks, MAX_SIZE, LIMIT)
    return len(listed) + sum(
        (BEAM + n_tasks) * (n_tasks - each) for each in range(size, n_tasks - 1)
    )


def _check(n_tasks: int, **settings: int) -> None:
    if n_tasks < 2:
        raise CoterieError(f"`tasks` must be at least 2 to group; found {n_tasks}.")
    for name, value in settings.items():
        require_whole(name, value, 1)


def _listed(n_tasks: int, max_size: int, limit: int) -> tuple[np.ndarray, int]:
    """All subsets of the sizes within the limit (single tasks always are), and the largest size."""
    size, count = 1, n_tasks
    while size < min(max_size, n_tasks) and count + comb(n_tasks, size + 1) <= limit:
        size += 1
        count += comb(n_tasks, size)
    rows = np.zeros((count, n_tasks), dtype=bool)
    subsets = (members for s in range(1, size + 1) for members in combinations(range(n_tasks), s))
    for row, members in zip(rows, subsets, strict=True):
        row[list(members)] = True
    return rows, size


def _clusters(several: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The groups of 2, 3, ...

    Up to 8 clusters of the tasks, (R, T), where the affinity of two is what they score as a pair.
    """
    pairs = several.sum(axis=1) == 2
    affinity = np.zeros((several.shape[1],) * 2)
    for row, found in zip(several[pairs], scores[pairs], strict=True):
        one, other = np.flatnonzero(row)
        affinity[other, one], affinity[one, other] = found[one], found[other]
    matrix = standardised(affinity)
    parts = [
        sdp(matrix, Settings(n_groups=k, fuzziness=2.0, restarts=1, seed=0))
        for k in range(2, min(_CLUSTERS, len(matrix)) + 1)
    ]
    return np.vstack([part.membership.T > 0 for part in parts])


def _grown(
    several: np.ndarray, scores: np.ndarray, size: int, predict: Predict, beam: int
) -> np.ndarray:
    """Rows kept by the beam at every size from the listed ones to all tasks but one, (R, T)."""
    mean, spread = np.nanmean(scores, axis=0), np.nanstd(scores, axis=0)
    spread[spread == 0] = 1.0
    largest = several.sum(axis=1) == size
    kept = _best(several[largest], (scores[largest] - mean) / spread, beam)
    found = []
    n_tasks = several.shape[1]
    for _ in range(size + 1, n_tasks):
        longer = (kept[:, None, :] | np.eye(n_tasks, dtype=bool)).reshape(-1, n_tasks)
        longer = np.unique(longer[longer.sum(axis=1) > kept[0].sum()], axis=0)
        kept = _best(longer, (_asked(predict, longer) - mean) / spread, beam)
        found.append(kept)
    return np.vstack(found) if found else several[:0]


def _best(rows: np.ndarray, standard: np.ndarray, beam: int) -> np.ndarray:
    """The rows of the largest totals, and the best row of each task."""
    total = np.argsort(-np.nansum(standard, axis=1), kind="stable")[:beam]
    each = np.where(np.isnan(standard), -np.inf, standard).argmax(axis=0)
    return rows[np.unique(np.r_[total, each])]


def _asked(predict: Predict, rows: np.ndarray) -> np.ndarray:
    scores = np.asarray(predict(rows.astype(np.float64)), dtype=np.float64)
    if scores.shape != rows.shape:
        raise CoterieError(
            f"`predict` must answer with one score per weight, {rows.shape}; found {scores.shape}."
        )
    if not np.isfinite(scores[rows]).all():
        raise CoterieError("`predict` must answer with finite scores wherever a weight is 1.")
    return np.where(rows, scores, np.nan)
