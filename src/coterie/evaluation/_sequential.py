"""Seeds in waves, until the intervals that decide are narrow or the time is out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, takewhile
from math import ceil, inf
from time import monotonic
from typing import NamedTuple, TypeAlias

import numpy as np

from coterie.data import Dataset
from coterie.errors import CoterieError, require_positive, shown
from coterie.evaluation._repetitions import seconds_of
from coterie.evaluation._unit import Plan
from coterie.evaluation.deciding import deciding
from coterie.evaluation.scores import arm_scores
from coterie.evaluation.units import Unit, unit_stage
from coterie.results import Finding
from coterie.runs import Run
from coterie.statistics import PILOT, Look, inflation, look, most_seeds, wave
from coterie.training import Progress
from coterie.wording import number, seconds

# Trained even if there is no time for the pilot.
FEWEST = 3
# Of a run: what its seeds have taken so far.
SEEDS = "seeds"

Train: TypeAlias = Callable[[Sequence[int], Progress | None], list[Unit]]
Judge: TypeAlias = Callable[[Sequence[Unit]], "Seen"]


@dataclass(frozen=True, kw_only=True)
class Until:
    """Until when seeds are added.

    Half the width of the intervals that decide, by default the margin, in points, and how many
    seconds all trainings may take.
    """

    within: float | None = None
    time: float | None = None


class Seen(NamedTuple):
    """What a look said, at which width was asked for, and of which pair.

    A split has so many test ``examples``.
    """

    look: Look
    within: float
    pair: tuple[str, str] | None
    examples: int


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Why no seeds were added any more, after so many ``seeds``, and what the last look said.

    A seed on all splits takes so many ``seconds``.
    """

    until: Until
    reason: str
    seeds: int
    seen: Seen
    seconds: float
    over_splits: bool

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
            within=self.seen.within,
            repetitions="splits" if self.over_splits else "seeds",
            why="" if self.until.time is None else seconds(self.until.time),
        )
        if self.seen.pair is None:
            return found
        last, (arm, other) = self.seen.look, self.seen.pair
        more = None if last.seeds is None else last.seeds - self.seeds
        return replace(
            found,
            of=arm,
            against=other,
            width=last.half * self.inflation,
            limit=last.limit,
            seeds=more,
            minutes=None if more is None else more * self.seconds / 60,
            examples=self._examples() if self.reason == "examples alone are wider" else None,
        )

    def _examples(self) -> int:
        """How many more would leave half of the variance to seeds."""
        needed = 2 * (self.seen.look.limit / self.seen.within) ** 2
        return ceil((needed - 1) * self.seen.examples)


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
    until: Until, trained: Trained, judge: Judge, progress: Progress | None
) -> tuple[list[Unit], Stop]:
    """Train seeds in waves, each of them whole, on all splits, and say why there are no more.

    A run that was stopped looks where it looked before: what is on disk beyond the stop is used,
    too, but decides nothing before that.

    Args:
        until: when to stop.
        trained: no units yet.
        judge: what is to be seen of the units so far.
        progress: told how wide the intervals are.
    """
    size, told = PILOT if until.time is None else FEWEST, ""
    while True:
        trained.add(size, _beginning_with(told, progress))
        seen, fits = judge(trained.units), trained.fitting(until.time)
        reason = _reason(seen, trained) or ("time" if fits < 1 else None)
        if reason is not None and (ready := trained.ready()):
            trained.add(ready, progress)
            seen = judge(trained.units)
            reason = _reason(seen, trained) or reason
        if reason is not None:
            return trained.in_order(), Stop(
                until=until,
                reason=reason,
                seeds=trained.seeds,
                seen=seen,
                seconds=trained.per_seed,
                over_splits=trained.splits > 1,
            )
        missing = PILOT - trained.seeds
        added = wave(seen.look, trained.seeds, most=most_seeds(trained.splits))
        size = int(min(missing if missing > 0 else added, fits))
        told = standing(seen.look, trained.seeds, seen.within, trained.per_seed)


def _reason(seen: Seen, trained: Trained) -> str | None:
    return seen.look.reason if trained.seeds >= PILOT else None


def judged(
    units: Sequence[Unit], *, plan: Plan, data: Dataset, margin: float | None, within: float | None
) -> Seen:
    """Look at the intervals that decide, by default whether they are as narrow as the margin."""
    arms = arm_scores(units, data.tasks, groups=data.groups, margin=margin)
    within = float(arms.margins[-1]) if within is None else within
    found = deciding(units, plan, arms)
    told = look(found.widths, within, found.decided)
    pair = None if told.widest is None else found.pairs[told.widest]
    return Seen(look=told, within=within, pair=pair, examples=arms.examples)


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


def _beginning_with(told: str, progress: Progress | None) -> Progress | None:
    if progress is None or not told:
        return progress
    progress(0, 1, told)
    return lambda done, steps, text: progress(done, steps, f"{told}: {text}")


@dataclass
class Trained:
    """Units so far, from the ``first`` seed on, on so many ``splits``.

    What they took counts what was trained in this run before.
    """

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

    def fitting(self, time: float | None) -> float:
        """How many more seeds there is time for."""
        if time is None:
            return inf
        return max(0.0, (time - self.seconds) // max(self.per_seed, 1e-9))

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

    def in_order(self) -> list[Unit]:
        """The units as one wave would have given them."""
        return sorted(self.units, key=lambda unit: (unit.split, unit.seed))
