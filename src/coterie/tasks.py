"""Tasks: their kinds, losses and confidences, computed for all tasks at once.

Shapes: ``B`` examples of a batch, ``T`` tasks, ``P`` output columns (one for a binary or a regression
task, one per class for a multi-class task), ``...`` any leading dimensions such as the models of a stack.
Targets are encoded: 0 or 1, a class index, or a value standardised on the training split; NaN is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor

from coterie.errors import CoterieError

TaskFunction = Callable[[Tensor, Tensor], Tensor]


class Kind(StrEnum):
    """What a target is."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One prediction target.

    ``classes`` names the labels in the order of their codes (negative, positive for a binary task; empty for
    regression). ``loss(outputs, targets)`` gets (..., B, width) and (..., B) of this task, missing targets as 0,
    and returns one value per example, (..., B); missing ones are dropped afterwards. ``metric(outputs, targets)``
    gets the observed examples only and returns a number, higher is better. Neither is saved with a model.
    """

    name: str
    kind: Kind
    classes: tuple[str, ...] = ()
    loss: TaskFunction | None = None
    metric: TaskFunction | None = None

    @property
    def width(self) -> int:
        """Number of output columns."""
        return len(self.classes) if self.kind is Kind.MULTICLASS else 1


@dataclass(frozen=True, kw_only=True)
class Tasks(Sequence[Task]):
    """All tasks of a data set with what training needs to know of them, measured on the training split.

    All tensors are float32 of shape (T,): ``pos_weight`` = negatives / positives (1 where not binary or not balanced),
    ``mean`` and ``std`` of regression targets (0 and 1 elsewhere), ``observed_share`` = share of examples with a label,
    ``loss_scale`` = the loss of the best constant prediction where kinds are mixed, else 1.
    """

    items: tuple[Task, ...]
    pos_weight: Tensor
    mean: Tensor
    std: Tensor
    observed_share: Tensor
    loss_scale: Tensor

    @classmethod
    def plain(cls, items: Sequence[Task]) -> Self:
        """Tasks without any statistics: nothing is balanced, shifted or scaled."""
        one = torch.ones(len(items))
        return cls(
            items=tuple(items), pos_weight=one, mean=torch.zeros(len(items)), std=one, observed_share=one, loss_scale=one
        )

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        return self.items[index]

    @property
    def names(self) -> tuple[str, ...]:
        """Task names, in column order."""
        return tuple(task.name for task in self.items)

    @cached_property
    def columns(self) -> tuple[slice, ...]:
        """Output columns of each task."""
        ends = accumulate((task.width for task in self.items), initial=0)
        return tuple(slice(start, stop) for start, stop in pairwise(ends))

    @property
    def n_outputs(self) -> int:
        """Total number of output columns, P."""
        return self.columns[-1].stop

    def to(self, device: torch.device | str) -> Self:
        """Return the same tasks with their statistics on ``device``."""
        names = ("pos_weight", "mean", "std", "observed_share", "loss_scale")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})

    def of_kind(self, kind: Kind) -> list[int]:
        """Positions of the tasks of one kind."""
        return [position for position, task in enumerate(self.items) if task.kind is kind]


def example_losses(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """Loss of each example and task, (..., B, T): 0 where the label is missing.

    Binary: cross-entropy with ``pos_weight``; multi-class: cross-entropy; regression: squared error of the
    standardised target. Tasks of one kind are computed together.

    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.REGRESSION)])
    >>> example_losses(torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 3.0]]), tasks)
    tensor([[0.6931, 4.0000]])
    """
    observed = ~targets.isnan()
    known = targets.nan_to_num()
    own = [position for position, task in enumerate(tasks) if task.loss is not None]
    parts = [
        (positions, _KIND_LOSS[kind](outputs, known, tasks, positions))
        for kind in Kind
        if (positions := [p for p in tasks.of_kind(kind) if p not in own])
    ]
    for position in own:
        task = tasks[position]
        value = task.loss(outputs[..., tasks.columns[position]], known[..., position].expand(outputs.shape[:-1]))
        if value.shape != outputs.shape[:-1]:
            raise CoterieError(
                f"The loss of task {task.name!r} must return one value per example, shape {tuple(outputs.shape[:-1])}; "
                f"found {tuple(value.shape)}. Use reduction='none'."
            )
        parts.append(([position], value.unsqueeze(-1)))
    return _in_task_order(parts).masked_fill(~observed, 0.0)


def task_losses(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """Batch loss of each task, (..., T): sum over observed cells / (B * the task's observed share in train).

    The divisor is a constant, so the expected loss does not depend on which labels a batch happens to hold.
    """
    losses = example_losses(outputs, targets, tasks)
    return losses.sum(-2) / (losses.shape[-2] * tasks.observed_share * tasks.loss_scale)


def confidence(logits: Tensor, targets: Tensor, task: Task | Tasks | Kind | str) -> Tensor:
    """Confidence of each cell in [0, 1], shape (..., B, T): how right the model is about the true label.

    Binary: 1 - abs(y - sigmoid(z)) (STG-MTL, section 1). Multi-class: softmax probability of the true class.
    Regression with residual r of the standardised target: exp(-r**2 / 2). NaN where the label is missing.

    Args:
        logits: outputs of the model, (..., B, P).
        targets: encoded labels, (..., B, T); for a single task (..., B) is accepted as well.
        task: all tasks, or one, or the kind that all T columns share (binary and regression only).

    >>> confidence(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [0.0]]), "binary")
    tensor([[0.5000],
            [0.1192]])
    """
    if isinstance(task, Task):
        if targets.dim() == logits.dim() - 1:
            targets = targets.unsqueeze(-1)
        tasks = Tasks.plain([task])
    elif isinstance(task, Tasks):
        tasks = task
    else:
        kind = Kind(task)
        if kind is Kind.MULTICLASS:
            raise CoterieError("`task` must be a Task or Tasks for multi-class targets: the number of classes is needed.")
        tasks = Tasks.plain([Task(name=str(i), kind=kind) for i in range(targets.shape[-1])])
    known = targets.nan_to_num()
    parts = [
        (positions, _KIND_CONFIDENCE[kind](logits.float(), known, tasks, positions))
        for kind in Kind
        if (positions := tasks.of_kind(kind))
    ]
    return _in_task_order(parts).masked_fill(targets.isnan(), torch.nan)


def _pick(values: Tensor, positions: list[int]) -> Tensor:
    return values if len(positions) == values.shape[-1] else values[..., positions]


def _single_columns(outputs: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    return _pick(outputs, [tasks.columns[p].start for p in positions])


def _log_probability_of_class(outputs: Tensor, known: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    """(..., B, len(positions)): tasks padded to the widest, so that all are one softmax."""
    widest = max(tasks[p].width for p in positions)
    starts = torch.tensor([tasks.columns[p].start for p in positions], device=outputs.device)
    widths = torch.tensor([tasks[p].width for p in positions], device=outputs.device)
    offsets = torch.arange(widest, device=outputs.device)
    real = offsets < widths[:, None]
    index = starts[:, None] + torch.where(real, offsets, 0)
    logits = outputs[..., index].masked_fill(~real, -torch.inf)
    true_class = known[..., positions].long().expand(logits.shape[:-1]).unsqueeze(-1)
    return logits.log_softmax(-1).gather(-1, true_class).squeeze(-1)


def _binary_loss(outputs: Tensor, known: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    logits = _single_columns(outputs, tasks, positions)
    labels = _pick(known, positions).expand_as(logits)
    weight = _pick(tasks.pos_weight, positions)
    return F.binary_cross_entropy_with_logits(logits, labels, pos_weight=weight, reduction="none")


def _multiclass_loss(outputs: Tensor, known: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    return -_log_probability_of_class(outputs, known, tasks, positions)


def _regression_loss(outputs: Tensor, known: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    return (_single_columns(outputs, tasks, positions) - _pick(known, positions)).square()


def _binary_confidence(outputs: Tensor, known: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    return 1 - (_pick(known, positions) - _single_columns(outputs, tasks, positions).sigmoid()).abs()


def _multiclass_confidence(outputs: Tensor, known: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    return _log_probability_of_class(outputs, known, tasks, positions).exp()


def _regression_confidence(outputs: Tensor, known: Tensor, tasks: Tasks, positions: list[int]) -> Tensor:
    return torch.exp(-_regression_loss(outputs, known, tasks, positions) / 2)


_KIND_LOSS = {Kind.BINARY: _binary_loss, Kind.MULTICLASS: _multiclass_loss, Kind.REGRESSION: _regression_loss}
_KIND_CONFIDENCE = {
    Kind.BINARY: _binary_confidence,
    Kind.MULTICLASS: _multiclass_confidence,
    Kind.REGRESSION: _regression_confidence,
}


def _in_task_order(parts: list[tuple[list[int], Tensor]]) -> Tensor:
    if len(parts) == 1:
        return parts[0][1]
    order = [position for positions, _ in parts for position in positions]
    inverse = torch.tensor(order, device=parts[0][1].device).argsort()
    return torch.cat([values for _, values in parts], dim=-1)[..., inverse]
