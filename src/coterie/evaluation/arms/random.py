"""Other groups of the same sizes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from coterie.evaluation.arms.arm import Arm, ArmKind
from coterie.evaluation.arms.grouped import grouped_arm
from coterie.results import Grouping
from coterie.seeds import numpy_generator

_DRAWS_OF_ANOTHER_GROUPING = 20


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


def random_name(name: str) -> str:
    """The random groups that a grouping is compared with."""
    return f"random ({name})"


def _together(labels: np.ndarray) -> np.ndarray:
    return labels[:, None] == labels[None, :]


RANDOM = ArmKind(
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
