"""Evaluation: does grouping pay?

:func:`compare` trains the joint model, the groupings and the baselines on every split and seed
(``units``, ``arms``), and what one would try instead of groups (``rivals``), scores all on the test
part (``metrics``), pairs them (``gains``, ``tables``) and gives what came out as a
:class:`Comparison`. The arithmetic of ``gains`` works on plain arrays. What is compared is a
:class:`Grouping` or a method that finds one (:mod:`coterie.methods`).
"""

from coterie.evaluation._compare import check_counts, compare
from coterie.evaluation._evaluate import evaluate
from coterie.evaluation._plan import Plan, Workload, plan, seconds_of
from coterie.evaluation._repetitions import check_repeats, read_seeds, repeated_splits
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
from coterie.evaluation.gains import (
    bootstrap_interval,
    bootstrap_scores,
    holm,
    paired_interval,
    relative_gain,
)
from coterie.evaluation.metrics import all_metrics, primary_scores
from coterie.evaluation.rivals import RIVALS, Rival, TrainedRival, find_rivals, register_rival

__all__ = [
    "ARMS",
    "BASELINES",
    "RIVALS",
    "Arm",
    "ArmKind",
    "Comparison",
    "Lineup",
    "Plan",
    "Rival",
    "TrainedRival",
    "Workload",
    "all_metrics",
    "bootstrap_interval",
    "bootstrap_scores",
    "check_counts",
    "check_repeats",
    "combine",
    "compare",
    "ensemble_arm",
    "evaluate",
    "find_rivals",
    "grouped_arm",
    "holm",
    "joint_arm",
    "make_probes",
    "paired_interval",
    "plan",
    "primary_scores",
    "random_arms",
    "read_seeds",
    "register",
    "register_rival",
    "relative_gain",
    "repeated_splits",
    "seconds_of",
    "single_arm",
]
