"""The chapter about gains.

One interval plot per grouping and reference, on one scale per grouping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from coterie.report.folding import FEW
from coterie.results.tables import CHOSEN, MEAN, GainRow, differs, outcome
from coterie.wording import MISSING, interval, is_number, listing, number, probability, signed

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord

_READINGS = {"unknown": "no interval"}
EXTREMES = 6


@dataclass(frozen=True)
class Tick:
    """A value to print along an axis, at a place in per cent of its width."""

    at: float
    text: str


@dataclass(frozen=True)
class Scale:
    """A common axis of interval plots, in per cent of its width.

    >>> Scale(-1.0, 3.0).at(1.0)
    50.0
    """

    low: float
    high: float

    @classmethod
    def over(cls, rows: Sequence[GainRow]) -> Scale:
        """A scale that shows every gain and most interval ends.

        The rest are cut off and marked as such.
        """
        gains, lows, highs = (
            [value for row in rows if is_number(value := row[key])]
            for key in ("gain", "low", "high")
        )
        low, high = min([0.0, *gains]), max([0.0, *gains])
        if lows:
            low, high = min(low, np.quantile(lows, 0.1)), max(high, np.quantile(highs, 0.9))
        margin = 0.04 * (high - low) or 1.0
        return cls(float(low - margin), float(high + margin))

    def at(self, value: float) -> float:
        """Where ``value`` lies, from 0 to 100."""
        return round(100 * min(max((value - self.low) / (self.high - self.low), 0), 1), 1)

    def ticks(self) -> list[Tick]:
        """Round values to print along the axis."""
        from matplotlib.ticker import MaxNLocator

        values = [
            v + 0.0 for v in MaxNLocator(3).tick_values(self.low, self.high) if 4 < self.at(v) < 96
        ]
        digits = next((d for d in (0, 1) if all(float(10**d * v).is_integer() for v in values)), 2)
        return [Tick(self.at(v), signed(v, digits) if v else "0") for v in values]


@dataclass(frozen=True)
class Entry:
    """A row of an interval plot; places are in per cent of its width, None where there is nothing.

    ``line`` is the interval; ``cut`` says which ends of it go on beyond the scale. ``first`` begins
    another group, ``reading`` is of a mean. ``training`` and ``examples`` are the standard errors
    that come from either.
    """

    task: str
    value: float | None
    gain: str
    interval: str
    training: str
    examples: str
    p: str
    relative: str
    sure: bool
    sign: str
    x: float | None
    line: tuple[float, float] | None
    cut: tuple[bool, bool]
    first: bool = False
    reading: str = ""


@dataclass(frozen=True)
class Block:
    """One interval plot: ``few`` of its rows if there are many, and then ``all`` of them.

    ``of`` is what the arm is compared with; of the baselines, which of them it is.
    """

    title: str
    of: str
    mean: Entry | None
    few: list[Entry]
    all: list[Entry]
    better: str
    worse: str
    tested: bool


@dataclass(frozen=True)
class Arm:
    """The plots of one grouping on one scale; those of the baselines have no ``name``."""

    name: str | None
    folded: bool
    ticks: list[Tick]
    zero: float
    blocks: list[Block]


def chapter(comparison: ComparisonRecord, order: Sequence[str]) -> list[Arm]:
    """One entry per grouping, with one block per reference.

    Last the baselines, with one block each.

    Where the best on validation was chosen, the others are ``folded``.
    """
    rows = comparison.gain_rows
    found = [
        _arm(name, [row for row in rows if row["arm"] == name], order, comparison)
        for name in comparison.groupings
    ]
    others = [row for row in rows if row["arm"] not in comparison.groupings]
    return [*found, *([_arm(None, others, order, comparison)] if others else [])]


def _arm(
    name: str | None, rows: list[GainRow], order: Sequence[str], comparison: ComparisonRecord
) -> Arm:
    scale = Scale.over(rows)
    shown = next(iter(comparison.groupings), None) if name is None else name
    first = None if shown is None else comparison.groupings[shown][0]
    group = {} if first is None else dict(zip(first.tasks, first.labels.tolist(), strict=True))
    ordered = sorted(order, key=lambda task: group.get(task, 0))
    pairs: dict[tuple[str, str], list[GainRow]] = {}
    for row in rows:
        pairs.setdefault((row["arm"], row["reference"]), []).append(row)
    blocks = []
    for (arm, reference), own in pairs.items():
        title = f"against {reference}" if name else f"{arm} against {reference}"
        blocks.append(_block(title, reference if name else arm, own, ordered, group, scale))
    folded = CHOSEN in comparison.groupings and name not in (None, CHOSEN)
    return Arm(name, folded, scale.ticks(), scale.at(0.0), blocks)


def _block(
    title: str,
    of: str,
    rows: Sequence[GainRow],
    order: Sequence[str],
    group: Mapping[str, int],
    scale: Scale,
) -> Block:
    # The mean comes last: a task may bear that name as well.
    mean = next((row for row in reversed(rows) if row["task"] == MEAN), None)
    by_task = {row["task"]: row for row in rows if row is not mean}
    present = [by_task[name] for name in order if name in by_task]
    groups = [group.get(row["task"]) for row in present]
    shown = [
        _entry(row, scale, first=own != before)
        for row, own, before in zip(present, groups, [*groups[:1], *groups], strict=False)
    ]
    ranked = sorted((e for e in shown if is_number(e.value)), key=lambda e: -(e.value or 0.0))
    extremes = [
        replace(e, first=i == EXTREMES)
        for i, e in enumerate([*ranked[:EXTREMES], *ranked[-EXTREMES:]])
    ]
    folded = len(shown) > FEW and len(ranked) > FEW
    sure = [row for row in present if differs(row)]
    better, worse = (
        listing(row["task"] for row in sure if sign * (row["gain"] or 0.0) > 0) for sign in (1, -1)
    )
    return Block(
        title,
        of,
        mean=None if mean is None else _mean_entry(mean, scale),
        few=extremes if folded else shown,
        all=shown if folded else [],
        better=better,
        worse=worse,
        tested=any(is_number(row["p_holm"]) for row in rows),
    )


def _mean_entry(row: GainRow, scale: Scale) -> Entry:
    return replace(
        _entry(row, scale), task="mean", reading=_READINGS.get(found := outcome(row), found)
    )


def _entry(row: GainRow, scale: Scale, *, first: bool = False) -> Entry:
    gain, relative = row["gain"], row["relative_gain"]
    line = _ends(row["low"], row["high"])
    return Entry(
        task=row["task"],
        value=gain,
        gain=signed(gain),
        interval=interval(row["low"], row["high"]),
        training=number(row["training_se"], 2),
        examples=number(row["examples_se"], 2),
        p=probability(row["p"]),
        relative=f"{signed(100 * relative)} %" if is_number(relative) else MISSING,
        sure=differs(row),
        sign="down" if is_number(gain) and gain < 0 else "up",
        x=scale.at(gain) if is_number(gain) else None,
        line=None if line is None else (scale.at(line[0]), scale.at(line[1])),
        cut=(False, False) if line is None else (line[0] < scale.low, line[1] > scale.high),
        first=first,
    )


def _ends(low: float | None, high: float | None) -> tuple[float, float] | None:
    return (low, high) if is_number(low) and is_number(high) else None
