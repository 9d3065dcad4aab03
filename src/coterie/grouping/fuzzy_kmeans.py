"""Fuzzy membership read from the centres of k-means: the default of STG-MTL (section 2)."""

from __future__ import annotations

import numpy as np

from coterie.grouping._method import Clusters, Settings
from coterie.grouping.kmeans import kmeans_distances
from coterie.results import fuzzy_membership


def fuzzy_kmeans(points: np.ndarray, settings: Settings) -> Clusters:
    """Centres by k-means on ``points`` (T, D), then the fuzzy formula once.

    >>> points = np.array([[0.0], [0.0], [1.0]])
    >>> settings = Settings(n_groups=2, fuzziness=2.0, restarts=3, seed=0)
    >>> fuzzy_kmeans(points, settings).membership.max(axis=1)
    array([1., 1., 1.])
    """
    distances, details = kmeans_distances(points, settings)
    return Clusters(
        membership=fuzzy_membership(distances, settings.fuzziness),
        distances=distances,
        details=details,
    )
