"""The grouping that is best on validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from coterie.evaluation.arms.arm import Arm, ArmKind
from coterie.evaluation.arms.registry import agreed, names_beside, references
from coterie.results import tables

_NAME = tables.CHOSEN


def chosen_arms(
    best: str, arms: Sequence[Arm], asked: Mapping[str, int | Literal["auto"]]
) -> list[tuple[int, Arm]]:
    """The grouping that was chosen and what it is compared with once more, as arms of the choice.

    Each comes with its place among ``arms``. What other groupings are compared with as well, by the
    same name, is not repeated. ``asked`` are the numbers of groups that all were asked for.

    >>> import numpy as np
    >>> from coterie.evaluation.arms import ensemble_arm, grouped_arm, joint_arm
    >>> from coterie.results import Grouping
    >>> g = Grouping(tasks=("a", "b"), membership=np.eye(2), method="hard")
    >>> arms = [joint_arm(2), grouped_arm("mine", g), ensemble_arm(2, 2)]
    >>> [(place, arm.name, arm.role)
    ...  for place, arm in chosen_arms("mine", arms, {"mine": 2, "other": 3})]
    [(1, 'chosen', 'chosen'), (2, 'ensemble (K of chosen)', 'ensemble')]
    """
    trained = [arm.name for arm in arms]
    beside = references(best, asked[best], trained)
    of_choice = names_beside(_NAME, agreed(asked))
    renamed = {best: _NAME, **{name: of_choice[role] for role, name in beside.items()}}
    return [
        (
            place,
            replace(
                arm,
                name=renamed[arm.name],
                role=_NAME if arm.name == best else arm.role,
                of=_NAME,
            ),
        )
        for place, arm in enumerate(arms)
        if arm.name in renamed and renamed[arm.name] not in trained
    ]


CHOSEN = ArmKind(
    role=_NAME,
    sentence="On each repetition, the grouping with the best mean score on validation "
    "examples: what to expect when one does not know beforehand which method is best. It pays "
    "for all that were tried. Its scores on test examples took no part in the choice; the best "
    "of the other rows was picked by them and looks better than it is.",
    make=lambda _: [],  # one of the others, once they are trained
)
