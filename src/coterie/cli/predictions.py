"""Predictions for new examples, as a table that says what it means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from coterie.cli.options import Predict
from coterie.cli.shared import model_at
from coterie.cli.show import Screen, show_positive_classes
from coterie.errors import CoterieError
from coterie.files import atomic, check_target, write_json
from coterie.models.predictions import described, prediction_table

if TYPE_CHECKING:
    import pyarrow as pa

    from coterie.data import Schema


_BATCH = 512


def predict(verb: Predict, screen: Screen) -> None:
    """Write the table of predictions."""
    if verb.out.suffix not in (".parquet", ".csv"):
        raise CoterieError(f"`--out` must end in .parquet or .csv; found {verb.out.name!r}.")
    check_target(verb.out)
    check_target(sidecar(verb.out))
    model = model_at(verb.run, verb.model, trust=verb.trust)
    ids, inputs, notes = new_examples(verb.data, model.schema, encoding=verb.encoding)
    screen.notes(notes)
    with torch.inference_mode():
        values = torch.cat([model.predict(batch) for batch in inputs.split(_BATCH)])
    table = prediction_table(ids, values, model.tasks)
    _write(table, verb.out)
    meanings = described(model.tasks, model.calibration)
    write_json(sidecar(verb.out), {"examples": len(ids), "notes": notes, "tasks": meanings})
    screen.path(f"Predictions for {len(ids)} examples", verb.out)
    show_positive_classes(screen, model.tasks)
    screen.path("What the columns mean", sidecar(verb.out))


def sidecar(path: Path) -> Path:
    """Where the meaning of a table of predictions is written.

    >>> sidecar(Path("new/predictions.csv"))
    PosixPath('new/predictions.csv.json')
    """
    return path.with_name(f"{path.name}.json")


def new_examples(
    path: Path, schema: Schema, *, encoding: str | None = None
) -> tuple[np.ndarray, Tensor, list[str]]:
    """Return ids (n,), inputs (n, ...) of a file, and notes on what training did not see.

    Ids are the row numbers, or the only column that numbers the rows and is neither input nor
    target of the model.

    Raises:
        CoterieError: the file lacks a column that the model reads, or holds images of another size.
    """
    from coterie.data.like import new_inputs, read_like
    from coterie.data.tables import choose_features

    preprocessing = schema.preprocessing
    raw = read_like(str(path), preprocessing, encoding)
    inputs, notes = new_inputs(raw, preprocessing)
    # Of a few new rows, a text column may well differ in each.
    rest = raw.frame.drop(columns=[*preprocessing.columns, *schema.tasks.names], errors="ignore")
    named = choose_features(rest, index=raw.index).ids
    ids = raw.frame.index.to_numpy() if raw.ids is None else raw.ids
    return raw.frame[named[0]].to_numpy() if len(named) == 1 else ids, inputs, notes


def _write(table: pa.Table, path: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    with atomic(path) as temporary:
        if path.suffix == ".csv":
            pyarrow.csv.write_csv(table, temporary)
        else:
            pyarrow.parquet.write_table(table, temporary)
