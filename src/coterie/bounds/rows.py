"""Which random subsets of the tasks to train.

Shapes: ``T`` tasks, ``R`` rows.
"""

from __future__ import annotations

import numpy as np

from coterie.seeds import numpy_generator

_CANDIDATES = 30
_EVENNESS = 4.0
_PATIENCE = 50


def balanced_rows(n_tasks: int, n_groups: int, n_rows: int, seed: int = 0) -> np.ndarray:
    """Distinct random subsets (R, T) that treat all tasks and pairs of tasks about alike.

    They are the groups of random partitions into ``n_groups`` groups of uneven sizes, so that every
    task is in about the same number of rows and sizes lie around T / K. Of some random partitions
    the one that evens out how often pairs were together is taken. Neither tasks alone nor all tasks
    are among the rows; where there are no more than ``n_rows`` other subsets, all are given.

    >>> balanced_rows(3, 2, 8).astype(int)
    array([[1, 1, 0],
           [1, 0, 1],
           [0, 1, 1]])
    >>> sorted(set(balanced_rows(12, 3, 24).sum(axis=0).tolist()))
    [8, 9]
    """
    if 2**n_tasks - n_tasks - 2 <= n_rows:
        numbers = np.arange(2**n_tasks)
        rows = (numbers[:, None] >> np.arange(n_tasks)) & 1 > 0
        return rows[_is_proper(rows)]
    rng = numpy_generator(seed, "balanced rows", n_tasks, n_groups)
    rows = np.zeros((0, n_tasks), dtype=bool)
    idle = 0
    while len(rows) < n_rows and idle < _PATIENCE:
        candidates = [_new(_partition(n_tasks, n_groups, rng), rows) for _ in range(_CANDIDATES)]
        best = min(candidates, key=lambda new: _unevenness(np.concatenate([rows, new])))
        most = max(candidates, key=len)
        new = best if len(best) else most
        idle = 0 if len(new) else idle + 1
        rows = np.concatenate([rows, new])
    return rows[:n_rows]


def _partition(n_tasks: int, n_groups: int, rng: np.random.Generator) -> np.ndarray:
    """Groups (K, T) of a random partition; some may be empty."""
    shares = rng.dirichlet(np.full(n_groups, _EVENNESS))
    labels = rng.choice(n_groups, size=n_tasks, p=shares)
    return np.arange(n_groups)[:, None] == labels


def _new(groups: np.ndarray, rows: np.ndarray) -> np.ndarray:
    known = {row.tobytes() for row in rows}
    fresh = np.array([group.tobytes() not in known for group in groups])
    return groups[fresh & _is_proper(groups)]


def _is_proper(rows: np.ndarray) -> np.ndarray:
    """Neither empty, nor a task alone, nor all tasks."""
    sizes = rows.sum(axis=1)
    return (sizes > 1) & (sizes < rows.shape[1])


def _unevenness(rows: np.ndarray) -> float:
    """How unlike tasks are in their number of rows, and pairs in theirs."""
    together = rows.T.astype(np.float64) @ rows
    pairs = together[~np.eye(len(together), dtype=bool)]
    # One task more or less changes the pairs of all others.
    return float(together.diagonal().var() * len(together) + pairs.var())
