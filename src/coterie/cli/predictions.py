"""Predictions for new examples, as a table that says what it means."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from coterie.cli.options import Predict
from coterie.cli.show import Screen
from coterie.errors import CoterieError
from coterie.files import atomic
from coterie.models import GroupedModel
from coterie.runs import MANIFEST, Run
from coterie.tasks import Kind, Tasks

if TYPE_CHECKING:
    import pyarrow as pa


_BATCH = 512


def predict(verb: Predict, screen: Screen) -> None:
    """Write the table of predictions."""
    if verb.out.suffix not in (".parquet", ".csv"):
        raise CoterieError(f"`--out` must end in .parquet or .csv; found {verb.out.name!r}.")
    model = _model(verb.run, verb.model, trust=verb.trust)
    ids, inputs = new_examples(verb.data, model)
    with torch.inference_mode():
        values = torch.cat([model.predict(batch) for batch in inputs.split(_BATCH)])
    table = prediction_table(ids, values, model.tasks)
    _write(table, verb.out)
    screen.path(f"Predictions for {len(ids)} examples", verb.out)


def new_examples(path: Path, model: GroupedModel) -> tuple[np.ndarray, Tensor]:
    """Return ids (n,) and inputs (n, ...) of the examples in a file.

    Ids are the row numbers, or the only column that numbers the rows and is neither input nor target of the model.

    Raises:
        CoterieError: the file lacks a column that the model reads, or holds images of another size.
    """
    from coterie.data import read_inputs, read_source
    from coterie.data.tables import choose_features

    preprocessing = model.preprocessing
    frame = read_source(str(path), image_column=preprocessing.image_column).frame
    inputs, ids = read_inputs(frame if preprocessing.kind == "table" else str(path), preprocessing)
    # Of a few new rows, a text column may well differ in each.
    read = [column.name for column in (*preprocessing.numeric, *preprocessing.categorical)]
    named = choose_features(frame.drop(columns=[*read, *model.tasks.names], errors="ignore")).ids
    return frame[named[0]].to_numpy() if len(named) == 1 else ids, inputs


def prediction_table(ids: np.ndarray, values: Tensor, tasks: Tasks) -> pa.Table:
    """Turn ``values`` (n, P) of :meth:`GroupedModel.predict` into a table.

    A binary task has one column, the probability of its positive class; a multi-class task the likeliest class and, in
    ``NAME probability``, how likely; a regression task the value in the target's units.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="colour", kind=Kind.MULTICLASS, classes=("red", "blue"))])
    >>> prediction_table(np.array([7]), torch.tensor([[0.25, 0.75]]), tasks).to_pylist()
    [{'id': 7, 'colour': 'blue', 'colour probability': 0.75}]
    """
    import pyarrow as pa

    columns: dict[str, Any] = {"id": ids}
    for task, where in zip(tasks, tasks.columns, strict=True):
        part = values[:, where]
        if task.kind is Kind.MULTICLASS:
            highest = part.max(1)
            columns[task.name] = [task.classes[code] for code in highest.indices.tolist()]
            columns[f"{task.name} probability"] = highest.values.numpy()
        else:
            columns[task.name] = part[:, 0].numpy()
    return pa.table(columns)


def _model(path: Path, encoder: str | None, *, trust: bool) -> GroupedModel:
    from coterie.cli.verbs import saved_model

    if path.is_dir() or (path / MANIFEST).exists():
        return saved_model(Run.existing(path), encoder, trust=trust)
    if not path.is_file():
        raise CoterieError(f"There is no run directory or model file {str(path)!r}.")
    return GroupedModel.load(path, model=encoder, trust=trust)


def _write(table: pa.Table, path: Path) -> None:
    import pyarrow.csv
    import pyarrow.parquet

    try:
        with atomic(path) as temporary:
            if path.suffix == ".csv":
                pyarrow.csv.write_csv(table, temporary)
            else:
                pyarrow.parquet.write_table(table, temporary)
    except OSError as error:
        raise CoterieError(f"`--out` {str(path)!r} cannot be written: {error.strerror or error}.") from error
