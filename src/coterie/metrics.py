"""The metric of each task from sums over examples, computed for all tasks at once.

Each example contributes four numbers a task, and the metric is a function of their sums. One mechanism so serves the cheap
score of every epoch (sums over batches add up) and the bootstrap over test examples (weighted sums are one matmul).

========== =========================== ======================= ========= ===================
kind       0                           1                       2         3
========== =========================== ======================= ========= ===================
binary     positives                   positives that are hit  negatives negatives hit
multiclass examples                    examples that are hit   0         0
regression examples                    y                       y squared residual squared
========== =========================== ======================= ========= ===================

Missing labels contribute nothing. Regression is in standardised units, which R2 does not feel. Sums are float64: of a part far
from the training part's mean, the spread is a small difference of large sums.

A prediction of NaN is no class: of a classification it is a miss, whatever the label, and a regression is undefined with it.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from coterie.errors import CoterieError
from coterie.tasks import Block, Kind, TaskFunction, Tasks

_CONSTANT, _CONSTANT_AS_READ = 1e-12, 1e-15
METRIC_NAMES = {Kind.BINARY: "balanced accuracy", Kind.MULTICLASS: "accuracy", Kind.REGRESSION: "R2"}


def metric_names(tasks: Tasks) -> tuple[str, ...]:
    """Name of each task's primary metric; a task's own metric goes by the name of its function.

    >>> from coterie.tasks import Task
    >>> metric_names(Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.REGRESSION)]))
    ('balanced accuracy', 'R2')
    """
    return tuple(METRIC_NAMES[task.kind] if task.metric is None else _own_name(task.metric) for task in tasks)


def _own_name(metric: TaskFunction) -> str:
    name = getattr(metric, "__name__", "")
    return name if name.isidentifier() else "own metric"


def outcomes(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """What came of each cell, (..., B, T), float32: 1 for a hit and 0 for a miss, or the squared residual of a regression.

    With the targets, this is all that the metrics need to know of a prediction. 0 where the label is missing, and for a class
    that is predicted as NaN.

    Args:
        outputs: logits and standardised predictions, (..., B, P).
        targets: encoded labels, (B, T) or (..., B, T), NaN = missing.
        tasks: the tasks, for kinds and output columns.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.REGRESSION)])
    >>> outcomes(torch.tensor([[2.0, 0.5], [2.0, 1.0]]), torch.tensor([[1.0, 1.0], [0.0, 3.0]]), tasks)
    tensor([[1.0000, 0.2500],
            [0.0000, 4.0000]])
    """
    parts = [_KIND_OUTCOME[block.kind](block.outputs(outputs), block.select(targets)) for block in tasks.blocks]
    return tasks.blocks.in_task_order(parts)


def example_statistics(outcome: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """What each example contributes to the metric of each task, (..., B, T, 4), from its :func:`outcomes` (..., B, T).

    float32, or float64 if a task is a regression.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> example_statistics(torch.tensor([[1.0], [0.0]]), torch.tensor([[1.0], [0.0]]), tasks)[:, 0]
    tensor([[1., 1., 0., 0.],
            [0., 0., 1., 0.]])
    """
    planes = torch.broadcast_tensors(*_planes(outcome, targets, tasks))
    return torch.stack([plane.to(planes[1].dtype) for plane in planes], dim=-1)


def summed_statistics(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """The four statistics summed over the examples, (..., T, 4), float64; sums of several batches may be added.

    Args:
        outputs: logits and standardised predictions, (..., B, P), such as (M, B, P) of a stack.
        targets: encoded labels, (B, T) or (..., B, T), NaN = missing.
        tasks: the tasks.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> summed_statistics(torch.tensor([[2.0], [2.0]]), torch.tensor([[1.0], [0.0]]), tasks)
    tensor([[1., 1., 1., 0.]], dtype=torch.float64)
    """
    planes = _planes(outcomes(outputs, targets, tasks), targets, tasks)
    sums = (plane.sum(-2, dtype=torch.float64) for plane in planes)
    return torch.stack(torch.broadcast_tensors(*sums), dim=-1)


def primary_metric(statistics: Tensor, tasks: Tasks) -> Tensor:
    """Each task's primary metric from summed statistics (..., T, 4), shape (..., T), float64, higher is better.

    Binary: balanced accuracy at threshold 0 of the balanced logit (the share of hits of the one class if the other is
    absent); multi-class: accuracy; regression: R2. NaN where no label was observed, or where R2 has no variance to explain.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> primary_metric(torch.tensor([[4.0, 3.0, 10.0, 5.0]]), tasks)
    tensor([0.6250], dtype=torch.float64)
    """
    first, second, third, fourth = statistics.double().unbind(-1)
    rates = torch.stack([second / first, fourth / third], dim=-1)
    score = rates.nanmean(-1)
    regression = tasks.of_kind(Kind.REGRESSION)
    if regression:
        spread = third - second.square() / first
        # A constant leaves rounding noise only: of the float32 in which it is encoded, or of the float64 in which it was read.
        read = (_CONSTANT_AS_READ * tasks.mean / tasks.std).square().to(spread)
        r2 = 1 - fourth / spread.masked_fill(spread <= _CONSTANT * third + read * first, torch.nan)
        score[..., regression] = r2[..., regression]
    return score


def errors(statistics: Tensor, tasks: Tasks) -> tuple[Tensor, Tensor]:
    """Error of each task, (..., T), and the number of wrong examples (NaN for regression), from summed statistics.

    The error is 1 - primary metric: the mean share of misses for classification, the unexplained share for regression.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> [x.item() for x in errors(torch.tensor([[4.0, 3.0, 10.0, 5.0]]), tasks)]
    [0.375, 6.0]
    """
    first, second, third, fourth = statistics.double().unbind(-1)
    wrong = first - second + third - fourth
    wrong[..., tasks.of_kind(Kind.REGRESSION)] = torch.nan
    return 1 - primary_metric(statistics, tasks), wrong


def own_metric(outputs: Tensor, targets: Tensor, tasks: Tasks, position: int) -> float:
    """The metric that the task at ``position`` brought along, on its observed examples; NaN without any.

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
    if not seen.any():
        return math.nan
    value = task.metric(outputs[seen][:, tasks.columns[position]], targets[seen, position])
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise CoterieError(f"The metric of task {task.name!r} must return one number; found {type(value).__name__}.") from error


