"""Seeds until intervals are narrow: fixed-width sequential sampling.

Shapes: ``C`` intervals that answers rest on, ``S`` seeds.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf
from typing import Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from scipy import stats

from coterie.errors import require_positive
from coterie.statistics.components import Interval, satterthwaite
from coterie.statistics.decisions import MOST_SEEDS

PILOT, MOST = 5, 100
# Of the error that an interval may make, the part that one early decision may.
EARLY = 50

S = TypeVar("S", float, np.ndarray)
Reason: TypeAlias = Literal[
    "narrow enough", "examples alone are wider", "most seeds", "nothing to compare"
]


@dataclass(frozen=True, kw_only=True)
class Widths:
    """How wide intervals are, now and at other numbers of seeds.

    Attributes:
        found: C intervals, from :func:`coterie.statistics.interval`, or over splits from
            :func:`coterie.statistics.nadeau_bengio`.
        half: half their widths (C,), which are larger where several hold all at once.
        seeds: S, on each split where there are several.
        within_splits: of several splits the variance (C,) over the seeds of one, else None.
    """

    found: Interval
    half: np.ndarray
    seeds: int
    within_splits: np.ndarray | None = None

    def at(self, seeds: np.ndarray) -> np.ndarray:
        """Half widths (n, C) at other numbers of seeds (n,) by the present components.

        At infinity it is what test examples alone leave; over splits, what these differ by.

        >>> from coterie.statistics import interval
        >>> found = interval(np.array([[-1.0], [0.0], [1.0]]), np.zeros((3, 9, 1)))
        >>> now = Widths(found=found, half=found.high - found.mean, seeds=3)
        >>> now.at(np.array([3, 12, np.inf])).round(2).T
        array([[2.48, 0.64, 0.  ]])
        """
        now = self._student(np.array([float(self.seeds)]))
        with np.errstate(invalid="ignore", divide="ignore"):
            half = self._student(np.asarray(seeds, dtype=float)) * (self.half / now)
        # Of two arms that never differed the interval has no width of its own for seeds to change.
        return np.where((self.half > 0) & (now > 0), half, self.half)

    def _student(self, seeds: np.ndarray) -> np.ndarray:
        seeds, found = seeds[:, None], self.found
        if self.within_splits is not None:
            between = np.maximum(found.seed_variance - self.within_splits / self.seeds, 0.0)
            return np.sqrt(between + self.within_splits / seeds)
        variance, df = satterthwaite(
            found.seed_variance + found.interaction_variance,
            found.interaction_variance,
            found.example_variance,
            found.example_df,
            seeds,
        )
        reach = stats.t.isf((1 - found.level) / 2, df)
        return np.where(variance > 0, np.sqrt(variance) * reach, 0.0)


class Look(NamedTuple):
    """What a look at the intervals says.

    Attributes:
        widest: place of the widest of those that have to be narrow and are not, or else of all;
            None where there is none.
        half: half its width.
        limit: what infinitely many seeds would make of that.
        seeds: how many would do in all, by the present estimate; None where no more would help.
        reason: why to stop, None to go on.
    """

    widest: int | None
    half: float
    limit: float
    seeds: int | None
    reason: Reason | None


def look(
    widths: Widths, within: float, decided: np.ndarray | None = None, *, most: int | None = None
) -> Look:
    """Whether every interval is narrow enough, and how many seeds that takes.

    It stops at the first look, of at least :data:`PILOT` seeds, at which half an interval with its
    :func:`inflation` is at most ``within`` (Chow and Robbins 1965). Stopping when an estimate is
    small favours those that are too small: the pilot, Student's quantile at the degrees of freedom
    so far (Stein 1945) and the factor make up for that. Intervals that seeds cannot make narrow, by
    the present components, are not waited for.

    Args:
        widths: of the C intervals. Those that are unknown (NaN) are passed over.
        within: half the width asked for, in their unit.
        decided: intervals (C,) that need not be narrow, see :func:`surely`.
        most: seeds that there may be, by default :func:`most_seeds`.

    Raises:
        CoterieError: ``within`` is not above 0.

    >>> from coterie.statistics import interval
    >>> found = interval(np.arange(5.0)[:, None] - 2, np.zeros((5, 9, 1)))
    >>> now = Widths(found=found, half=found.high - found.mean, seeds=5)
    >>> [look(now, within).seeds for within in (2.0, 1.0)], look(now, 2.5).reason
    ([6, 15], 'narrow enough')
    """
    require_positive("within", within)
    known = np.isfinite(widths.half)
    if not known.any():
        return Look(None, np.nan, np.nan, None, "nothing to compare")
    needed = known if decided is None else known & ~decided
    over_splits = widths.within_splits is not None
    if most is None:
        most = most_seeds(widths.found.seeds if over_splits else 1)
    numbers = np.arange(widths.seeds, max(MOST_SEEDS, most) + 1)
    factor = inflation("narrow enough", numbers[:, None], over_splits=over_splits)
    will = widths.at(numbers) * factor <= within
    wide = needed & ~will[0]
    helped = wide & will.any(0)
    limits = widths.at(np.array([inf]))[0]
    beyond = wide & (limits > within)
    reason: Reason | None = None
    if widths.seeds >= most and helped.any():
        reason = "most seeds"
    elif not helped.any() and wide.any():
        reason = "examples alone are wider" if beyond.any() else "most seeds"
    elif not helped.any():
        reason = "narrow enough"
    # What is waited for is shown before what is not.
    shown = next(each for each in (helped, beyond, wide, needed, known) if each.any())
    widest = int(np.where(shown, widths.half, -inf).argmax())
    seeds = int(numbers[will.argmax(0)[helped].max()]) if helped.any() else None
    return Look(widest, float(widths.half[widest]), float(limits[widest]), seeds, reason)


def inflation(reason: str | None, seeds: S, *, over_splits: bool) -> S | float:
    """By which factor standard errors are larger for why it was stopped.

    What a stop at a small estimate leaves out is the less the more seeds there are. Of the factors
    that were tried this one holds throughout and asks for few more seeds
    (``benchmarks/sequential.py``; Anscombe 1953 and Starr 1966 have such corrections): 1.2 at the
    pilot. Over splits there is none: more seeds draw none of the splits anew, from which the error
    comes.

    >>> inflation("narrow enough", 5, over_splits=False), inflation("time", 5, over_splits=False)
    (1.2, 1.0)
    """
    return 1 + 3 / (seeds + 10) if reason == "narrow enough" and not over_splits else 1.0


def most_seeds(splits: int) -> int:
    """How many seeds there may be on each of so many splits: 100 trainings in all.

    By how much splits differ is known from those few only, and others would tell more than the last
    of many seeds.

    >>> most_seeds(1), most_seeds(5)
    (100, 20)
    """
    return max(PILOT, MOST // splits)


def wave(look: Look, seeds: int, *, most: int = MOST) -> int:
    """How many seeds to add before the next look: half of those missing, and no more than double.

    Few looks stop less often by chance, and an estimate from few seeds may ask for far too many
    (Hall 1981 takes a fraction of them first, too).

    >>> wave(Look(0, 2.0, 0.0, 60, None), 5), wave(Look(0, 2.0, 0.0, 8, None), 5)
    (5, 2)
    """
    missing = (look.seeds or seeds) - seeds
    return max(1, min(ceil(missing / 2), seeds, most - seeds))


def surely(widths: Widths, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
    """Which intervals (C,) lie above ``low`` or below ``high`` so surely that no width is asked.

    As many looks would decide too much by chance, one before the last may only make a fiftieth of
    the error: 99.9 % instead of 95 % (Haybittle 1971, Peto et al. 1976). What is reported stays the
    interval of the last look.

    >>> from coterie.statistics import interval
    >>> found = interval(np.array([[-1.0, 7.0], [0.0, 8.0], [1.0, 9.0]]), np.zeros((3, 9, 2)))
    >>> surely(Widths(found=found, half=found.high - found.mean, seeds=3), 0.0, 0.5)
    array([False, False])
    >>> surely(Widths(found=found, half=found.high - found.mean, seeds=3), -30.0, 0.5)
    array([ True,  True])
    """
    found = widths.found
    with np.errstate(invalid="ignore", divide="ignore"):
        tail = stats.t.sf(widths.half / found.error, found.df)
        reach = np.where(
            widths.half > 0, found.error * stats.t.isf(tail / EARLY, found.df), widths.half
        )
    return (found.mean - reach > low) | (found.mean + reach < high)
