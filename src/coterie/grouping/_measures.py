"""What is measured on a map before clustering, and clustered again on resampled examples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from coterie.datamaps.density import Densities
from coterie.datamaps.features import Features
from coterie.datamaps.gram import FeatureName, Gram, classical_scaling, gram
from coterie.errors import CoterieError
from coterie.grouping._method import Cluster, Clusters, Settings
from coterie.grouping.points import BINS, point_votes
from coterie.results import DataMap


class Measure(Protocol):
    """A map, measured: blocks of its examples can be reweighted before clustering."""

    @property
    def n_blocks(self) -> int:
        """Number of blocks of examples."""
        ...

    @property
    def details(self) -> dict[str, object]:
        """What is worth showing about the measurement."""
        ...

    @property
    def gram(self) -> Gram:
        """Distances between tasks."""
        ...

    def cluster(self, settings: Settings, weights: np.ndarray | None = None) -> Clusters:
        """Cluster the tasks; block r of examples counts ``weights[r]`` times, once by default."""
        ...


@dataclass(frozen=True)
class TaskDistances:
    """Distances between tasks, clustered by ``algorithm`` on their principal coordinates."""

    gram: Gram
    algorithm: Cluster

    @property
    def n_blocks(self) -> int:
        """Number of blocks of examples."""
        return self.gram.sums.n_blocks

    @property
    def details(self) -> dict[str, object]:
        """Features used, share of the spectrum clipped, notes."""
        return {
            "features": self.gram.features,
            "negative_share": self.gram.negative_share,
            "notes": list(self.gram.notes),
        }

    def cluster(self, settings: Settings, weights: np.ndarray | None = None) -> Clusters:
        """Cluster the tasks in an order of their own: the given one has no influence."""
        distances2 = self.gram.distances2 if weights is None else self.gram.resample(weights)
        order = distances2.sum(axis=0).argsort(kind="stable")
        coordinates, _ = classical_scaling(distances2[np.ix_(order, order)])
        return self.algorithm(coordinates, settings).reordered(
            order.argsort(), np.arange(settings.n_groups)
        )


@dataclass(frozen=True)
class PointHistograms:
    """Histograms of the points of each task, clustered by their votes."""

    source: Features
    tasks: tuple[str, ...]
    data_map: DataMap

    @cached_property
    def _densities(self) -> Densities:
        return Densities.of(self.source, BINS)

    @property
    def n_blocks(self) -> int:
        """Number of blocks of examples."""
        return self.source.n_blocks

    @property
    def details(self) -> dict[str, object]:
        """Features used and notes."""
        notes = (
            ["Tasks are of mixed kinds: features are ranks within the task."]
            if self.source.ranked
            else []
        )
        return {"features": "points", "notes": notes}

    @cached_property
    def _gram(self) -> Gram:
        return gram(self.data_map)

    @property
    def gram(self) -> Gram:
        """Distances between tasks, cell by cell."""
        return self._gram

    def cluster(self, settings: Settings, weights: np.ndarray | None = None) -> Clusters:
        """Cluster the points and let them vote."""
        histograms = self._densities.histograms(
            np.ones(self.n_blocks) if weights is None else weights
        )
        return point_votes(histograms, self._densities.variability_limit, settings)


def measure_distances(
    algorithm: Cluster, data_map: DataMap | Gram, features: FeatureName, seed: int
) -> TaskDistances:
    """Measure distances between tasks, unless that was done."""
    return TaskDistances(
        data_map if isinstance(data_map, Gram) else gram(data_map, features, seed=seed), algorithm
    )


def measure_points(data_map: DataMap | Gram, _features: str, seed: int) -> PointHistograms:
    """Count points; that needs the map itself."""
    if isinstance(data_map, Gram):
        raise CoterieError(
            "`data_map` must be a DataMap for method 'points': distances between tasks do not hold "
            "its points."
        )
    return PointHistograms(Features(data_map, seed=seed), data_map.tasks, data_map)
