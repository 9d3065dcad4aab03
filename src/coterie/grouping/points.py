"""Point votes.

Cluster all single (task, example) points, then let each task's points vote (STG-MTL, section 2).
"""

from __future__ import annotations

import warnings

import numpy as np

from coterie.errors import CoterieError
from coterie.grouping._method import Clusters, Settings
from coterie.seeds import derive

BINS = 64


def point_votes(histograms: np.ndarray, variability_limit: float, settings: Settings) -> Clusters:
    """K-means on all points of the (confidence, variability) plane.

    Membership = share of a task's points per cluster.

    The T * N points enter as a weighted histogram, each at the centre of its bin; snapshots share
    the plane.

    Args:
        histograms: counts, (S snapshots, T, bins of confidence, bins of variability).
        variability_limit: upper end of the variability axis.
        settings: number of groups, restarts and seed; votes have no fuzziness.

    Raises:
        CoterieError: fewer distinct points than groups.

    >>> histograms = np.zeros((1, 2, 2, 1))
    >>> histograms[0, 0, 0, 0], histograms[0, 1, :, 0] = 4, (1, 3)
    >>> settings = Settings(n_groups=2, fuzziness=2.0, restarts=2, seed=0)
    >>> point_votes(histograms, 1.0, settings).membership.sum(axis=1)
    array([1., 1.])
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    counts = histograms.sum(axis=0)
    used = np.argwhere(counts.sum(axis=0))
    if len(used) < settings.n_groups:
        raise CoterieError(
            f"`n_groups` must be at most the {len(used)} distinct points of the map; found "
            f"{settings.n_groups}."
        )
    places = (used + 0.5) / counts.shape[1:] * (1.0, variability_limit)
    votes = counts[:, used[:, 0], used[:, 1]]
    model = KMeans(
        settings.n_groups,
        n_init=settings.restarts,  # pyright: ignore[reportArgumentType]
        random_state=derive(settings.seed, "points") % 2**32,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        labels = model.fit(places, sample_weight=votes.sum(axis=0)).labels_
    membership = votes @ np.eye(settings.n_groups)[labels]
    return Clusters(
        membership=membership / membership.sum(axis=1, keepdims=True),
        details={"centres": np.asarray(model.cluster_centers_).tolist()},
    )
