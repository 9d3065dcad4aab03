"""Parquet, CSV and Arrow files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from coterie.data.arrow_files import read_arrow, read_parquet
from coterie.data.csv_files import read_csv
from coterie.data.sources._raw import Reading
from coterie.data.sources._source import TableSource
from coterie.data.sources._stacking import stacked_tables
from coterie.errors import CoterieError, reason
from coterie.files import regular_file

if TYPE_CHECKING:
    import pyarrow as pa


class Files(TableSource):
    """One file, or several that are one table."""

    sentence = "a path to a Parquet, CSV or Arrow file (or a list of them)"

    def accepts(self, source: object) -> bool:
        """A text, a path, or a list that is not empty."""
        return isinstance(source, str | Path | list | tuple) and bool(source)

    def table(self, source: str | Path | Sequence[object], how: Reading) -> pa.Table:
        """All files as one table.

        Raises:
            CoterieError: one of them cannot be read, or they do not fit together; it is named.
        """
        paths: list[str | Path] = []
        for path in [source] if isinstance(source, str | Path) else source:
            if not isinstance(path, str | Path):
                raise CoterieError(f"A list of files must hold paths; found {type(path).__name__}.")
            paths.append(path)
        tables = [_read_file(Path(path), how.encoding) for path in paths]
        return stacked_tables(tables, [str(path) for path in paths])


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
