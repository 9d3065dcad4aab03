"""Affinities in which all targets count alike, whatever their losses are measured in."""

from __future__ import annotations

import numpy as np

_ROUNDING = 1e-6


def standardised(matrix: np.ndarray) -> np.ndarray:
    """Affinities (T, T), [source, target], as deviations from what is usual for their target.

    Symmetric, diagonal 0.

    Of each target's affinities, the diagonal left out, the mean is subtracted, and they are divided
    by their standard deviation plus a millionth of the largest, so that a target all of whose
    affinities are equal but for rounding says nothing. Then both directions are averaged (Grad-TAG,
    Li et al. 2024: targets on larger scales would decide alone otherwise).

    The given diagonal is not read: methods disagree on what it means, and a density needs it only
    where tasks differ in how well they do alone. At 0 no task is more attractive alone than
    another, and company of average use is worth as much as none.

    >>> standardised(np.array([[9.0, 4.0, 0.1], [3.0, np.nan, 0.3], [1.0, 2.0, 0.2]])).round(3) + 0
    array([[ 0.,  1., -1.],
           [ 1.,  0.,  0.],
           [-1.,  0.,  0.]])
    """
    found = deviations(matrix)
    return (found + found.T) / 2


def deviations(matrix: np.ndarray) -> np.ndarray:
    """Affinities (T, T) as :func:`standardised` has them, before both directions are averaged."""
    between = ~np.eye(len(matrix), dtype=bool)
    values = np.where(between, matrix, 0.0).astype(np.float64)
    others = len(matrix) - 1
    centred = np.where(between, values - values.sum(axis=0) / others, 0.0)
    scale = np.sqrt(np.square(centred).sum(axis=0) / others) + _ROUNDING * np.abs(values).max(
        axis=0
    )
    return centred / np.where(scale > 0, scale, 1.0)
