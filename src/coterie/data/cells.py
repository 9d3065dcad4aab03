"""What a cell means.

One rule for all formats, so that the same table reads alike from CSV, Parquet, Arrow, frames and
hubs.

====================================== =============================================================
cells                                  are read as
====================================== =============================================================
empty, or a word of ``MISSING``        missing (text columns only; spaces around text go first)
all numbers (``1``, ``-2.5``, ``1e3``) numbers
numbers with leading zeros (``007``)   text, as written; so are whole numbers of more than 15
                                       digits, which are no measurements
all true or false, in any case         truth values
bytes                                  text, if they are UTF-8
categories (of frames, dictionaries)   as declared, in their order if they are ordered
anything else that is text             text
====================================== =============================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import EllipsisType
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.data.columns import ZEROS, plain_text, some

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MISSING = (
    "?",
    "NA",
    "N/A",
    "n/a",
    "NaN",
    "nan",
    "-NaN",
    "-nan",
    "NULL",
    "null",
    "<NA>",
    "#N/A",
    "#NA",
    "#N/A N/A",
)
"""Words that stand for a missing cell in a text column, besides the empty one."""

NUMBER = r"^[+-]?(([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|(?i:inf|infinity))$"
_WHOLE = r"^[+-]?[0-9]+$"
_LONG = r"^[+-]?[0-9]{16,}$"
_COMMA = r"^[+-]?[0-9]+(,[0-9]+)?$"


@dataclass(frozen=True, kw_only=True, eq=False)
class Cells:
    """One column as it was understood.

    ``values`` are numbers, truth values, text, categories or, where it is none of these, what the
    source held. ``missing`` counts the words that were read as missing, ``spaces`` the cells that
    lost spaces around their text; ``remark`` says what else was interpreted.
    """

    values: pd.Series
    missing: Mapping[str, int] = field(default_factory=dict)
    spaces: int = 0
    remark: str = ""


def read_cells(
    cells: pa.ChunkedArray,
    *,
    missing: Sequence[str] = MISSING,
    as_text: bool = False,
    decimal_comma: bool = False,
) -> Cells:
    """Understand one Arrow column.

    Args:
        cells: the column.
        missing: words that stand for a missing cell; the empty cell always does.
        as_text: text stays text whatever it looks like, as a model's schema may ask for.
        decimal_comma: ``1,5`` is a number, as in files that separate columns by semicolons.

    >>> import pyarrow as pa
    >>> read_cells(pa.chunked_array([["1", " 2.5", "NA"]])).values.tolist()
    [1.0, 2.5, nan]
    >>> read_cells(pa.chunked_array([["007", "012"]])).values.tolist()
    ['007', '012']
    """
    import pyarrow as pa

    kinds = pa.types
    if isinstance(cells.type, pa.BaseExtensionType):
        return Cells(values=_pandas(cells))
    if kinds.is_dictionary(cells.type):
        if cells.type.ordered or not _holds_text(cells.type.value_type):
            return Cells(values=_pandas(cells.unify_dictionaries()))
        read = _text(cells.cast(pa.large_string()), tuple(missing), True, False)
        return replace(read, values=read.values.astype("category"))
    if (
        kinds.is_binary(cells.type)
        or kinds.is_large_binary(cells.type)
        or kinds.is_fixed_size_binary(cells.type)
    ):
        try:
            cells = cells.cast(pa.large_binary()).cast(pa.large_string())
        except pa.ArrowInvalid:
            return Cells(values=_pandas(cells))
    if _holds_text(cells.type):
        return _text(cells.cast(pa.large_string()), tuple(missing), as_text, decimal_comma)
    if kinds.is_decimal(cells.type) or kinds.is_float16(cells.type):
        cells = cells.cast(pa.float64())
    if kinds.is_boolean(cells.type):
        return Cells(values=cells.to_pandas().astype("boolean"))
    return Cells(values=_pandas(cells))


def _pandas(cells: pa.ChunkedArray) -> pd.Series:
    """The cells as pandas holds them; dates as moments, since Python's own end in year 9999."""
    return cells.to_pandas(date_as_object=False)


def _holds_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return (
        pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
    )


