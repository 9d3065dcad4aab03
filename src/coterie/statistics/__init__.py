"""Statistics: what a difference between arms is worth believing.

Every metric tells not only its value but what each test example contributed to it (``influence``),
so that one interval covers the noise of training and that of the test sample (``components``, or
``splits`` where several were drawn). Intervals become answers (``decisions``), several comparisons
are corrected for (``multiplicity``), and arms are held against the best of them (``best``). Plain
arrays throughout; the formulas and how often they hold stand in the page "Statistics" of the
documentation.
"""

from coterie.statistics.best import Best, compare_with_best, covariance, not_worse
from coterie.statistics.components import Interval, interval, with_mean
from coterie.statistics.decisions import Settle, outcome, settle
from coterie.statistics.influence import accuracy, auroc, balanced_accuracy, mean, r2, skill
from coterie.statistics.multiplicity import holm, simultaneous
from coterie.statistics.splits import nadeau_bengio

__all__ = [
    "Best",
    "Interval",
    "Settle",
    "accuracy",
    "auroc",
    "balanced_accuracy",
    "compare_with_best",
    "covariance",
    "holm",
    "interval",
    "mean",
    "nadeau_bengio",
    "not_worse",
    "outcome",
    "r2",
    "settle",
    "simultaneous",
    "skill",
    "with_mean",
]
