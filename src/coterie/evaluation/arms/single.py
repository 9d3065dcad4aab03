"""Each task alone."""

from __future__ import annotations

import numpy as np

from coterie.evaluation.arms.arm import Arm, ArmKind


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


SINGLE = ArmKind(
    role="single",
    sentence="One model per task, none shared: the most expensive choice.",
    make=lambda lineup: [single_arm(lineup.n_tasks)],
    beside=lambda _name, _n_groups: "single",
)
