"""What an affinity says of a group of tasks: each target's mean over the others."""

from __future__ import annotations

import numpy as np

from coterie.errors import CoterieError
from coterie.results import Affinity, ScoreTable


def subset_scores(affinity: Affinity, subsets: np.ndarray) -> ScoreTable:
    """Scores of task subsets as the averages of an affinity.

    As in HOA (Standley et al., ICML 2020) and TAG (Fifty et al., NeurIPS 2021).

    Task t in a subset scores the mean of ``matrix[s, t]`` over the other members s, a task alone
    its own ``matrix[t, t]``. Mind what the affinity's diagonal is: the score of the task alone for
    trained pairs, but for look-aheads the effect of its own step, on another scale, so that tasks
    alone must not compete with groups there.

    Args:
        affinity: of T tasks, every pair measured.
        subsets: which tasks each of R rows trains, (R, T), 0 or 1.

    Returns:
        A table of the rows in their order, all at cost 1. Rows of one task whose diagonal entry was
        never measured (NaN) are left out, and ``details["left_out"]`` names them.

    Raises:
        CoterieError: an affinity with gaps; subsets of another shape, not 0 or 1, empty, or none
            that can be scored.

    >>> matrix = np.array([[7, 1, 2], [3, 8, 4], [5, 6, np.nan]])
    >>> measured = Affinity(tasks=("a", "b", "c"), matrix=matrix, method="by hand")
    >>> subset_scores(measured, np.array([[1, 1, 0], [1, 1, 1], [1, 0, 0], [0, 0, 1]])).scores
    array([[3. , 1. , nan],
           [4. , 3.5, 3. ],
           [7. , nan, nan]])
    """
    affinity.require_complete()
    rows = _checked(subsets, len(affinity.tasks))
    scores = mean_over_others(affinity.matrix, rows)
    unknown = (rows & np.isnan(scores)).any(axis=1)
    left_out = [affinity.tasks[task] for task in np.flatnonzero(rows[unknown].any(axis=0))]
    if unknown.all():
        raise CoterieError(
            f"`subsets` holds only single tasks, of which the affinity by {affinity.method!r} has "
            "no value."
        )
    return ScoreTable(
        tasks=affinity.tasks,
        subsets=rows[~unknown],
        scores=scores[~unknown],
        costs=np.ones(int((~unknown).sum())),
        details={"affinity": affinity.method, "left_out": left_out},
    )


def mean_over_others(matrix: np.ndarray, subsets: np.ndarray) -> np.ndarray:
    """Mean of ``matrix[s, t]`` over the other members s of each subset, of which t is one.

    The matrix is (T, T), the subsets (R, T) of bool.

    Returns:
        Scores (R, T): NaN for tasks outside the subset, the diagonal entry, NaN or not, for a task
        alone.

    >>> subsets = np.array([[True, True], [True, False], [False, True]])
    >>> mean_over_others(np.array([[7.0, 1.0], [3.0, np.nan]]), subsets)
    array([[ 3.,  1.],
           [ 7., nan],
           [nan, nan]])
    """
    others = subsets.sum(axis=1, keepdims=True) - 1
    between = np.where(np.eye(len(matrix), dtype=bool), 0.0, matrix)
    means = np.where(others > 0, subsets @ between / np.maximum(others, 1), matrix.diagonal())
    return np.where(subsets, means, np.nan)


def _checked(subsets: np.ndarray, n_tasks: int) -> np.ndarray:
    given = np.asarray(subsets)
    if given.ndim != 2 or given.shape[1] != n_tasks or not len(given):
        raise CoterieError(
            f"`subsets` must have shape (rows, {n_tasks}), one column a task; found {given.shape}."
        )
    if not np.isin(given, (0, 1)).all():
        raise CoterieError("`subsets` must be 0 or 1 everywhere: which tasks each row trains.")
    rows = given.astype(bool)
    empty = np.flatnonzero(~rows.any(axis=1))
    if len(empty):
        raise CoterieError(f"`subsets`: row {empty[0]} trains no task.")
    return rows
