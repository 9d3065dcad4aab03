"""Arithmetic of values with gaps, and of matrices [source, target] between tasks."""

from __future__ import annotations

import warnings

import numpy as np


def mean_where_known(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over an axis of what is not NaN, NaN where nothing is.

    >>> mean_where_known(np.array([[1.0, np.nan], [3.0, np.nan]]), 0).tolist()
    [2.0, nan]
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Mean of empty slice")
        return np.nanmean(values, axis=axis)


def symmetric(matrix: np.ndarray) -> np.ndarray:
    """Mean of both directions of a matrix (T, T); where one was never measured, the other.

    >>> symmetric(np.array([[0.0, 2.0], [np.nan, 0.0]])).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    both = np.stack([matrix, matrix.T])
    known = np.isfinite(both)
    with np.errstate(invalid="ignore"):
        return np.where(known, both, 0).sum(0) / known.sum(0)
