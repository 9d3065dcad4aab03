"""Groups as clusters of the tasks' data maps, or of an affinity that is measured."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from coterie.affinities import AFFINITIES, AffinityProbe, data_map_affinity, fresh_probe
from coterie.affinities.data_map import ABOUT as MAP_AFFINITY
from coterie.datamaps.gram import FEATURES, FeatureName
from coterie.errors import CoterieError, require_whole, shown
from coterie.grouping import (
    AFFINITY_METHODS,
    METHODS,
    Principled,
    agreement,
    check_clustering,
    check_group,
    check_n_groups,
    check_settings,
    group,
    reads_affinities,
    stability,
)
from coterie.grouping.own import Clustering, clustering_name
from coterie.identity import identity
from coterie.labels import changed
from coterie.methods._method import Case, Groups, Method
from coterie.results import About, Affinity, Cost, DataMap, Found, Grouping

if TYPE_CHECKING:
    from typing import Self

    from coterie.datamaps.gram import Gram
    from coterie.methods.timing import Timing

DATA_MAP = "data_map"
_MAPS = About(family="data map", measures="data maps of the joint training")
_EVERY = 10


@dataclass(frozen=True, kw_only=True)
class Cluster(Method):
    """Cluster what the joint training of every seed tells of the tasks.

    ``source`` is "data_map", the name of an affinity (:data:`coterie.affinities.AFFINITIES`), or a
    probe with settings of its own, of which copies are used. ``by`` is the clustering, a name or a
    function, as :func:`coterie.group` has them: "fuzzy-kmeans" of maps and "sdp" of affinities
    unless it is given; one that is for affinities reads how alike the maps are, and
    :class:`coterie.grouping.Principled` takes constraints. ``fuzziness``,
    ``features`` and ``restarts`` are those of clusterings of maps, ``every`` is the number of steps
    between measurements of an affinity: 10, or what the probe says.

    >>> from coterie.affinities import Lookahead
    >>> Cluster("data_map", n_groups=3).label, Cluster("cosine", n_groups=3).label
    ('K=3 m=1.07', 'cosine K=3')
    >>> Cluster(Lookahead(batch_size=256), n_groups=3, by="spectral").label
    'lookahead batch_size=256 spectral K=3'
    """

    source: str | AffinityProbe = field(default=DATA_MAP, kw_only=False)
    n_groups: Groups = "auto"
    by: str | Clustering = None  # type: ignore[assignment]
    fuzziness: float = 1.07
    features: FeatureName = "cells"
    restarts: int = 10
    every: int = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Refuse settings that are impossible for any number of tasks."""
        given = self.source
        if isinstance(given, str):
            object.__setattr__(self, "source", given.replace("-", "_"))
        if not isinstance(given, AffinityProbe) and (
            not isinstance(self.source, str) or self.source not in AFFINITIES
        ):
            raise CoterieError(
                f"`source` must be one of {', '.join(AFFINITIES)}, or a probe such as "
                f"Lookahead(batch_size=256); found {shown(given)}."
            )
        maps = self.source == DATA_MAP
        if self.by is None:
            object.__setattr__(self, "by", "fuzzy-kmeans" if maps else "sdp")
        check_clustering(
            "by", self.by, {**METHODS, **AFFINITY_METHODS} if maps else AFFINITY_METHODS
        )
        check_n_groups(self.n_groups)
        if self.reads_maps:
            check_settings(self.n_groups, self.by, self.fuzziness, self.features, self.restarts)
        if self.every is None:
            every = given.every if isinstance(given, AffinityProbe) else _EVERY
            object.__setattr__(self, "every", every)
        require_whole("every", self.every, 1)

    @classmethod
    def of(cls, grouping: Grouping) -> Self | None:
        """The settings that would make a grouping of data maps anew, as far as it tells them.

        None where no clustering of data maps made it.
        """
        if grouping.method not in METHODS:
            return None
        return cls(
            n_groups=grouping.n_groups,
            by=grouping.method,
            fuzziness=grouping.fuzziness or cls.fuzziness,
            features=features
            if (features := grouping.details.get("features")) in FEATURES
            else "cells",
        )

    @property
    def reads_maps(self) -> bool:
        """Whether maps are clustered by their coordinates."""
        return self.source == DATA_MAP and not reads_affinities(self.by)

    @property
    def about(self) -> About:  # type: ignore[override]
        """What is clustered."""
        if self.reads_maps:
            return _MAPS
        if self.source == DATA_MAP:
            return MAP_AFFINITY
        return AFFINITIES[self.source].about if isinstance(self.source, str) else self.source.about  # type: ignore[union-attr]

    @property
    def name(self) -> str:
        """The name of what is clustered."""
        return self.source if isinstance(self.source, str) else self.source.name

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        if self.reads_maps:
            usual, fuzzy = self.by == "fuzzy-kmeans", str(self.by).startswith("fuzzy")
            by = "" if usual else f"{clustering_name(self.by)} "
            softness = f" m={self.fuzziness:g}" if fuzzy else ""
            features = "" if self.features == "cells" else f" {self.features}"
            return f"{by}K={self.n_groups}{softness}{features}"
        by = "" if self.by == "sdp" else f" {clustering_name(self.by)}"
        return f"{self.told}{by} K={self.n_groups}"

    @property
    def told(self) -> str:
        """What is clustered, with what is unusual about it."""
        return f"{self.name}{'' if isinstance(self.source, str) else changed(self.source)}"

    def check(self, tasks: tuple[str, ...]) -> None:
        """Refuse more groups than tasks, and one task."""
        super().check(tasks)
        if self.reads_maps:
            settings = (self.by, self.fuzziness, self.features, self.restarts)
            check_group(len(tasks), self.n_groups, *settings)
        if isinstance(self.by, Principled) and self.n_groups != "auto":
            self.by.programme(tasks, self.n_groups)

    @property
    def measurement(self) -> Hashable | None:
        """What is measured: methods that differ in the clustering only share it."""
        if self.source == DATA_MAP:
            return None
        try:
            return json.dumps(identity(self.probe(0), "`source`"))
        except CoterieError:  # one that cannot be told from others is itself only
            return f"{id(self.source)} every {self.every}"

    def probe(self, seed: int) -> AffinityProbe | None:  # noqa: ARG002
        """What rides on the joint training; a data map needs none."""
        return fresh_probe(self.source, self.every)

    def price(self, timing: Timing) -> Cost:
        """What the measurements take."""
        probe = self.probe(0)
        return Cost(bytes=timing.stack_bytes(1)) if probe is None else timing.cost_of_probe(probe)

    def __call__(self, case: Case, *, seed: int) -> Found:
        """Group the tasks by the map, or by what was measured while the joint model trained."""
        if self.reads_maps:
            return Found(grouping=self.group(case.data_map, seed=seed, maps=case.maps))
        n_groups, measured = self.n_groups, self.measured(case, seed=seed)
        if n_groups == "auto" and self.source == DATA_MAP:
            # An affinity does not know what is difficulty in it.
            n_groups = group(self.distances(case.data_map, case.maps), "auto", seed=seed).n_groups
        return Found(
            grouping=group(measured, n_groups, method=self.by, seed=seed),
            cost=Cost.of(measured.cost),
            evidence=measured,
        )

    def measured(self, case: Case, *, seed: int) -> Affinity:
        """The affinity that is clustered: of the map, or what rode on the joint training."""
        if self.source == DATA_MAP:
            return data_map_affinity(case.data_map, seed=seed)
        return case.probes[self.measurement].affinity()  # type: ignore[attr-defined]

    def group(self, data_map: DataMap, *, seed: int, maps: dict[str, Gram]) -> Grouping:
        """Group the tasks of a map; ``maps`` as in :meth:`distances`."""
        return group(
            self.distances(data_map, maps),
            self.n_groups,
            method=self.by,
            fuzziness=self.fuzziness,
            features=self.features,
            restarts=self.restarts,
            seed=seed,
        )

    def distances(self, data_map: DataMap, maps: dict[str, Gram]) -> DataMap | Gram:
        """What a clustering of maps reads.

        Distances are looked up in ``maps`` and left there for the next method.
        """
        from coterie.datamaps import gram

        if self.by == "points":
            return data_map
        if self.features not in maps:
            maps[self.features] = gram(data_map, self.features)
        return maps[self.features]

    def firmness(
        self, grouping: Grouping, data_map: DataMap, maps: dict[str, Gram], *, given: bool = False
    ) -> Mapping[str, float | list[float]]:
        """Whether the map's examples, drawn anew, give the same groups.

        And whether the map itself does, if the groups were ``given``.
        """
        if not self.reads_maps:
            return {}
        facts: dict[str, list[float]] = {}
        if given:
            own = self.group(data_map, seed=0, maps=maps)
            name = "adjusted Rand with the groups of this comparison's data map"
            facts[name] = agreement([grouping, own])["adjusted_rand"]
        resampled = stability(
            self.distances(data_map, maps),
            grouping.n_groups,
            method=self.by,
            fuzziness=self.fuzziness,
            features=self.features,
            restarts=self.restarts,
        )
        return {**facts, "adjusted Rand over resampled examples": resampled["adjusted_rand"]}
