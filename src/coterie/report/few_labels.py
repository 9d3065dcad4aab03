"""The chapter of few labels: what each arm scores with a share of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from markupsafe import Markup

from coterie.report.svg import inline
from coterie.wording import count, interval, number, score, signed, unbroken

if TYPE_CHECKING:
    from coterie.results import LearningCurve


@dataclass(frozen=True)
class Cell:
    """A score with its interval; ``best`` if the arm is not surely worse than the best."""

    score: str
    interval: str
    best: bool


@dataclass(frozen=True)
class Row:
    """A share of the labels, and what each arm scores with it."""

    share: str
    labels: str
    rarest: str
    cells: list[Cell]


@dataclass(frozen=True)
class Gain:
    """An arm against joint at one share."""

    share: str
    arm: str
    gain: str
    interval: str
    outcome: str


@dataclass(frozen=True)
class Chapter:
    """Which arm is best where, a figure, and the numbers behind it."""

    sentences: list[str]
    svg: Markup
    arms: tuple[str, ...]
    metric: str
    margin: str
    n_counted: int
    rows: list[Row]
    gains: list[Gain]


def chapter(found: LearningCurve) -> Chapter:
    """What there is to tell of a learning curve."""
    shares = [unbroken(f"{100 * share:g} %") for share in found.shares]
    places = range(len(found.arms))
    return Chapter(
        sentences=[unbroken(each) for each in found.sentences],
        svg=inline(found.plot(), name="few", alt=_said(found)),
        arms=found.arms,
        metric=found.metric,
        margin=number(found.margin, 1),
        n_counted=int(found.counted.sum()),
        rows=[
            Row(
                share,
                count(found.labels_per_task[i]),
                count(found.rarest[i, found.counted].min()),
                [
                    Cell(
                        score(float(found.score.value[i, a])),
                        _ends(found.score.low[i, a], found.score.high[i, a]),
                        found.arms[a] in found.contenders(i),
                    )
                    for a in places
                ],
            )
            for i, share in enumerate(shares)
        ],
        gains=[
            Gain(
                share,
                found.arms[a],
                signed(float(found.gain.value[i, a])),
                interval(float(found.gain.low[i, a]), float(found.gain.high[i, a])),
                found.outcomes[i][a],
            )
            for a in places[1:]
            for i, share in enumerate(shares)
        ],
    )


def _ends(low: float, high: float) -> str:
    return f"{score(float(low))} to {score(float(high))}" if low == low else ""


def _said(found: LearningCurve) -> str:
    ends = "; ".join(
        f"{arm} from {score(float(first))} to {score(float(last))}"
        for arm, first, last in zip(
            found.arms, found.score.value[0], found.score.value[-1], strict=True
        )
    )
    return f"Mean {found.metric} on test against training labels a task. {ends}."
