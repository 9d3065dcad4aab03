"""Groups by average linkage.

The two whose tasks go best together on average are merged first (Sokal and Michener 1958).
"""

from __future__ import annotations

import numpy as np

from coterie.grouping._method import Clusters, Settings


def hierarchical(matrix: np.ndarray, settings: Settings) -> Clusters:
    """Average linkage on the dissimilarity max(A) - A of a symmetric affinity (T, T).

    Its diagonal is not read.

    Returns:
        One-hot membership (T, K), no group empty.

    >>> matrix = np.array([[0.0, 3.0, 1.0], [3.0, 0.0, 1.0], [1.0, 1.0, 0.0]])
    >>> settings = Settings(n_groups=2, fuzziness=2.0, restarts=1, seed=0)
    >>> hierarchical(matrix, settings).membership.argmax(axis=1)
    array([0, 0, 1])
    """
    labels = average_linkage(matrix.max() - matrix, settings.n_groups)
    return Clusters(membership=np.eye(settings.n_groups)[labels])


def average_linkage(dissimilarity: np.ndarray, n_groups: int) -> np.ndarray:
    """Labels (T,) of exactly K groups from a symmetric dissimilarity (T, T).

    Its diagonal is not read.

    >>> average_linkage(np.array([[0.0, 1.0, 4.0], [1.0, 0.0, 4.0], [4.0, 4.0, 0.0]]), 2)
    array([0, 0, 1])
    """
    from scipy.cluster.hierarchy import cut_tree, linkage
    from scipy.spatial.distance import squareform

    # Merges are undone to K groups, not cut at a height: ties would leave fewer.
    return cut_tree(
        linkage(squareform(dissimilarity, checks=False), "average"), n_clusters=n_groups
    )[:, 0]
