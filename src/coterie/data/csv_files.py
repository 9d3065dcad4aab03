"""CSV files to Arrow tables of text: what their cells mean is not decided here."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING

from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pyarrow as pa

SEPARATOR = "coterie.separator"
_SNIFFED = 2**16
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
_SEPARATORS = ";\t|"


def read_csv(path: Path, *, separator: str = ",", encoding: str | None = None) -> pa.Table:
    """Read a CSV file, gzipped or not, as a table of strings.

    The encoding is UTF-8, or UTF-16 where the file begins with a byte order mark, unless given.
    Where the first line has no ``separator`` but semicolons, tabs or bars, these separate the
    columns; the schema metadata then say so (``SEPARATOR``).

    Raises:
        CoterieError: the bytes are no text of that encoding, or the encoding is unknown.
        pyarrow.ArrowInvalid: rows of different lengths, or an empty file.
    """
    import pyarrow as pa
    import pyarrow.csv

    start = _start(path)
    encoding = encoding or next(
        (name for mark, name in _MARKS.items() if start.startswith(mark)), "utf-8"
    )
    header, found = _header(path, start, separator, encoding)
    # Names are given, so that one that is empty or occurs twice does not hide a column.
    names = _distinct(header)
    try:
        table = pyarrow.csv.read_csv(
            path,
            read_options=pyarrow.csv.ReadOptions(
                encoding=encoding, column_names=names, skip_rows_after_names=1
            ),
            parse_options=pyarrow.csv.ParseOptions(delimiter=found, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.large_string())
            ),
        )
    except (UnicodeError, LookupError) as error:
        raise CoterieError(_undecodable(path, encoding, error)) from error
    except pa.ArrowInvalid as error:
        if "invalid UTF8" in str(error):
            raise CoterieError(_undecodable(path, encoding, error)) from error
        raise
    return table.replace_schema_metadata(
        None if found == separator else {SEPARATOR: json.dumps(found)}
    )


def _start(path: Path) -> bytes:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
        return file.read(_SNIFFED)


def _header(path: Path, start: bytes, separator: str, encoding: str) -> tuple[list[str], str]:
    """Names in the first line, and what separates them."""
    plain = encoding.lower() in ("utf-8", "utf8")
    if plain and b"\0" in start:
        raise CoterieError(
            f"{str(path)!r} holds NUL characters: it is no {encoding} text. Say its `encoding`: "
            "'utf-16-le'?"
        )
    try:
        "a".encode(encoding)  # refuses base64 and the like, which are no text encodings
        text = codecs.getincrementaldecoder("utf-8-sig" if plain else encoding)().decode(start)
    except (UnicodeError, LookupError) as error:
        raise CoterieError(_undecodable(path, encoding, error)) from error
    names = _first_record(text, separator)
    if len(names) == 1:
        other = max(_SEPARATORS, key=names[0].count)
        if other in names[0] and len(found := _first_record(text, other)) > 1:
            return found, other
    return names, separator


def _first_record(text: str, separator: str) -> list[str]:
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=separator), [""])
    except csv.Error:
        return [""]


def _distinct(header: list[str]) -> list[str]:
    """Columns without a name, all but the first, are called by their place, counted from 0."""
    return [
        name or (f"Unnamed: {place}" if "" in header[:place] else "")
        for place, name in enumerate(header)
    ]


def _undecodable(path: Path, encoding: str, error: Exception) -> str:
    if isinstance(error, LookupError):
        return (
            f"`encoding` {encoding!r} is unknown; use 'utf-8', 'utf-16', 'latin-1', 'cp1252', ..."
        )
    where = f" (byte {error.start})" if isinstance(error, UnicodeDecodeError) else ""
    return (
        f"{str(path)!r} is no {encoding} text{where}. Say its `encoding`, such as 'latin-1' or "
        "'cp1252'."
    )
