"""Columns, once they are read, to :class:`RawData`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from coterie.data.cells import Cells, read_cells
from coterie.data.columns import series
from coterie.data.csv_files import SEPARATOR
from coterie.data.metadata import (
    class_names,
    index_columns,
    metadata_of,
    named_labels,
    with_class_names,
)
from coterie.data.sources._raw import RawData, Reading
from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def from_table(table: pa.Table, how: Reading) -> RawData:
    """Understand the columns of a table, with what its metadata say of them.

    Raises:
        CoterieError: a name occurs twice, or ``image_column`` is no column of images.
    """
    require_distinct(table.column_names)
    metadata = metadata_of(table.schema)
    separator = str(metadata.get(SEPARATOR, ","))
    columns = {name: table.column(name) for name in table.column_names}
    found = from_columns(columns, how, decimal_comma=separator == ";")
    classes = {name: class_names(metadata, name) for name in found.read}
    named = {
        name: with_class_names(series(found.frame, name), names)
        for name, names in classes.items()
        if names
    }
    notes = [] if separator == "," else [f"Columns are separated by {separator!r}."]
    return replace(
        found,
        frame=found.frame.assign(**named),
        metadata=metadata,
        labels=named_labels(metadata, table.column_names),
        index=index_columns(metadata),
        notes=(*notes, *found.notes),
    )


def from_columns(
    columns: Mapping[str, pa.ChunkedArray | pd.Series],
    how: Reading,
    *,
    decimal_comma: bool = False,
) -> RawData:
    """Columns of one length, as Arrow has them or, where it has no such cells, of a frame.

    Raises:
        CoterieError: ``image_column`` is no column of images.
    """
    import pandas as pd
    import pyarrow as pa

    cells = {
        name: column for name, column in columns.items() if isinstance(column, pa.ChunkedArray)
    }
    image_column, notes = _image_column(columns, cells, how.image_column)
    read: dict[str, Cells] = {}
    plain: dict[str, pa.ChunkedArray | pd.Series] = {}
    for name, column in columns.items():
        if name == image_column:
            continue
        if name in cells:
            as_text = name in how.as_text
            read[name] = read_cells(
                cells[name], missing=how.missing, as_text=as_text, decimal_comma=decimal_comma
            )
        plain[name] = read[name].values if name in read else column
    n_rows = len(next(iter(columns.values()), ()))
    return RawData(
        frame=pd.DataFrame(plain, index=pd.RangeIndex(n_rows)),
        read=read,
        image_column=image_column,
        images=None if image_column is None else cells[image_column],
        notes=notes,
    )


def _image_column(
    columns: Iterable[str], cells: Mapping[str, pa.ChunkedArray], asked: str | None
) -> tuple[str | None, tuple[str, ...]]:
    """The column of images, asked for or found by its type, and which others are left out."""
    import pyarrow as pa

    if asked is not None and asked not in columns:
        raise CoterieError(
            f"`image_column` {asked!r} is no column; columns are {', '.join(list(columns)[:20])}."
        )
    structs = [
        name
        for name, each in cells.items()
        if pa.types.is_struct(each.type) and each.type.get_field_index("bytes") >= 0
    ]
    chosen = asked or (structs[0] if structs else None)
    if chosen is not None and chosen not in cells:
        raise CoterieError(
            f"`image_column` {chosen!r} holds no encoded images: neither bytes nor structs with "
            "`bytes`."
        )
    if others := ", ".join(repr(name) for name in structs if name != chosen):
        return chosen, (
            f"Of the columns of images, {chosen!r} is read, {others} left out (see "
            "`image_column`).",
        )
    return chosen, ()


def require_distinct(names: list[str]) -> None:
    """Refuse a name that two columns have."""
    if repeated := [name for name in names if names.count(name) > 1]:
        raise CoterieError(f"Column {repeated[0]!r} occurs more than once.")
