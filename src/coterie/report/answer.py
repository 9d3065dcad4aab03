"""The first chapter: what to use, how sure that is, and quality against cost of every arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coterie.report.gains import Scale, Tick
from coterie.results.tables import CHOSEN
from coterie.wording import count, interval, is_number, plain, score, seconds, signed, unbroken

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord, Finding
    from coterie.results.recommendation import Standing

# What a reader has to know of how the comparison was made, in this order.
CONDITIONS = (
    "headroom",
    "seeds",
    "nothing learnt",
    "epochs",
    "steps",
    "examples",
    "difficulty",
    "rivals",
)


@dataclass(frozen=True)
class Row:
    """An arm at its cost, and how far it lies below or above the best of the others.

    ``line`` and ``x`` are places in per cent of the width of the plot, None where there is nothing.
    """

    arm: str
    chosen: bool
    score: str
    x: float | None
    line: tuple[float, float] | None
    cut: tuple[bool, bool]
    sign: str
    distance: str
    models: str
    parameters: str
    latency: str
    seconds: str


@dataclass(frozen=True)
class Answer:
    """What to use in two sentences, and the arms in the order of their cost.

    ``limit`` is how far below the best an arm may lie.
    """

    sentences: tuple[str, ...]
    decided: bool
    headlines: list[str]
    conditions: list[str]
    findings: list[str]
    rows: list[Row]
    ticks: list[Tick]
    zero: float
    limit: Tick | None
    metric: str


def chapter(comparison: ComparisonRecord) -> Answer:
    """The answer of a comparison; without a recommendation, which files of earlier versions lack.

    Where the best on validation was chosen, that choice is what is judged in the headlines; the
    rest are findings.
    """
    found, standings = comparison.recommendation, comparison.standings
    judged = [name for name in comparison.groupings if _is_judged(name, comparison)]
    headlines = [
        each for each in comparison.findings if each.about == "worth" and each.of in judged
    ]
    conditions = conditions_of(comparison.findings)
    rest = [each for each in comparison.findings if each not in (*headlines, *conditions)]
    scale = _scale(standings, 0.0 if found is None else found.margin)
    return Answer(
        sentences=() if found is None else tuple(map(unbroken, found.sentences)),
        decided=found is not None and found.outcome == "decided",
        headlines=[unbroken(each.sentence) for each in headlines],
        conditions=[unbroken(each.sentence) for each in conditions],
        findings=[unbroken(each.sentence) for each in rest],
        rows=[_row(each, standings, scale, found and found.arm) for each in standings],
        ticks=scale.ticks(),
        zero=scale.at(0.0),
        limit=None if found is None else Tick(scale.at(-found.margin), signed(-found.margin)),
        metric="" if found is None else found.metric,
    )


def conditions_of(findings: Sequence[Finding]) -> list[Finding]:
    """Findings of how the comparison was made, in the order in which to read them."""
    return [each for about in CONDITIONS for each in findings if each.about == about]


def distance(standing: Standing, standings: Sequence[Standing]) -> float:
    """Points of an arm's score minus that of the best of the others."""
    others = [each.score for each in standings if each is not standing]
    return 100 * (standing.score - max(others, default=standing.score))


def _is_judged(name: str, comparison: ComparisonRecord) -> bool:
    return name == CHOSEN or CHOSEN not in comparison.groupings


def _scale(standings: Sequence[Standing], margin: float) -> Scale:
    """Shows every arm, its whole interval, and the margin."""
    values = [distance(each, standings) for each in standings]
    ends = [end for each in standings for end in (each.low, each.high) if is_number(end)]
    low, high = min([-margin, *values, *ends]), max([0.0, *values, *ends])
    space = 0.04 * (high - low) or 1.0
    return Scale(low - space, high + space)


def _row(
    standing: Standing, standings: Sequence[Standing], scale: Scale, chosen: str | None
) -> Row:
    gap = distance(standing, standings)
    low, high = standing.low, standing.high
    ends = (low, high) if is_number(low) and is_number(high) else None
    return Row(
        arm=standing.arm,
        chosen=standing.arm == chosen,
        score=score(standing.score),
        x=scale.at(gap),
        line=None if ends is None else (scale.at(ends[0]), scale.at(ends[1])),
        cut=(False, False),
        sign="up" if low == 0 else "down" if high == 0 else "between",
        distance=interval(low, high),
        models=plain(round(standing.models, 1)),
        parameters=count(standing.parameters),
        latency=seconds(standing.latency),
        seconds=seconds(standing.seconds),
    )
