"""The verb: from a data map or an affinity to a grouping."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from functools import partial
from numbers import Integral
from typing import Literal

import numpy as np

from coterie.datamaps.gram import FEATURES, FeatureName, Gram
from coterie.errors import CoterieError, require_count, require_whole, shown
from coterie.grouping._affinities import TaskAffinities
from coterie.grouping._automatic import choose_n_groups, ward_silhouettes
from coterie.grouping._difficulty import difficulty_share, least_silhouette
from coterie.grouping._measures import Measure, measure_distances, measure_points
from coterie.grouping._method import Cluster, Clusters, Settings
from coterie.grouping._programme import GroupLimits
from coterie.grouping._rows import Task
from coterie.grouping.fuzzy_cmeans import fuzzy_cmeans
from coterie.grouping.fuzzy_kmeans import fuzzy_kmeans
from coterie.grouping.hierarchical import hierarchical
from coterie.grouping.kmeans import kmeans
from coterie.grouping.own import Clustering, clustering_name, own_clustering
from coterie.grouping.principled import Principled, RawAffinities
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
AFFINITY_METHODS: dict[str, Cluster | Principled] = {
    "sdp": sdp,
    "spectral": spectral,
    "hierarchical": hierarchical,
    "principled": Principled(),
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
    sizes: tuple[int | None, int | None] = (None, None),
    must_link: Iterable[tuple[Task, Task]] = (),
    cannot_link: Iterable[tuple[Task, Task]] = (),
    resources: GroupLimits | None = None,
    row_limits: GroupLimits | None = None,
    time_limit: float = 60.0,
) -> Grouping:
    """Group the tasks of a data map (STG-MTL, section 2), or those of an affinity (Grad-TAG).

    Grad-TAG is Li et al., KDD 2024. Constraints, ``sizes`` and what follows, are for the method
    "principled" only; :class:`coterie.grouping.Principled` says what they are.

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
            affinities of pairs by chance. What it saw is in ``details["silhouette"]`` and
            ``details["least_silhouette"]``.
        method: of maps "fuzzy-kmeans" (default; centres by k-means, then the fuzzy formula),
            "fuzzy-cmeans" (iterated), "kmeans" (hard), "points" (every single point votes). Of
            affinities "sdp" (default; groups of the greatest density), "spectral", "hierarchical"
            (average linkage), "principled" (groups of the greatest density, exactly and under
            constraints; Wang, Pan and Yu, arXiv 2402.15328). Or a function ``(values, n_groups,
            seed)`` of your own: it gets the maps' principal coordinates (T, D), or the affinities
            (T, T) prepared as said above, and answers labels (T,) from 0 to K - 1 or a membership
            (T, K). Tasks come in an order that depends on the values only, and affinities only
            where there is something to choose: 1 < K < T.
        fuzziness: m > 1 of the fuzzy methods; near 1 is hard, 2 is for reading.
        features: "cells" compares tasks example by example, "centred" too but for what each task
            does on average, so that difficulty alone makes no groups, "density" their distributions
            over the map; not for affinities. ``details["difficulty_share"]`` is how much of what
            tells groups of maps apart is that average.
        restarts: random starts, of which the best is kept.
        seed: of the starts and of the blocks of examples.
        sizes: smallest and largest number of tasks of a group.
        must_link: pairs of tasks, by name or position, that share a group.
        cannot_link: pairs of tasks that do not.
        resources: by name, what tasks take, (T,) or (T, K), and a limit on the sum over all.
        row_limits: by name, what tasks take, (T,) or (T, K), and a limit on each group, or (K,).
        time_limit: seconds; the best groups so far are then returned, with
            ``details["gap"]``.

    Raises:
        CoterieError: an argument out of range, more groups than tasks, a task never observed, an
            affinity with gaps, a method that does not group such a source, constraints for another
            method or that cannot hold together, and which.

    >>> from coterie.datamaps import DataMapRecorder
    >>> import torch
    >>> recorder = DataMapRecorder(3, 40, names=["cat", "dog", "ship"])
    >>> recorder.update(torch.arange(40), torch.tensor([[0.2, 0.3, 0.9]]).expand(40, 3))
    >>> group(recorder.data_map(), 2)
    Grouping(fuzzy-kmeans, 2 groups: {cat dog}, {ship})
    >>> helps = np.array([[0.0, 3.0, 1.0], [3.0, 0.0, 0.0], [1.0, 2.0, 0.0]])
    >>> group(Affinity(tasks=("cat", "dog", "ship"), matrix=helps, method="by hand"), 2)
    Grouping(sdp, 2 groups: {cat dog}, {ship})
    >>> group(
    ...     Affinity(tasks=("cat", "dog", "ship"), matrix=helps, method="by hand"),
    ...     2,
    ...     method="principled",
    ...     must_link=[("cat", "ship")],
    ... )
    Grouping(principled, 2 groups: {cat ship}, {dog})
    """
    require_whole("seed", seed, 0, MOST_SEED)
    if isinstance(source, Fit):
        if source.data_map is None:
            raise CoterieError("`source` is a fit that recorded no data map: fit with record=True.")
        source = source.data_map
    methods = _methods(source)
    method = next(iter(methods)) if method is None else method
    check_group(len(source.tasks), n_groups, method, fuzziness, features, restarts, methods=methods)
    asked = Principled(
        sizes=sizes,
        must_link=must_link,
        cannot_link=cannot_link,
        resources=resources,
        row_limits=row_limits,
        time_limit=time_limit,
    )
    method = _asked_of(method, asked)
    if n_groups == "auto" and isinstance(method, Principled) and method.constraints:
        raise CoterieError(
            f"`n_groups` must be a number where groups are constrained, here by "
            f"`{next(iter(method.constraints))}`: 'auto' looks at the affinities only."
        )
    details: dict[str, object] = {}
    if isinstance(source, Affinity):
        maps, measured = None, _measured(source, method)
        if n_groups == "auto" and source.method == "data_map":
            raise CoterieError(
                "`n_groups` must be a number for an affinity of data maps, which does not tell "
                "groups from tasks that are equally difficult; 'auto' takes the data map itself."
            )
        if n_groups == "auto":
            seen = ward_silhouettes(measured.distances())
            n_groups, details = choose_n_groups(seen, measured.least_silhouette(seed))
    else:
        maps = measured = measuring(method)(source, features, seed)
        if n_groups == "auto":
            seen = ward_silhouettes(maps.gram.distances2)
            n_groups, details = choose_n_groups(seen, least_silhouette(maps.gram, seed))
    settings = Settings(n_groups=n_groups, fuzziness=fuzziness, restarts=restarts, seed=seed)
    clusters = measured.cluster(settings)
    if maps is not None:
        share = difficulty_share(maps.gram, clusters.membership.argmax(axis=1))
        details |= {} if share is None else {"difficulty_share": share}
    name = clustering_name(method)
    if not isinstance(method, Principled):  # whose groups may have limits of their own
        clusters = _by_first_task(clusters)
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


def reads_affinities(method: str | Clustering) -> bool:
    """Whether a clustering is one of the house that groups affinities, not data maps."""
    return isinstance(method, Principled) or (
        isinstance(method, str) and method in AFFINITY_METHODS
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
    house = isinstance(method, str | Principled)
    named = clustering_name(method) if house else ""
    if named not in methods if house else not callable(method):
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


def _asked_of(method: str | Clustering, asked: Principled) -> str | Clustering:
    """The method with what is asked of the groups.

    Raises:
        CoterieError: it takes no constraints.
    """
    if method == Principled.name:
        return asked
    unlike = asked.constraints
    if asked.time_limit != Principled.time_limit:
        unlike["time_limit"] = asked.time_limit
    if unlike:
        other = (
            "give it to Principled(...), which is the method"
            if isinstance(method, Principled)
            else f"found method {clustering_name(method)!r}, which takes no constraints"
        )
        raise CoterieError(f"`{next(iter(unlike))}` is for method='principled' only; {other}.")
    return method


def _measured(affinity: Affinity, method: str | Clustering) -> TaskAffinities | RawAffinities:
    """An affinity as its clustering reads it.

    Raises:
        CoterieError: it has gaps where they matter.
    """
    if isinstance(method, str):
        found = AFFINITY_METHODS[method]
    else:
        found = method if isinstance(method, Principled) else own_clustering(method)
    if isinstance(found, Principled):
        return RawAffinities(affinity, found)
    affinity.require_complete()
    return TaskAffinities(affinity, found)


def _by_first_task(clusters: Clusters) -> Clusters:
    """Order groups by the first task that each holds; groups that hold none come last."""
    labels = clusters.membership.argmax(axis=1)
    n_tasks, n_groups = clusters.membership.shape
    first = [
        np.flatnonzero(labels == k)[0] if (labels == k).any() else n_tasks for k in range(n_groups)
    ]
    return clusters.reordered(np.arange(n_tasks), np.argsort(first, kind="stable"))
