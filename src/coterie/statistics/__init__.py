"""Statistics: what a difference between arms is worth believing.

Every metric tells not only its value but what each test example contributed to it (``influence``),
so that one interval covers the noise of training and that of the test sample (``components``, or
``splits`` where several were drawn). Intervals become answers (``decisions``), several comparisons
are corrected for (``multiplicity``), and arms are held against the best of them (``best``). Seeds
are added until intervals are narrow (``sequential``). Plain
arrays throughout; the formulas and how often they hold stand in the page "Statistics" of the
documentation.
"""

from coterie.statistics.best import Best, compare_with_best, covariance, not_worse
from coterie.statistics.components import Interval, interval, with_mean
from coterie.statistics.decisions import Settle, outcome, settle
from coterie.statistics.influence import accuracy, auroc, balanced_accuracy, mean, r2, skill
from coterie.statistics.multiplicity import holm, simultaneous
from coterie.statistics.sequential import (
    PILOT,
    Look,
    Widths,
    inflation,
    look,
    most_seeds,
    surely,
    wave,
)
from coterie.statistics.splits import nadeau_bengio

__all__ = [
    "PILOT",
    "Best",
    "Interval",
    "Look",
    "Settle",
    "Widths",
    "accuracy",
    "auroc",
    "balanced_accuracy",
    "compare_with_best",
    "covariance",
    "holm",
    "inflation",
    "interval",
    "look",
    "mean",
    "most_seeds",
    "nadeau_bengio",
    "not_worse",
    "outcome",
    "r2",
    "settle",
    "simultaneous",
    "skill",
    "surely",
    "wave",
    "with_mean",
]
