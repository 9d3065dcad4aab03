"""Arrow and Parquet files from anywhere.

What is read is safe to use, whatever happened to the file.

pyarrow reads an Arrow file without looking at its data: offsets and dictionary indices that a
damaged file holds are followed by whatever uses the table, out of its memory and into a
segmentation fault. So every table is validated in full, once, before anything else touches it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from coterie.errors import CoterieError, reason
from coterie.files import CHECKSUM, GARBAGE, SEAL, atomic, check_seal, seal

_FILE_MAGIC = b"ARROW1"


def read_arrow(path: str | Path) -> pa.Table:
    """Read an Arrow file (Feather too) or, as ``datasets`` writes it, an Arrow stream.

    Uncompressed data stay memory-mapped.

    Raises:
        CoterieError: the file cannot be read or is damaged; it is named.

    >>> import tempfile
    >>> table = pa.table({"a": [1, 2]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "table.arrow"
    ...     with pa.ipc.new_stream(path, table.schema) as writer:
    ...         writer.write_table(table)
    ...     read_arrow(path).to_pydict()
    {'a': [1, 2]}
    """
    with _naming_damage(path, "arrow"), pa.memory_map(str(path)) as file:
        is_file = file.read(len(_FILE_MAGIC)) == _FILE_MAGIC
        file.seek(0)
        return _validated(
            (pa.ipc.open_file(file) if is_file else pa.ipc.open_stream(file)).read_all()
        )


def read_parquet(path: str | Path) -> pa.Table:
    """Read one Parquet file; its seal is checked if :func:`write_parquet` wrote it.

    Raises:
        CoterieError: the file cannot be read or is damaged; it is named.
    """
    with _naming_damage(path, "parquet"):
        check_seal(path)
        # Not `read_table`, which takes folders named `a=1` for columns.
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            table = _validated(file.read())
    about = {
        name: value
        for name, value in (table.schema.metadata or {}).items()
        if name != CHECKSUM.encode()
    }
    return table.replace_schema_metadata(about or None)


def write_parquet(path: str | Path, table: pa.Table) -> None:
    """Write a table as sealed Parquet, whole or not at all."""
    about = {**(table.schema.metadata or {}), CHECKSUM: SEAL}
    with atomic(path) as temporary:
        pq.write_table(table.replace_schema_metadata(about), temporary)
        seal(temporary)


def _validated(table: pa.Table) -> pa.Table:
    """The table, once all its offsets, indices, texts and names are known to be sound."""
    table.validate(full=True)
    _decode_names(list(table.schema))
    return table


def _decode_names(fields: list[pa.Field]) -> None:
    """Have every name decoded: validation leaves them out."""
    for field in fields:
        _ = field.name
        _decode_names([field.type.field(i) for i in range(field.type.num_fields)])


@contextmanager
def _naming_damage(path: str | Path, kind: str) -> Iterator[None]:
    try:
        yield
    except CoterieError:
        raise
    except (pa.ArrowException, *GARBAGE) as error:
        raise CoterieError(
            f"{path} is no readable {kind} file, or is damaged ({reason(error)})."
        ) from error
