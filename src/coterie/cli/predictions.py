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

    from coterie.data import Dataset
    from coterie.data.preprocessing import Preprocessing

_BATCH = 512


def predict(verb: Predict, screen: Screen) -> None:
    """Write the table of predictions."""
    if verb.out.suffix not in (".parquet", ".csv"):
        raise CoterieError(f"`--out` must end in .parquet or .csv; found {verb.out.name!r}.")
    model = _model(verb.run)
    ids, inputs = new_examples(verb.data, model.preprocessing)
    with torch.inference_mode():
        values = torch.cat([model.predict(batch) for batch in inputs.split(_BATCH)])
    table = prediction_table(ids, values, model.tasks)
    _write(table, verb.out)
    screen.path(f"Predictions for {len(ids)} examples", verb.out)


def new_examples(path: Path, preprocessing: Preprocessing) -> tuple[np.ndarray, Tensor]:
    """Return ids (n,) and inputs (n, ...) of the examples in a file.

    Raises:
        CoterieError: the file lacks a column that the model reads, or holds images of another size.
    """
    from coterie.data.images import decode_images
    from coterie.data.sources import read_source
    from coterie.data.tables import choose_features

    source = read_source(str(path), image_column=preprocessing.image_column)
    named = choose_features(source.frame).ids
    ids = source.frame[named[0]].to_numpy() if len(named) == 1 else source.frame.index.to_numpy()
    if preprocessing.kind == "table":
        return ids, preprocessing.table(source.frame)
    if source.images is not None:
        inputs = decode_images(source.images, source.frame.index.to_numpy(), str(source.image_column))
    elif isinstance(source.inputs, Tensor):
        inputs = source.inputs
    else:
        raise CoterieError(f"{str(path)!r} holds no images, and the model reads nothing else.")
    if tuple(inputs.shape[1:]) != preprocessing.input_shape:
        raise CoterieError(
            f"{str(path)!r} holds inputs of shape {tuple(inputs.shape[1:])}; the model reads {preprocessing.input_shape}."
        )
    return ids, inputs


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


def outputs_of(model: GroupedModel, data: Dataset) -> Tensor:
    """Outputs (n, P) of the model on the test examples of the data that it was trained on."""
    from coterie.data import Batches

    model.eval()
    test = Batches(data, data.split.test, batch_size=_BATCH, seed=0)
    with torch.inference_mode():
        return torch.cat([model(batch.inputs) for batch in test.ordered()])


def _model(path: Path) -> GroupedModel:
    from coterie.cli.verbs import saved_model

    if path.is_dir() or (path / MANIFEST).exists():
        return saved_model(Run.existing(path))
    if not path.is_file():
        raise CoterieError(f"There is no run directory or model file {str(path)!r}.")
    return GroupedModel.load(path)


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
