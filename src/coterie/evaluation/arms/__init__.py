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

:data:`ARMS` has all kinds of arms by the role that they play, each in a file. To add one is to
register it: what it is trained as, which one a grouping is compared with, and a sentence for those
who read of it.
Tables say which role an arm plays, and for which grouping; names are for readers only.
"""

from coterie.evaluation.arms.arm import Arm, ArmKind, Lineup
from coterie.evaluation.arms.chosen import CHOSEN, chosen_arms
from coterie.evaluation.arms.ensemble import ENSEMBLE, ensemble_arm, ensemble_name
from coterie.evaluation.arms.grouped import GROUPED, grouped_arm
from coterie.evaluation.arms.joint import JOINT, joint_arm
from coterie.evaluation.arms.random import RANDOM, random_arms, random_name
from coterie.evaluation.arms.registry import (
    ARMS,
    agreed,
    baselines,
    is_reserved,
    line_up,
    references,
    register,
)
from coterie.evaluation.arms.single import SINGLE, single_arm
from coterie.evaluation.arms.stacking import StackRows as StackRows
from coterie.evaluation.arms.stacking import combine, stack_rows

for _kind in (GROUPED, CHOSEN, JOINT, SINGLE, RANDOM, ENSEMBLE):
    register(_kind)

BASELINES = baselines()

__all__ = [
    "ARMS",
    "BASELINES",
    "Arm",
    "ArmKind",
    "Lineup",
    "agreed",
    "baselines",
    "chosen_arms",
    "combine",
    "ensemble_arm",
    "ensemble_name",
    "grouped_arm",
    "is_reserved",
    "joint_arm",
    "line_up",
    "random_arms",
    "random_name",
    "references",
    "register",
    "single_arm",
    "stack_rows",
]
