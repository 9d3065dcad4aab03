"""The metric of each task from sums over examples, computed for all tasks at once.

Each example contributes a few numbers a task, and the metric is a function of their sums; the kind
of the task says which. One mechanism so serves the cheap score of every epoch (sums over batches
add up) and the bootstrap over test examples (weighted sums are one matmul).

Missing labels contribute nothing. Sums are float64.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from coterie.errors import CoterieError
from coterie.tasks import Block, TaskFunction, Tasks


def metric_names(tasks: Tasks) -> tuple[str, ...]:
    """Name of each task's primary metric; a task's own metric goes by the name of its function.

    >>> from coterie.tasks import Kind, Task
    >>> metric_names(Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.REGRESSION)]))
    ('balanced accuracy', 'R2')
    """
    return tuple(
        task.kind.metric_name if task.metric is None else _own_name(task.metric) for task in tasks
    )


def _own_name(metric: TaskFunction) -> str:
    name = getattr(metric, "__name__", "")
    return name if name.isidentifier() else "own metric"


def outcomes(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """What came of each cell, (..., B, T), float32.

    Such as 1 for a hit and 0 for a miss, or a squared residual.

    With the targets, this is all that the metrics need to know of a prediction. 0 where the label
    is missing, and for a class that is predicted as NaN.

    Args:
        outputs: logits and standardised predictions, (..., B, P).
        targets: encoded labels, (B, T) or (..., B, T), NaN = missing.
        tasks: the tasks, for kinds and output columns.

    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.REGRESSION)])
    >>> outcomes(torch.tensor([[2.0, 0.5], [2.0, 1.0]]), torch.tensor([[1.0, 1.0], [0.0, 3.0]]), tasks)
    tensor([[1.0000, 0.2500],
            [0.0000, 4.0000]])
    """
    parts = [
        block.kind.outcome(block.outputs(outputs), block.select(targets)) for block in tasks.blocks
    ]
    return tasks.blocks.in_task_order(parts)


def example_statistics(outcome: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """What each example contributes to the metric of each task, (..., B, T, S).

    It is taken from the :func:`outcomes` (..., B, T).

    S is the largest number of statistics that a kind among the tasks has; others are 0. float32, or
    float64 if a kind needs it.

    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> example_statistics(torch.tensor([[1.0], [0.0]]), torch.tensor([[1.0], [0.0]]), tasks)[:, 0]
    tensor([[1., 1., 0., 0.],
            [0., 0., 1., 0.]])
    """
    return _joined(_statistics(outcome, targets, tasks), tasks)


def summed_statistics(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """The statistics summed over the examples, (..., T, S), float64.

    Sums of several batches may be added.

    Args:
        outputs: logits and standardised predictions, (..., B, P), such as (M, B, P) of a stack.
        targets: encoded labels, (B, T) or (..., B, T), NaN = missing.
        tasks: the tasks.

    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> summed_statistics(torch.tensor([[2.0], [2.0]]), torch.tensor([[1.0], [0.0]]), tasks)
    tensor([[1., 1., 1., 0.]], dtype=torch.float64)
    """
    found = _statistics(outcomes(outputs, targets, tasks), targets, tasks)
    return _joined([[each.sum(-2, dtype=torch.float64) for each in part] for part in found], tasks)


def primary_metric(statistics: Tensor, tasks: Tasks) -> Tensor:
    """Each task's primary metric (..., T) from summed statistics (..., T, S), in float64.

    Higher is better.

    NaN where no label was observed, or where it is not defined, as R2 without variance to explain.

    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> primary_metric(torch.tensor([[4.0, 3.0, 10.0, 5.0]]), tasks)
    tensor([0.6250], dtype=torch.float64)
    """
    return tasks.blocks.in_task_order(
        [block.kind.metric(sums, block) for block, sums in _sums(statistics, tasks)]
    )


def errors(statistics: Tensor, tasks: Tasks) -> tuple[Tensor, Tensor]:
    """Error of each task, (..., T), and the number of wrong examples, from summed statistics.

    The error is 1 - primary metric: the mean share of misses, say, or the unexplained share. The
    number is NaN where every prediction is somewhat wrong.

    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> [x.item() for x in errors(torch.tensor([[4.0, 3.0, 10.0, 5.0]]), tasks)]
    [0.375, 6.0]
    """
    wrong = tasks.blocks.in_task_order(
        [block.kind.wrong(sums) for block, sums in _sums(statistics, tasks)]
    )
    return 1 - primary_metric(statistics, tasks), wrong


def own_metric(outputs: Tensor, targets: Tensor, tasks: Tasks, position: int) -> float:
    """The metric that the task at ``position`` brought along, on its observed examples.

    NaN without any.

    Args:
        outputs: (n, P) of one model.
        targets: (n, T).
        tasks: the tasks.
        position: of a task with a metric of its own.

    Raises:
        CoterieError: it did not return a number.
    """
    task = tasks[position]
    seen = ~targets[:, position].isnan()
    if task.metric is None or not seen.any():
        return math.nan
    value = task.metric(outputs[seen][:, tasks.columns[position]], targets[seen, position])
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise CoterieError(
            f"The metric of task {task.name!r} must return one number; found "
            f"{type(value).__name__}."
        ) from error


def _sums(statistics: Tensor, tasks: Tasks) -> list[tuple[Block, tuple[Tensor, ...]]]:
    """The summed statistics (..., n) of the tasks of each kind, float64."""
    return [(block, block.select(statistics.double(), -2).unbind(-1)) for block in tasks.blocks]


def _statistics(outcome: Tensor, targets: Tensor, tasks: Tasks) -> list[tuple[Tensor, ...]]:
    """The statistics of each kind, (B, n) or (..., B, n) each."""
    return [
        block.kind.statistics(block.select(outcome), block.select(targets))
        for block in tasks.blocks
    ]


def _joined(parts: Sequence[Sequence[Tensor]], tasks: Tasks) -> Tensor:
    """The statistics (..., n) of each kind as (..., T, S), with 0 where a kind has fewer."""
    dtype = (
        torch.float64
        if any(each.dtype == torch.float64 for part in parts for each in part)
        else torch.float32
    )
    found = [
        torch.stack([each.to(dtype) for each in torch.broadcast_tensors(*part)], dim=-1)
        for part in parts
    ]
    if len(found) == 1:
        return found[0]
    size, leading = (
        max(map(len, parts)),
        torch.broadcast_shapes(*(each.shape[:-2] for each in found)),
    )
    padded = [F.pad(each, (0, size - each.shape[-1])).expand(*leading, -1, -1) for each in found]
    return torch.cat(padded, dim=-2).index_select(-2, tasks.blocks.back)
