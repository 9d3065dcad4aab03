"""How many groups? The number with the largest silhouette, or one group if even that is small."""

from __future__ import annotations

import numpy as np

from coterie.datamaps.gram import classical_scaling
from coterie.grouping._method import Settings
from coterie.grouping.kmeans import kmeans_distances

THRESHOLD = 0.1
MOST_GROUPS = 20


def choose_n_groups(
    distances2: np.ndarray, *, restarts: int, seed: int, least: float = THRESHOLD
) -> tuple[int, dict[str, object]]:
    """Choose the number of groups from squared distances (T, T), and say by what.

    The silhouette (Rousseeuw 1987) of k-means is computed for 2 up to half as many groups as tasks,
    at most 20; the largest wins. Below ``least`` the answer is one group. For data maps that is
    0.1: tasks without structure stay under 0.05 at any T, since in many dimensions they are all
    equally far apart, and the noise of the cells, which every pair of tasks shares, leaves real
    groups smaller silhouettes than the 0.25 that is usual for plain points.

    Returns:
        The number of groups, and what to show: the silhouette by number of groups and the least
            that several groups need.

    >>> points = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 5.2])
    >>> choose_n_groups(np.square(points[:, None] - points), restarts=3, seed=0)[0]
    2
    """
    from sklearn.metrics import silhouette_score

    n_tasks = len(distances2)
    coordinates, _ = classical_scaling(distances2)
    distances = np.sqrt(distances2)
    candidates = range(2, min(n_tasks - 1, max(2, n_tasks // 2), MOST_GROUPS) + 1)
    scores: dict[int, float] = {}
    for n_groups in candidates:
        settings = Settings(n_groups=n_groups, fuzziness=2.0, restarts=restarts, seed=seed)
        labels = kmeans_distances(coordinates, settings)[0].argmin(axis=1)
        several = 1 < len(np.unique(labels)) < n_tasks  # fewer where tasks coincide
        scores[n_groups] = (
            float(silhouette_score(distances, labels, metric="precomputed")) if several else 0.0
        )
    best = max(scores, key=scores.__getitem__, default=1)
    chosen = best if scores.get(best, 0.0) >= least else 1
    return chosen, {"silhouette": {str(k): v for k, v in scores.items()}, "least_silhouette": least}
