"""Several tables as one, where what their columns hold agrees."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING

from coterie.data.columns import series
from coterie.data.metadata import class_names, metadata_of
from coterie.errors import CoterieError, reason, shown

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def stacked_tables(tables: list[pa.Table], where: Sequence[str]) -> pa.Table:
    """Stack tables; ``where`` says where each is from, for messages.

    A column that is text somewhere, as in CSV files, is text everywhere.

    Raises:
        CoterieError: classes that differ, or columns that do not fit together.
    """
    import pyarrow as pa

    _require_same_classes(tables, where)
    try:
        return pa.concat_tables(_alike(tables), promote_options="permissive")
    except pa.ArrowException as error:
        raise CoterieError(
            f"{', '.join(where)}: their columns do not fit together ({reason(error)})."
        ) from error


def stacked_frames(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Stack frames by part; categories are those of all parts, in their order if they are ordered.

    Raises:
        CoterieError: ordered categories that differ, or frames that do not fit together.
    """
    import pandas as pd

    frames = dict(frames)
    if all(frame.columns.is_unique for frame in frames.values()):
        for name in dict.fromkeys(name for frame in frames.values() for name in frame.columns):
            frames |= _of_one_type(frames, name)
    counted = all(isinstance(frame.index, pd.RangeIndex) for frame in frames.values())
    try:
        return pd.concat(frames.values(), ignore_index=counted)
    except (ValueError, TypeError, pd.errors.InvalidIndexError) as error:
        raise CoterieError(
            f"`source`: the columns of its parts do not fit together ({reason(error)})."
        ) from error


def _of_one_type(frames: Mapping[str, pd.DataFrame], name: Hashable) -> dict[str, pd.DataFrame]:
    """Frames in which one column had other categories than elsewhere, with those of all."""
    import pandas as pd

    held = {part: series(frame, name) for part, frame in frames.items() if name in frame.columns}
    types = [each.dtype for each in held.values() if isinstance(each.dtype, pd.CategoricalDtype)]
    if len(types) == len(held) and len(set(types)) == 1:
        return {}
    if any(kind.ordered for kind in types):
        raise CoterieError(
            f"Column {name!r} must have the same ordered categories in every part; found "
            f"{shown(types)}."
        )
    if len(types) < len(held):
        return {}
    union = pd.CategoricalDtype(list(dict.fromkeys(v for kind in types for v in kind.categories)))
    answer = {part: frames[part].copy() for part in held}
    for part, column in held.items():
        answer[part][name] = column.astype(union)
    return answer


def _require_same_classes(tables: list[pa.Table], where: Sequence[str]) -> None:
    """Refuse class numbers that stand for other names elsewhere, and categories in other orders."""
    found: dict[str, tuple[str, list[object]]] = {}
    for table, place in zip(tables, where, strict=True):
        about = metadata_of(table.schema)
        for column in table.column_names:
            names = class_names(about, column) or _ordered_categories(table.column(column))
            if not names:
                continue
            other, theirs = found.setdefault(column, (place, list(names)))
            if theirs != names:
                raise CoterieError(
                    f"Column {column!r} must have the same classes everywhere; {other} names them "
                    f"{shown(theirs)}, {place} {shown(names)}."
                )


def _ordered_categories(column: pa.ChunkedArray) -> list[object]:
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type) or not column.type.ordered or not column.num_chunks:
        return []
    return column.unify_dictionaries().chunk(0).dictionary.to_pylist()


def _alike(tables: list[pa.Table]) -> list[pa.Table]:
    """The tables with a column as text everywhere if it is text, as in CSV files, somewhere."""
    import pyarrow as pa

    types: dict[str, set[pa.DataType]] = {}
    for field in (field for table in tables for field in table.schema):
        types.setdefault(field.name, set()).add(field.type)
    texts = {name for name, found in types.items() if len(found) > 1 and any(map(_is_text, found))}

    def as_text(table: pa.Table) -> pa.Table:
        if texts.isdisjoint(table.column_names):
            return table
        fields = [
            field.with_type(pa.large_string()) if field.name in texts else field
            for field in table.schema
        ]
        return table.cast(pa.schema(fields, metadata=table.schema.metadata))

    return [as_text(table) for table in tables]


def _is_text(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return pa.types.is_string(kind) or pa.types.is_large_string(kind)
