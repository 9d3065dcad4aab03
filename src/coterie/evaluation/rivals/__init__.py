"""What a user would take instead of groups, and of which groups must be worth more.

Arms of :mod:`coterie.evaluation.arms` are rows of W, trained as one stack. A :class:`Rival` is
trained after them, as it likes, and may be made of them: a wider network, copies of the joint model
that are tuned to a task each, averages, forests. It sees what they see (split, seed, missing
labels, settings), is scored by the same code, and is known by a name in :data:`RIVALS`.

===================== =========================================================================
``wide``              one joint network with about as many parameters as the groups' models
``tuned``             the joint model, tuned to each task
``pooled``            one model for tasks with examples of their own, told which task it is
``blend``             joint and groups, averaged
``blend_single``      joint and single-task models, averaged
``hybrid``            for each task joint, groups or its own model
``linear``            linear models of another library, one a task
``forest``            randomised trees, likewise
``boosting``          boosted trees, likewise
===================== =========================================================================

All are at their defaults, as the networks are at theirs: nobody's settings are searched. Whatever
is picked (weights of an average, models of a hybrid) is picked on validation.
"""

from coterie.evaluation.rivals.blend import BlendGroups, BlendSingle
from coterie.evaluation.rivals.family import Boosting, Forest, Linear
from coterie.evaluation.rivals.hybrid import Hybrid
from coterie.evaluation.rivals.pooled import Pooled
from coterie.evaluation.rivals.registry import (
    RIVALS,
    Rivals,
    find_rivals,
    register_rival,
    suitable,
)
from coterie.evaluation.rivals.rival import Rival, Saveable, TrainedRival, checked_outputs
from coterie.evaluation.rivals.tuned import Tuned
from coterie.evaluation.rivals.wide import Wide

for _rival in (
    Wide(),
    Tuned(),
    Pooled(),
    BlendGroups(),
    BlendSingle(),
    Hybrid(),
    Linear(),
    Forest(),
    Boosting(),
):
    register_rival(_rival)

__all__ = [
    "RIVALS",
    "Rival",
    "Rivals",
    "Saveable",
    "TrainedRival",
    "checked_outputs",
    "find_rivals",
    "register_rival",
    "suitable",
]
