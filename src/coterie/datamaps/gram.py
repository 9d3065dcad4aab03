"""Distances between tasks without their long feature vectors.

One pass over the examples (STG-MTL, section 2).

There are far fewer tasks than features, so all that clustering needs of T vectors of length 2 * N *
snapshots are their T x T distances; classical scaling turns these into T points of T - 1
coordinates.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, get_args

import numpy as np

from coterie.datamaps.density import Densities
from coterie.datamaps.features import Features
from coterie.datamaps.margins import Margins
from coterie.errors import CoterieError
from coterie.results import DataMap

FEWEST_SHARED = 30
FeatureName = Literal["cells", "centred", "density"]
FEATURES: tuple[FeatureName, ...] = get_args(FeatureName)


class BlockSums(Protocol):
    """Statistics per block of examples: distances of tasks follow for any weights of blocks."""

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        ...

    def distances(self, weights: np.ndarray) -> np.ndarray:
        """Squared distances (T, T) when block r counts ``weights[r]`` times."""
        ...


@dataclass(frozen=True, kw_only=True)
class CellSums:
    """Per block and pair of tasks.

    Summed squared differences over shared features, and their number, both (R, T, T).
    """

    numerators: np.ndarray
    counts: np.ndarray

    @property
    def n_blocks(self) -> int:
        """Number of blocks, R."""
        return len(self.counts)

    def distances(self, weights: np.ndarray) -> np.ndarray:
        """D2 = (S + S' - 2 G) / n, (T, T): the mean squared difference over shared features.

        NaN where none is shared.
        """
        numerator = np.tensordot(weights, self.numerators, 1)
        count = np.tensordot(weights, self.counts, 1)
        with np.errstate(invalid="ignore"):
            found = np.maximum(numerator, 0) / count
        np.fill_diagonal(found, 0)
        return found


@dataclass(frozen=True, kw_only=True, repr=False)
class Gram:
    """Distances between T tasks and what follows from them.

    ``distances2`` (T, T): squared distances. ``shared`` (T, T): examples that both tasks observed.
    ``features``: those that were used, "cells", "centred" or "density". ``sums`` keeps blocks of
    examples for :meth:`resample`, ``margins`` what distances between cells owe to each task alone.
    """

    tasks: tuple[str, ...]
    distances2: np.ndarray
    shared: np.ndarray
    features: str
    sums: BlockSums
    notes: tuple[str, ...] = ()
    margins: Margins | None = None

    @cached_property
    def scaling(self) -> tuple[np.ndarray, float]:
        """Coordinates and clipped share, see :func:`classical_scaling`."""
        return classical_scaling(self.distances2)

    @property
    def coordinates(self) -> np.ndarray:
        """Points (T, T - 1) with these distances."""
        return self.scaling[0]

    @property
    def negative_share(self) -> float:
        """Share of the spectrum that was negative and clipped.

        0 where the distances are Euclidean.
        """
        return self.scaling[1]

    def resample(self, weights: np.ndarray) -> np.ndarray:
        """Squared distances (T, T) when block r of examples counts ``weights[r]`` times.

        A pair that shares no example there keeps its distance over all examples.
        """
        found = self.sums.distances(np.asarray(weights, dtype=np.float64))
        return np.where(np.isnan(found), self.distances2, found)

    def __repr__(self) -> str:
        return f"Gram({len(self.tasks)} tasks, {self.features}, {self.negative_share:.1%} clipped)"


def gram(
    data_map: DataMap,
    features: FeatureName = "cells",
    *,
    chunk: int | None = None,
    seed: int = 0,
) -> Gram:
    """Distances between the tasks of a map, in float64, in chunks of examples.

    If any pair of tasks shares fewer than 30 examples, all tasks use "density" features instead,
    and ``notes`` says so.

    Args:
        data_map: a map, possibly memory-mapped; its snapshots are concatenated.
        features: "cells" compares tasks example by example, "centred" too but for what each task
            does on average, "density" their distributions over the map.
        chunk: examples at a time; by default as many as 4 million cells.
        seed: draws the blocks of examples that bootstraps resample.

    Raises:
        CoterieError: unknown features, fewer than two tasks, or a task never observed.

    >>> from coterie.datamaps import DataMapRecorder
    >>> import torch
    >>> recorder = DataMapRecorder(2, 40)
    >>> recorder.update(torch.arange(40), torch.tensor([[0.2, 0.6]]).expand(40, 2))
    >>> gram(recorder.data_map()).distances2.round(3)  # the variabilities agree: half of 0.4 ** 2
    array([[0.  , 0.08],
           [0.08, 0.  ]])
    """
    if features not in FEATURES:
        raise CoterieError(f"`features` must be one of {', '.join(FEATURES)}; found {features!r}.")
    source = Features(data_map, chunk=chunk, seed=seed, centred=features == "centred")
    notes = (
        ("Tasks are of mixed kinds: features are ranks within the task.",) if source.ranked else ()
    )
    cells, shared, margins = _accumulate(source)
    fewest = int(shared[~np.eye(len(shared), dtype=bool)].min())
    sums: BlockSums = cells
    if features != "density" and fewest < FEWEST_SHARED:
        features = "density"
        notes = (
            *notes,
            f"Some pairs of tasks share only {fewest} examples (< {FEWEST_SHARED}): density "
            "features are used.",
        )
    if features == "density":
        sums, margins = Densities.of(Features(data_map, chunk=chunk, seed=seed)), None
    return Gram(
        tasks=data_map.tasks,
        distances2=sums.distances(np.ones(source.n_blocks)),
        shared=shared,
        features=features,
        sums=sums,
        notes=notes,
        margins=margins,
    )


def classical_scaling(distances2: np.ndarray) -> tuple[np.ndarray, float]:
    """Points (T, T - 1) whose squared distances are ``distances2`` (T, T), and the share clipped.

    Distances over different examples need not be Euclidean: negative eigenvalues are clipped, and
    their share of the spectrum is told.

    >>> points, clipped = classical_scaling(np.array([[0.0, 4.0], [4.0, 0.0]]))
    >>> np.abs(points).ravel().round(6), abs(round(clipped, 6))
    (array([1., 1.]), 0.0)
    """
    centred = distances2 - distances2.mean(axis=0)
    centred = centred - centred.mean(axis=1, keepdims=True)
    values, vectors = np.linalg.eigh(-(centred + centred.T) / 4)
    values, vectors = values[::-1], vectors[:, ::-1]
    total = np.abs(values).sum()
    clipped = float(-values[values < 0].sum() / total) if total else 0.0
    coordinates = vectors[:, :-1] * np.sqrt(values[:-1].clip(0))
    largest = np.abs(coordinates).argmax(axis=0)
    signs = np.sign(coordinates[largest, np.arange(coordinates.shape[1])])
    return coordinates * np.where(signs == 0, 1, signs), clipped


def _accumulate(source: Features) -> tuple[CellSums, np.ndarray, Margins]:
    """Sums per block, examples shared by each pair of tasks in the last snapshot, and margins."""
    shape = (source.n_blocks, source.n_tasks, source.n_tasks)
    numerators, counts = np.zeros(shape), np.zeros(shape, dtype=np.int32)
    shared = np.zeros(shape[1:], dtype=np.int64)
    totals = np.zeros((source.n_snapshots, 2, source.n_tasks))
    second, seen = np.zeros((2, source.n_snapshots, source.n_tasks))
    for part in source:
        if not len(part.observed):
            continue
        x = np.concatenate([part.confidence, part.variability])
        squares = np.square(part.confidence) + np.square(part.variability)
        if part.observed.all():
            norms, n = squares.sum(axis=0)[:, None], np.full(shape[1:], len(squares))
        else:
            mask = part.observed.astype(np.float64)
            norms, n = squares.T @ mask, np.rint(mask.T @ mask).astype(np.int64)
        numerators[part.block] += norms + norms.T - 2 * (x.T @ x)
        counts[part.block] += 2 * n.astype(np.int32)
        totals[part.snapshot] += part.confidence.sum(axis=0), part.variability.sum(axis=0)
        seen[part.snapshot] += n.diagonal()
        second[part.snapshot] += squares.sum(axis=0)
        if part.snapshot == source.n_snapshots - 1:
            shared += n
    seen, n_features = seen.clip(1), 2 * source.n_snapshots
    means = totals / seen[:, None]
    variances = (second / seen - np.square(means).sum(axis=1)).clip(0).sum(axis=0)
    means = means.reshape(n_features, -1).T / np.sqrt(n_features)
    margins = Margins.of(source, means, variances / n_features)
    return CellSums(numerators=numerators, counts=counts), shared, margins
