"""The verb: from a data map or an affinity to a grouping."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from numbers import Integral
from typing import Literal

import numpy as np

from coterie.datamaps.gram import FEATURES, FeatureName, Gram
from coterie.errors import CoterieError, require_count, require_whole, shown
from coterie.grouping._affinities import TaskAffinities
from coterie.grouping._automatic import choose_n_groups, kmeans_silhouettes, ward_silhouettes
from coterie.grouping._difficulty import difficulty_share, least_silhouette
from coterie.grouping._measures import Measure, measure_distances, measure_points
from coterie.grouping._method import Cluster, Clusters, Settings
from coterie.grouping.fuzzy_cmeans import fuzzy_cmeans
from coterie.grouping.fuzzy_kmeans import fuzzy_kmeans
from coterie.grouping.hierarchical import hierarchical
from coterie.grouping.kmeans import kmeans
from coterie.grouping.own import Clustering, clustering_name, own_clustering
from coterie.grouping.sdp import sdp
from coterie.grouping.spectral import spectral
from coterie.results import Affinity, DataMap, Fit, Grouping
from coterie.results.groupings import require_fuzziness
from coterie.seeds import MOST_SEED

Measuring = Callable[[DataMap | Gram, FeatureName, int], Measure]
METHODS: dict[str, Measuring] = {
    "fuzzy-kmeans": partial(measure_distances, fuzzy_kmeans),
    "fuzzy-cmeans": partial(measure_distances, fuzzy_cmeans),
    "kmeans": partial(measure_distances, kmeans),
    "points": measure_points,
}
AFFINITY_METHODS: dict[str, Cluster] = {
    "sdp": sdp,
    "spectral": spectral,
    "hierarchical": hierarchical,
}
_MOST_RESTARTS = 10_000
FUZZY = ("fuzzy-kmeans", "fuzzy-cmeans")


def group(
    source: DataMap | Gram | Affinity | Fit,
    n_groups: int | Literal["auto"],
    *,
    method: str | Clustering | None = None,
    fuzziness: float = 1.07,
    features: FeatureName = "cells",
    restarts: int = 10,
    seed: int = 0,
) -> Grouping:
    """Group the tasks of a data map (STG-MTL, section 2), or those of an affinity (Grad-TAG).

    Grad-TAG is Li et al., KDD 2024.

    Groups are ordered by their first task, so that groupings of different seeds can be compared;
    the order of the tasks has no other influence. Groups of an affinity are hard. Its targets count
    alike whatever their scale: affinities are taken as deviations from the target's mean in units
    of its standard deviation, and both directions are averaged; its diagonal is not read.

    Args:
        source: a map of T tasks, possibly memory-mapped, or its :func:`coterie.datamaps.gram` when
            several groupings are taken from it (``features`` is then settled), or an affinity of T
            tasks. A fit that recorded a map stands for it.
        n_groups: number of groups K; "auto" takes the largest silhouette, or 1 where that is below
            what tasks without structure reach: tasks of maps that differ only in difficulty,
            affinities of noise. What it saw is in ``details["silhouette"]`` and
            ``details["least_silhouette"]``.
        method: of maps "fuzzy-kmeans" (default; centres by k-means, then the fuzzy formula),
            "fuzzy-cmeans" (iterated), "kmeans" (hard), "points" (every single point votes). Of
            affinities "sdp" (default; groups of the greatest density), "spectral", "hierarchical"
            (average linkage). Or a function ``(values, n_groups, seed)`` of your own: it gets the
            maps' principal coordinates (T, D), or the affinities (T, T) prepared as said above, and
            answers labels (T,) from 0 to K - 1 or a membership (T, K). Tasks come in an order that
            depends on the values only, and affinities only where there is something to choose: 1 <
            K < T.
        fuzziness: m > 1 of the fuzzy methods; near 1 is hard, 2 is for reading.
        features: "cells" compares tasks example by example, "centred" too but for what each task
            does on average, so that difficulty alone makes no groups, "density" their distributions
            over the map; not for affinities. ``details["difficulty_share"]`` is how much of what
            tells groups of maps apart is that average.
        restarts: random starts, of which the best is kept.
        seed: of the starts and of the blocks of examples.

    Raises:
        CoterieError: an argument out of range, more groups than tasks, a task never observed, an
            affinity with gaps, or a method that does not group such a source.

    >>> from coterie.datamaps import DataMapRecorder
    >>> import torch
    >>> recorder = DataMapRecorder(3, 40, names=["cat", "dog", "ship"])
    >>> recorder.update(torch.arange(40), torch.tensor([[0.2, 0.3, 0.9]]).expand(40, 3))
    >>> group(recorder.data_map(), 2)
    Grouping(fuzzy-kmeans, 2 groups: {cat dog}, {ship})
    >>> helps = np.array([[0.0, 3.0, 1.0], [3.0, 0.0, 0.0], [1.0, 2.0, 0.0]])
    >>> group(Affinity(tasks=("cat", "dog", "ship"), matrix=helps, method="by hand"), 2)
    Grouping(sdp, 2 groups: {cat dog}, {ship})
    """
    require_whole("seed", seed, 0, MOST_SEED)
    if isinstance(source, Fit):
        if source.data_map is None:
            raise CoterieError("`source` is a fit that recorded no data map: fit with record=True.")
        source = source.data_map
    methods = _methods(source)
    method = next(iter(methods)) if method is None else method
    check_group(len(source.tasks), n_groups, method, fuzziness, features, restarts, methods=methods)
    details: dict[str, object] = {}
    if isinstance(source, Affinity):
        source.require_complete()
        measured = TaskAffinities(
            source, AFFINITY_METHODS[method] if isinstance(method, str) else own_clustering(method)
        )
        if n_groups == "auto":
            seen = kmeans_silhouettes(measured.distances(), restarts=restarts, seed=seed)
            n_groups, details = choose_n_groups(seen, measured.least_silhouette)
    else:
        measured = measuring(method)(source, features, seed)
        if n_groups == "auto":
            seen = ward_silhouettes(measured.gram.distances2)
            n_groups, details = choose_n_groups(seen, least_silhouette(measured.gram, seed))
    settings = Settings(n_groups=n_groups, fuzziness=fuzziness, restarts=restarts, seed=seed)
    clusters = _by_first_task(measured.cluster(settings))
    if not isinstance(measured, TaskAffinities):
        share = difficulty_share(measured.gram, clusters.membership.argmax(axis=1))
        details |= {} if share is None else {"difficulty_share": share}
    name = clustering_name(method)
    if callable(method) and name in (*METHODS, *AFFINITY_METHODS):
        name = f"own {name}"  # not to be taken for that of the house
    return Grouping(
        tasks=source.tasks,
        membership=clusters.membership,
        method=name,
        distances=clusters.distances,
        fuzziness=fuzziness if method in FUZZY else None,
        details={**measured.details, **details, **clusters.details},
    )


def measuring(method: str | Clustering) -> Measuring:
    """How a data map is measured for a clustering."""
    return (
        METHODS[method]
        if isinstance(method, str)
        else partial(measure_distances, own_clustering(method))
    )


def check_group(
    n_tasks: int,
    n_groups: int | Literal["auto"],
    method: str | Clustering,
    fuzziness: float,
    features: str,
    restarts: int,
    *,
    methods: Collection[str] = METHODS.keys(),
) -> None:
    """Refuse impossible settings before any work; ``methods`` are those that group such a source.

    Raises:
        CoterieError: naming the argument.
    """
    check_settings(n_groups, method, fuzziness, features, restarts, methods=methods)
    if n_tasks < 2:
        raise CoterieError(f"`data_map` must have at least 2 tasks to group; found {n_tasks}.")
    if n_groups != "auto" and n_groups > n_tasks:
        raise CoterieError(
            f"`n_groups` asks for {n_groups} groups of {n_tasks} tasks: fewer tasks than groups."
        )


def check_settings(
    n_groups: object,
    method: str | Clustering,
    fuzziness: float,
    features: str,
    restarts: int,
    *,
    methods: Collection[str] = METHODS.keys(),
) -> None:
    """Refuse settings that are impossible for any number of tasks.

    Raises:
        CoterieError: naming the argument.
    """
    check_clustering("method", method, methods)
    if not isinstance(features, str) or features not in FEATURES:
        raise CoterieError(f"`features` must be one of {', '.join(FEATURES)}; found {features!r}.")
    require_fuzziness(fuzziness)
    require_count("restarts", restarts, _MOST_RESTARTS)
    check_n_groups(n_groups)


def check_clustering(name: str, method: object, methods: Collection[str]) -> None:
    """Refuse what is neither the name of a clustering nor a function.

    Raises:
        CoterieError: naming the argument.
    """
    named = method if isinstance(method, str) else ""
    if not callable(method) and named not in methods:
        groups = (
            "data maps" if named in METHODS else "affinities" if named in AFFINITY_METHODS else ""
        )
        reads = f", which groups {groups}" if groups else ""
        raise CoterieError(
            f"`{name}` must be one of {', '.join(methods)}; found {shown(method)}{reads}."
        )


def check_n_groups(n_groups: object) -> None:
    """Refuse what is no number of groups.

    Raises:
        CoterieError: it is neither "auto" nor a whole number of at least 1.
    """
    if isinstance(n_groups, str) and n_groups == "auto":
        return
    if isinstance(n_groups, bool) or not isinstance(n_groups, Integral) or n_groups < 1:
        raise CoterieError(
            f"`n_groups` must be a whole number of at least 1, or 'auto'; found {shown(n_groups)}."
        )


def _methods(source: object) -> Collection[str]:
    """The methods that group such a source, the default first."""
    if isinstance(source, Affinity):
        return AFFINITY_METHODS.keys()
    if isinstance(source, DataMap | Gram):
        return METHODS.keys()
    raise CoterieError(
        "`source` must be a DataMap, its Gram, an Affinity or a Fit with a data map; found "
        f"{type(source).__name__}."
    )


def _by_first_task(clusters: Clusters) -> Clusters:
    """Order groups by the first task that each holds; groups that hold none come last."""
    labels = clusters.membership.argmax(axis=1)
    n_tasks, n_groups = clusters.membership.shape
    first = [
        np.flatnonzero(labels == k)[0] if (labels == k).any() else n_tasks for k in range(n_groups)
    ]
    return clusters.reordered(np.arange(n_tasks), np.argsort(first, kind="stable"))
