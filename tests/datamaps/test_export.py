"""Parquet in long form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from coterie.datamaps import to_parquet
from coterie.datamaps.export import _CHUNK_CELLS
from tests.datamaps.planted import planted_map


@pytest.mark.parametrize(
    "ids", [np.arange(100, 140), np.array([f"face {i}.jpg" for i in range(40)])]
)
@pytest.mark.parametrize("chunk_cells", [_CHUNK_CELLS, 8])
def test_every_observed_cell_is_a_row(tmp_path, monkeypatch, ids, chunk_cells):
    monkeypatch.setattr("coterie.datamaps.export._CHUNK_CELLS", chunk_cells)
    early = replace(planted_map(2, 3, 40, gaps=0.3), ids=ids)
    late = replace(planted_map(2, 3, 40, gaps=0.1, seed=1), ids=ids, epoch=9, earlier=(early,))
    table = pq.read_table(to_parquet(late, tmp_path / "map.parquet"))
    assert table.column_names == [
        "id",
        "task",
        "epoch",
        "confidence",
        "variability",
        "correctness",
        "count",
    ]
    assert table.num_rows == sum(int((s.count > 0).sum()) for s in late.snapshots)
    row_of = {value: row for row, value in enumerate(ids.tolist())}
    for row in table.to_pylist()[::7]:
        snapshot = late if row["epoch"] == 9 else early
        cell = row_of[row["id"]], late.tasks.index(row["task"])
        for name in ("confidence", "variability", "correctness", "count"):
            assert row[name] == getattr(snapshot, name)[cell]
