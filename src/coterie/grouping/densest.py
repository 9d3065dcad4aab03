"""The partition of largest density, exactly.

Principled task grouping: Wang, Pan and Yu, arXiv 2402.15328.
"""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter

import numpy as np

from coterie.errors import CoterieError
from coterie.grouping._conflicts import allowed_rows, shape_constraints
from coterie.grouping._highs import Answer, part
from coterie.grouping._rows import every_subset

_MOST_TASKS = 16


def densest_partition(
    matrix: np.ndarray,
    n_groups: int,
    *,
    sizes: tuple[int | None, int | None] = (None, None),
    must_link: Iterable[tuple[int, int]] = (),
    cannot_link: Iterable[tuple[int, int]] = (),
    time_limit: float = 60.0,
) -> np.ndarray:
    """Part T <= 16 tasks into exactly K groups so that the sum of their densities is largest.

    A group is worth the mean over its members i of what they get from all members, the diagonal
    included: sum over i and k of ``matrix[i, k]`` divided by its size (the objective of the paper's
    program, with membership in exactly one group: with the "at least one" of its released code a
    good nucleus is counted once per group that holds it). All 2^T - 1 groups are columns of a set
    partitioning programme.

    Args:
        matrix: affinity between tasks (T, T), complete; its two directions are added.
        n_groups: number of groups K.
        sizes: smallest and largest number of tasks of a group.
        must_link: pairs of positions that share a group.
        cannot_link: pairs of positions that do not.
        time_limit: seconds in which the best must be found and proven.

    Returns:
        The group of each task (T,), numbered in the order of their first tasks.

    Raises:
        CoterieError: bad input, no such partition, or no proof in time.

    >>> densest_partition(np.array([[0.0, 2.0, -1.0], [2.0, 0.0, 1.0], [-1.0, 1.0, 0.0]]), 2)
    array([0, 0, 1])
    """
    values = _checked(matrix, n_groups)
    groups = every_subset(len(values))
    names = tuple(f"task {t}" for t in range(len(values)))
    constraints = shape_constraints(groups, names, sizes, must_link, cannot_link)
    groups = groups[allowed_rows(constraints, len(groups))]
    found = _part(values, groups, n_groups, perf_counter() + time_limit)
    if not found.finished:
        raise CoterieError(
            f"`time_limit` of {time_limit:g} s ended before the best partition was proven; give "
            "more."
        )
    if found.rows is None:
        asked = ", ".join(constraint.name for constraint in constraints)
        raise CoterieError(
            f"No partition of the {len(values)} tasks into {n_groups} groups keeps to {asked}. "
            "Relax them."
        )
    labels = groups[found.rows].argmax(axis=0)
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]


def _part(values: np.ndarray, groups: np.ndarray, n_groups: int, deadline: float) -> Answer:
    if not groups.any(axis=0).all():
        return Answer(None, -np.inf, finished=True)
    density = ((groups @ values) * groups).sum(axis=1) / groups.sum(axis=1)
    worth = (density - density.min()) / (
        np.ptp(density) or 1.0
    )  # exactly K groups: what is the same for all does not matter
    return part(worth, groups, np.zeros((0, len(groups))), deadline, n_rows=n_groups)


def _checked(matrix: np.ndarray, n_groups: int) -> np.ndarray:
    values = np.asarray(matrix, dtype=np.float64)
    if values.ndim != 2 or values.shape[0] != values.shape[1]:
        raise CoterieError(f"`matrix` must be square, tasks by tasks; found {values.shape}.")
    if not 2 <= len(values) <= _MOST_TASKS:
        raise CoterieError(
            f"`matrix` must be between 2 and {_MOST_TASKS} tasks, whose groups can all be listed; "
            f"found {len(values)}. For more, use group(affinity, method='sdp')."
        )
    if not np.isfinite(values).all():
        raise CoterieError(
            "`matrix` must be finite everywhere; NaN stands for pairs that were never measured."
        )
    if (
        isinstance(n_groups, bool)
        or not isinstance(n_groups, int | np.integer)
        or not 1 <= n_groups <= len(values)
    ):
        raise CoterieError(
            f"`n_groups` must be a whole number from 1 to the {len(values)} tasks; found "
            f"{n_groups!r}."
        )
    return values
