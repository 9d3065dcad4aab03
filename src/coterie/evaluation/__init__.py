"""Evaluation: does grouping pay?

:func:`compare` trains the joint model, the groupings and the baselines on every split and seed
(``units``, ``arms``), and what one would try instead of groups (``rivals``), scores all on the test
part (``metrics``), puts them side by side (``scores``, ``tables``), says which to use
(``recommending``) and gives what came out as a :class:`Comparison`. What is compared is a
:class:`Grouping` or a method that finds one (:mod:`coterie.methods`).
"""

from coterie.evaluation._compare import check_counts, compare
from coterie.evaluation._evaluate import evaluate
from coterie.evaluation._learning_curve import SHARES, learning_curve, read_shares
from coterie.evaluation._leaving import check_save, leave_model, saved_reliability
from coterie.evaluation._plan import Plan, Workload, plan
from coterie.evaluation._repetitions import (
    check_repeats,
    read_seeds,
    repeated_splits,
    seconds_of,
)
from coterie.evaluation._sequential import read_until
from coterie.evaluation._unit import make_probes
from coterie.evaluation.arms import (
    ARMS,
    BASELINES,
    Arm,
    ArmKind,
    Lineup,
    combine,
    ensemble_arm,
    grouped_arm,
    joint_arm,
    random_arms,
    register,
    single_arm,
)
from coterie.evaluation.comparison import Comparison
from coterie.evaluation.metrics import all_metrics
from coterie.evaluation.rivals import (
    RIVALS,
    Rival,
    TrainedRival,
    find_rivals,
    register_rival,
    suitable,
)
from coterie.evaluation.tables import relative_gain

__all__ = [
    "ARMS",
    "BASELINES",
    "RIVALS",
    "SHARES",
    "Arm",
    "ArmKind",
    "Comparison",
    "Lineup",
    "Plan",
    "Rival",
    "TrainedRival",
    "Workload",
    "all_metrics",
    "check_counts",
    "check_repeats",
    "check_save",
    "combine",
    "compare",
    "ensemble_arm",
    "evaluate",
    "find_rivals",
    "grouped_arm",
    "joint_arm",
    "learning_curve",
    "leave_model",
    "make_probes",
    "plan",
    "random_arms",
    "read_seeds",
    "read_shares",
    "read_until",
    "register",
    "register_rival",
    "relative_gain",
    "repeated_splits",
    "saved_reliability",
    "seconds_of",
    "single_arm",
    "suitable",
]
