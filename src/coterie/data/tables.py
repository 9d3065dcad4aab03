"""Which columns of a table become inputs, and why the others do not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from coterie.data.columns import (
    as_numbers,
    constant,
    first_row,
    is_text,
    series,
    some,
    strange_cells,
)
from coterie.data.row_numbers import (
    counts_rows,
    evenly_numbered,
    named_like_a_row_number,
    named_like_an_id,
    nearly_unique,
)
from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pandas as pd

_MAX_CATEGORIES = 100
_DATE = r"\s*\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?"
_COMMA = r"[+-]?[\d.]+,\d+"
_KEEP = "`keep` makes it an input"
_RANKS = 2


@dataclass(frozen=True, kw_only=True)
class Features:
    """Names of the input columns by type, ``notes`` on the columns left out, and ``ids``.

    Columns that number the rows.
    """

    numeric: tuple[str, ...]
    categorical: tuple[str, ...]
    notes: tuple[str, ...]
    ids: tuple[str, ...]


class Table(NamedTuple):
    """Columns that are inputs, and which of them are numbers and which are categories."""

    frame: pd.DataFrame
    features: Features


def choose_features(
    frame: pd.DataFrame,
    *,
    keep: Collection[str] = (),
    index: Collection[str] = (),
    labels: Collection[str] = (),
    sample: np.ndarray | None = None,
) -> Features:
    """Type every column of ``frame`` as numeric, categorical or left out.

    Left out are what is constant, ids, dates, free text and nested values.

    Args:
        frame: columns as :func:`coterie.data.cells.read_cells` understood them.
        keep: columns that are inputs even if they look like an id or a row number, or are named as
            labels.
        index: columns that the source calls its index.
        labels: columns that the source names as labels.
        sample: rows of one task in long form, in which counters start anew; they are judged on
            these as well.

    Raises:
        CoterieError: ``keep`` names a column that cannot be an input.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"id": [7, 8, 9], "size": [1.5, 2.0, 1.0], "colour": list("aba")})
    >>> choose_features(frame)  # doctest: +NORMALIZE_WHITESPACE
    Features(numeric=('size',), categorical=('colour',),
             notes=("Column 'id' left out: it numbers the rows.",), ids=('id',))
    """
    chosen: dict[str, list[str]] = {"numeric": [], "categorical": [], "id": []}
    notes = []
    named = [name for name in frame.columns if name in labels and name not in keep]
    if named:
        notes.append(
            f"Left out, because the source names them as labels ({_KEEP}): "
            f"{some([repr(name) for name in named])}."
        )
    ranks = _shuffled_numbers(frame, keep)
    for name in (name for name in frame.columns if name not in named):
        column = series(frame, name)
        role, reason = _role(column)
        if name in keep:
            role, reason = _kept(column, role, reason), ""
        elif role and name in index:
            role, reason = "id", "it is the index of the table"
        elif role and (
            number := _row_number(column, role)
            or ranks.get(name, "")
            or _sampled(column, role, sample)
        ):
            role, reason = "id", number
        elif role == "numeric" and named_like_an_id(name):
            notes.append(
                f"Column {name!r} is used as a number although it is named like an id; `exclude` "
                "leaves it out."
            )
        if role in chosen:
            chosen[role].append(name)
        if reason:
            notes.append(f"Column {name!r} left out: {reason}.")
    return Features(
        numeric=tuple(chosen["numeric"]),
        categorical=tuple(chosen["categorical"]),
        notes=tuple(notes),
        ids=tuple(chosen["id"]),
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
    if (
        kinds.is_datetime64_any_dtype(column)
        or kinds.is_timedelta64_dtype(column)
        or strange_cells(column) == "dates"
    ):
        return "", "it holds dates"
    if strange := strange_cells(column):
        return (
            "",
            f"it holds {strange}{' (`image_column` reads images)' * strange.startswith('bytes')}",
        )
    if isinstance(column.dtype, pd.CategoricalDtype):
        return "categorical", ""
    values, stray = as_numbers(column)
    if not stray.any():
        return (
            ("", "it is constant but for rounding")
            if constant(values, column.dtype)
            else ("numeric", "")
        )
    return _text_role(column, stray, n_distinct)


def _text_role(column: pd.Series, stray: np.ndarray, n_distinct: int) -> tuple[str, str]:
    text = column.dropna()
    if (
        not is_text(column)
        or not text.map(lambda value: isinstance(value, (str, int, float, bool))).all()
    ):
        return "", "its cells are neither numbers nor text"
    if text.astype(str).str.fullmatch(_DATE).all():
        return "", "it holds dates"
    if text.astype(str).str.fullmatch(_COMMA).mean() > 1 / 2:
        return "", f"it holds numbers with commas such as {text.iloc[0]!r}; write them with a point"
    if stray.sum() < len(text) / 2:
        row = first_row(column, stray)
        return "", f"it holds numbers, but also text such as {column.loc[row]!r} in row {row}"
    if n_distinct == len(text):
        return "id", "it differs in every row (an id or free text)"
    if nearly_unique(n_distinct, len(text)) and n_distinct > 2:
        return "id", "it differs in nearly every row (an id or free text)"
    if n_distinct <= min(_MAX_CATEGORIES, max(2, len(text) // 2)):
        return "categorical", ""
    return "", f"it is free text ({n_distinct} distinct values)"


def _row_number(column: pd.Series, role: str) -> str:
    """How the column tells which row it is, by name and content, or ""."""
    if role == "id":
        return ""
    name, n_known = str(column.name), int(column.notna().sum())
    n_distinct = column.nunique()
    numbers, _ = as_numbers(column)
    whole = role == "categorical" or not (numbers[np.isfinite(numbers)] % 1).any()
    if whole and named_like_a_row_number(name) and nearly_unique(n_distinct, n_known):
        return "it numbers the rows"
    if role == "numeric" and (reason := counts_rows(numbers)):
        return f"{reason} ({_KEEP})"
    if whole and named_like_an_id(name) and n_distinct > max(10, n_known / 10):
        return f"it is an id that repeats (`group_column` keeps its rows in one part, {_KEEP})"
    return ""


def _shuffled_numbers(frame: pd.DataFrame, keep: Collection[str]) -> dict[str, str]:
    """Columns that number the rows in another order. Many of them are ranks, which describe."""
    found = [
        name
        for name in frame.columns
        if name not in keep
        and series(frame, name).dtype.kind in "iuf"
        and evenly_numbered(as_numbers(series(frame, name))[0])
    ]
    return (
        dict.fromkeys(found, f"it numbers the rows in another order ({_KEEP})")
        if len(found) <= _RANKS
        else {}
    )


def _sampled(column: pd.Series, role: str, sample: np.ndarray | None) -> str:
    return "" if sample is None else _row_number(column.iloc[sample], role)


def _kept(column: pd.Series, role: str, reason: str) -> str:
    """The role of a column that must be an input."""
    stray = np.ones(1, dtype=bool) if strange_cells(column) else as_numbers(column)[1]
    if not stray.any() and column.notna().any():
        return "numeric"
    if role in ("categorical", "id") or reason.startswith("it is free text"):
        return "categorical"
    raise CoterieError(f"`keep` names {str(column.name)!r}, which cannot be an input: {reason}.")
