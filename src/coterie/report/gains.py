"""The chapter about gains.

One interval plot per grouping and reference, on one scale per grouping.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.report.folding import FEW
from coterie.results.tables import CHOSEN, LEVEL, MEAN, outcome
from coterie.wording import interval, is_number, listing, probability, signed

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord

_READINGS = {
    "gain": "better",
    "loss": "worse",
    "none": "no difference found",
    "unknown": "no interval",
}
EXTREMES = 6
Row = dict[str, Any]


@dataclass(frozen=True)
class Scale:
    """A common axis of interval plots, in per cent of its width.

    >>> Scale(-1.0, 3.0).at(1.0)
    50.0
    """

    low: float
    high: float

    @classmethod
    def over(cls, rows: Sequence[Row]) -> Scale:
        """A scale that shows every gain and most interval ends.

        The rest are cut off and marked as such.
        """
        known = {
            key: [row[key] for row in rows if is_number(row[key])]
            for key in ("gain", "low", "high")
        }
        low, high = min([0.0, *known["gain"]]), max([0.0, *known["gain"]])
        if known["low"]:
            low = min(low, np.quantile(known["low"], 0.1))
            high = max(high, np.quantile(known["high"], 0.9))
        margin = 0.04 * (high - low) or 1.0
        return cls(float(low - margin), float(high + margin))

    def at(self, value: float) -> float:
        """Where ``value`` lies, from 0 to 100."""
        return round(100 * min(max((value - self.low) / (self.high - self.low), 0), 1), 1)

    def ticks(self) -> list[dict[str, Any]]:
        """Round values to print along the axis."""
        from matplotlib.ticker import MaxNLocator

        values = [
            v + 0.0 for v in MaxNLocator(3).tick_values(self.low, self.high) if 4 < self.at(v) < 96
        ]
        digits = (
            0
            if all(float(v).is_integer() for v in values)
            else 1
            if all(float(10 * v).is_integer() for v in values)
            else 2
        )
        return [{"at": self.at(v), "text": signed(v, digits) if v else "0"} for v in values]


def chapter(comparison: ComparisonRecord, order: Sequence[str]) -> list[dict[str, Any]]:
    """One entry per grouping, with one block per reference.

    Last the baselines, with one block each.

    Where the best on validation was chosen, the others are ``folded``.
    """
    table = comparison.gains_table.to_pylist()
    found = [
        _arm(name, [row for row in table if row["arm"] == name], order, comparison)
        for name in comparison.groupings
    ]
    others = [row for row in table if row["arm"] not in comparison.groupings]
    return [*found, *([_arm(None, others, order, comparison)] if others else [])]


def _arm(
    name: str | None, rows: list[Row], order: Sequence[str], comparison: ComparisonRecord
) -> dict[str, Any]:
    scale = Scale.over(rows)
    shown = next(iter(comparison.groupings), None) if name is None else name
    first = None if shown is None else comparison.groupings[shown][0]
    group = {} if first is None else dict(zip(first.tasks, first.labels.tolist(), strict=True))
    ordered = sorted(order, key=lambda task: group.get(task, 0))
    pairs = dict.fromkeys((row["arm"], row["reference"]) for row in rows)
    blocks = [
        {
            "title": f"against {reference}" if name else f"{arm} against {reference}",
            "of": reference if name else arm,
        }
        | _block(
            [row for row in rows if (row["arm"], row["reference"]) == (arm, reference)],
            ordered,
            group,
            scale,
        )
        for arm, reference in pairs
    ]
    folded = CHOSEN in comparison.groupings and name not in (None, CHOSEN)
    return {
        "name": name,
        "folded": folded,
        "ticks": scale.ticks(),
        "zero": scale.at(0.0),
        "blocks": blocks,
    }


def _block(
    rows: list[Row], order: Sequence[str], group: dict[str, int], scale: Scale
) -> dict[str, Any]:
    # The mean comes last: a task may bear that name as well.
    mean = next((row for row in reversed(rows) if row["task"] == MEAN), None)
    by_task = {row["task"]: row for row in rows if row is not mean}
    present = [name for name in order if name in by_task]
    shown = []
    for position, name in enumerate(present):
        entry = _entry(by_task[name], scale)
        entry["first"] = position > 0 and group.get(name) != group.get(present[position - 1])
        shown.append(entry)
    sure = [
        by_task[name] for name in present if is_number(p := by_task[name]["p_holm"]) and p < LEVEL
    ]
    ranked = sorted((e for e in shown if is_number(e["value"])), key=lambda e: -e["value"])
    extremes = [
        e | {"first": i == EXTREMES}
        for i, e in enumerate([*ranked[:EXTREMES], *ranked[-EXTREMES:]])
    ]
    folded = len(shown) > FEW and len(ranked) > FEW
    better, worse = ([row["task"] for row in sure if sign * row["gain"] > 0] for sign in (1, -1))
    return {
        "mean": None
        if mean is None
        else _entry(mean, scale) | {"task": "mean", "reading": _READINGS[outcome(mean)]},
        "few": extremes if folded else shown,
        "all": shown if folded else [],
        "better": listing(better),
        "worse": listing(worse),
        "tested": any(is_number(row["p_holm"]) for row in rows),
    }


def _entry(row: Row, scale: Scale) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "task": row["task"],
        "value": row["gain"],
        "gain": signed(row["gain"]),
        "interval": interval(row["low"], row["high"]),
        "bootstrap": interval(row["bootstrap_low"], row["bootstrap_high"]),
        "p": probability(row["p"]),
        "relative": "–"
        if not is_number(row["relative_gain"])
        else f"{signed(100 * row['relative_gain'])} %",
        "sure": is_number(row["p_holm"]) and row["p_holm"] < LEVEL,
        "first": False,
        "sign": "down" if is_number(row["gain"]) and row["gain"] < 0 else "up",
        "x": scale.at(row["gain"]) if is_number(row["gain"]) else None,
        "line": None,
        "band": None,
    }
    if is_number(row["low"]) and is_number(row["high"]):
        entry["line"] = (scale.at(row["low"]), scale.at(row["high"]))
        entry["cut"] = (row["low"] < scale.low, row["high"] > scale.high)
    if is_number(row["bootstrap_low"]) and is_number(row["bootstrap_high"]):
        start, stop = scale.at(row["bootstrap_low"]), scale.at(row["bootstrap_high"])
        entry["band"] = (start, round(stop - start, 1))
    return entry
