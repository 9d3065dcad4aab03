"""Paired gains between two arms.

Interval over seeds and splits, Holm's correction.

Shapes: ``U`` units (a split and a seed each), ``T`` tasks.
"""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

FEWEST_ERRORS = 10


class Interval(NamedTuple):
    """Mean of paired differences, its confidence interval and two-sided p value.

    NaN where they cannot be told.
    """

    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    p: np.ndarray


def paired_interval(
    differences: np.ndarray, *, overlap: float = 0.0, level: float = 0.95
) -> Interval:
    """Student's t interval of the mean of paired differences (U, ...), over the first axis.

    NaN differences are left out.

    ``overlap`` is 0 for seeds on one split. Random splits of one table share most of their training
    examples, so their results vary together: with test / train examples as ``overlap``, the
    variance of the mean is s**2 * (1 / U + overlap) (the corrected resampled t test of Nadeau and
    Bengio 2003).

    Without two differences, or where all agree exactly, there is no spread to judge by and the
    interval is NaN; no difference at all has the interval 0 to 0 and p = 1.

    >>> [round(float(x), 3) for x in paired_interval(np.array([1.0, 2.0, 3.0]))]
    [2.0, -0.484, 4.484, 0.074]
    """
    from scipy import stats

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", RuntimeWarning
        )  # an empty or single column is meant to give NaN
        n = (~np.isnan(differences)).sum(0)
        mean = np.nanmean(differences, 0)
        spread = np.nanstd(differences, 0, ddof=1)
        agree = np.nanmax(np.abs(differences - mean), 0) <= 1e-12 * np.abs(mean)
        error = np.where(agree, np.nan, spread) * np.sqrt(1 / n + overlap)
        half = error * stats.t.ppf((1 + level) / 2, n - 1)
        p = 2 * stats.t.sf(np.abs(mean / error), n - 1)
    same = (mean == 0) & agree & (n > 1)
    low, high = (np.where(same, 0.0, mean + side * half) for side in (-1, 1))
    return Interval(mean, low, high, np.where(same, 1.0, p))


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction of the p values (T,) of one family.

    NaN stays NaN and is not counted.

    >>> holm(np.array([0.01, 0.04, 0.03, np.nan]))
    array([0.03, 0.06, 0.06,  nan])
    """
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def relative_gain(
    error: np.ndarray, reference: np.ndarray, reference_wrong: np.ndarray
) -> np.ndarray:
    """(error_ref - error) / error_ref of each task, NaN below ten errors of the reference.

    ``reference_wrong`` counts the reference's wrong examples; NaN (every prediction is somewhat
    wrong) passes.

    >>> relative_gain(np.array([0.1, 0.1]), np.array([0.2, 0.2]), np.array([30.0, 9.0]))
    array([0.5, nan])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(reference > 0, (reference - error) / reference, np.nan)
    return np.where(reference_wrong < FEWEST_ERRORS, np.nan, gain)
