"""Arrays against the kinds of their numbers and the letters of their dimensions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from coterie.errors import CoterieError, shown


def arrays_of(
    arrays: Mapping[str, np.ndarray],
    layout: Mapping[str, str],
    *,
    optional: Sequence[str] = (),
    sizes: Mapping[str, int] | None = None,
) -> dict[str, int]:
    """Refuse arrays that are missing, unknown, or whose shapes or kinds of numbers do not fit.

    Args:
        arrays: by name.
        layout: for each name the kinds of dtype and the letters of its dimensions, such as ``"f A
            T"``; a letter means the same size everywhere, ``...`` at the end any further
            dimensions. Kinds are those of :attr:`numpy.dtype.kind`.
        optional: names that may be missing.
        sizes: those of letters that are known.

    Returns:
        The sizes of all letters that are known now.

    Raises:
        CoterieError: naming the array.

    >>> arrays = {"scores": np.zeros((2, 3)), "weights": np.zeros((2, 4))}
    >>> arrays_of(arrays, {"scores": "f M T", "weights": "f M T"})
    Traceback (most recent call last):
    coterie.errors.CoterieError: Array `weights` must have shape (M=2, T=3); found (2, 4).
    """
    known = dict(sizes or {})
    if unknown := [name for name in arrays if name not in layout]:
        raise CoterieError(
            f"There is an unknown array `{unknown[0]}`; known are {', '.join(layout)}."
        )
    for name, text in layout.items():
        kinds, *letters = text.split()
        if name not in arrays:
            if name in optional:
                continue
            raise CoterieError(f"Array `{name}` is missing.")
        array = arrays[name]
        if array.dtype.kind not in kinds:
            raise CoterieError(f"Array `{name}` must hold {_numbers(kinds)}; found {array.dtype}.")
        named = [letter for letter in letters if letter != "..."]
        has_rank = array.ndim >= len(named) if "..." in letters else array.ndim == len(named)
        fits = has_rank and all(
            known.setdefault(letter, size) == size
            for letter, size in zip(named, array.shape, strict=False)
        )
        if not fits:
            wanted = ", ".join(
                f"{letter}={known[letter]}" if letter in known else letter for letter in letters
            )
            raise CoterieError(f"Array `{name}` must have shape ({wanted}); found {array.shape}.")
    return known


def array_of(name: str, value: object, layout: str, **sizes: int) -> np.ndarray:
    """What a user gave as one array of the kinds and the shape of a ``layout``.

    A layout is a text as :func:`arrays_of` reads it.

    Raises:
        CoterieError: it is none; what was given is shown.

    >>> array_of("matrix", [[1, 2]], "iuf T T")
    Traceback (most recent call last):
    coterie.errors.CoterieError: Array `matrix` must have shape (T=1, T=1); found (1, 2).
    """
    kinds = layout.split(maxsplit=1)[0]
    try:
        array = np.asanyarray(value)  # a memory map stays one
    except Exception:  # rows of unequal lengths, and whatever a stranger's `__array__` raises
        array = np.empty(0, dtype=object)
    if array.dtype.kind not in kinds:
        raise CoterieError(f"`{name}` must be an array of {_numbers(kinds)}; found {shown(value)}.")
    arrays_of({name: array}, {name: layout}, sizes=sizes)
    return array


def matrix_of(
    rows: Sequence[Sequence[object]],
    shape: tuple[int | None, int],
    name: str,
    dtype: type = np.float64,
) -> np.ndarray:
    """Rows of JSON as an array of ``shape``, whose first size may be None: any but 0.

    Raises:
        CoterieError: naming the field.
    """
    n_rows, n_columns = shape
    widths = {len(row) for row in rows}
    if widths != {n_columns} or n_rows not in (None, len(rows)):
        wanted = f"{'' if n_rows is None else f'{n_rows} '}rows of {n_columns}"
        raise CoterieError(
            f"`{name}` must have {wanted}; found {len(rows)} rows of "
            f"{', '.join(map(str, sorted(widths))) or 0}."
        )
    return np.array(rows, dtype=dtype)


def membership_of(values: np.ndarray, name: str = "membership") -> np.ndarray:
    """A membership (T, K) as it is, if it is one: finite, not negative, rows that sum to 1.

    Raises:
        CoterieError: it is none.
    """
    if not np.isfinite(values).all() or (values < 0).any():
        raise CoterieError(f"`{name}` must be finite and not negative.")
    sums = values.sum(1, dtype=np.float64)
    if wrong := np.flatnonzero(np.abs(sums - 1) > 1e-3).tolist():
        raise CoterieError(
            f"Rows of `{name}` must sum to 1; row {wrong[0]} sums to {sums[wrong[0]]:.4g}."
        )
    return values


def _numbers(kinds: str) -> str:
    words = {
        "f": "numbers",
        "i": "whole numbers",
        "u": "counts",
        "b": "truth values",
        "U": "texts",
        "O": "objects",
        "M": "dates",
    }
    return " or ".join(words[kind] for kind in kinds)
