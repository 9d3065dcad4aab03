"""Similarity of data maps, as an affinity: a recorded training is read, nothing is tried."""

from __future__ import annotations

import numpy as np

from coterie.datamaps.gram import FeatureName, Gram, classical_scaling, gram
from coterie.errors import require_whole
from coterie.results import About, Affinity, DataMap
from coterie.seeds import numpy_generator

ABOUT = About(
    family="affinity",
    measures="how alike the tasks’ data maps are",
    reading="The nearer two maps, the higher; the value has no zero to compare with.",
    signed=False,
)
_MIDDLE = 1e-12


def data_map_affinity(
    source: DataMap | Gram,
    features: FeatureName = "cells",
    *,
    bootstraps: int = 20,
    seed: int = 0,
) -> Affinity:
    """How alike two tasks learn the examples.

    The cosine of their centred maps, symmetric and in [-1, 1].

    Maps are points whose squared distances D2 are those that :func:`coterie.group` clusters
    (STG-MTL, section 2). Centred on the mean map, their inner products are -1/2 J D2 J with J = I -
    1/T; the cosines are taken after classical scaling, which clips what no points could show. 1 is
    two tasks that differ from the mean task in the same way, -1 in opposite ways; so the value for
    a pair depends on which other tasks there are, and two tasks alone are always at -1.

    Args:
        source: a map of T tasks, or its :func:`coterie.datamaps.gram` (``features`` is then
            settled).
        features: as of :func:`coterie.group`.
        bootstraps: resamples of blocks of examples, each a re-adding of sums, for the standard
            errors; at least 2.
        seed: of the blocks and of the bootstraps.

    Returns:
        ``counts`` are the examples that two tasks share, ``stderr`` the spread over bootstraps.
        There is no cost: it is that of the training that was recorded anyway.

    Raises:
        CoterieError: fewer than two bootstraps; a map that cannot be grouped.

    >>> from coterie.datamaps import DataMapRecorder
    >>> import torch
    >>> recorder = DataMapRecorder(3, 40, names=["cat", "dog", "ship"])
    >>> recorder.update(torch.arange(40), torch.tensor([[0.2, 0.3, 0.9]]).expand(40, 3))
    >>> data_map_affinity(recorder.data_map()).matrix.round(3) + 0
    array([[ 1.,  1., -1.],
           [ 1.,  1., -1.],
           [-1., -1.,  1.]])
    """
    require_whole("bootstraps", bootstraps, 2)  # for a standard error
    measured = source if isinstance(source, Gram) else gram(source, features, seed=seed)
    random, n_blocks = numpy_generator(seed, "bootstraps"), measured.sums.n_blocks
    drawn = (
        np.bincount(random.integers(n_blocks, size=n_blocks), minlength=n_blocks)
        for _ in range(bootstraps)
    )
    resampled = [_cosines(measured.resample(weights))[0] for weights in drawn]
    matrix, middle = _cosines(measured.distances2)
    names = ", ".join(np.array(measured.tasks)[middle])
    notes = [f"On the mean map, where similarity is 0 to all others: {names}."] if names else []
    return Affinity(
        tasks=measured.tasks,
        matrix=matrix,
        method="data_map",
        counts=measured.shared,
        stderr=np.std(resampled, axis=0, ddof=1),
        details={
            "features": measured.features,
            "negative_share": measured.negative_share,
            "bootstraps": bootstraps,
            "notes": [*measured.notes, *notes],
        },
    )


def _cosines(distances2: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines (T, T) of centred points with these squared distances.

    Which of them (T,) are in the middle: no direction.
    """
    points, _ = classical_scaling(distances2)
    norms = np.linalg.norm(points, axis=1)
    middle = np.square(norms) <= _MIDDLE * np.square(norms).max()
    directions = np.where(middle[:, None], 0.0, points / np.where(middle, 1.0, norms)[:, None])
    cosines = np.clip(directions @ directions.T, -1, 1)
    np.fill_diagonal(cosines, 1.0)
    return cosines, middle
