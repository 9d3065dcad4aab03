"""What a model's outputs for new examples are called and mean, as columns of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from coterie.tasks import Kind, Tasks

if TYPE_CHECKING:
    import pyarrow as pa


def described(tasks: Tasks) -> dict[str, dict[str, Any]]:
    """What each task's column of a table of predictions holds, as JSON types.

    >>> from coterie.tasks import Task
    >>> task = Task(name="assay", kind=Kind.BINARY, classes=("inactive", "active"))
    >>> described(Tasks.plain([task]))["assay"]["positive class"]
    'active'
    """
    found: dict[str, dict[str, Any]] = {}
    for task, (name, likelihood) in zip(tasks, column_names(tasks), strict=True):
        about: dict[str, Any] = {"kind": task.kind.value, "column": name}
        if task.kind is Kind.BINARY:
            about |= {"holds": "probability of the positive class"}
            about |= {"positive class": task.classes[1], "negative class": task.classes[0]} if task.classes else {}
        elif task.kind is Kind.MULTICLASS:
            about |= {"holds": "likeliest class", "probability column": likelihood, "classes": list(task.classes)}
        else:
            about |= {"holds": "value in the target's units"}
        found[task.name] = about
    return found


def column_names(tasks: Tasks) -> list[tuple[str, str]]:
    """Names of the columns of each task: the task's own, and one for the probability of a class that no other task has."""
    taken = set(tasks.names)
    answer = []
    for task in tasks:
        likelihood = _free(f"{task.name} probability", taken)
        if task.kind is Kind.MULTICLASS:
            taken.add(likelihood)
        answer.append((task.name, likelihood))
    return answer


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def prediction_table(ids: np.ndarray, values: Tensor, tasks: Tasks) -> pa.Table:
    """Turn ``values`` (n, P) of :meth:`GroupedModel.predict` into a table.

    A binary task has one column, the probability of its positive class; a multi-class task the likeliest class and, in
    ``NAME probability``, how likely; a regression task the value in the target's units. Probabilities are float32, values
    float64. A prediction that is not a number is null, and no class.

    >>> import torch
    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="colour", kind=Kind.MULTICLASS, classes=("red", "blue"))])
    >>> prediction_table(np.array([7]), torch.tensor([[0.25, 0.75]]), tasks).to_pylist()
    [{'id': 7, 'colour': 'blue', 'colour probability': 0.75}]
    """
    import pyarrow as pa

    columns = prediction_columns(values, tasks)
    return pa.table({_free("id", set(columns)): ids, **columns})


def prediction_columns(values: Tensor, tasks: Tasks) -> dict[str, pa.Array]:
    """The columns of :func:`prediction_table` but for the ids."""
    import pyarrow as pa

    names, columns = column_names(tasks), {}
    for task, where, (_, likelihood) in zip(tasks, tasks.columns, names, strict=True):
        part = values[:, where]
        if task.kind is Kind.REGRESSION:
            columns[task.name] = _numbers(part[:, 0])
            continue
        share, code = part.float().max(1)  # of NaN and numbers it is NaN
        if task.kind is Kind.MULTICLASS:
            classes = pa.array(task.classes, pa.string())
            columns[task.name] = classes.take(pa.array(code.numpy(), mask=share.isnan().numpy()))
        columns[task.name if task.kind is Kind.BINARY else likelihood] = _numbers(share)
    return columns


def _numbers(values: Tensor) -> pa.Array:
    """Numbers (n,) with null for NaN."""
    import pyarrow as pa

    return pa.array(values.numpy(), from_pandas=True)
