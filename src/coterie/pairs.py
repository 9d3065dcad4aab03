"""Arithmetic of matrices [source, target] between tasks."""

from __future__ import annotations

import numpy as np


def symmetric(matrix: np.ndarray) -> np.ndarray:
    """Mean of both directions of a matrix (T, T); where one was never measured, the other.

    >>> symmetric(np.array([[0.0, 2.0], [np.nan, 0.0]])).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    both = np.stack([matrix, matrix.T])
    known = np.isfinite(both)
    with np.errstate(invalid="ignore"):
        return np.where(known, both, 0).sum(0) / known.sum(0)
