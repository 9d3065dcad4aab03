"""All tasks together."""

from __future__ import annotations

from dataclasses import replace

from coterie.evaluation.arms.arm import Arm, ArmKind
from coterie.evaluation.arms.ensemble import ensemble_arm


def joint_arm(n_tasks: int) -> Arm:
    """One model of all tasks.

    >>> joint_arm(3).weights
    array([[1., 1., 1.]])
    """
    return replace(ensemble_arm(n_tasks, 1, "joint"), role="joint")


JOINT = ArmKind(
    role="joint",
    sentence="One model for all tasks together: the cheapest choice.",
    make=lambda lineup: [joint_arm(lineup.n_tasks)],
    beside=lambda _name, _n_groups: "joint",
)
