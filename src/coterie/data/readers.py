"""Files to Arrow tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coterie.data.arrow_files import read_arrow, read_parquet
from coterie.data.csv_files import first_line, read_csv
from coterie.errors import CoterieError
from coterie.files import regular_file

if TYPE_CHECKING:
    import pyarrow as pa


def read_files(source: Any, encoding: str | None = None) -> pa.Table:
    """Read one file or a list of files (Parquet, CSV, Arrow) as one table; the file at fault is named."""
    paths = [source] if isinstance(source, (str, Path)) else list(source)
    for path in paths:
        if not isinstance(path, (str, Path)):
            raise CoterieError(f"A list of files must hold paths; found {type(path).__name__}.")
    return concatenate([_read_file(Path(path), encoding) for path in paths], paths)


def concatenate(tables: list[pa.Table], paths: Sequence[Any]) -> pa.Table:
    """Stack tables whose columns agree; ``paths`` are for the message."""
    import pyarrow as pa

    try:
        return pa.concat_tables(_alike(tables), promote_options="permissive")
    except pa.ArrowException as error:
        raise CoterieError(f"{', '.join(map(str, paths))}: their columns do not fit together ({first_line(error)}).") from error


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
        table if texts.isdisjoint(table.column_names)
        else table.cast(pa.schema([as_text(field) for field in table.schema], metadata=table.schema.metadata))
        for table in tables
    ]  # fmt: skip


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
        raise CoterieError(f"{str(path)!r} is no readable {kind} file ({first_line(error)}).") from error
    raise CoterieError(f"{str(path)!r} must end in .parquet, .csv, .tsv or .arrow; found .{kind}.")
