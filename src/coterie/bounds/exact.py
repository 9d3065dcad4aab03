"""The best of all partitions of a few tasks, and the best few groups that may overlap.

A subset is a number whose bits are its tasks. Shapes: ``D`` draws, ``T`` tasks, ``A`` = 2^T subsets.
"""

from __future__ import annotations

import numpy as np

from coterie.bounds.model import Draws, correlated, size_effect

MOST_TASKS = 10
_OUTSIDE = -1e9
_ROUNDS = 4


def subset_members(n_tasks: int) -> np.ndarray:
    """Which tasks (A, T) each subset holds.

    >>> subset_members(2).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    return (np.arange(2**n_tasks)[:, None] >> np.arange(n_tasks)) & 1 > 0


def gains(draws: Draws, rng: np.random.Generator) -> np.ndarray:
    """What each task gains over the joint model in each subset, (D, A, T); 0 outside of it."""
    n_tasks = draws.intercept.shape[1]
    members = subset_members(n_tasks)
    sizes = members.sum(axis=1)
    centred = members - ((sizes - 1) / max(n_tasks - 1, 1))[:, None]
    # A task is no co-member of its own: the diagonal of theta is 0.
    found = centred @ draws.theta.transpose(0, 2, 1)
    found += draws.intercept[:, None] + draws.slope[:, None] * size_effect(sizes, n_tasks)[:, None]
    rest = draws.sd[:, None, None] * draws.scale * correlated(found.shape, draws.common, rng)
    rest[:, draws.rows @ (1 << np.arange(n_tasks))] = draws.trained
    found += rest
    found[:, sizes == 1] = draws.single[:, None]
    found[:, -1] = 0.0
    return np.where(members, found, 0.0)


def best_partition(totals: np.ndarray, n_groups: int) -> np.ndarray:
    """The largest sum (D,) of ``totals`` (D, A) over a partition into at most ``n_groups``.

    By dynamic programming over subsets: the group of the lowest task, then the best of the rest.

    >>> best_partition(np.array([[0.0, 1.0, 2.0, 2.5]]), 1), best_partition(np.eye(4)[None, 1], 2)
    (array([2.5]), array([1.]))
    """
    n_subsets = totals.shape[1]
    values = np.ascontiguousarray(totals.T)
    best = values.copy()
    best[0] = 0.0
    for left in range(2, n_groups + 1):
        wanted = [n_subsets - 1] if left == n_groups else range(1, n_subsets)
        found = best.copy()
        for whole in wanted:
            lowest = whole & -whole
            groups = subsets_of(whole ^ lowest) | lowest
            found[whole] = (values[groups] + best[whole ^ groups]).max(axis=0)
        best = found
    return best[-1]


def subsets_of(whole: int) -> np.ndarray:
    """All subsets of a subset, itself and the empty one included."""
    found = np.zeros(1, dtype=np.int64)
    bit = 1
    while bit <= whole:
        if whole & bit:
            found = np.concatenate([found, found | bit])
        bit <<= 1
    return found


def best_cover(gains: np.ndarray, n_groups: int) -> np.ndarray:
    """A large sum (D,) of each task's best gain in at most ``n_groups`` subsets that may overlap.

    Greedily, then each subset in turn is taken out and the best one put in its place, which is the
    best of all or close to it (the sum has falling returns).

    Args:
        gains: (D, A, T).
        n_groups: K.
    """
    n_draws, _, n_tasks = gains.shape
    inside = np.where(subset_members(n_tasks), gains, _OUTSIDE)
    draw = np.arange(n_draws)
    served = np.full((n_groups, n_draws, n_tasks), _OUTSIDE)
    # All tasks together cover what the others leave.
    served[0] = inside[:, -1]
    for turn in range(n_groups * (_ROUNDS + 1)):
        place = (turn + 1) % n_groups
        others = np.delete(served, place, axis=0).max(axis=0, initial=_OUTSIDE)
        chosen = np.maximum(inside, others[:, None]).sum(axis=2).argmax(axis=1)
        served[place] = inside[draw, chosen]
    return served.max(axis=0).sum(axis=1)
