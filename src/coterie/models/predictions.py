"""What a model's outputs for new examples are called and mean, as columns of a table."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from coterie.data.arrays import input_tensor
from coterie.data.like import new_inputs, read_like
from coterie.data.preprocessing import Preprocessing
from coterie.errors import CoterieError, CoterieWarning
from coterie.metrics.calibration import RULES, Calibration
from coterie.tasks import Task, Tasks

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_BATCH = 512


def predict_as_given(
    inputs: Tensor | np.ndarray | pd.DataFrame,
    tasks: Tasks,
    preprocessing: Preprocessing,
    predict: Callable[[Tensor], Tensor],
) -> Tensor | np.ndarray | pd.DataFrame:
    """What ``predict`` makes of stored inputs (B, ...), in the sort in which they were given.

    See :meth:`coterie.GroupedModel.predict`, whose arguments these are.

    Raises:
        CoterieError: a column is absent or of another type, or inputs have another shape or are not
            finite.
    """
    if isinstance(inputs, Tensor):
        preprocessing.require_shape(inputs, "`inputs`")
        return predict(inputs)
    if isinstance(inputs, np.ndarray):
        tensor = input_tensor(inputs)
        preprocessing.require(tensor, "`inputs`")
        return predict(tensor).cpu().numpy()
    import pandas as pd

    if not isinstance(inputs, pd.DataFrame):
        raise CoterieError(
            f"`inputs` must be a tensor, an array or a pandas frame; found {type(inputs).__name__}."
        )
    tensor, notes = new_inputs(read_like(inputs, preprocessing), preprocessing)
    for note in notes:
        warnings.warn(note, CoterieWarning, stacklevel=3)
    values = torch.cat([predict(batch).cpu() for batch in tensor.split(_BATCH)])
    columns = prediction_columns(values, tasks)
    return pd.DataFrame({name: column.to_pandas() for name, column in columns.items()}).set_axis(
        inputs.index
    )


def predicted(
    outputs: Tensor, tasks: Tasks, calibration: Sequence[Calibration | None] = ()
) -> Tensor:
    """What users see of outputs (B, P): the predictions of all kinds side by side.

    ``calibration`` has an entry for each task, or none at all.
    """
    # Known since the model was made: torch.export cannot enter a cached property.
    columns, tasks = tasks.columns, tasks.to(outputs.device)
    calibration = calibration or (None,) * len(tasks)
    parts = [_seen(outputs[:, columns[t]], tasks, t, calibration[t]) for t, _ in enumerate(columns)]
    exact = any(part.dtype == torch.float64 for part in parts)
    return torch.cat([part.double() for part in parts] if exact else parts, dim=1)


def _seen(outputs: Tensor, tasks: Tasks, position: int, calibration: Calibration | None) -> Tensor:
    """What users see of the outputs (B, w) of a task."""
    task = tasks[position]
    if calibration is None:
        return task.kind.predict(outputs, tasks, position)
    shares = calibration.of(task.kind.log_probabilities(outputs, tasks, position))
    # Of two classes users see that of the positive one.
    return shares[:, -task.kind.n_predictions(task.classes) :]


def require_calibration(calibration: Sequence[Calibration | None], tasks: Tasks) -> None:
    """Refuse another number of entries than one for each task, or none.

    Raises:
        CoterieError: there is another number.
    """
    if calibration and len(calibration) != len(tasks):
        raise CoterieError(
            f"`calibration` must have one entry for each of {len(tasks)} tasks; found "
            f"{len(calibration)}."
        )


def described(
    tasks: Tasks, calibration: Sequence[Calibration | None] = ()
) -> dict[str, dict[str, object]]:
    """What each task's column of a table of predictions holds, as JSON types.

    Of classes also whether their probabilities are calibrated, and of binary tasks from which one
    on the positive class is said, and by which rule.

    >>> from coterie.tasks import Kind, Task
    >>> task = Task(name="assay", kind=Kind.BINARY, classes=("inactive", "active"))
    >>> described(Tasks.plain([task]))["assay"]["positive class"]
    'active'
    """
    return {
        task.name: {
            "kind": task.kind.value,
            "column": name,
            **task.kind.described(task, likelihood),
            **_trusted(task, each),
        }
        for task, (name, likelihood), each in zip(
            tasks, column_names(tasks), calibration or (None,) * len(tasks), strict=True
        )
    }


def _trusted(task: Task, calibration: Calibration | None) -> dict[str, object]:
    if not task.kind.has_classes:
        return {}
    told: dict[str, object] = {"calibrated on validation": calibration is not None}
    if calibration is not None and task.kind.n_predictions(task.classes) == 1:
        told |= {"threshold": calibration.threshold, "threshold rule": RULES[calibration.rule]}
    return told


def column_names(tasks: Tasks) -> list[tuple[str, str]]:
    """Names of the columns of each task.

    The task's own, and one for the probability of a class that no other task has.
    """
    taken = set(tasks.names)
    answer = []
    for task in tasks:
        likelihood = _free(f"{task.name} probability", taken)
        if task.kind.has_likelihood:
            taken.add(likelihood)
        answer.append((task.name, likelihood))
    return answer


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    return name


def prediction_table(ids: np.ndarray, values: Tensor, tasks: Tasks) -> pa.Table:
    """Turn ``values`` (n, ...) of :meth:`GroupedModel.predict` into a table.

    A binary task has one column, the probability of its positive class; a task with more classes
    the likeliest and, in ``NAME probability``, how likely; a number the value in the target's
    units. Probabilities are float32, values float64. A prediction that is not a number is null, and
    no class.

    >>> import torch
    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="colour", kind=Kind.MULTICLASS, classes=("red", "blue"))])
    >>> prediction_table(np.array([7]), torch.tensor([[0.25, 0.75]]), tasks).to_pylist()
    [{'id': 7, 'colour': 'blue', 'colour probability': 0.75}]
    """
    import pyarrow as pa

    columns = prediction_columns(values, tasks)
    return pa.table({_free("id", set(columns)): ids, **columns})


def prediction_columns(values: Tensor, tasks: Tasks) -> dict[str, pa.Array]:
    """The columns of :func:`prediction_table` but for the ids."""
    columns = {}
    for task, where, names in zip(
        tasks, tasks.prediction_columns, column_names(tasks), strict=True
    ):
        found = task.kind.columns(values[:, where], task)
        columns |= dict(
            zip(names, found, strict=False)
        )  # a likelihood that the kind does not have has a name all the same
    return columns
