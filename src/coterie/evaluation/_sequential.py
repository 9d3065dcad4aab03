"""Seeds in waves, until the intervals that decide are narrow or the time is out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, takewhile
from math import ceil, inf
from time import monotonic
from typing import TypeAlias

import numpy as np

from coterie.data import Dataset
from coterie.errors import CoterieError, require_positive, shown
from coterie.evaluation._repetitions import seconds_of
from coterie.evaluation._unit import Plan
from coterie.evaluation.deciding import Deciding, deciding
from coterie.evaluation.scores import arm_scores
from coterie.evaluation.units import Unit, unit_stage
from coterie.results import Finding
from coterie.runs import Run
from coterie.statistics import PILOT, Look, inflation, look, wave
from coterie.training import Progress
from coterie.wording import number, seconds

# Trained even if there is no time for the pilot.
FEWEST = 3
# Of a run: what its seeds have taken so far.
SEEDS = "seeds"

Train: TypeAlias = Callable[[Sequence[int], Progress | None], list[Unit]]


@dataclass(frozen=True, kw_only=True)
class Until:
    """Until when seeds are added.

    Half the width of the intervals that decide, by default the margin, in points, and how many
    seconds all trainings may take.
    """

    within: float | None = None
    time: float | None = None


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Why no seeds were added any more, after so many ``seeds``.

    ``pair`` is what the look shows, and a seed on all splits takes so many ``seconds``.
    """

    until: Until
    reason: str
    seeds: int
    look: Look
    pair: tuple[str, str] | None
    seconds: float
    over_splits: bool
    examples: int

    @property
    def inflation(self) -> float:
        """By which factor standard errors are larger."""
        return inflation(self.reason, self.seeds, over_splits=self.over_splits)

    @property
    def finding(self) -> Finding:
        """The same for readers."""
        found = Finding(
            about="seeds",
            outcome=self.reason,
            count=self.seeds,
            within=self.until.within,
            repetitions="splits" if self.over_splits else "seeds",
            why="" if self.until.time is None else seconds(self.until.time),
        )
        if self.pair is None:
            return found
        arm, other = self.pair
        more = None if self.look.seeds is None else self.look.seeds - self.seeds
        return replace(
            found,
            of=arm,
            against=other,
            width=self.look.half * self.inflation,
            limit=self.look.limit,
            seeds=more,
            minutes=None if more is None else more * self.seconds / 60,
            examples=self._examples() if self.reason == "examples alone are wider" else None,
        )

    def _examples(self) -> int:
        """How many more would leave half of the variance to seeds."""
        needed = 2 * (self.look.limit / (self.until.within or inf)) ** 2
        return ceil(max(needed - 1, 0) * self.examples)


def read_until(seeds: object, within: float | None, time: str | float | None) -> Until | None:
    """Until when seeds are added; None where it is said how many there are, or nothing.

    Raises:
        CoterieError: both is said, or a width or time is none.

    >>> read_until(None, 0.5, "20m"), read_until(3, None, None)
    (Until(within=0.5, time=1200.0), None)
    """
    if within is None and time is None:
        return None
    if seeds is not None:
        other = "within" if within is not None else "time"
        raise CoterieError(
            f"`seeds` says how many there are, `{other}` until when they are added: give one of "
            f"them; found seeds={shown(seeds)} and {other}={shown(within or time)}."
        )
    if within is not None:
        require_positive("within", within)
    return Until(within=within, time=None if time is None else seconds_of(time, "time"))


