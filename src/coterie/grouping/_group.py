"""The verb: from a data map to a grouping."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import numpy as np

from coterie.datamaps.gram import FEATURES, Gram
from coterie.errors import CoterieError
from coterie.grouping._automatic import choose_n_groups
from coterie.grouping._measures import Measure, measure_distances, measure_points
from coterie.grouping._method import Clusters, Settings
from coterie.grouping.fuzzy_cmeans import fuzzy_cmeans
from coterie.grouping.fuzzy_kmeans import fuzzy_kmeans
from coterie.grouping.kmeans import kmeans
from coterie.results import DataMap, Grouping

METHODS: dict[str, Callable[[DataMap | Gram, Literal["cells", "density"], int], Measure]] = {
    "fuzzy-kmeans": partial(measure_distances, fuzzy_kmeans),
    "fuzzy-cmeans": partial(measure_distances, fuzzy_cmeans),
    "kmeans": partial(measure_distances, kmeans),
    "points": measure_points,
}
FUZZY = ("fuzzy-kmeans", "fuzzy-cmeans")


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

    Groups are ordered by their first task, so that groupings of different seeds can be compared; the order of the tasks
    has no other influence.

    Args:
        data_map: a map of T tasks, possibly memory-mapped, or its :func:`coterie.datamaps.gram` when several groupings are
            taken from it (``features`` is then settled).
        n_groups: number of groups K; "auto" takes the largest silhouette, or 1 where that is below 0.1. What it saw is in
            ``details["silhouette"]``.
        method: "fuzzy-kmeans" (centres by k-means, then the fuzzy formula), "fuzzy-cmeans" (iterated), "kmeans" (hard),
            "points" (every single point votes).
        fuzziness: m > 1 of the fuzzy methods; near 1 is hard, 2 is for reading.
        features: "cells" compares tasks example by example, "density" their distributions over the map.
        restarts: random starts, of which the best is kept.
        seed: of the starts and of the blocks of examples.

    Raises:
        CoterieError: an argument out of range, more groups than tasks, a task never observed.

    >>> from coterie.datamaps import DataMapRecorder
    >>> import torch
    >>> recorder = DataMapRecorder(3, 40, names=["cat", "dog", "ship"])
    >>> recorder.update(torch.arange(40), torch.tensor([[0.2, 0.3, 0.9]]).expand(40, 3))
    >>> group(recorder.data_map(), 2)
    Grouping(fuzzy-kmeans, 2 groups: {cat dog}, {ship})
    """
    check_group(len(data_map.tasks), n_groups, method, fuzziness, features, restarts)
    measured = METHODS[method](data_map, features, seed)
    details: dict[str, Any] = {}
    if n_groups == "auto":
        n_groups, details = choose_n_groups(measured.distances(), restarts=restarts, seed=seed)
    settings = Settings(n_groups=n_groups, fuzziness=fuzziness, restarts=restarts, seed=seed)
    clusters = _by_first_task(measured.cluster(settings))
    return Grouping(
        tasks=data_map.tasks, membership=clusters.membership, method=method, distances=clusters.distances,
        fuzziness=fuzziness if method in FUZZY else None, details={**measured.details, **details, **clusters.details},
    )  # fmt: skip


def check_group(n_tasks: int, n_groups: Any, method: str, fuzziness: float, features: str, restarts: int) -> None:
    """Refuse impossible settings before any work.

    Raises:
        CoterieError: naming the argument.
    """
    if method not in METHODS:
        raise CoterieError(f"`method` must be one of {', '.join(METHODS)}; found {method!r}.")
    if features not in FEATURES:
        raise CoterieError(f"`features` must be one of {', '.join(FEATURES)}; found {features!r}.")
    if not np.isfinite(fuzziness) or fuzziness <= 1:
        raise CoterieError(f"`fuzziness` must be a number greater than 1; found {fuzziness}.")
    if restarts < 1:
        raise CoterieError(f"`restarts` must be at least 1; found {restarts}.")
    if n_tasks < 2:
        raise CoterieError(f"`data_map` must have at least 2 tasks to group; found {n_tasks}.")
    if n_groups == "auto":
        return
    if isinstance(n_groups, bool) or not isinstance(n_groups, int | np.integer) or n_groups < 1:
        raise CoterieError(f"`n_groups` must be a whole number of at least 1, or 'auto'; found {n_groups!r}.")
    if n_groups > n_tasks:
        raise CoterieError(f"`n_groups` asks for {n_groups} groups of {n_tasks} tasks: fewer tasks than groups.")


def _by_first_task(clusters: Clusters) -> Clusters:
    """Order groups by the first task that each holds; groups that hold none come last."""
    labels = clusters.membership.argmax(axis=1)
    n_tasks, n_groups = clusters.membership.shape
    first = [np.flatnonzero(labels == k)[0] if (labels == k).any() else n_tasks for k in range(n_groups)]
    return clusters.reordered(np.arange(n_tasks), np.argsort(first, kind="stable"))
