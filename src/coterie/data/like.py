"""New data read with the schema of a model, never by what they look like themselves."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from coterie.data.arrays import describe
from coterie.data.cells import NUMBER, reading_notes
from coterie.data.columns import (
    ZEROS,
    TargetColumn,
    as_text,
    first_row,
    plain_text,
    series,
    some,
    strange_cells,
)
from coterie.data.dataset import Dataset, Split
from coterie.data.images import decode_images
from coterie.data.preprocessing import Preprocessing
from coterie.data.roles import Columns
from coterie.data.schema import Schema
from coterie.data.sources import RawData, Reading, read_source
from coterie.errors import CoterieError
from coterie.tasks import Task


def load_like(source: object, schema: Schema, asked: Columns, how: Reading) -> Dataset:
    """Read a labelled source as the data of a model; all labelled examples are test examples.

    Raises:
        CoterieError: a column is absent, a label is no class of the model, inputs do not fit.
    """
    preprocessing, tasks = schema.preprocessing, schema.tasks
    raw = read_like(
        source,
        preprocessing,
        how.encoding,
        labels=[task.name for task in tasks if task.kind.has_classes],
    )
    inputs, notes = new_inputs(raw, preprocessing)
    values = np.stack([_labels(raw, task, asked) for task in tasks], axis=1)
    mean, std = (np.asarray(statistic, dtype=np.float64) for statistic in (tasks.mean, tasks.std))
    targets = torch.from_numpy(((values - mean) / std).astype(np.float32, order="C"))
    labelled = torch.from_numpy(np.flatnonzero(~np.isnan(values).all(1)))
    if not len(labelled):
        raise CoterieError("`source` has no label of any task of the model.")
    nothing = torch.zeros(0, dtype=torch.int64)
    inputs_read = preprocessing.columns if preprocessing.kind == "table" else ()
    notes += reading_notes(
        raw.read, [name for name in raw.frame.columns if name not in inputs_read]
    )
    if len(labelled) < len(values):
        notes.append(f"{len(values) - len(labelled)} rows have no label and are not used.")
    return Dataset(
        inputs=inputs,
        targets=targets,
        tasks=tasks,
        split=Split(train=nothing, validation=nothing, test=labelled),
        ids=raw.frame.index.to_numpy() if raw.ids is None else raw.ids,
        preprocessing=preprocessing,
        notes=tuple(notes),
        values=None if all(task.kind.has_classes for task in tasks) else values,
    )


def read_like(
    source: object,
    preprocessing: Preprocessing,
    encoding: str | None = None,
    labels: list[str] | None = None,
) -> RawData:
    """Read a source with the types of training.

    What was text stays text, and the same words are missing.
    """
    texts = frozenset([*(column.name for column in preprocessing.categorical), *(labels or ())])
    how = Reading(
        missing=preprocessing.missing,
        encoding=encoding,
        as_text=texts,
        image_column=preprocessing.image_column,
    )
    return read_source(source, how)


def new_inputs(raw: RawData, preprocessing: Preprocessing) -> tuple[Tensor, list[str]]:
    """Inputs of a source as the model takes them, and notes.

    These say what was interpreted, and what training did not see.

    Raises:
        CoterieError: a column is absent or of another type, or the shape or depth of the inputs is
            not the model's.
    """
    notes = list(raw.notes)
    if preprocessing.kind == "table":
        if raw.inputs is not None:
            raise CoterieError(
                "`source` must be a table with the columns of training; found arrays, or images."
            )
        inputs = preprocessing.table(raw.frame)
        notes += reading_notes(raw.read, preprocessing.columns) + preprocessing.surprises(raw.frame)
    elif raw.images is not None:
        inputs, found = decode_images(
            raw.images, raw.frame.index.to_numpy(), str(raw.image_column), like=preprocessing
        )
        notes += found
    elif isinstance(raw.inputs, Tensor):
        inputs = raw.inputs
    else:
        raise CoterieError(
            f"`source` must hold inputs of shape {preprocessing.input_shape}; found "
            f"{describe(raw.inputs)}."
        )
    preprocessing.require(inputs, "`source`")
    return inputs, notes


def _labels(raw: RawData, task: Task, asked: Columns) -> np.ndarray:
    """Codes or values (N,) of one task, in the model's classes and in the target's own units."""
    frame = raw.frame
    if asked.task is not None and asked.target is not None:
        rows = as_text(series(frame, _there(frame, asked.task, "task_column")))
        mine = np.array([f"{asked.task} {name}" == task.name for name in rows])
        labels = series(frame, _there(frame, asked.target, "target_column"))
        return np.where(mine, _codes(labels.where(mine), task), np.nan)
    if asked.one_vs_rest is not None and task.name not in frame.columns:
        column = series(frame, _there(frame, asked.one_vs_rest, "one_vs_rest"))
        return np.where(column.isna().to_numpy(), np.nan, as_text(column) == task.name).astype(
            np.float64
        )
    return _codes(series(frame, _there(frame, task.name, "source")), task)


def _there(frame: pd.DataFrame, name: str, argument: str) -> str:
    if name not in frame.columns:
        raise CoterieError(
            f"`{argument}` lacks the column {name!r}; columns are {some(list(frame.columns))}."
        )
    return name


def _codes(column: pd.Series, task: Task) -> np.ndarray:
    if strange := strange_cells(column):
        raise CoterieError(f"Target {task.name!r} holds {strange}; the model predicts {task.kind}.")
    if not task.kind.has_classes:
        return task.kind.read(TargetColumn(column))[1]
    text, known = as_text(column), column.notna().to_numpy()
    code = {name: position for position, name in enumerate(task.classes)}
    codes = np.array([code.get(cell, code.get(_plain(cell), -1)) for cell in text])
    if (wrong := known & (codes < 0)).any():
        row = first_row(column, wrong)
        raise CoterieError(
            f"Target {task.name!r} holds {column.loc[row]!r} in row {row}, which is no class of "
            f"the model; its classes are {some(list(task.classes))}."
        )
    return np.where(known, codes, np.nan)


def _plain(cell: str) -> str:
    """How training names a class that is a number or a truth value, however it is written.

    1.0, 1e0, TRUE.
    """
    if re.match(NUMBER, cell) and not re.match(ZEROS, cell):
        return plain_text(float(cell))
    return cell.lower() if cell.lower() in ("true", "false") else cell
