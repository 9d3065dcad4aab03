"""Margins of all tasks, see :class:`coterie.tasks.Margin`, and what of the losses is not in them.

Shapes: ``B`` examples, ``T`` tasks, ``P`` output columns, ``n`` cells of one task, ``...`` any
leading dimensions.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from coterie.errors import CoterieError
from coterie.tasks import Kind, Margin, Tasks


def margins(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """Margin of each cell, (B, T); where the label is missing, that of some label.

    Args:
        outputs: logits and standardised predictions, (B, P).
        targets: encoded labels, (B, T), NaN = missing.
        tasks: the tasks.

    >>> from coterie.tasks import Task
    >>> kinds = {"a": Kind.BINARY, "b": Kind.REGRESSION}
    >>> tasks = Tasks.plain([Task(name=name, kind=kind) for name, kind in kinds.items()])
    >>> margins(torch.tensor([[2.0, 0.5]]), torch.tensor([[0.0, 3.0]]), tasks)
    tensor([[-2.0000,  0.5000]])
    """
    return _by_kind(outputs, targets, tasks, lambda margin: margin.of)


def expansion(kind: Kind, margin: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Loss of each cell as a function of its margin, and its first and second derivative.

    Each is of the margin's shape.

    Args:
        kind: of the task.
        margin: (..., n).
        target: (n,).

    >>> [x.item() for x in expansion(Kind.REGRESSION, torch.tensor(3.0), torch.tensor(1.0))]
    [4.0, 4.0, 2.0]
    """
    return margin_of(kind).expansion(margin, target)


def margin_of(kind: Kind) -> Margin:
    """What a kind has for margin.

    Raises:
        CoterieError: it has none.
    """
    if kind.margin is None:
        raise CoterieError(f"gradtag knows no margin of {kind} tasks.")
    return kind.margin


def balance(targets: Tensor, tasks: Tasks) -> Tensor:
    """Weight of each cell in the loss of its task, (B, T): ``pos_weight`` for positives, else 1."""
    return torch.where(targets == 1, tasks.pos_weight, torch.ones_like(tasks.pos_weight))


def require_known_losses(tasks: Tasks) -> None:
    """Refuse losses that are not functions of the margin.

    Raises:
        CoterieError: a task has a loss of its own, or is of a kind without a margin.
    """
    if tasks.own:
        raise CoterieError(
            f"`data`: task {tasks.names[tasks.own[0]]!r} has a loss of its own; gradtag knows "
            "cross-entropy and squared error only."
        )
    for task in tasks:
        if task.kind.margin is None:
            raise CoterieError(
                f"`data`: task {task.name!r} is of kind {task.kind}, of which gradtag knows no "
                "margin; take another estimator."
            )


def _by_kind(
    outputs: Tensor,
    targets: Tensor,
    tasks: Tasks,
    what: Callable[[Margin], Callable[[Tensor, Tensor], Tensor]],
) -> Tensor:
    known = targets.nan_to_num()
    parts = [
        what(margin_of(block.kind))(block.outputs(outputs), block.select(known))
        for block in tasks.blocks
    ]
    return tasks.blocks.in_task_order(parts)
