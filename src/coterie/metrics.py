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

Missing labels contribute nothing. Regression is in standardised units, which R2 does not feel.
"""

from __future__ import annotations

import torch
from torch import Tensor

from coterie.tasks import Kind, TaskFunction, Tasks

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

    With the targets, this is all that the metrics need to know of a prediction. 0 where the label is missing.

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
    parts = []
    for kind in Kind:
        if positions := tasks.of_kind(kind):
            labels = targets if len(positions) == len(tasks) else targets[..., positions]
            parts.append((positions, _KIND_OUTCOME[kind](outputs, labels, tasks, positions)))
    if len(parts) == 1:
        return parts[0][1]
    order = torch.tensor([p for positions, _ in parts for p in positions], device=outputs.device).argsort()
    return torch.cat([values for _, values in parts], dim=-1)[..., order]


def example_statistics(outcome: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """What each example contributes to the metric of each task, (..., B, T, 4), from its :func:`outcomes` (..., B, T).

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> example_statistics(torch.tensor([[1.0], [0.0]]), torch.tensor([[1.0], [0.0]]), tasks)[:, 0]
    tensor([[1., 1., 0., 0.],
            [0., 0., 1., 0.]])
    """
    return torch.stack(torch.broadcast_tensors(*_planes(outcome, targets, tasks)), dim=-1)


def summed_statistics(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """The four statistics summed over the examples, (..., T, 4); sums of several batches may be added.

    Args:
        outputs: logits and standardised predictions, (..., B, P), such as (M, B, P) of a stack.
        targets: encoded labels, (B, T) or (..., B, T), NaN = missing.
        tasks: the tasks.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> summed_statistics(torch.tensor([[2.0], [2.0]]), torch.tensor([[1.0], [0.0]]), tasks)
    tensor([[1., 1., 1., 0.]])
    """
    planes = _planes(outcomes(outputs, targets, tasks), targets, tasks)
    return torch.stack(torch.broadcast_tensors(*(plane.sum(-2) for plane in planes)), dim=-1)


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
        # A constant target leaves only rounding noise in the difference of the two sums.
        r2 = 1 - fourth / spread.masked_fill(spread <= 1e-6 * third, torch.nan)
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


def _planes(outcome: Tensor, targets: Tensor, tasks: Tasks) -> tuple[Tensor, ...]:
    """The four statistics of each example, (B, T) or (..., B, T)."""
    # NaN is neither 1 nor 0: a missing label falls out of both.
    positive, negative = (targets == 1).float(), (targets == 0).float()
    planes = positive, positive * outcome, negative, negative * outcome
    multiclass, regression = tasks.of_kind(Kind.MULTICLASS), tasks.of_kind(Kind.REGRESSION)
    if multiclass or regression:
        observed, known = (~targets.isnan()).float(), targets.nan_to_num()
        none = torch.zeros_like(known)
        planes = _replaced(planes, (observed, outcome, none, none), multiclass)
        planes = _replaced(planes, (observed, known, known.square(), outcome), regression)
    return planes


def _replaced(planes: tuple[Tensor, ...], other: tuple[Tensor, ...], positions: list[int]) -> tuple[Tensor, ...]:
    """The planes with the columns ``positions`` taken from ``other``."""
    chosen = torch.zeros(planes[0].shape[-1], dtype=torch.bool, device=planes[0].device)
    chosen[positions] = True
    return tuple(torch.where(chosen, new, old) for new, old in zip(other, planes, strict=True))


def _single_columns(outputs: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    if len(positions) == outputs.shape[-1]:
        return outputs
    return outputs[..., [tasks.columns[p].start for p in positions]]


def _binary_outcome(outputs: Tensor, labels: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    # Comparing truth values with truth values spares a slow promotion to float of the largest tensor.
    hit = (_single_columns(outputs, tasks, positions) > 0) == (labels == 1)
    return (hit & ~labels.isnan()).float()


def _multiclass_outcome(outputs: Tensor, labels: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    widths = torch.tensor([tasks[p].width for p in positions], device=outputs.device)
    starts = torch.tensor([tasks.columns[p].start for p in positions], device=outputs.device)
    offsets = torch.arange(max(tasks[p].width for p in positions), device=outputs.device)
    real = offsets < widths[:, None]
    padded = outputs[..., starts[:, None] + torch.where(real, offsets, 0)].masked_fill(~real, -torch.inf)
    return (padded.argmax(-1) == labels.nan_to_num(nan=-1).long()).float()


def _regression_outcome(outputs: Tensor, labels: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    residual = _single_columns(outputs, tasks, positions).float() - labels
    return residual.masked_fill(labels.isnan(), 0.0).square()


_KIND_OUTCOME = {
    Kind.BINARY: _binary_outcome,
    Kind.MULTICLASS: _multiclass_outcome,
    Kind.REGRESSION: _regression_outcome,
}