def _text(
    cells: pa.ChunkedArray, missing: tuple[str, ...], as_text: bool, decimal_comma: bool
) -> Cells:
    """Apply the rule of the module to a column of text."""
    import pandas as pd
    import pyarrow as pa

    pc = _compute()
    trimmed = pc.utf8_trim_whitespace(cells)
    gaps = pc.is_in(trimmed, value_set=pa.array(["", *missing], pa.large_string()))
    counts = pc.value_counts(trimmed.filter(gaps)).to_pylist()
    words = {str(row["values"]): row["counts"] for row in counts if row["values"]}
    trimmed = pc.if_else(gaps, pa.scalar(None, pa.large_string()), trimmed)
    if trimmed.null_count == len(trimmed):
        return Cells(values=pd.Series(np.full(len(cells), np.nan)), missing=words)
    remark = ""
    if not as_text:
        values, remark = _typed(trimmed, decimal_comma)
        if values is not None:
            return Cells(values=values, missing=words, remark=remark)
    as_read = pc.if_else(gaps, "", cells)
    spaces = int(pc.sum(pc.not_equal(pc.fill_null(trimmed, ""), as_read)).as_py() or 0)
    return Cells(values=trimmed.to_pandas(), missing=words, spaces=spaces, remark=remark)


def _typed(text: pa.ChunkedArray, decimal_comma: bool) -> tuple[pd.Series | None, str]:
    """Numbers or truth values where all known cells are such, else None; and a remark."""
    pc, known = _compute(), text.drop_null()

    def every(pattern: str) -> bool:
        return bool(pc.all(pc.match_substring_regex(known, pattern)).as_py())

    def any_of(pattern: str) -> bool:
        return bool(pc.any(pc.match_substring_regex(known, pattern)).as_py())

    if every(NUMBER):
        if any_of(f"^{ZEROS}"):
            return None, "is read as text, because it has leading zeros"
        if any_of(_LONG):
            return None, "is read as text, because its numbers have more than 15 digits"
        return _numbers(text, whole=every(_WHOLE)), ""
    if decimal_comma and every(_COMMA):
        pointed = pc.replace_substring(text, ",", ".")
        return _numbers(pointed, whole=False), "has decimal commas"
    if every("^(?i:true|false)$"):
        return pc.equal(pc.utf8_lower(text), "true").to_pandas().astype("boolean"), ""
    return None, ""


def _compute() -> Any:
    """``pyarrow.compute``, whose functions are made at run time."""
    import pyarrow.compute

    return pyarrow.compute


def _numbers(text: pa.ChunkedArray, *, whole: bool) -> pd.Series:
    import pyarrow as pa

    plain = _compute().replace_substring_regex(text, r"^\+", "")
    return plain.cast(pa.int64() if whole and not text.null_count else pa.float64()).to_pandas()


def to_arrow(column: pd.Series) -> pa.ChunkedArray | None:
    """The column of a frame as Arrow has it; objects of several kinds as text.

    None where they are no cells of a table.

    >>> import pandas as pd
    >>> to_arrow(pd.Series([True, "unknown", 3.0, None])).to_pylist()
    ['true', 'unknown', '3', None]
    """
    import pandas as pd
    import pyarrow as pa

    if isinstance(column.dtype, pd.CategoricalDtype) and isinstance(
        column.dtype.categories.dtype, pd.IntervalDtype
    ):
        column = column.cat.rename_categories([str(each) for each in column.dtype.categories])
    if isinstance(column.dtype, pd.SparseDtype):
        column = column.sparse.to_dense()
    if column.dtype.kind == "c" or isinstance(column.dtype, (pd.PeriodDtype, pd.IntervalDtype)):
        return None
    try:
        array = pa.array(column, from_pandas=True)
    except (pa.ArrowException, OverflowError, TypeError, ValueError):
        plain = [_cell_text(value) for value in column]
        if any(value is ... for value in plain):
            return None
        array = pa.array(plain, pa.large_string())
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _cell_text(value: object) -> str | EllipsisType | None:
    """One cell as text, None where it is missing, ``...`` where it is no cell of a table."""
    import pandas as pd

    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return ...
    if not pd.api.types.is_scalar(value):
        return ...
    if bool(pd.isna(value)):
        return None
    known = isinstance(value, str | bool | int | float | Decimal | np.number | np.bool_)
    return plain_text(value) if known else ...


def reading_notes(read: Mapping[str, Cells], used: Sequence[str]) -> list[str]:
    """What was interpreted in the columns ``used``, in sentences with names and counts."""
    notes, words, spaces = [], dict[str, dict[str, int]](), dict[str, int]()
    for name in used:
        if (cells := read.get(name)) is None:
            continue
        for word, count in cells.missing.items():
            words.setdefault(word, {})[name] = count
        if cells.spaces:
            spaces[name] = cells.spaces
        if cells.remark:
            notes.append(f"Column {name!r} {cells.remark}.")
    for word, columns in words.items():
        count = sum(columns.values())
        notes.append(
            f"{count} cell{'s'[: count > 1]} {word!r} read as missing in "
            f"{some([repr(name) for name in columns], 5)}."
        )
    if spaces:
        count = sum(spaces.values())
        notes.append(
            f"Spaces around {count} cell{'s'[: count > 1]} dropped in "
            f"{some([repr(name) for name in spaces], 5)}."
        )
    return notes
