"""What is read off an affinity before clustering.

One symmetric matrix in which all targets count alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from coterie.grouping._method import Cluster, Clusters, Settings
from coterie.grouping.sdp import density
from coterie.results import Affinity

PREPARATION = "affinities standardised per target, both directions averaged, diagonal 0"
_ROUNDING = 1e-6


@dataclass(frozen=True)
class TaskAffinities:
    """An affinity, clustered by ``algorithm`` on its :func:`standardised` matrix."""

    affinity: Affinity
    algorithm: Cluster

    @cached_property
    def matrix(self) -> np.ndarray:
        """The standardised matrix (T, T)."""
        return standardised(self.affinity.matrix)

    @property
    def details(self) -> dict[str, object]:
        """What was measured, and what was done to it."""
        return {"measure": self.affinity.method, "preparation": PREPARATION}

    @property
    def least_silhouette(self) -> float:
        """The silhouette that several groups need, see :func:`noise_silhouette`."""
        given = np.where(np.eye(len(self.matrix), dtype=bool), 0.0, self.affinity.matrix)
        return noise_silhouette(
            len(given), symmetric=np.allclose(given, given.T, rtol=1e-5, atol=0)
        )

    def distances(self) -> np.ndarray:
        """Squared dissimilarities (T, T).

        Of two tasks, how far their affinity is below the largest of all pairs.
        """
        between = ~np.eye(len(self.matrix), dtype=bool)
        return np.square(np.where(between, self.matrix[between].max() - self.matrix, 0.0))

    def cluster(self, settings: Settings) -> Clusters:
        """Cluster the tasks in an order of their own: the given one has no influence."""
        n_tasks, n_groups = len(self.matrix), settings.n_groups
        if n_groups in (1, n_tasks):
            clusters = Clusters(
                membership=np.eye(n_groups)[np.arange(n_tasks) % n_groups]
            )  # nothing to choose
        else:
            order = self.matrix.sum(axis=0).argsort(kind="stable")
            found = self.algorithm(self.matrix[np.ix_(order, order)], settings)
            clusters = found.reordered(order.argsort(), np.arange(n_groups))
        dense = density(self.matrix, clusters.membership.argmax(axis=1))
        return replace(clusters, details={"density": dense, **clusters.details})


def standardised(matrix: np.ndarray) -> np.ndarray:
    """Affinities (T, T), [source, target], as deviations from what is usual for their target.

    Symmetric, diagonal 0.

    Of each target's affinities, the diagonal left out, the mean is subtracted, and they are divided
    by their standard deviation plus a millionth of the largest, so that a target all of whose
    affinities are equal but for rounding says nothing. Then both directions are averaged (Grad-TAG,
    Li et al. 2024: targets on larger scales would decide alone otherwise).

    The given diagonal is not read: methods disagree on what it means, and a density needs it only
    where tasks differ in how well they do alone. At 0 no task is more attractive alone than
    another, and company of average use is worth as much as none.

    >>> standardised(np.array([[9.0, 4.0, 0.1], [3.0, np.nan, 0.3], [1.0, 2.0, 0.2]])).round(3) + 0
    array([[ 0.,  1., -1.],
           [ 1.,  0.,  0.],
           [-1.,  0.,  0.]])
    """
    between = ~np.eye(len(matrix), dtype=bool)
    values = np.where(between, matrix, 0.0).astype(np.float64)
    others = len(matrix) - 1
    centred = np.where(between, values - values.sum(axis=0) / others, 0.0)
    scale = np.sqrt(np.square(centred).sum(axis=0) / others) + _ROUNDING * np.abs(values).max(
        axis=0
    )
    deviations = centred / np.where(scale > 0, scale, 1.0)
    return (deviations + deviations.T) / 2


def noise_silhouette(n_tasks: int, *, symmetric: bool = False) -> float:
    """The silhouette that affinities without structure exceed in one case of ten to twenty.

    Exp(a - b sqrt(T)).

    Standardised affinities are never all alike, and few tasks always look grouped: among 9 tasks of
    pure Gaussian noise the best grouping often has a silhouette of 0.4, and more where one number
    stands for both directions (``symmetric``). Both curves were fitted to simulations of 4 to 40
    tasks, which ``tests/grouping`` repeats. From 60 tasks on it is 0.1, as for data maps; three
    tasks can hardly show structure at all.

    >>> [round(noise_silhouette(n_tasks), 2) for n_tasks in (3, 5, 10, 20, 100)]
    [0.99, 0.82, 0.57, 0.35, 0.1]
    """
    start, slope = (0.81, 0.42) if symmetric else (0.66, 0.385)
    return float(np.clip(np.exp(start - slope * np.sqrt(n_tasks)), 0.1, 1.0))
