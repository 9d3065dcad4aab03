"""Looking at one column of a table: numbers, text, classes.

Frames are indexed by row number, counted from 0.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np

from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pandas as pd

ZEROS = r"[+-]?0[0-9]"
SINGLE_ROUNDING = 1e-6
ROUNDING = 1e-12  # of the largest value; float64 carries 16 digits, and sums lose a few
_DATES = ("date", "datetime", "datetime64", "time", "timedelta", "timedelta64", "period")


def series(frame: pd.DataFrame, name: Hashable) -> pd.Series:
    """One column of a frame whose names are known to be distinct."""
    return cast("pd.Series", frame[name])


def strange_cells(column: pd.Series) -> str:
    """What the cells hold that is neither number nor class.

    "dates", "lists or structures", or "".
    """
    import pandas as pd

    found = pd.api.types.infer_dtype(column, skipna=True)
    if found in _DATES:
        return "dates"
    mixed = found.startswith("mixed")
    if found == "bytes" or (mixed and any(isinstance(value, bytes) for value in column)):
        return "bytes that are no UTF-8 text"
    if found == "complex":
        return "complex numbers"
    nested = mixed and any(pd.api.types.is_list_like(value) for value in column)
    return "lists or structures" if nested else ""


def as_numbers(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Return the column as float64, NaN where missing or no number, and a mask of what is neither.

    Text that could be numbers in every cell was left as text on purpose
    (:mod:`coterie.data.cells`): none of it is a number, nor is anything beside numbers with leading
    zeros.
    """
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(
            column.cat.categories.dtype if column.cat.categories.dtype.kind in "iuf" else object
        )
    known = column.notna().to_numpy()
    numbers = cast("pd.Series", pd.to_numeric(column, errors="coerce"))
    with np.errstate(invalid="ignore"):  # a signalling NaN, as damaged files hold, is a NaN
        values = cast(np.ndarray, pd.Series.to_numpy(numbers, dtype=np.float64, na_value=np.nan))
    stray = np.isnan(values) & known
    if is_text(column) and (not stray.any() or _has_leading_zeros(column)):
        return np.full(len(values), np.nan), known
    return values, stray


def _has_leading_zeros(column: pd.Series) -> bool:
    try:
        return bool(column.astype(str).str.match(ZEROS).any())
    except UnicodeDecodeError:  # bytes that are no text
        return False


def finite_numbers(column: pd.Series) -> np.ndarray:
    """Return a feature column as float64, NaN where missing; text and infinite values are named."""
    values, stray = as_numbers(column)
    if stray.any():
        row = first_row(column, stray)
        raise CoterieError(
            f"Column {column.name!r} must hold numbers; found {column.loc[row]!r} in row {row}."
        )
    if np.isinf(values).any():
        raise CoterieError(
            f"Column {column.name!r} holds an infinite value in row "
            f"{first_row(column, np.isinf(values))}."
        )
    if (huge := np.abs(values) > np.finfo(np.float32).max).any():
        row = first_row(column, huge)
        raise CoterieError(
            f"Column {column.name!r} holds {values[huge][0]:g} in row {row}, which is beyond what "
            "float32 can hold."
        )
    return values


