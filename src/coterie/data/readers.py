"""Files to Arrow tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coterie.data.arrow_files import read_arrow, read_parquet
from coterie.data.columns import series
from coterie.data.csv_files import read_csv
from coterie.data.metadata import class_names, metadata_of
from coterie.errors import CoterieError, reason, shown
from coterie.files import regular_file

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def read_files(source: Any, encoding: str | None = None) -> pa.Table:
    """Read one file or a list of files (Parquet, CSV, Arrow) as one table.

    The file at fault is named.
    """
    paths = [source] if isinstance(source, (str, Path)) else list(source)
    for path in paths:
        if not isinstance(path, (str, Path)):
            raise CoterieError(f"A list of files must hold paths; found {type(path).__name__}.")
    return concatenate([_read_file(Path(path), encoding) for path in paths], paths)


def concatenate(tables: list[pa.Table], paths: Sequence[Any]) -> pa.Table:
    """Stack tables whose columns agree; ``paths`` are for the message."""
    import pyarrow as pa

    _same_classes(tables, paths)
    try:
        return pa.concat_tables(_alike(tables), promote_options="permissive")
    except pa.ArrowException as error:
        raise CoterieError(
            f"{', '.join(map(str, paths))}: their columns do not fit together ({reason(error)})."
        ) from error


def stacked_frames(frames: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Stack frames by part; categories are those of all parts, in their order if they are ordered.

    Raises:
        CoterieError: ordered categories that differ, or frames that do not fit together.
    """
    import pandas as pd

    frames = dict(frames)
    unique = all(frame.columns.is_unique for frame in frames.values())
    for name in (
        dict.fromkeys(name for frame in frames.values() for name in frame.columns) if unique else ()
    ):
        held = {
            part: series(frame, name) for part, frame in frames.items() if name in frame.columns
        }
        kinds = [
            column.dtype
            for column in held.values()
            if isinstance(column.dtype, pd.CategoricalDtype)
        ]
        if len(kinds) == len(held) and len(set(kinds)) == 1:
            continue
        if any(kind.ordered for kind in kinds):
            raise CoterieError(
                f"Column {name!r} must have the same ordered categories in every part; found "
                f"{shown(kinds)}."
            )
        if len(kinds) < len(held):
            continue
        union = pd.CategoricalDtype(
            list(dict.fromkeys(value for kind in kinds for value in kind.categories))
        )
        frames |= {
            part: frames[part].assign(**{name: column.astype(union)})
            for part, column in held.items()
        }
    counted = all(isinstance(frame.index, pd.RangeIndex) for frame in frames.values())
    try:
        return pd.concat(frames.values(), ignore_index=counted)
    except (ValueError, TypeError, pd.errors.InvalidIndexError) as error:
        raise CoterieError(
            f"`source`: the columns of its parts do not fit together ({reason(error)})."
        ) from error


def _same_classes(tables: list[pa.Table], paths: Sequence[Any]) -> None:
    """Refuse class numbers that stand for other names in another table, and ordered categories in another order."""
    found: dict[str, tuple[Any, list[Any]]] = {}
    for table, path in zip(tables, paths, strict=True):
        about = metadata_of(table.schema)
        for column in table.column_names:
            if names := class_names(about, column) or _ordered_categories(table.column(column)):
                other, theirs = found.setdefault(column, (path, names))
                if theirs != names:
                    raise CoterieError(
                        f"Column {column!r} must have the same classes everywhere; {other} names "
                        f"them {shown(theirs)}, {path} "
                        f"{shown(names)}."
                    )


def _ordered_categories(column: pa.ChunkedArray) -> list[Any]:
    import pyarrow as pa

    if not pa.types.is_dictionary(column.type) or not column.type.ordered or not column.num_chunks:
        return []
    return column.unify_dictionaries().chunk(0).dictionary.to_pylist()


def _alike(tables: list[pa.Table]) -> list[pa.Table]:
    """The tables with a column as text everywhere if it is text, as in CSV files, somewhere."""
    import pyarrow as pa

    def is_text(kind: pa.DataType) -> bool:
        return pa.types.is_string(kind) or pa.types.is_large_string(kind)

    kinds: dict[str, set[pa.DataType]] = {}
    for table in tables:
        for field in table.schema:
            kinds.setdefault(field.name, set()).add(field.type)
    texts = {name for name, found in kinds.items() if len(found) > 1 and any(map(is_text, found))}
    as_text = lambda field: field.with_type(pa.large_string()) if field.name in texts else field  # noqa: E731
    return [
        table
        if texts.isdisjoint(table.column_names)
        else table.cast(
            pa.schema([as_text(field) for field in table.schema], metadata=table.schema.metadata)
        )
        for table in tables
    ]


def _read_file(path: Path, encoding: str | None) -> pa.Table:
    import pyarrow as pa

    regular_file(path, "`source`")
    kind = path.name.removesuffix(".gz").rsplit(".", 1)[-1].lower()
    try:
        if kind in ("parquet", "pq"):
            return read_parquet(path)
        if kind in ("csv", "tsv"):
            return read_csv(path, separator="\t" if kind == "tsv" else ",", encoding=encoding)
        if kind in ("arrow", "feather", "ipc"):
            return read_arrow(path)
    except (pa.ArrowException, OSError) as error:
        raise CoterieError(
            f"{str(path)!r} is no readable {kind} file ({reason(error)})."
        ) from error
    raise CoterieError(f"{str(path)!r} must end in .parquet, .csv, .tsv or .arrow; found .{kind}.")
