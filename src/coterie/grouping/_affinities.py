"""What is read off an affinity before clustering.

One symmetric matrix in which all targets count alike.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from coterie.grouping._automatic import LEAST, chance_silhouette
from coterie.grouping._chance import affinities_by_chance
from coterie.grouping._method import Cluster, Clusters, Settings
from coterie.grouping._standardised import deviations, standardised
from coterie.grouping.sdp import density
from coterie.results import Affinity
from coterie.seeds import numpy_generator

PREPARATION = "affinities standardised per target, both directions averaged, diagonal 0"


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

    def least_silhouette(self, seed: int = 0) -> float:
        """The silhouette that affinities without groups exceed in one case of a hundred.

        The largest of :func:`coterie.grouping._chance.affinities_by_chance`, and 0.1 at least.
        """
        if len(self.matrix) < 3:
            return LEAST
        random = numpy_generator(seed, "affinities without groups")
        # The order in which tasks are given has no influence.
        order = self.matrix.sum(axis=0).argsort(kind="stable")
        given = deviations(self.affinity.matrix)[np.ix_(order, order)]
        return chance_silhouette(map(profile_distances, affinities_by_chance(given, random)))

    def distances(self) -> np.ndarray:
        """Squared dissimilarities (T, T) by how alike the affinities of two tasks to others are."""
        return profile_distances(self.matrix)

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


def profile_distances(matrix: np.ndarray) -> np.ndarray:
    """Mean squared differences (T, T) of what two tasks have with each other task.

    Of a symmetric matrix with a diagonal of 0. The affinity of the two themselves is not read: alone
    it would make a pair of them, as noise does, where a group shows in what its members are to
    others.

    >>> profile_distances(np.array([[0.0, 1, 4, 4], [1, 0, 4, 6], [4, 4, 0, 2], [4, 6, 2, 0]]))[0]
    array([ 0. ,  2. ,  6.5, 14.5])
    """
    products = matrix @ matrix
    squares = np.diag(products)
    sums = squares[:, None] + squares - 2 * products - 2 * np.square(matrix)
    np.fill_diagonal(sums, 0.0)
    return sums.clip(0) / max(len(matrix) - 2, 1)
