"""What is compared.

Every arm is a set of rows of W and a matrix that says which row serves which task.

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

:data:`ARMS` has all kinds of arms by the role that they play. To add one is to register it: what it
is trained as, which one a grouping is compared with, and a sentence for those who read of it.
Tables say which role an arm plays, and for which grouping; names are for readers only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from coterie.results import Grouping
from coterie.results.tables import CHOSEN, MEAN
from coterie.seeds import numpy_generator
from coterie.tasks import Tasks

_DRAWS_OF_ANOTHER_GROUPING = 20


@dataclass(frozen=True, kw_only=True)
class Arm:
    """R models that together predict all T tasks.

    ``weights`` (R, T) trains them, ``init`` (R,) names their initialisations, ``serves`` (T, R)
    sums to 1 over models. ``role`` is its kind in :data:`ARMS`, ``of`` the grouping that it belongs
    to, if to one; ``draw`` counts the random repetitions of one arm.
    """

    name: str
    weights: np.ndarray
    init: np.ndarray
    serves: np.ndarray
    role: str = "grouped"
    of: str | None = None
    draw: int = 0


def joint_arm(n_tasks: int) -> Arm:
    """One model of all tasks.

    >>> joint_arm(3).weights
    array([[1., 1., 1.]])
    """
    return replace(ensemble_arm(n_tasks, 1, "joint"), role="joint")


def single_arm(n_tasks: int) -> Arm:
    """One model for each task, all from the same initialisation.

    >>> single_arm(2).weights
    array([[1., 0.],
           [0., 1.]])
    """
    own = np.eye(n_tasks)
    return Arm(
        name="single",
        role="single",
        weights=own,
        init=np.zeros(n_tasks, dtype=np.int64),
        serves=own,
    )


def ensemble_arm(n_tasks: int, n_models: int, name: str | None = None) -> Arm:
    """Joint models of different initialisation, averaged: the first is the joint model itself.

    >>> ensemble_arm(1, 2).serves
    array([[0.5, 0.5]])
    """
    return Arm(
        name=name or ensemble_name("", n_models),
        role="ensemble",
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
    weights = grouping.weights()
    return _serving(
        Arm(
            name=name,
            of=name,
            weights=weights,
            init=np.arange(grouping.n_groups),
            serves=membership,
        )
    )


def random_arms(name: str, grouping: Grouping, draws: int, seed: int) -> list[Arm]:
    """The grouping's own membership rows, permuted among the tasks.

    The same softness and sizes, other companions.

    A permutation that gives the grouping itself back would compare it with itself and is drawn
    again (unless nearly all permutations do, as with one group).

    >>> g = Grouping(tasks=("a", "b", "c"), membership=np.eye(3)[[0, 0, 1], :2], method="hard")
    >>> [arm.serves[:, 1].argmax() in (0, 1) for arm in random_arms("mine", g, 3, seed=0)]
    [True, True, True]
    """
    rng = numpy_generator(seed, "random groups", name)
    arm = replace(grouped_arm(name, grouping), name=random_name(name), role="random")
    together = _together(grouping.labels)
    arms = []
    for draw in range(draws):
        order = rng.permutation(len(together))
        for _ in range(_DRAWS_OF_ANOTHER_GROUPING):
            if not np.array_equal(_together(grouping.labels[order]), together):
                break
            order = rng.permutation(len(together))
        arms.append(
            replace(arm, weights=arm.weights[:, order], serves=arm.serves[order], draw=draw)
        )
    return arms


def chosen_arms(best: str, arms: Sequence[Arm]) -> list[tuple[int, Arm]]:
    """The grouping that was chosen and its random draws once more, as arms of the choice.

    Each comes with its place among ``arms``.

    >>> g = Grouping(tasks=("a", "b"), membership=np.eye(2), method="hard")
    >>> [(place, arm.name, arm.role) for place, arm in chosen_arms("mine", [joint_arm(2), grouped_arm("mine", g)])]
    [(1, 'chosen', 'chosen')]
    """
    renamed = {"grouped": (CHOSEN, CHOSEN), "random": (random_name(CHOSEN), "random")}
    own = [(place, arm) for place, arm in enumerate(arms) if arm.of == best and arm.role in renamed]
    return [
        (place, replace(arm, name=renamed[arm.role][0], role=renamed[arm.role][1], of=CHOSEN))
        for place, arm in own
    ]


def random_name(name: str) -> str:
    """The random groups that a grouping is compared with."""
    return f"random ({name})"


def ensemble_name(name: str, n_groups: int | Literal["auto"]) -> str:
    """The ensemble that a grouping is compared with: of as many models, on every seed.

    >>> ensemble_name("grouped", "auto"), ensemble_name("grouped", 3)
    ('ensemble (K of grouped)', 'ensemble (K=3)')
    """
    return f"ensemble (K of {name})" if n_groups == "auto" else f"ensemble (K={n_groups})"


@dataclass(frozen=True, kw_only=True)
class Lineup:
    """For what arms are made.

    The groupings of one unit, by name, and the number of groups that each was ``asked`` for.
    """

    n_tasks: int
    groupings: Mapping[str, Grouping]
    asked: Mapping[str, int | Literal["auto"]]
    draws: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class ArmKind:
    """A kind of arms.

    ``role`` is its name, which no grouping may have if it ``is_reserved``; ``sentence`` says what
    it is to a reader, in plain text with *emphasis*. ``make`` gives the arms to train. Of a
    baseline, ``beside`` gives the name of that arm of it which a grouping is compared with, from
    the grouping's name and the number of groups it was asked for.
    """

    role: str
    sentence: str
    make: Callable[[Lineup], list[Arm]]
    beside: Callable[[str, int | Literal["auto"]], str] | None = None
    is_reserved: bool = True


ARMS: dict[str, ArmKind] = {}


def register(kind: ArmKind) -> None:
    """Make a kind of arms known, in the order in which reports name them."""
    ARMS[kind.role] = kind


def _ensembles(lineup: Lineup) -> list[Arm]:
    """One for each number of groups; groupings that find their number themselves have their own."""
    made = {
        ensemble_name(name, n_groups): (grouping.n_groups, name if n_groups == "auto" else None)
        for (name, grouping), n_groups in zip(
            lineup.groupings.items(), lineup.asked.values(), strict=True
        )
    }
    return [
        replace(ensemble_arm(lineup.n_tasks, n_models, name), of=of)
        for name, (n_models, of) in made.items()
    ]


register(
    ArmKind(
        role="grouped",
        sentence="Tasks that belong together share a model: one model per group, trained on its "
        "own tasks, or, where groups are soft, on all tasks weighted by how much they belong to "
        "it. This is what is being judged.",
        make=lambda lineup: [
            grouped_arm(name, grouping) for name, grouping in lineup.groupings.items()
        ],
        is_reserved=False,
    )
)
register(
    ArmKind(
        role=CHOSEN,
        sentence="On each repetition, the grouping with the best mean score on validation "
        "examples: what to expect when one does not know beforehand which method is best. It pays "
        "for all that were tried. Its scores on test examples took no part in the choice; the best "
        "of the other rows was picked by them and looks better than it is.",
        make=lambda _: [],  # one of the others, once they are trained
    )
)
register(
    ArmKind(
        role="joint",
        sentence="One model for all tasks together: the cheapest choice.",
        make=lambda lineup: [joint_arm(lineup.n_tasks)],
        beside=lambda _name, _n_groups: "joint",
    )
)
register(
    ArmKind(
        role="single",
        sentence="One model per task, none shared: the most expensive choice.",
        make=lambda lineup: [single_arm(lineup.n_tasks)],
        beside=lambda _name, _n_groups: "single",
    )
)
register(
    ArmKind(
        role="random",
        sentence="As many groups, of the same sizes and softness, with the tasks shuffled among "
        "them. Only a gain over *random* shows that it matters *which* tasks are together.",
        make=lambda lineup: [
            arm
            for name, grouping in lineup.groupings.items()
            for arm in random_arms(name, grouping, lineup.draws, lineup.seed)
        ],
        beside=lambda name, _n_groups: random_name(name),
    )
)
register(
    ArmKind(
        role="ensemble",
        sentence="As many joint models as there are groups, averaged. Only a gain over the "
        "*ensemble* shows that grouping beats simply training more models.",
        make=_ensembles,
        beside=ensemble_name,
    )
)


def baselines() -> tuple[str, ...]:
    """Roles of the arms that groupings are compared with.

    Joint, which is always trained, is one of them.
    """
    return tuple(role for role, kind in ARMS.items() if kind.beside is not None)


BASELINES = baselines()


def line_up(lineup: Lineup, wanted: Sequence[str]) -> list[Arm]:
    """All arms of a unit.

    Joint, then the groupings in order, then the other baselines that are wanted.
    """
    others = [role for role in baselines() if role in wanted and role != "joint"]
    return [arm for role in ("joint", "grouped", *others) for arm in ARMS[role].make(lineup)]


def references(
    name: str, n_groups: int | Literal["auto"], trained: Sequence[str]
) -> dict[str, str]:
    """What a grouping is compared with, as far as it was ``trained``: role to arm.

    >>> references("mine", 3, ["joint", "mine", "random (mine)", "ensemble (K=3)"])
    {'joint': 'joint', 'random': 'random (mine)', 'ensemble': 'ensemble (K=3)'}
    """
    arms = {
        role: kind.beside(name, n_groups) for role, kind in ARMS.items() if kind.beside is not None
    }
    return {role: arm for role, arm in arms.items() if arm in trained}


def is_reserved(name: str) -> bool:
    """Whether a grouping of this name would be mistaken for an arm, or for the mean over tasks.

    >>> is_reserved("random"), is_reserved("ensemble (K=2)"), is_reserved("grouped"), is_reserved("mine (new)")
    (True, True, False, False)
    """
    reserved = {MEAN, *(role for role, kind in ARMS.items() if kind.is_reserved)}
    return name.partition(" (")[0] in reserved


def stack_rows(arms: Sequence[Arm]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """Return the distinct rows (M, T) of all arms, and their initialisations (M,).

    And, for each arm, which rows it uses, (R,).

    >>> rows, init, used = stack_rows([joint_arm(2), ensemble_arm(2, 3), single_arm(2)])
    >>> rows.shape, init.tolist(), [u.tolist() for u in used]
    ((5, 2), [0, 1, 2, 0, 0], [[0], [0, 1, 2], [3, 4]])
    """
    place: dict[tuple[bytes, int], int] = {}
    rows: list[np.ndarray] = []
    used = []
    for arm in arms:
        # Rows that agree in single precision would be the same training run.
        keys = [
            (row.tobytes(), int(i))
            for row, i in zip(arm.weights.astype(np.float32), arm.init, strict=True)
        ]
        for key, row in zip(keys, arm.weights, strict=True):
            if key not in place:
                place[key] = len(rows)
                rows.append(row)
        used.append(np.array([place[key] for key in keys]))
    return np.stack(rows), np.array([init for _, init in place]), used


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


def _serving(arm: Arm) -> Arm:
    used = arm.serves.any(0)
    return replace(arm, weights=arm.weights[used], init=arm.init[used], serves=arm.serves[:, used])


def _together(labels: np.ndarray) -> np.ndarray:
    return labels[:, None] == labels[None, :]
