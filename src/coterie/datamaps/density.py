"""Density features: where a task's examples lie on its map, whatever these examples are.

For tasks that share few examples or none: a 2-D histogram over confidence and variability, compared
by Hellinger's distance.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coterie.datamaps.features import Features

_BINS = 10


@dataclass(frozen=True, kw_only=True)
class Densities:
    """Histograms of the examples of each task.

    ``counts`` (R blocks, S snapshots, T, bins confidence, bins variability).
    """

    counts: np.ndarray
    variability_limit: float

    @classmethod
    def of(cls, source: Features, bins: int = _BINS) -> Densities:
        """Count the examples of all tasks in one pass.

        Confidence spans [0, 1], variability its possible range.
        """
        t = source.n_tasks
        counts = np.zeros((source.n_blocks, source.n_snapshots, t * bins * bins), dtype=np.int64)
        for part in source:
            c = (part.confidence * bins).astype(np.int32).clip(0, bins - 1)
            v = (
                (part.variability * (bins / source.variability_limit))
                .astype(np.int32)
                .clip(0, bins - 1)
            )
            cell = (np.arange(t) * bins + c) * bins + v
            counts[part.block, part.snapshot] += np.bincount(
                cell[part.observed], minlength=t * bins * bins
            )
        shape = (source.n_blocks, source.n_snapshots, t, bins, bins)
        return cls(counts=counts.reshape(shape), variability_limit=source.variability_limit)

    @property
    def n_blocks(self) -> int:
        """Number of blocks, R."""
        return len(self.counts)

    def histograms(self, weights: np.ndarray) -> np.ndarray:
        """Counts (S, T, bins, bins) when block r counts ``weights[r]`` times."""
        return np.tensordot(weights, self.counts, 1)

    def distances(self, weights: np.ndarray) -> np.ndarray:
        """Squared Hellinger distances (T, T), averaged over snapshots: 1 - sum of sqrt(p q)."""
        histograms = self.histograms(weights)
        flat = histograms.reshape(*histograms.shape[:2], -1)
        roots = np.sqrt(flat / flat.sum(axis=-1, keepdims=True).clip(1))
        found = (1 - roots @ roots.transpose(0, 2, 1)).mean(axis=0).clip(0)
        np.fill_diagonal(found, 0)
        return found
