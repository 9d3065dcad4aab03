"""Data maps as Parquet, for other tools."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from coterie.datamaps._welford import STATISTICS
from coterie.files import atomic, path_of
from coterie.results import DataMap

if TYPE_CHECKING:
    import pyarrow as pa

_CHUNK_CELLS = 1 << 20


def to_parquet(data_map: DataMap, path: str | Path) -> Path:
    """Write a map in long form.

    One row per example, task and snapshot, streamed, whole or not at all.

    Columns: id, task, epoch, confidence, variability, correctness, count. Cells never observed are
    left out.

    >>> import tempfile, pyarrow.parquet as pq, torch
    >>> from coterie.datamaps import DataMapRecorder
    >>> recorder = DataMapRecorder(2, 3, names=["a", "b"], ids=["x", "y", "z"])
    >>> recorder.update(torch.tensor([2]), torch.tensor([[0.25, 0.75]]))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = pq.read_table(to_parquet(recorder.data_map(), folder + "/map.parquet"))
    >>> table.select(["id", "task", "confidence"]).to_pylist()
    [{'id': 'z', 'task': 'a', 'confidence': 0.25}, {'id': 'z', 'task': 'b', 'confidence': 0.75}]
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = path_of(path)
    integer = data_map.ids.dtype.kind in "iu"
    ids = data_map.ids.astype(np.int64) if integer else data_map.ids.astype(str)
    statistics = [(name, pa.int32() if name == "count" else pa.float32()) for name in STATISTICS]
    schema = pa.schema(
        [
            ("id", pa.int64() if integer else pa.string()),
            ("task", pa.dictionary(pa.int32(), pa.string())),
            ("epoch", pa.int32()),
            *statistics,
        ]
    )
    step = max(1, _CHUNK_CELLS // len(data_map.tasks))
    with atomic(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for snapshot in data_map.snapshots:
            for start in range(0, len(ids), step):
                rows = slice(start, start + step)
                writer.write_table(_table(snapshot, rows, ids[rows], schema))
    return path


def _table(snapshot: DataMap, rows: slice, ids: np.ndarray, schema: pa.Schema) -> pa.Table:
    """The observed cells of some examples."""
    import pyarrow as pa

    example, task = np.nonzero(np.nan_to_num(np.asarray(snapshot.count[rows])))
    columns = {
        "id": ids[example],
        "epoch": np.full(len(task), snapshot.epoch, dtype=np.int32),
        **{name: np.asarray(getattr(snapshot, name)[rows])[example, task] for name in STATISTICS},
    }
    names = pa.array(snapshot.tasks)
    arrays = [
        pa.DictionaryArray.from_arrays(pa.array(task.astype(np.int32)), names)
        if field.name == "task"
        else pa.array(columns[field.name].astype(field.type.to_pandas_dtype()), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)