def train_until(
    until: Until,
    train: Train,
    plan: Plan,
    data: Dataset,
    *,
    first: int,
    splits: int,
    margin: float | None,
    run: Run | None,
    progress: Progress | None,
) -> tuple[list[Unit], Stop]:
    """Train seeds from ``first`` on, in waves, each of them whole, on all splits.

    A run that was stopped looks where it looked before: what is on disk beyond the stop is used,
    too, but decides nothing before that.

    Args:
        until: when to stop.
        train: the units of some seeds.
        plan: what each unit does.
        data: what is trained on.
        first: the first seed.
        splits: their number.
        margin: as for :func:`coterie.evaluation.compare`.
        run: which keeps units.
        progress: told how wide the intervals are.
    """
    done = _Done(train, first, splits, run)
    size, told = PILOT if until.time is None else FEWEST, ""
    while True:
        done.add(size, _beginning_with(told, progress))
        found, examples, within = _judged(done.units, plan, data, margin, until)
        seen = look(found.widths, within, found.decided)
        fits = _fitting(until, done)
        reason = seen.reason if done.seeds >= PILOT else None
        if reason is None and fits < 1:
            reason = "time"
        if reason is not None and (ready := done.ready()):
            done.add(ready, progress)
            found, examples, within = _judged(done.units, plan, data, margin, until)
            seen = look(found.widths, within, found.decided)
            reason = seen.reason or reason
        if reason is not None:
            return done.sorted(), Stop(
                until=replace(until, within=within),
                reason=reason,
                seeds=done.seeds,
                look=seen,
                pair=None if seen.widest is None else found.pairs[seen.widest],
                seconds=done.per_seed,
                over_splits=splits > 1,
                examples=examples,
            )
        missing = PILOT - done.seeds
        size = int(min(missing if missing > 0 else wave(seen, done.seeds), fits))
        told = standing(seen, done.seeds, within, done.per_seed)


def standing(seen: Look, seeds: int, within: float, per_seed: float) -> str:
    """How wide the intervals are, and what is left to do.

    >>> standing(Look(0, 0.84, 0.1, 11, None), 7, 0.5, 45.0)
    '7 seeds: ±0.8 points, asked ±0.5, about 4 more seeds, 3 min'
    """
    shown_half = f"{seeds} seeds: ±{number(seen.half, 1)} points, asked ±{within:g}"
    if seen.seeds is None:
        return shown_half
    more = seen.seeds - seeds
    return (
        f"{shown_half}, about {more} more seed{'s' if more > 1 else ''}, {seconds(more * per_seed)}"
    )


def _judged(
    units: Sequence[Unit], plan: Plan, data: Dataset, margin: float | None, until: Until
) -> tuple[Deciding, int, float]:
    """The intervals that decide, the test examples of a split, and the width asked for."""
    arms = arm_scores(units, data.tasks, groups=data.groups, margin=margin)
    within = float(arms.margins[-1]) if until.within is None else until.within
    return deciding(units, plan, arms), arms.examples, within


def _fitting(until: Until, done: _Done) -> float:
    """How many more seeds there is time for."""
    if until.time is None:
        return inf
    return max(0.0, (until.time - done.seconds) // max(done.per_seed, 1e-9))


def _beginning_with(told: str, progress: Progress | None) -> Progress | None:
    if progress is None or not told:
        return progress
    progress(0, 1, told)
    return lambda done, steps, text: progress(done, steps, f"{told}: {text}")


@dataclass
class _Done:
    """Units so far, and how long those took that were trained, in this run ever."""

    train: Train
    first: int
    splits: int
    run: Run | None
    units: list[Unit] = field(default_factory=list)
    seeds: int = 0
    seconds: float = 0.0
    trained: int = 0

    def __post_init__(self) -> None:
        if self.run is not None and self.run.done(SEEDS):
            before = self.run.about(SEEDS)
            self.seconds, self.trained = before["seconds"], before["trained"]

    def add(self, number: int, progress: Progress | None) -> None:
        """Train so many more seeds, or read them."""
        wanted = range(self.first + self.seeds, self.first + self.seeds + number)
        trained, began = sum(not self._is_kept(seed) for seed in wanted), monotonic()
        self.units += self.train(wanted, progress)
        self.seeds += number
        if trained:
            self.seconds += monotonic() - began
            self.trained += trained
            if self.run is not None:
                self.run.complete(SEEDS, [], seconds=self.seconds, trained=self.trained)

    def ready(self) -> int:
        """How many of the next seeds are on disk."""
        return len(list(takewhile(self._is_kept, count(self.first + self.seeds))))

    def _is_kept(self, seed: int) -> bool:
        return self.run is not None and all(
            unit_stage(split, seed) in self.run.stages for split in range(self.splits)
        )

    @property
    def per_seed(self) -> float:
        """Seconds that a seed takes on all splits."""
        if self.trained:
            return self.seconds / self.trained
        return self.splits * float(np.mean([unit.seconds for unit in self.units]))

    def sorted(self) -> list[Unit]:
        """The units as one wave would have given them."""
        return sorted(self.units, key=lambda unit: (unit.split, unit.seed))
