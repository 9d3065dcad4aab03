"""Files to Arrow tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from coterie.data.arrow_files import read_arrow, read_parquet
from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pyarrow as pa


def read_files(source: Any) -> pa.Table:
    """Read one file or a list of files (Parquet, CSV, Arrow) as one table; the file at fault is named."""
    paths = [source] if isinstance(source, (str, Path)) else list(source)
    for path in paths:
        if not isinstance(path, (str, Path)):
            raise CoterieError(f"A list of files must hold paths; found {type(path).__name__}.")
    return concatenate([_read_file(Path(path)) for path in paths], paths)


def concatenate(tables: list[pa.Table], paths: Sequence[Any]) -> pa.Table:
    """Stack tables whose columns agree; ``paths`` are for the message."""
    import pyarrow as pa

    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise CoterieError(
            f"{', '.join(map(str, paths))}: their columns do not fit together ({_first_line(error)})."
        ) from error


def _read_file(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv

    if not path.is_file():
        raise CoterieError(f"`source`: there is no file {str(path)!r} (the only set that comes with coterie is 'digits').")
    kind = path.name.removesuffix(".gz").rsplit(".", 1)[-1].lower()
    try:
        if kind in ("parquet", "pq"):
            return read_parquet(path)
        if kind in ("csv", "tsv"):
            return pyarrow.csv.read_csv(
                path,
                parse_options=pyarrow.csv.ParseOptions(delimiter="\t" if kind == "tsv" else ","),
                convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True),
            )
        if kind in ("arrow", "feather", "ipc"):
            return read_arrow(path)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OSError) as error:
        raise CoterieError(f"{str(path)!r} is no readable {kind} file ({_first_line(error)}).") from error
    raise CoterieError(f"{str(path)!r} must end in .parquet, .csv, .tsv or .arrow; found .{kind}.")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__
