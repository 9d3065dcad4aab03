"""What surrogate models are fitted on, and how: subsets in which all pairs meet, and ridge.

Shapes: ``R`` trained subsets, ``T`` tasks, ``B`` fits.
"""

from __future__ import annotations

import numpy as np

from coterie.errors import CoterieError
from coterie.estimators.base import random_subsets
from coterie.seeds import numpy_generator


def ridge_relevance(
    rows: np.ndarray, scores: np.ndarray, counts: np.ndarray, ridge: float, scale: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Relevances (B, T, T) [source, target] and intercepts (B, T) by ridge regression.

    The diagonal is NaN. Row r of the trained subsets ``rows`` (R, T) with ``scores`` (R, T) is
    counted ``counts[b, r]`` times in fit b; ``scale`` (T,) divides the scores while fitting. NaN
    for a target that a fit never counts.
    """
    n_tasks = rows.shape[1]
    relevance = np.full((len(counts), n_tasks, n_tasks), np.nan)
    intercept = np.full((len(counts), n_tasks), np.nan)
    for target in range(n_tasks):
        mine, sources = rows[:, target], np.arange(n_tasks) != target
        x, y, weight = (
            rows[mine][:, sources].astype(np.float64),
            scores[mine, target] / scale[target],
            counts[:, mine],
        )
        total = weight.sum(axis=1)
        seen = total > 0
        weight, total = weight[seen], total[seen, None]
        mean_x, mean_y = weight @ x / total, weight @ y / total[:, 0]
        gram = (weight[:, None, :] * x.T) @ x - total[:, :, None] * mean_x[:, :, None] * mean_x[
            :, None, :
        ]
        moment = (weight * y) @ x - total * mean_x * mean_y[:, None]
        found = np.linalg.solve(gram + ridge * np.eye(n_tasks - 1), moment[:, :, None])[:, :, 0]
        relevance[np.ix_(seen, sources, [target])] = scale[target] * found[:, :, None]
        intercept[seen, target] = scale[target] * (mean_y - (mean_x * found).sum(axis=1))
    return relevance, intercept


def covering_subsets(n_tasks: int, size: int, n: int, seed: int) -> np.ndarray:
    """``n`` distinct random subsets of ``size`` tasks in which every pair meets, bool (n, T).

    Drawn uniformly; while a pair is missing, a subset that can be spared gives way to one with that
    pair.

    Raises:
        CoterieError: there are too few subsets to bring all pairs together.

    >>> rows = covering_subsets(7, 3, 14, seed=0)
    >>> bool((rows.T.astype(int) @ rows).min() > 0)
    True
    """
    rows = random_subsets(n_tasks, size, n, seed) > 0
    rng = numpy_generator(seed, "subsets", "cover")
    while True:
        together = rows.T.astype(int) @ rows
        missing = np.argwhere(np.triu(together == 0, 1))
        if not len(missing):
            return rows
        spare = [r for r, row in enumerate(rows) if together[np.ix_(row, row)].min() > 1]
        if not spare:
            raise CoterieError(
                f"{n} subsets of {size} do not bring all pairs of {n_tasks} tasks together; give "
                "more `n_subsets`, or a larger `size`."
            )
        group = list(missing[0])
        while len(group) < size:
            lacking = (together[:, group] == 0).sum(axis=1) + rng.random(n_tasks)
            lacking[group] = -1
            group.append(int(lacking.argmax()))
        rows[spare[0]] = np.isin(np.arange(n_tasks), group)
