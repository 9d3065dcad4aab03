"""What tasks that differ only in difficulty look like, and whether groups are more than that.

The distance between two maps mixes how easily tasks are learnt with which examples each finds easy
(STG-MTL, section 2), so tasks without anything in common but unequal noise look grouped: their
silhouettes reach 0.2.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.special import ndtri
from scipy.stats import median_abs_deviation

from coterie.datamaps.gram import Gram
from coterie.datamaps.margins import Margins
from coterie.grouping._automatic import DRAWS, chance_silhouette
from coterie.seeds import numpy_generator

_ROUNDS = 100
_NORMAL = float(ndtri(0.75))


def least_silhouette(gram: Gram, seed: int = 0) -> float:
    """The silhouette that tasks told apart by difficulty alone exceed in one case of a hundred.

    It is the largest silhouette, over all numbers of groups, of 99 maps made by chance, and 0.1 at
    least. These keep the margins of each task and what tasks share of an example's difficulty: a
    Gaussian copula with one factor, and a loading of each task. Beyond it, correlations of pairs
    are drawn at random, as large as those found are in the median: tasks may be alike in pairs, but
    not in groups. Distances follow from correlations, see
    :class:`coterie.datamaps.margins.Margins`, so no examples are drawn.

    Density features compare nothing but margins. No silhouette of them says more than difficulty,
    and none reaches the 1 that is then the answer.

    >>> from coterie.datamaps import DataMapRecorder, gram
    >>> import torch
    >>> recorder, random = DataMapRecorder(6, 500), torch.Generator().manual_seed(0)
    >>> hard = torch.linspace(0, 0.5, 6)
    >>> recorder.update(torch.arange(500), 0.5 + hard * torch.rand(500, 6, generator=random))
    >>> found = gram(recorder.data_map())
    >>> from coterie.grouping._automatic import ward_silhouettes
    >>> 0.1 < max(ward_silhouettes(found.distances2).values()) < least_silhouette(found)
    True
    """
    if gram.margins is None:
        return 1.0
    random = numpy_generator(seed, "tasks of unequal difficulty")
    # The order in which tasks are given has no influence.
    order = gram.distances2.sum(axis=0).argsort(kind="stable")
    drawn = _by_chance(gram.margins, order, random)
    return chance_silhouette(map(gram.margins.distances2_at, drawn))


def difficulty_share(gram: Gram, labels: np.ndarray) -> float | None:
    """How much of what tells groups apart is how easily their tasks are learnt on average.

    The sum of squares between the groups ``labels`` (T,), less what as many random groups have of
    it, is split into that of the tasks' mean confidence and variability and the rest. In [0, 1]; of
    density features 1, as they compare nothing else. None where nothing is told apart, or where
    only distances are known.
    """
    if gram.features == "density":
        return 1.0
    if gram.margins is None:
        return None
    whole, means = (_beyond_chance(d2, labels) for d2 in (gram.distances2, gram.margins.distances2))
    return float(np.clip(means / whole, 0.0, 1.0)) if whole > 0 else None


def _beyond_chance(distances2: np.ndarray, labels: np.ndarray) -> float:
    """Sum of squares between groups (T,), less its mean over random groups of these sizes."""
    members = np.eye(labels.max() + 1)[labels]
    members = members[:, members.any(axis=0)]
    n_tasks, n_groups = members.shape
    total = distances2.sum() / (2 * n_tasks)
    within = np.diag(members.T @ distances2 @ members) / (2 * members.sum(axis=0))
    return float(total - within.sum() - total * (n_groups - 1) / (n_tasks - 1))


def _by_chance(
    margins: Margins, order: np.ndarray, random: np.random.Generator
) -> Iterator[np.ndarray]:
    """Correlations (T, T) of tasks with one common factor that are alike only in pairs.

    Pairs are drawn in an ``order`` (T,) of tasks.
    """
    # The sampling error of a correlation, which no residual can be below.
    error = 1 / np.sqrt(margins.shared.clip(1))
    loadings = _one_factor(margins.correlation, error)
    common = np.outer(loadings, loadings)
    pairs = first, second = tuple(order[np.array(np.triu_indices(len(order), 1))])
    residual = ((margins.correlation - common) / error)[pairs]
    scale = error[pairs] * max(1.0, float(median_abs_deviation(residual, scale=_NORMAL)))
    for _ in range(DRAWS):
        drawn = common.copy()
        drawn[pairs] += scale * random.standard_normal(len(scale))
        drawn[second, first] = drawn[pairs]
        yield drawn.clip(-1, 1)


def _one_factor(correlation: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Loadings (T,) in [0, 1] of the factor that most pairs share, from correlations (T, T).

    Residuals off the diagonal count by their size once they exceed the ``error`` (T, T), which is
    least squares with weights that follow the residuals (Huber 1964): by least squares alone the
    factor would be that of the largest group. An example that is hard for one task is not easy for
    all others, so no loading is negative.

    >>> loadings = np.array([0.9, 0.5, 0.2, 0.7])
    >>> _one_factor(np.outer(loadings, loadings), np.full((4, 4), 0.01)).round(3)
    array([0.9, 0.5, 0.2, 0.7])
    """
    between = ~np.eye(len(correlation), dtype=bool)
    loadings = np.full(len(correlation), max(float(np.median(correlation[between])), 0.0) ** 0.5)
    for _ in range(_ROUNDS):
        residual = np.abs(correlation - np.outer(loadings, loadings))
        weights = np.where(between, 1 / np.maximum(residual, error), 0.0)
        squares = weights @ loadings**2
        best = np.divide(
            (weights * correlation) @ loadings,
            squares,
            out=np.zeros_like(squares),
            where=squares > 0,
        )
        loadings = (loadings + best.clip(0, 1)) / 2  # half a step, as all move at once
    return loadings
