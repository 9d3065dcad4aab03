"""What is compared: every arm is a set of rows of W and a matrix that says which row serves which task.

==================== ============================ =================== =========================
arm                  rows of W                    initialisation      serves
==================== ============================ =================== =========================
joint                one of ones                  0                   every task
single               identity (T)                 0 each              its own task
grouping             its weights (K)              group k: k          its membership
random (grouping)    the same, tasks permuted     group k: k          the permuted membership
ensemble (K)         K of ones                    0 .. K - 1          every task, 1 / K each
==================== ============================ =================== =========================

Equal initialisation pairs the arms; equal rows of equal initialisation are one model, trained once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from coterie.results import Grouping
from coterie.seeds import numpy_generator
from coterie.tasks import Tasks

_DRAWS_OF_ANOTHER_GROUPING = 20


@dataclass(frozen=True, kw_only=True)
class Arm:
    """R models that together predict all T tasks.

    ``weights`` (R, T) trains them, ``init`` (R,) names their initialisations, ``serves`` (T, R) sums to 1 over models.
    ``draw`` counts the random repetitions of one arm.
    """

    name: str
    weights: np.ndarray
    init: np.ndarray
    serves: np.ndarray
    draw: int = 0


def joint_arm(n_tasks: int) -> Arm:
    """One model of all tasks.

    >>> joint_arm(3).weights
    array([[1., 1., 1.]])
    """
    return ensemble_arm(n_tasks, 1, "joint")


def single_arm(n_tasks: int) -> Arm:
    """One model for each task, all from the same initialisation.

    >>> single_arm(2).weights
    array([[1., 0.],
           [0., 1.]])
    """
    own = np.eye(n_tasks)
    return Arm(name="single", weights=own, init=np.zeros(n_tasks, dtype=np.int64), serves=own)


def ensemble_arm(n_tasks: int, n_models: int, name: str | None = None) -> Arm:
    """Joint models of different initialisation, averaged: the first is the joint model itself.

    >>> ensemble_arm(1, 2).serves
    array([[0.5, 0.5]])
    """
    return Arm(
        name=name or f"ensemble (K={n_models})",
        weights=np.ones((n_models, n_tasks)),
        init=np.arange(n_models),
        serves=np.full((n_tasks, n_models), 1 / n_models),
    )


def grouped_arm(name: str, grouping: Grouping) -> Arm:
    """The specialised models of a grouping; a group that serves no task needs no model.

    >>> g = Grouping(tasks=("a", "b"), membership=np.eye(2), method="hard")
    >>> grouped_arm("mine", g).init
    array([0, 1])
    """
    membership = np.asarray(grouping.membership)
    return _serving(Arm(name=name, weights=grouping.weights(), init=np.arange(grouping.n_groups), serves=membership))


def random_arms(name: str, grouping: Grouping, draws: int, seed: int) -> list[Arm]:
    """The grouping's own membership rows, permuted among the tasks: the same softness and sizes, other companions.

    A permutation that gives the grouping itself back would compare it with itself and is drawn again (unless nearly all
    permutations do, as with one group).

    >>> g = Grouping(tasks=("a", "b", "c"), membership=np.eye(3)[[0, 0, 1], :2], method="hard")
    >>> [arm.serves[:, 1].argmax() in (0, 1) for arm in random_arms("mine", g, 3, seed=0)]
    [True, True, True]
    """
    rng = numpy_generator(seed, "random groups", name)
    arm, together = grouped_arm(f"random ({name})", grouping), _together(grouping.labels)
    arms = []
    for draw in range(draws):
        order = rng.permutation(len(together))
        for _ in range(_DRAWS_OF_ANOTHER_GROUPING):
            if not np.array_equal(_together(grouping.labels[order]), together):
                break
            order = rng.permutation(len(together))
        arms.append(replace(arm, weights=arm.weights[:, order], serves=arm.serves[order], draw=draw))
    return arms


def stack_rows(arms: Sequence[Arm]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return the distinct rows (M, T) of all arms, their initialisations (M,), and for each arm which rows it uses, (R,).

    >>> rows, init, used = stack_rows([joint_arm(2), ensemble_arm(2, 3), single_arm(2)])
    >>> rows.shape, init.tolist(), [u.tolist() for u in used]
    ((5, 2), [0, 1, 2, 0, 0], [[0], [0, 1, 2], [3, 4]])
    """
    place: dict[tuple[bytes, int], int] = {}
    rows: list[np.ndarray] = []
    used = []
    for arm in arms:
        # Rows that agree in single precision would be the same training run.
        keys = [(row.tobytes(), int(i)) for row, i in zip(arm.weights.astype(np.float32), arm.init, strict=True)]
        for key, row in zip(keys, arm.weights, strict=True):
            if key not in place:
                place[key] = len(rows)
                rows.append(row)
        used.append(np.array([place[key] for key in keys]))
    return np.stack(rows), np.array([init for _, init in place]), used


def combine(members: Tensor, serves: np.ndarray, tasks: Tasks) -> Tensor:
    """Average the members' logits by who serves which task (STG-MTL, section 4: the soft ensemble), (n, P).

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


def _serving(arm: Arm) -> Arm:
    used = arm.serves.any(0)
    return replace(arm, weights=arm.weights[used], init=arm.init[used], serves=arm.serves[:, used])


def _together(labels: np.ndarray) -> np.ndarray:
    return labels[:, None] == labels[None, :]
