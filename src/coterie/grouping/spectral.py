"""Groups by spectral clustering.

Tasks as nodes of a graph, affinities as weights of its edges (von Luxburg 2007).
"""

from __future__ import annotations

import warnings

import numpy as np

from coterie.grouping._method import Clusters, Settings
from coterie.seeds import derive

_STARTS = 100


def spectral(matrix: np.ndarray, settings: Settings) -> Clusters:
    """Normalised spectral clustering by scikit-learn of a symmetric affinity (T, T).

    That is in units of standard deviations.

    Edges must not be negative: an affinity a becomes the weight log(1 + exp(a)), which is nearly a
    where a is large and nearly 0 where it is far below what is usual; no edge vanishes, so the
    graph stays connected. The diagonal is not read. K-means on the eigenvectors starts at least 100
    times.

    Args:
        matrix: affinities, standardised.
        settings: number of groups, below T; restarts and seed of the k-means.

    Returns:
        One-hot membership (T, K).

    >>> matrix = np.kron(np.eye(2), np.full((3, 3), 2.0)) - 1
    >>> settings = Settings(n_groups=2, fuzziness=2.0, restarts=1, seed=0)
    >>> membership = spectral(matrix, settings).membership
    >>> (membership @ membership.T).astype(int)[0]
    array([1, 1, 1, 0, 0, 0])
    """
    from sklearn.cluster import SpectralClustering
    from sklearn.exceptions import ConvergenceWarning

    model = SpectralClustering(
        settings.n_groups,
        affinity="precomputed",
        n_init=max(settings.restarts, _STARTS),
        random_state=derive(settings.seed, "spectral") % 2**32,
    )
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # tasks that coincide: fewer distinct points than groups
        labels = model.fit(np.logaddexp(0.0, matrix)).labels_
    return Clusters(membership=np.eye(settings.n_groups)[labels])
