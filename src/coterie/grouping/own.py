"""Clusterings of a user's own: a function of what was measured, the number of groups and a seed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from coterie.errors import CoterieError, blame, shown
from coterie.grouping._method import Cluster, Clusters, Settings

Clustering = Callable[[np.ndarray, int, int], npt.ArrayLike]
_ROUNDING = 1e-6


def own_clustering(function: Clustering) -> Cluster:
    """The function as any other clustering; what it answers is checked.

    It is called as ``function(values, n_groups, seed)`` with points (T, D) of a data map or the
    standardised, symmetric affinities (T, T), whose tasks are in an order of their own, and answers
    labels (T,) from 0 to K - 1 or a membership (T, K).

    >>> own_clustering(lambda values, n_groups, seed: values[:, 0] > 0)(
    ...     np.array([[-1.0], [2.0]]), Settings(n_groups=2, fuzziness=2.0, restarts=1, seed=0)
    ... ).membership
    array([[1., 0.],
           [0., 1.]])
    """

    def cluster(values: np.ndarray, settings: Settings) -> Clusters:
        what = f"`method` {clustering_name(function)!r}"
        with blame(f"{what} fails on values of shape {values.shape}"):
            found = np.asarray(function(values.copy(), settings.n_groups, settings.seed))
        return Clusters(membership=_membership(found, len(values), settings.n_groups, what))

    return cluster


def clustering_name(method: str | Clustering) -> str:
    """The name of a clustering: its own, or that of the function or its class.

    >>> clustering_name("spectral"), clustering_name(np.argsort)
    ('spectral', 'argsort')
    """
    if isinstance(method, str):
        return method
    return getattr(method, "name", getattr(method, "__name__", type(method).__name__))


def _membership(found: np.ndarray, n_tasks: int, n_groups: int, what: str) -> np.ndarray:
    if (
        found.shape == (n_tasks,)
        and found.dtype.kind in "biu"
        and found.min() >= 0
        and found.max() < n_groups
    ):
        return np.eye(n_groups)[found.astype(np.int64)]
    if found.shape == (n_tasks, n_groups) and found.dtype.kind in "biuf":
        shares = found.astype(np.float64)
        if (shares >= 0).all() and np.allclose(shares.sum(axis=1), 1, atol=_ROUNDING):
            return shares
    raise CoterieError(
        f"{what} must answer one label from 0 to {n_groups - 1} for each of {n_tasks} tasks, or a "
        f"membership of shape ({n_tasks}, {n_groups}) whose rows sum to 1; found "
        f"{shown(found.tolist())} of shape {found.shape}."
    )
