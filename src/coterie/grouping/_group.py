"""The verb: from a data map to a grouping."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from coterie.datamaps.gram import Gram, classical_scaling, gram
from coterie.errors import CoterieError
from coterie.grouping._method import Cluster, Clusters, Settings
from coterie.grouping.fuzzy_kmeans import fuzzy_kmeans
from coterie.grouping.kmeans import kmeans
from coterie.results import DataMap, Grouping

METHODS: dict[str, Cluster] = {"fuzzy-kmeans": fuzzy_kmeans, "kmeans": kmeans}
SOFT = ("fuzzy-kmeans", "fuzzy-cmeans")


def group(
    data_map: DataMap | Gram,
    n_groups: int | Literal["auto"],
    *,
    method: str = "fuzzy-kmeans",
    fuzziness: float = 1.07,
    features: Literal["cells", "density"] = "cells",
    restarts: int = 10,
    seed: int = 0,
) -> Grouping:
    """Group the tasks of a data map (STG-MTL, section 2).

    Groups are ordered by their first task, so that groupings of different seeds can be compared; the outcome does not
    depend on the order of the tasks otherwise.
    """
    found = data_map if isinstance(data_map, Gram) else gram(data_map, features, seed=seed)
    settings = Settings(n_groups=int(n_groups), fuzziness=fuzziness, restarts=restarts, seed=seed)
    clusters = cluster_distances(found.distances2, METHODS[method], settings)
    details: dict[str, Any] = {
        "features": found.features, "negative_share": found.negative_share, "notes": list(found.notes), **clusters.details,
    }  # fmt: skip
    return Grouping(
        tasks=found.tasks, membership=clusters.membership, method=method, fuzziness=fuzziness if method in SOFT else None,
        distances=clusters.distances, details=details,
    )  # fmt: skip


def cluster_distances(distances2: np.ndarray, method: Cluster, settings: Settings) -> Clusters:
    """Cluster tasks at squared distances (T, T): in an order of their own, so that their given order has no influence."""
    order = distances2.sum(axis=0).round(12).argsort(kind="stable")
    coordinates, _ = classical_scaling(distances2[np.ix_(order, order)])
    clusters = method(coordinates, settings)
    return by_first_task(clusters.reordered(order.argsort(), np.arange(settings.n_groups)))


def by_first_task(clusters: Clusters) -> Clusters:
    """Order groups by the first task that each holds; groups that hold none come last."""
    labels = clusters.membership.argmax(axis=1)
    n_groups = clusters.membership.shape[1]
    first = [np.flatnonzero(labels == k)[0] if (labels == k).any() else len(labels) for k in range(n_groups)]
    return clusters.reordered(np.arange(len(labels)), np.argsort(first, kind="stable"))