class TargetColumn:
    """A column as a kind of target looks at it, see :class:`coterie.tasks.Column`.

    Args:
        column: as :func:`coterie.data.cells.read_cells` understood it, indexed by row number.

    >>> import pandas as pd
    >>> TargetColumn(pd.Series(["b", None, "a"], name="y")).classes()
    (['a', 'b'], array([ 1, -1,  0]))
    """

    def __init__(self, column: pd.Series) -> None:
        self._column = column
        self.name = str(column.name)

    @cached_property
    def _numbers(self) -> tuple[np.ndarray, np.ndarray]:
        return as_numbers(self._column)

    @property
    def numbers(self) -> np.ndarray:
        """The cells as float64, (N,); NaN where missing, or no number."""
        return self._numbers[0]

    @property
    def stray(self) -> np.ndarray:
        """Which cells hold something else than a number, (N,) bool."""
        return self._numbers[1]

    @cached_property
    def _sizes(self) -> tuple[int, int]:
        return int(self._column.notna().sum()), self._column.nunique()

    @property
    def n_labels(self) -> int:
        """Number of cells that are not missing."""
        return self._sizes[0]

    @property
    def n_distinct(self) -> int:
        """Number of distinct labels."""
        return self._sizes[1]

    @property
    def declared(self) -> list[str]:
        """Classes in the order that the source declares, seen or not.

        Empty where it declares none.
        """
        import pandas as pd

        dtype = self._column.dtype
        if not isinstance(dtype, pd.CategoricalDtype) or not dtype.ordered:
            return []
        return [plain_text(value) for value in dtype.categories]

    @property
    def categorical(self) -> bool:
        """Whether the source says that the cells are categories."""
        import pandas as pd

        return isinstance(self._column.dtype, pd.CategoricalDtype)

    def classes(self) -> tuple[list[str], np.ndarray]:
        """Names of the classes, and the code of each cell, (N,), -1 where missing.

        As declared, else in ascending order.
        """
        import pandas as pd

        column = self._column
        if declared := self.declared:
            return declared, column.cat.codes.to_numpy().astype(np.int64)
        if self.stray.any() or pd.api.types.is_bool_dtype(column.dtype):
            text = as_text(column)
            text[column.isna().to_numpy()] = None
            codes, names = pd.factorize(text, sort=True)
        elif column.dtype.kind in "iu":  # as they are: float64 would join numbers beyond 2**53
            codes, names = pd.factorize(column.to_numpy(), sort=True)
        else:
            codes, names = pd.factorize(self.numbers, sort=True)
        return [plain_text(value) for value in names], codes

    def first(self, mask: np.ndarray) -> tuple[object, int]:
        """The first cell under the mask (N,), and its row."""
        row = first_row(self._column, mask)
        return self._column.loc[row], row


def constant(values: np.ndarray, dtype: object = np.float64) -> bool:
    """Whether all values, NaN aside, are one number but for rounding.

    Rounding is that of the ``dtype`` they came in; whole numbers are exact.

    >>> constant(np.array([0.1, 0.1 + 1e-17, np.nan])), constant(np.array([10**15, 10**15 + 1.0]))
    (True, False)
    """
    known = values[np.isfinite(values)]
    if len(known) == 0 or len(known) < np.count_nonzero(~np.isnan(values)):
        return False
    with np.errstate(over="ignore"):  # from -1e308 to 1e308, say
        spread = float(known.max() - known.min())
    rounding = SINGLE_ROUNDING if dtype == np.float32 else ROUNDING
    return spread == 0 or (
        spread <= rounding * float(np.abs(known).max()) and bool((known % 1).any())
    )


def as_text(column: pd.Series) -> np.ndarray:
    """Return the column as an object array of str.

    Whole numbers lose their ".0", so that 1 and 1.0 are one category.
    """
    codes, values = column.factorize()
    text = np.array([plain_text(value) for value in values] + [""], dtype=object)
    return text[codes]


def plain_text(value: object) -> str:
    """Return a label as a person writes it.

    >>> plain_text(3.0), plain_text("cat"), plain_text(True)
    ('3', 'cat', 'true')
    """
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    try:
        return str(value)
    except NotImplementedError:  # pandas writes no moment beyond Python's own years, 1 to 9999
        return str(cast("pd.Timestamp", value).to_numpy())


def is_text(column: pd.Series) -> bool:
    """Whether the column holds strings or other objects: neither numbers, nor dates."""
    import pandas as pd

    kinds = pd.api.types
    return not (
        kinds.is_numeric_dtype(column)
        or kinds.is_datetime64_any_dtype(column)
        or kinds.is_timedelta64_dtype(column)
    )


def first_row(column: pd.Series, mask: np.ndarray) -> int:
    """Row number of the first cell under the mask."""
    return int(column.index[int(np.argmax(mask))])


def some(names: Sequence[str], most: int = 20) -> str:
    """At most ``most`` names, as a list to read."""
    shown = ", ".join(map(str, names[:most]))
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
