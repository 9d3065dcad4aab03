"""The grouping that is best on validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from coterie.evaluation.arms.arm import Arm, ArmKind
from coterie.evaluation.arms.random import random_name
from coterie.results import tables

_NAME = tables.CHOSEN


def chosen_arms(best: str, arms: Sequence[Arm]) -> list[tuple[int, Arm]]:
    """The grouping that was chosen and its random draws once more, as arms of the choice.

    Each comes with its place among ``arms``.

    >>> import numpy as np
    >>> from coterie.evaluation.arms import grouped_arm, joint_arm
    >>> from coterie.results import Grouping
    >>> g = Grouping(tasks=("a", "b"), membership=np.eye(2), method="hard")
    >>> [(place, arm.name, arm.role) for place, arm in chosen_arms("mine", [joint_arm(2), grouped_arm("mine", g)])]
    [(1, 'chosen', 'chosen')]
    """
    renamed = {"grouped": (_NAME, _NAME), "random": (random_name(_NAME), "random")}
    own = [(place, arm) for place, arm in enumerate(arms) if arm.of == best and arm.role in renamed]
    return [
        (place, replace(arm, name=renamed[arm.role][0], role=renamed[arm.role][1], of=_NAME))
        for place, arm in own
    ]


CHOSEN = ArmKind(
    role=_NAME,
    sentence="On each repetition, the grouping with the best mean score on validation "
    "examples: what to expect when one does not know beforehand which method is best. It pays "
    "for all that were tried. Its scores on test examples took no part in the choice; the best "
    "of the other rows was picked by them and looks better than it is.",
    make=lambda _: [],  # one of the others, once they are trained
)
