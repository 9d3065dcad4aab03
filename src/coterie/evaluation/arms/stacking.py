"""From arms to one stack, and from the outputs of its models to those of an arm."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from coterie.evaluation.arms.arm import Arm
from coterie.tasks import Tasks


class StackRows(NamedTuple):
    """Distinct rows (M, T), their initialisations and sizes (M,), and those of each arm, (R,).

    Rows of one size are neighbours, those of full size first.
    """

    weights: np.ndarray
    init: np.ndarray
    sizes: np.ndarray
    used: list[np.ndarray]


def stack_rows(arms: Sequence[Arm]) -> StackRows:
    """The distinct rows of all arms.

    >>> from coterie.evaluation.arms import ensemble_arm, joint_arm, single_arm
    >>> rows = stack_rows([joint_arm(2), ensemble_arm(2, 3), single_arm(2)])
    >>> rows.weights.shape, rows.init.tolist(), [used.tolist() for used in rows.used]
    ((5, 2), [0, 1, 2, 0, 0], [[0], [0, 1, 2], [3, 4]])
    """
    place: dict[tuple[bytes, int, float], int] = {}
    rows: list[np.ndarray] = []
    used = []
    for arm in arms:
        # Rows that agree in single precision would be the same training run.
        keys = [
            (row.tobytes(), int(init), float(size))
            for row, init, size in zip(
                arm.weights.astype(np.float32),
                arm.init,
                np.broadcast_to(arm.sizes, arm.init.shape),
                strict=True,
            )
        ]
        for key, row in zip(keys, arm.weights, strict=True):
            if key not in place:
                place[key] = len(rows)
                rows.append(row)
        used.append(np.array([place[key] for key in keys]))
    _, init, sizes = (np.array(each) for each in zip(*place, strict=True))
    order = np.lexsort((sizes, sizes != 1))
    back = np.argsort(order)
    return StackRows(
        np.stack(rows)[order], init[order], sizes[order], [back[each] for each in used]
    )


def combine(members: Tensor, serves: np.ndarray, tasks: Tasks) -> Tensor:
    """Average the members' logits by who serves which task, (n, P).

    The soft ensemble of STG-MTL, section 4.

    Args:
        members: logits of the models, (R, n, P).
        serves: share of each model in each task, (T, R), rows sum to 1.
        tasks: the tasks, for their output columns.

    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
    >>> combine(torch.tensor([[[1.0]], [[3.0]]]), np.array([[0.75, 0.25]]), tasks)
    tensor([[1.5000]])
    """
    widths = torch.tensor([task.width for task in tasks])
    shares = torch.as_tensor(serves, dtype=torch.float32).repeat_interleave(widths, dim=0)
    if ((shares != 0).sum(1) == 1).all():
        return members[shares.argmax(1), :, torch.arange(len(shares))].T
    return torch.einsum("rnp,pr->np", members, shares)
