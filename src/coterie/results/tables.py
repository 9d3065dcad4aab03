"""The tables of a comparison: their columns, and the words in them that stand for something.

``scores`` has one row per arm, seed, split, draw, task and metric; ``gains`` one per pair of arms and task, and one for the
mean over tasks; ``costs`` one per arm.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from coterie.data.arrow_files import read_parquet
from coterie.errors import CoterieError
from coterie.schema import within
from coterie.wording import is_number

Outcome = Literal["gain", "loss", "none", "unknown"]
MEAN = "mean"
CHOSEN = "chosen"
# Of a test after Holm's correction, and of 95 % intervals.
LEVEL = 0.05
SCORES = pa.schema([
    ("arm", pa.string()), ("seed", pa.int64()), ("split", pa.int64()), ("draw", pa.int64()), ("task", pa.string()),
    ("metric", pa.string()), ("value", pa.float64()),
])  # fmt: skip
GAINS = pa.schema([
    ("arm", pa.string()), ("reference", pa.string()), ("task", pa.string()), ("metric", pa.string()), ("gain", pa.float64()),
    ("low", pa.float64()), ("high", pa.float64()), ("p", pa.float64()), ("p_holm", pa.float64()),
    ("bootstrap_low", pa.float64()), ("bootstrap_high", pa.float64()), ("relative_gain", pa.float64()),
])  # fmt: skip
COSTS = pa.schema([
    ("arm", pa.string()), ("models", pa.float64()), ("parameters", pa.float64()), ("model_steps", pa.float64()),
    ("seconds", pa.float64()),
])  # fmt: skip


def outcome(row: Mapping[str, Any]) -> Outcome:
    """Whether the interval of a row of ``gains`` excludes zero.

    >>> outcome({"low": 0.1, "high": 0.9}), outcome({"low": -0.1, "high": 0.9}), outcome({"low": None, "high": None})
    ('gain', 'none', 'unknown')
    """
    if not (is_number(row["low"]) and is_number(row["high"])):
        return "unknown"
    return "gain" if row["low"] > 0 else "loss" if row["high"] < 0 else "none"


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
