"""Which examples train, which choose and which judge."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real

import numpy as np

from coterie.errors import CoterieError, is_listed, shown

PARTS = ("train", "validation", "test")
_PART_OF = {
    "train": 0,
    "training": 0,
    "0": 0,
    "validation": 1,
    "valid": 1,
    "val": 1,
    "dev": 1,
    "1": 1,
    "test": 2,
    "testing": 2,
    "2": 2,
}


def check_fractions(split: Sequence[float]) -> tuple[float, float, float]:
    """Return the three fractions as floats, or say what is wrong with them."""
    listed = list(split) if is_listed(split) else []
    fractions = tuple(map(float, listed)) if all(isinstance(each, Real) for each in listed) else ()
    if len(fractions) != 3 or min(fractions) <= 0 or abs(sum(fractions) - 1) > 1e-6:
        raise CoterieError(
            "`split` must be three positive fractions (train, validation, test) that sum to 1; "
            f"found {shown(split)}."
        )
    return fractions


def assign_parts(
    n_examples: int,
    fractions: Sequence[float],
    generator: np.random.Generator,
    *,
    strata: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Assign each example to one of ``len(fractions)`` parts at random, (N,) int8.

    The part whose stretch of a line of length 1 holds the example's place there takes it
    (:func:`places`). With ``strata`` (N,) every stratum has a line of its own; those too small for
    every part are shifted, as the same part would be left out each time.

    >>> assign_parts(10, (0.6, 0.2, 0.2), np.random.default_rng(0))
    array([1, 2, 0, 0, 0, 0, 0, 0, 2, 1], dtype=int8)
    """
    ends = np.cumsum(fractions)[:-1]
    shifted = 1 / min(fractions)
    place = places(n_examples, generator, strata=strata, groups=groups, shifted=shifted)
    return np.searchsorted(ends, place, side="right").astype(np.int8)


def places(
    n_examples: int,
    generator: np.random.Generator,
    *,
    strata: np.ndarray | None = None,
    groups: np.ndarray | None = None,
    shifted: float = np.inf,
) -> np.ndarray:
    """Place examples at random and evenly on a line from 0 to 1, (N,) float64.

    Each unit (an example, or a whole group) has a stretch of a shuffled line and stands at the
    middle of it. Every stratum has a line of its own; a group stands in that of its first example.
    In strata of fewer than ``shifted`` examples units stand elsewhere in their stretches, evenly
    over these strata: so any part of the line holds its share of many small strata, too.

    >>> places(4, np.random.default_rng(0)).tolist()
    [0.375, 0.625, 0.125, 0.875]
    """
    units, first, unit, sizes = np.unique(
        np.arange(n_examples) if groups is None else groups,
        return_index=True,
        return_inverse=True,
        return_counts=True,
    )
    stratum = (
        np.zeros(len(units), np.int64)
        if strata is None
        else np.unique(strata[first], return_inverse=True)[1]
    )
    totals = np.bincount(stratum, weights=sizes)
    order = generator.permutation(len(units))
    order = order[np.argsort(stratum[order], kind="stable")]
    starts = np.cumsum(sizes[order]) - sizes[order]
    place = np.empty(len(units))
    place[order] = starts - (np.cumsum(totals) - totals)[stratum[order]]
    shift = np.full(len(totals), 0.5)
    small = totals < shifted
    shift[small] = (generator.permutation(small.sum()) + 0.5) / small.sum()
    place += sizes * shift[stratum]
    return (place / totals[stratum])[unit]


def parts_in_time(times: np.ndarray, fractions: Sequence[float]) -> np.ndarray:
    """Assign examples to parts by time, earliest first, (N,) int8.

    Examples of one time share a part.

    >>> parts_in_time(np.array([5, 1, 2, 3, 4]), (0.6, 0.2, 0.2))
    array([2, 0, 0, 0, 1], dtype=int8)
    """
    _, moment, sizes = np.unique(times, return_inverse=True, return_counts=True)
    middle = (np.cumsum(sizes) - sizes / 2) / len(times)
    return np.searchsorted(np.cumsum(fractions)[:-1], middle[moment], side="right").astype(np.int8)


def given_parts(values: np.ndarray, column: str) -> np.ndarray:
    """Translate the values of a split column into parts 0, 1, 2, (N,) int8.

    >>> given_parts(np.array(["train", "val", "test"]), "fold")
    array([0, 1, 2], dtype=int8)
    """
    text = np.array([str(value).strip().lower().removesuffix(".0") for value in values])
    names, inverse = np.unique(text, return_inverse=True)
    unknown = [name for name in names if name not in _PART_OF]
    if unknown:
        raise CoterieError(
            f"`split_column` {column!r} may hold train, validation and test (or 0, 1, 2); found "
            f"{str(unknown[0])!r}"
            + (f" and {len(unknown) - 1} other values." if len(unknown) > 1 else ".")
        )
    return np.array([_PART_OF[name] for name in names], dtype=np.int8)[inverse]
