"""Arrow and Parquet files.

Good ones as they are, damaged ones refused before their data are touched.
"""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from coterie.data.arrow_files import read_arrow, read_parquet
from coterie.errors import CoterieError

from ..fuzz.harness import outcome  # noqa: TID252

N = 40
TABLE = pa.table(
    {
        "text": [f"text {i}" if i % 7 else None for i in range(N)],
        "number": np.arange(N) / 2,
        "flag": [i % 2 == 0 for i in range(N)],
        "category": pa.array([f"c{i % 3}" for i in range(N)]).dictionary_encode(),
        "list": [[1.0] * (i % 4) if i % 5 else None for i in range(N)],
        "texts": [[f"a{i}"] * (i % 3) for i in range(N)],
        "struct": [{"a": i, "b": f"v{i}"} for i in range(N)],
        "bytes": pa.array([b"x" * (i % 9) for i in range(N)], pa.large_binary()),
        "vector": pa.array([[1.0, 2.0]] * N, pa.list_(pa.float32(), 2)),
    }
)


def written(path, kind, compression=None):
    if kind == "parquet":
        pq.write_table(TABLE, path, compression=compression or "none", row_group_size=15)
        return path
    options = pa.ipc.IpcWriteOptions(compression=compression)
    new = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream
    with pa.OSFile(str(path), "wb") as file, new(file, TABLE.schema, options=options) as writer:
        writer.write_table(TABLE, max_chunksize=15)
    return path


CASES = [
    (kind, compression) for kind in ("file", "stream") for compression in (None, "lz4", "zstd")
]
CASES += [("parquet", None), ("parquet", "snappy")]


@pytest.mark.parametrize(("kind", "compression"), CASES)
def test_good_files_are_read_whole(kind, compression, tmp_path):
    read = read_parquet if kind == "parquet" else read_arrow
    assert read(written(tmp_path / "table", kind, compression)).equals(TABLE)


def test_uncompressed_arrow_stays_on_disk(tmp_path):
    path = written(tmp_path / "table.arrow", "file")
    before = pa.total_allocated_bytes()
    table = read_arrow(path)
    assert pa.total_allocated_bytes() - before < 1000
    assert table.equals(TABLE)


def use(table):
    """Whatever follows offsets and indices.

    What pyarrow cannot do with a type is not our matter.
    """
    for column in table.columns:
        for what in (
            column.to_pylist,
            column.to_pandas,
            column.combine_chunks,
            lambda c=column: c.take([0, len(c) - 1]),
        ):
            try:
                what()
            except (pa.ArrowException, ValueError, OverflowError):
                continue
    return "used"


def damaged(data, rng):
    at = rng.randrange(len(data))
    how = rng.choice(("flip", "flip", "cut", "size", "zeros"))
    if how == "flip":
        return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]
    if how == "cut":
        return data[:at]
    at -= at % 4
    new = (
        rng.choice((2**31 - 1, 2**32 - 1, 10**6, 255)).to_bytes(4, "little")
        if how == "size"
        else bytes(16)
    )
    return data[:at] + new + data[at + len(new) :]


@pytest.mark.parametrize(("kind", "compression"), CASES)
def test_damaged_files_are_refused_or_safe_to_use(kind, compression, tmp_path):
    read = read_parquet if kind == "parquet" else read_arrow
    path, rng = written(tmp_path / "table", kind, compression), random.Random(5)
    data = path.read_bytes()
    refused = 0
    for _ in range(25):
        path.write_bytes(damaged(data, rng))
        found = outcome(lambda: use(read(path)))
        assert found.kind in ("value", "CoterieError"), found
        refused += found.kind == "CoterieError"
        assert found.text == "used" or "table is no readable" in found.text
    assert refused


def test_offsets_that_lead_out_of_the_file_are_refused(tmp_path):
    """Read as it is, such a table reads foreign memory.

    A segmentation fault, or whatever happens to lie there.
    """
    path, schema = tmp_path / "t.arrow", pa.schema([("a", pa.string())])
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_table(pa.table({"a": ["ab", "cd", "ef"]}))
    right, wrong = (np.array([0, 2, middle, 6], np.int32).tobytes() for middle in (4, 2**30))
    assert right in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(right, wrong))
    with pa.memory_map(str(path)) as file:
        unread = pa.ipc.open_file(file).read_all()
    assert outcome(lambda: unread["a"].to_pylist()).kind in ("SIGNAL", "TRACEBACK")
    with pytest.raises(CoterieError, match=r"t\.arrow is no readable arrow file, or is damaged"):
        read_arrow(path)


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1", b"ARROW1", b"\x00" * 100])
def test_other_files_are_refused_by_name(content, tmp_path):
    path = tmp_path / "other"
    path.write_bytes(content)
    for read in (read_arrow, read_parquet):
        with pytest.raises(CoterieError, match="other"):
            read(path)
