"""How many groups? The number with the largest silhouette, or one group if even that is small."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

MOST_GROUPS = 20
# Smaller silhouettes say little, however sure they are.
LEAST = 0.1
# The largest of so many made by chance is exceeded by another in one case of a hundred.
DRAWS = 99
_ROUNDING = 1e-6


def choose_n_groups(
    silhouettes: Mapping[int, float], least: float
) -> tuple[int, dict[str, object]]:
    """The number of groups with the largest silhouette, one unless that is above ``least``.

    Returns:
        The number of groups, and what to show: the silhouette by number of groups and the least
            that several groups need.

    >>> choose_n_groups({2: 0.4, 3: 0.3}, least=0.1)[0], choose_n_groups({2: 0.05}, least=0.1)[0]
    (2, 1)
    """
    best = max(silhouettes, key=silhouettes.__getitem__, default=1)
    chosen = best if silhouettes.get(best, 0.0) - least > _ROUNDING else 1
    seen = {str(n_groups): value for n_groups, value in silhouettes.items()}
    return chosen, {"silhouette": seen, "least_silhouette": least}


def chance_silhouette(drawn: Iterable[np.ndarray]) -> float:
    """The largest silhouette of squared distances (T, T) that were ``drawn``, and 0.1 at least."""
    return max(LEAST, *(max(ward_silhouettes(each).values(), default=0.0) for each in drawn))


def ward_silhouettes(distances2: np.ndarray) -> dict[int, float]:
    """Silhouettes (Rousseeuw 1987) by number of groups, of Ward's hierarchy (1963).

    For 2 up to half as many groups as tasks, at most 20. All numbers of groups at once: fast enough
    to repeat it on what chance makes.

    >>> points = np.array([0.0, 0.1, 0.2, 5.0, 5.1, 5.2])
    >>> found = ward_silhouettes(np.square(points[:, None] - points))
    >>> max(found, key=found.get)
    2
    """
    from scipy.cluster.hierarchy import cut_tree, linkage
    from scipy.spatial.distance import squareform

    distances = np.sqrt(distances2)
    n_tasks = len(distances)
    if n_tasks < 3:
        return {}
    # Column n has n + 1 fewer groups than there are tasks.
    cuts = cut_tree(linkage(squareform(distances, checks=False), "ward"))
    candidates = range(2, min(n_tasks - 1, max(2, n_tasks // 2), MOST_GROUPS) + 1)
    return {n_groups: silhouette(distances, cuts[:, n_tasks - n_groups]) for n_groups in candidates}


def silhouette(distances: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of groups ``labels`` (T,), 0 where tasks coincide or there is one group.

    scikit-learn's is the same, at many times the time for so few points.

    >>> round(silhouette(np.array([[0.0, 1, 4], [1, 0, 4], [4, 4, 0]]), np.array([0, 0, 1])), 3)
    0.5
    """
    found, index = np.unique(labels, return_inverse=True)
    if not 1 < len(found) < len(labels):
        return 0.0
    tasks = np.arange(len(labels))
    sizes = np.bincount(index)
    sums = distances @ np.eye(len(found))[index]
    within = sums[tasks, index] / (sizes[index] - 1).clip(1)
    means = sums / sizes
    means[tasks, index] = np.inf
    nearest = means.min(axis=1)
    largest = np.maximum(within, nearest)
    own = (nearest - within) / np.where(largest > 0, largest, 1.0)
    return float(np.where(sizes[index] > 1, own, 0.0).mean())
