"""Files that units and comparisons have in common: training curves of several arms, and tables of known columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypedDict

import numpy as np
import pyarrow as pa

from coterie.data.arrow_files import read_parquet
from coterie.errors import CoterieError
from coterie.files import read_arrays, write_arrays
from coterie.results import History
from coterie.schema import structure, within

SCORES = pa.schema([
    ("arm", pa.string()), ("seed", pa.int64()), ("split", pa.int64()), ("draw", pa.int64()), ("task", pa.string()),
    ("metric", pa.string()), ("value", pa.float64()),
])  # fmt: skip


def write_histories(path: Path, histories: Mapping[str, History]) -> None:
    """Write the curves of several arms as one file."""
    arrays = {f"{i}/{name}": array for i, h in enumerate(histories.values()) for name, array in h.arrays().items()}
    write_arrays(path, arrays, {"arms": list(histories)})


class _Arms(TypedDict):
    arms: list[str]


def read_histories(path: Path, n_tasks: int) -> dict[str, History]:
    """Read what :func:`write_histories` wrote of ``n_tasks`` tasks.

    Raises:
        CoterieError: the file is damaged or holds no curves.
    """
    arrays, saved = read_arrays(path)
    parts: dict[str, dict[str, np.ndarray]] = {}
    for key, array in arrays.items():
        number, _, name = key.partition("/")
        parts.setdefault(number, {})[name] = array
    with within(path, "file of training curves"):
        about: _Arms = structure(saved, _Arms)
        if unknown := [number for number in parts if number not in map(str, range(len(about["arms"])))]:
            raise CoterieError(f"There are arrays of the unknown arm number {unknown[0]!r}.")
        return {arm: History.from_arrays(parts.get(str(i), {}), T=n_tasks) for i, arm in enumerate(about["arms"])}


def read_frame(path: Path, schema: pa.Schema, *, tasks: Sequence[str]) -> pa.Table:
    """Read a table with the columns of ``schema`` whose texts are all there, about ``tasks`` only if it has such a column.

    Raises:
        CoterieError: the file is damaged, or its table is another one.
    """
    table = read_parquet(path)
    with within(path, "table of a comparison"):
        if not table.schema.equals(schema):
            found, wanted = (", ".join(f"{field.name} {field.type}" for field in each) for each in (table.schema, schema))
            raise CoterieError(f"it must have the columns {wanted}; found {found}.")
        for field in schema:
            if pa.types.is_string(field.type) and table[field.name].null_count:
                raise CoterieError(f"column {field.name!r} must not be empty anywhere.")
        if "task" in schema.names and (unknown := sorted(set(table["task"].to_pylist()).difference(tasks))):
            raise CoterieError(f"column 'task' names the unknown task {unknown[0]!r}.")
    return table
