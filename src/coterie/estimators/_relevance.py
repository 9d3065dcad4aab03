"""How surrogate models are fitted: ridge regression, of resampled subsets too.

Shapes: ``R`` trained subsets, ``T`` tasks, ``B`` fits.
"""

from __future__ import annotations

import numpy as np


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
