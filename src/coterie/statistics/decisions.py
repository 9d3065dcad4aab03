"""From an interval and a margin to an answer, and to what would bring one."""

from __future__ import annotations

from math import ceil
from typing import Literal, NamedTuple

import numpy as np
from scipy import stats

from coterie.errors import require_positive
from coterie.statistics.components import Interval, satterthwaite

Outcome = Literal["better", "not worth it", "worse", "undecided"]
MOST_SEEDS = 1000


class Settle(NamedTuple):
    """What would probably settle an undecided comparison.

    Attributes:
        seeds: how many there would have to be in all; None where no number would do, or nobody
            can tell.
        examples: how many test examples (or groups of rows) with a label there would have to be,
            where seeds alone cannot settle it; else None.
    """

    seeds: int | None
    examples: int | None

    def beyond(self, interval: Interval, examples: int) -> Settle:
        """How many more than the ``interval`` is of; it may count groups of the ``examples``.

        >>> from coterie.statistics import interval
        >>> found = interval(np.array([-1.0, 1.0, 3.0]), np.zeros((3, 50)))
        >>> settle(found, 0.5).beyond(found, 50)
        Settle(seeds=15, examples=None)
        """
        return Settle(
            None if self.seeds is None else self.seeds - interval.seeds,
            None
            if self.examples is None
            else ceil((self.examples / interval.examples - 1) * examples),
        )


def outcome(interval: Interval, margin: float) -> Outcome:
    """What the interval of one gain says.

    In this order: *worse* if it lies below 0, *better* if it lies above 0, *not worth it* if its
    upper end lies below the margin, and else *undecided*, as without an interval. A gain that is
    better by less than the margin is better: whether it is worth its price is for the
    recommendation.

    Args:
        interval: of one gain.
        margin: the least gain worth having, in the unit of the interval, above 0.

    Raises:
        CoterieError: a margin that is not above 0.

    >>> from coterie.statistics import nadeau_bengio
    >>> [outcome(nadeau_bengio(np.array(gains)), 0.5) for gains in ([1, 1.1], [-0.1, 0.1], [-5, 5])]
    ['better', 'undecided', 'undecided']
    """
    require_positive("margin", margin)
    if interval.high < 0:
        return "worse"
    if interval.low > 0:
        return "better"
    return "not worth it" if interval.high < margin else "undecided"


def settle(interval: Interval, margin: float) -> Settle:
    """How many seeds, or test examples, would bring the nearest decision at the present gain.

    With S seeds the variance is (seed_variance + interaction_variance) / S + example_variance. It
    is decided once half an interval of that is less than the gain (*better*), less than the
    distance to the margin (*not worth it*), or less than the loss (*worse*). Where more than
    ``MOST_SEEDS`` seeds would be needed, test examples are too few: the answer is at how many of
    them their share is half of the variance that may be, which leaves the other half to seeds.

    Args:
        interval: of one gain, from :func:`coterie.statistics.interval`.
        margin: as in :func:`outcome`.

    Returns:
        Both None where the present components are not known (one seed). Of several splits, from
        :func:`coterie.statistics.nadeau_bengio`, ``seeds`` are splits; where no number of them
        would do, ``examples`` is at how many test examples of a split the present number would, if
        splits differ the less (variance as 1 / examples) the larger the data are.

    Raises:
        CoterieError: a margin that is not above 0.

    >>> from coterie.statistics import interval
    >>> settle(interval(np.array([-1.0, 1.0, 3.0]), np.zeros((3, 50))), 0.5)
    Settle(seeds=18, examples=None)
    """
    require_positive("margin", margin)
    needed = max(abs(interval.mean), margin - interval.mean)
    if not np.isfinite(interval.seed_variance + needed):
        return Settle(None, None)
    seeds, tail = np.arange(2, MOST_SEEDS + 1), (1 - interval.level) / 2
    if np.isnan(interval.example_variance):
        return _splits(interval, float(needed), seeds, tail)
    variance, df = satterthwaite(
        interval.seed_variance + interval.interaction_variance,
        interval.interaction_variance,
        interval.example_variance,
        interval.example_df,
        seeds,
    )
    half = np.where(variance > 0, np.sqrt(variance) * stats.t.isf(tail, df), 0.0)
    enough = np.flatnonzero(half < needed)
    if len(enough):
        return Settle(int(seeds[enough[0]]), None)
    of_examples = interval.example_variance * stats.t.isf(tail, interval.example_df) ** 2
    return Settle(None, int(np.ceil(interval.examples * 2 * of_examples / needed**2)))


def _splits(interval: Interval, needed: float, splits: np.ndarray, tail: float) -> Settle:
    """How many splits would do, or examples: what splits share (their overlap) stays."""
    shared = interval.error**2 - interval.seed_variance / interval.seeds
    half = np.sqrt(interval.seed_variance / splits + shared) * stats.t.isf(tail, splits - 1)
    enough = np.flatnonzero(half < needed)
    if len(enough):
        return Settle(int(splits[enough[0]]), None)
    now = interval.error * stats.t.isf(tail, interval.seeds - 1)
    examples = int(np.ceil(interval.examples * (now / needed) ** 2))
    return Settle(None, examples or None)
