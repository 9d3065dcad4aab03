"""What tasks that differ only in difficulty look like, and whether groups are more than that.

The distance between two maps mixes how easily tasks are learnt with which examples each finds easy
(STG-MTL, section 2), so tasks without anything in common but unequal noise look grouped: their
silhouettes reach 0.2.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.stats import norm

from coterie.datamaps.gram import Gram
from coterie.datamaps.margins import Margins
from coterie.grouping._automatic import ward_silhouettes
from coterie.seeds import numpy_generator

# Smaller silhouettes of equally hard tasks say little, however sure they are.
LEAST = 0.1
_DRAWS, _LEVEL, _ROUNDS = 99, 0.95, 100
_MEDIAN = norm.ppf(0.75)


def least_silhouette(gram: Gram, seed: int = 0) -> float:
    """The silhouette that tasks told apart by difficulty alone exceed in one case of twenty.

    It is the 95 % quantile of the largest silhouette, over all numbers of groups, of 99 maps made
    by chance, and 0.1 at least. These keep the margins of each task and what all tasks share of an
    example's difficulty: a Gaussian copula with one factor, and a loading of each task. Beyond it,
    correlations of pairs are drawn at random, as large as the median of those found: tasks may be
    alike in pairs, but not in groups. Distances follow from correlations, see
    :class:`coterie.datamaps.margins.Margins`, so no examples are drawn.

    Density features compare nothing but margins. No silhouette of them says more than difficulty,
    and none reaches the 1 that is then the answer.

    >>> from coterie.datamaps import DataMapRecorder, gram
    >>> import torch
    >>> recorder, random = DataMapRecorder(6, 500), torch.Generator().manual_seed(0)
    >>> hard = torch.linspace(0, 0.5, 6)
    >>> recorder.update(torch.arange(500), 0.5 + hard * torch.rand(500, 6, generator=random))
    >>> found = gram(recorder.data_map())
    >>> 0.1 < max(ward_silhouettes(found.distances2).values()) < least_silhouette(found)
    True
    """
    if gram.margins is None:
        return 1.0
    random = numpy_generator(seed, "tasks of unequal difficulty")
    # The order in which tasks are given has no influence.
    order = gram.distances2.sum(axis=0).argsort(kind="stable")
    drawn = [
        max(ward_silhouettes(gram.margins.distances2_at(correlation)).values(), default=0.0)
        for correlation in _by_chance(gram.margins, order, random)
    ]
    return max(LEAST, float(np.quantile(drawn, _LEVEL, method="higher")))


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
    loadings = _one_factor(margins.correlation)
    common = np.outer(loadings, loadings)
    first, second = order[np.array(np.triu_indices(len(order), 1))]
    # In units of the sampling error of a correlation, which no residual can be below.
    error = 1 / np.sqrt(margins.shared[first, second].clip(1))
    residual = (margins.correlation - common)[first, second]
    error *= max(1.0, float(np.median(np.abs(residual) / error)) / _MEDIAN)
    for _ in range(_DRAWS):
        drawn = common.copy()
        drawn[first, second] += error * random.standard_normal(len(error))
        drawn[second, first] = drawn[first, second]
        yield drawn.clip(-1, 1)


def _one_factor(correlation: np.ndarray) -> np.ndarray:
    """Loadings (T,) in [0, 1] of the one factor nearest to correlations (T, T) off the diagonal.

    By least squares, one loading after the other (MinRes, Harman and Jones 1966). An example that
    is hard for one task is not easy for all others, so no loading is negative.

    >>> _one_factor(np.outer([0.9, 0.5, 0.2, 0.7], [0.9, 0.5, 0.2, 0.7])).round(3)
    array([0.9, 0.5, 0.2, 0.7])
    """
    between = np.where(np.eye(len(correlation), dtype=bool), 0.0, correlation)
    n_pairs = len(between) * (len(between) - 1)
    loadings = np.full(len(between), np.sqrt(max(between.sum() / n_pairs, 1e-6)))
    for _ in range(_ROUNDS):
        for task, row in enumerate(between):
            rest = np.square(loadings).sum() - loadings[task] ** 2
            if rest > 0:
                loadings[task] = np.clip(row @ loadings / rest, 0, 1)
    return loadings
