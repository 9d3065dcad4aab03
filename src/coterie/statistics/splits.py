"""Intervals over several random splits of one data set."""

from __future__ import annotations

import warnings

import numpy as np

from coterie.statistics.components import Interval, of_student


def nadeau_bengio(
    gains: np.ndarray, *, overlap: float = 0.0, examples: int = 0, level: float = 0.95
) -> Interval:
    """Student's t interval of the mean gain over splits (U, ...), for splits that overlap.

    Random splits of one table share most of their training examples, so their results vary
    together: with test / train examples as ``overlap``, the variance of the mean is s**2 * (1 / U +
    overlap) (the corrected resampled t test of Nadeau and Bengio 2003, section 5). Each split draws
    other test examples, so their noise is in s**2 and not told apart; it counts as that of seeds.

    NaN gains are left out. Without two gains, or where all agree exactly on another value than 0,
    there is no spread to judge by and the interval is NaN.

    Args:
        gains: mean over the seeds of each split, (U, ...).
        overlap: test / train examples; 0 where what is drawn is independent.
        examples: test examples of a split, which are handed on; 0 where that is not known.
        level: coverage.

    >>> found = nadeau_bengio(np.array([1.0, 2.0, 3.0]))
    >>> [round(float(x), 3) for x in (found.mean, found.low, found.high, found.p)]
    [2.0, -0.484, 4.484, 0.074]
    """
    gains = np.asarray(gains, dtype=np.float64)
    with warnings.catch_warnings():
        # An empty or single column is meant to give NaN.
        warnings.simplefilter("ignore", RuntimeWarning)
        number = (~np.isnan(gains)).sum(0)
        mean, variance = np.nanmean(gains, 0), np.nanvar(gains, 0, ddof=1)
        # Rounding of the mean alone makes equal gains differ.
        equal = np.nanmax(np.abs(gains - mean), 0) <= 1e-12 * np.abs(mean)
        unknown = np.full(gains.shape[1:], np.nan)
        return of_student(
            mean=mean,
            variances=[np.where(equal & (number > 1), 0.0, variance) * (1 / number + overlap)],
            dfs=[number - 1.0],
            seed_variance=variance,
            interaction_variance=unknown,
            example_variance=unknown,
            example_df=unknown,
            seeds=len(gains),
            examples=examples,
            level=level,
        )
