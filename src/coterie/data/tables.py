"""Which columns of a table become inputs, and why the others do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from coterie.data.columns import as_numbers, first_row, is_text, series

if TYPE_CHECKING:
    import pandas as pd

_MAX_CATEGORIES = 100
_DATE = r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?"
_ID_NAME = r"(?i:^|.*[_\s.\-])(?i:id|uuid|guid|index)$|.*[a-z]I[dD]$|^Unnamed: 0$|^__index_level_0__$"


@dataclass(frozen=True, kw_only=True)
class Features:
    """Names of the input columns by type, ``notes`` on the columns left out, and ``ids``: columns that number the rows."""

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    notes: tuple[str, ...]
    ids: tuple[str, ...]


def choose_features(frame: pd.DataFrame) -> Features:
    """Type every column of ``frame`` as numeric, categorical or left out (constant, id, date, free text, nested values).

    >>> import pandas as pd
    >>> choose_features(pd.DataFrame({"id": [7, 8, 9], "size": [1.5, 2.0, 1.0], "colour": ["red", "blue", "red"]}))
    Features(numeric=('size',), categorical=('colour',), notes=("Column 'id' left out: it numbers the rows.",), ids=('id',))
    """
    chosen: dict[str, list[str]] = {"numeric": [], "categorical": [], "id": []}
    notes = []
    for name in frame.columns:
        role, reason = _role(series(frame, name))
        if role in chosen:
            chosen[role].append(name)
        if reason:
            notes.append(f"Column {name!r} left out: {reason}.")
    return Features(
        numeric=tuple(chosen["numeric"]), categorical=tuple(chosen["categorical"]), notes=tuple(notes), ids=tuple(chosen["id"])
    )


def _role(column: pd.Series) -> tuple[str, str]:
    """Return "numeric", "categorical", "id" or "", and the reason for leaving the column out."""
    import pandas as pd

    kinds = pd.api.types
    try:
        n_distinct = column.nunique()
    except TypeError:
        return "", "its cells are lists or structures"
    if n_distinct <= 1:
        return "", "it is constant" if n_distinct else "it is empty"
    if kinds.is_datetime64_any_dtype(column) or kinds.is_timedelta64_dtype(column):
        return "", "it holds dates"
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "categorical", ""
    values, stray = as_numbers(column)
    if not stray.any():
        return ("id", "it numbers the rows") if _numbers_rows(column, values, n_distinct) else ("numeric", "")
    return _text_role(column, stray, n_distinct)


def _numbers_rows(column: pd.Series, values: np.ndarray, n_distinct: int) -> bool:
    if n_distinct < len(values) or not np.isfinite(values).all() or (values % 1).any():
        return False
    named = column.to_frame().columns.astype(str).str.fullmatch(_ID_NAME)[0]
    return bool(named or (len(values) > 2 and (np.diff(values) == 1).all()))


def _text_role(column: pd.Series, stray: np.ndarray, n_distinct: int) -> tuple[str, str]:
    text = column.dropna()
    if not is_text(column) or not text.map(lambda value: isinstance(value, (str, int, float, bool))).all():
        return "", "its cells are neither numbers nor text"
    if text.astype(str).str.fullmatch(_DATE).all():
        return "", "it holds dates"
    if stray.sum() < len(text) / 2:
        row = first_row(column, stray)
        return "", f"it holds numbers, but also text such as {column.loc[row]!r} in row {row}"
    if n_distinct == len(column):
        return "id", "it differs in every row (an id or free text)"
    if n_distinct <= min(_MAX_CATEGORIES, max(2, len(text) // 2)):
        return "categorical", ""
    return "", f"it is free text ({n_distinct} distinct values)"
