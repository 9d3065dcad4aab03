"""Tasks in groups."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from coterie.evaluation.arms.arm import Arm, ArmKind
from coterie.results import Grouping


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
            sizes=np.ones(grouping.n_groups)
            if grouping.network_sizes is None
            else grouping.network_sizes,
        )
    )


def _serving(arm: Arm) -> Arm:
    used = arm.serves.any(0)
    return replace(
        arm,
        weights=arm.weights[used],
        init=arm.init[used],
        serves=arm.serves[:, used],
        sizes=np.asarray(arm.sizes)[used],
    )


GROUPED = ArmKind(
    role="grouped",
    sentence="Tasks that belong together share a model: one model per group, trained on its "
    "own tasks, or, where groups are soft, on all tasks weighted by how much they belong to "
    "it. This is what is being judged.",
    make=lambda lineup: [
        grouped_arm(name, grouping) for name, grouping in lineup.groupings.items()
    ],
    is_reserved=False,
)