def _planes(outcome: Tensor, targets: Tensor, tasks: Tasks) -> tuple[Tensor, ...]:
    """The four statistics of each example, (B, T) or (..., B, T)."""
    # NaN is neither 1 nor 0: a missing label falls out of both.
    positive, negative = (targets == 1).float(), (targets == 0).float()
    planes = positive, positive * outcome, negative, negative * outcome
    others = [block for block in tasks.blocks if block.kind is not Kind.BINARY]
    if others:
        observed, known = (~targets.isnan()).float(), targets.nan_to_num()
        none = torch.zeros_like(known)
        exact = known.double()
        other = {Kind.MULTICLASS: (observed, outcome, none, none), Kind.REGRESSION: (observed, exact, exact.square(), outcome)}
        for block in others:
            planes = tuple(_replaced(old, new, block) for old, new in zip(planes, other[block.kind], strict=True))
    return planes


def _replaced(old: Tensor, new: Tensor, block: Block) -> Tensor:
    """``old`` with the columns of the block's tasks taken from ``new``."""
    chosen = torch.zeros(old.shape[-1], dtype=torch.bool, device=old.device).index_fill(0, block.tasks, 1)
    return torch.where(chosen, new, old)


def _binary_outcome(logits: Tensor, labels: Tensor) -> Tensor:
    # NaN compares false: neither a missing label nor a prediction of NaN is a hit. Truth values spare a slow promotion to float
    # of the largest tensor.
    return (((logits > 0) & (labels == 1)) | ((logits <= 0) & (labels == 0))).float()


def _multiclass_outcome(logits: Tensor, labels: Tensor) -> Tensor:
    highest, said = logits.max(-1)
    return ((said == labels.nan_to_num(nan=-1).long()) & ~highest.isnan()).float()  # the maximum of NaN and numbers is NaN


def _regression_outcome(values: Tensor, labels: Tensor) -> Tensor:
    return (values.float() - labels).masked_fill(labels.isnan(), 0.0).square()


_KIND_OUTCOME = {
    Kind.BINARY: _binary_outcome,
    Kind.MULTICLASS: _multiclass_outcome,
    Kind.REGRESSION: _regression_outcome,
}
