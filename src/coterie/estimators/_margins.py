"""Margins: one number per cell that carries all that its loss needs to know of a prediction.

Of a binary task the margin is h = y z with y = -1 or 1 and logit z, of a multi-class task h = log(p / (1 - p)) with p the
probability of the true class; both have the cross-entropy log(1 + exp(-h)). Of a regression task it is the standardised
prediction itself, with the squared error (Li, Sharma & Zhang, KDD 2024, section 3; regression is our addition).

Shapes: ``B`` examples, ``T`` tasks, ``P`` output columns, ``n`` cells of one task, ``...`` any leading dimensions.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from coterie.errors import CoterieError
from coterie.tasks import Block, Kind, Tasks


def margins(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """Margin of each cell, (B, T); where the label is missing, that of some label.

    The multi-class form is z_y - logsumexp of the other logits, which stays exact where p rounds to 0 or 1.

    Args:
        outputs: logits and standardised predictions, (B, P).
        targets: encoded labels, (B, T), NaN = missing.
        tasks: the tasks.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.REGRESSION)])
    >>> margins(torch.tensor([[2.0, 0.5]]), torch.tensor([[0.0, 3.0]]), tasks)
    tensor([[-2.0000,  0.5000]])
    """
    return _by_kind(outputs, targets, tasks, lambda logits: logits.logsumexp(-1))


def leads(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """By how much each cell is a hit, (B, T): as the margin, but of a multi-class task z_y minus the largest other logit.

    With three classes and more, a prediction may be right with p below 1/2, where the margin is negative already.
    """
    return _by_kind(outputs, targets, tasks, lambda logits: logits.amax(-1))


def expansion(kind: Kind, margin: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Loss of each cell as a function of its margin, and its first and second derivative, each of the margin's shape.

    Args:
        kind: of the task.
        margin: (..., n).
        target: (n,), of use for regression only.

    >>> [x.item() for x in expansion(Kind.REGRESSION, torch.tensor(3.0), torch.tensor(1.0))]
    [4.0, 4.0, 2.0]
    """
    if kind is Kind.REGRESSION:
        residual = margin - target
        return residual.square(), 2 * residual, torch.full_like(margin, 2.0)
    wrong = torch.sigmoid(-margin)
    return F.softplus(-margin), -wrong, wrong * torch.sigmoid(margin)


def balance(targets: Tensor, tasks: Tasks) -> Tensor:
    """Weight of each cell in the loss of its task, (B, T): ``pos_weight`` for positives, else 1."""
    binary = torch.tensor([task.kind is Kind.BINARY for task in tasks], device=targets.device)
    return torch.where((targets == 1) & binary, tasks.pos_weight, torch.ones_like(tasks.pos_weight))


def require_known_losses(tasks: Tasks) -> None:
    """Refuse losses that are not functions of the margin.

    Raises:
        CoterieError: a task has a loss of its own.
    """
    if tasks.own:
        raise CoterieError(
            f"`data`: task {tasks.names[tasks.own[0]]!r} has a loss of its own; gradtag knows cross-entropy and "
            "squared error only."
        )


def _by_kind(outputs: Tensor, targets: Tensor, tasks: Tasks, others: object) -> Tensor:
    known = targets.nan_to_num()
    parts = [_margin(block.outputs(outputs), block.select(known), block, others) for block in tasks.blocks]
    return tasks.blocks.in_task_order(parts)


def _margin(values: Tensor, known: Tensor, block: Block, others: object) -> Tensor:
    if block.kind is Kind.REGRESSION:
        return values
    if block.kind is Kind.BINARY:
        return (2 * known - 1) * values
    true_class = known.long().unsqueeze(-1)
    its_own = torch.arange(values.shape[-1], device=values.device) == true_class
    return values.gather(-1, true_class).squeeze(-1) - others(values.masked_fill(its_own, -torch.inf))  # type: ignore[operator]
