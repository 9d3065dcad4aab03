"""Losses and confidences of all tasks at once.

Shapes: ``B`` examples of a batch, ``T`` tasks, ``P`` output columns, ``...`` any leading dimensions
such as the models of a stack. Targets are encoded as their kinds say; NaN is missing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor

from coterie.errors import CoterieError, require_type
from coterie.tasks._kind import Kind, kind_named
from coterie.tasks._tasks import Task, Tasks

if TYPE_CHECKING:
    from coterie.tasks._tasks import TaskFunction


def example_losses(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """Loss of each example and task, (..., B, T): 0 where the label is missing.

    That of the kind (see :mod:`coterie.tasks`), or the task's own. Tasks of one kind are computed
    together.

    >>> kinds = {"a": Kind.BINARY, "b": Kind.REGRESSION}
    >>> tasks = Tasks.plain([Task(name=name, kind=kind) for name, kind in kinds.items()])
    >>> example_losses(torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 3.0]]), tasks)
    tensor([[0.6931, 4.0000]])
    """
    missing, known = targets.isnan(), targets.nan_to_num()
    parts = [
        block.kind.loss(block.outputs(outputs), block.select(known), block) for block in tasks.fused
    ]
    parts += [_own_loss(outputs, known, tasks, position).unsqueeze(-1) for position in tasks.own]
    return tasks.fused.in_task_order(parts).masked_fill(missing, 0.0)


def task_losses(
    outputs: Tensor, targets: Tensor, tasks: Tasks, share: Tensor | None = None
) -> Tensor:
    """Batch loss of each task, (..., T).

    Sum over observed cells / (B * the task's observed share in train).

    The divisor is a constant, so the expected loss does not depend on which labels a batch happens
    to hold. For batches of a *training*: the mean over the cells of some part of the data is
    :func:`mean_losses`.

    Args:
        outputs: (..., B, P).
        targets: (B, T) or (..., B, T).
        tasks: the tasks.
        share: observed share (..., T) among the examples that batches are drawn from, where these
            are not the training part.
    """
    losses = example_losses(outputs, targets, tasks)
    share = tasks.observed_share if share is None else share
    return losses.sum(-2) / (losses.shape[-2] * share * tasks.loss_scale)


def member_losses(
    outputs: Tensor, targets: Tensor, tasks: Tasks, share: Tensor | None = None
) -> Tensor:
    """Mean of the members' batch losses of each task, (..., T), as :func:`task_losses`.

    Args:
        outputs: of k members, (..., k, B, P).
        targets: (B, T) or (..., B, T).
        tasks: the tasks.
        share: observed share (..., T), where examples are not the training part.

    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.REGRESSION)])
    >>> member_losses(torch.tensor([[[0.0]], [[2.0]]]), torch.zeros(1, 1), tasks)
    tensor([2.])
    """
    if share is not None:
        share = share.unsqueeze(-2)
    return task_losses(outputs, targets.unsqueeze(-3), tasks, share).mean(-2)


def mean_losses(total: Tensor, n_cells: Tensor, tasks: Tasks) -> Tensor:
    """Loss of each task on a part of the data, (..., T): the mean over its observed cells.

    NaN where there are none.

    Args:
        total: sum over the part's examples of :func:`example_losses`, (..., T).
        n_cells: number of observed cells, (T,).
        tasks: the tasks, for ``loss_scale``.

    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.BINARY)])
    >>> mean_losses(torch.tensor([3.0, 0.0]), torch.tensor([4, 0]), tasks)
    tensor([0.7500,    nan])
    """
    return total / (n_cells * tasks.loss_scale)


def confidence(logits: Tensor, targets: Tensor, task: Task | Tasks | Kind | str) -> Tensor:
    """Confidence of each cell in [0, 1], shape (..., B, T).

    How right the model is about the true label.

    Binary: 1 - abs(y - sigmoid(z)) (STG-MTL, section 1). Classes: probability of the true one.
    Regression with residual r of the standardised target: exp(-r**2 / 2); counts with deviance d:
    exp(-d / 2). NaN where the label is missing.

    Args:
        logits: outputs of the model, (..., B, P).
        targets: encoded labels, (..., B, T); for a single task (..., B) is accepted as well.
        task: all tasks, or one, or the kind that all T columns share, if it has one output for
            each.

    >>> confidence(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [0.0]]), "binary")
    tensor([[0.5000],
            [0.1192]])
    """
    require_type("logits", logits, Tensor)
    require_type("targets", targets, Tensor)
    if isinstance(task, Task):
        if targets.dim() == logits.dim() - 1:
            targets = targets.unsqueeze(-1)
        tasks = Tasks.plain([task])
    elif isinstance(task, Tasks):
        tasks = task
    else:
        kind = kind_named(task)
        if kind.wide:
            raise CoterieError(
                f"`task` must be a Task or Tasks for {kind} targets: the number of classes is "
                "needed."
            )
        tasks = Tasks.plain([Task(name=str(i), kind=kind) for i in range(targets.shape[-1])])
    known = targets.nan_to_num()
    parts = [
        block.kind.confidence(block.outputs(logits.float()), block.select(known))
        for block in tasks.blocks
    ]
    return tasks.blocks.in_task_order(parts).masked_fill(targets.isnan(), torch.nan)


def _own_loss(outputs: Tensor, known: Tensor, tasks: Tasks, position: int) -> Tensor:
    task, shape = tasks[position], outputs.shape[:-1]
    loss = cast("TaskFunction", task.loss)  # such tasks are listed in `tasks.own`
    value = loss(outputs[..., tasks.columns[position]], known[..., position].expand(shape))
    if value.shape != shape:
        raise CoterieError(
            f"The loss of task {task.name!r} must return one value per example, shape "
            f"{tuple(shape)}; found {tuple(value.shape)}. Use reduction='none'."
        )
    return value
