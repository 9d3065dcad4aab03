"""Hard groups by k-means (STG-MTL, section 2)."""

from __future__ import annotations

import warnings

import numpy as np

from coterie.grouping._method import Clusters, Settings, squared_distances
from coterie.seeds import derive


def kmeans(points: np.ndarray, settings: Settings) -> Clusters:
    """One-hot membership of ``points`` (T, D) by scikit-learn's k-means, best of ``restarts``.

    The distances to the centres are kept, so that the grouping can be read softly as well.

    >>> settings = Settings(n_groups=2, fuzziness=2.0, restarts=3, seed=0)
    >>> kmeans(np.array([[0.0], [0.1], [1.0]]), settings).membership.sum(axis=1)
    array([1., 1., 1.])
    """
    distances, details = kmeans_distances(points, settings)
    nearest = distances.argmin(axis=1)
    return Clusters(
        membership=np.eye(settings.n_groups)[nearest], distances=distances, details=details
    )


def kmeans_distances(
    points: np.ndarray, settings: Settings
) -> tuple[np.ndarray, dict[str, object]]:
    """Squared distances (T, K) from points (T, D) to the centres of k-means, and its inertia."""
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    model = KMeans(
        settings.n_groups,
        n_init=settings.restarts,  # pyright: ignore[reportArgumentType]
        random_state=derive(settings.seed, "kmeans") % 2**32,
    )
    with warnings.catch_warnings():
        # Fewer distinct points than groups: centres coincide.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(points)
    distances = squared_distances(points, np.asarray(model.cluster_centers_))
    return distances, {"inertia": float(distances.min(axis=1).sum())}
