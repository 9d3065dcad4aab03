"""The chapter of probabilities: whether those of the arm to use can be believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from coterie.drawing import figures
from coterie.report.folding import FEW
from coterie.report.svg import inline
from coterie.results.reliability import Bin, pooled
from coterie.wording import count, number, score, unbroken

if TYPE_CHECKING:
    from coterie.results.reliability import Reliability


@dataclass(frozen=True)
class Row:
    """A task's threshold, and its probabilities before and after calibration."""

    task: str
    labels: str
    threshold: str
    log_loss: tuple[str, str]
    brier: tuple[str, str]
    error: tuple[str, str]


@dataclass(frozen=True)
class Chapter:
    """Probabilities in a sentence, a figure of all tasks together, and a table of each."""

    sentence: str
    arm: str
    svg: Markup | None
    rows: list[Row]
    folded: bool
    rules: tuple[str, ...]
    decided_at_threshold: bool


def chapter(found: Reliability) -> Chapter:
    """What there is to tell of the probabilities."""
    return Chapter(
        sentence=unbroken(found.sentence),
        arm=found.arm,
        svg=_figure(found),
        rows=[
            Row(
                task=each.task,
                labels=count(each.labels),
                threshold=score(each.threshold),
                log_loss=(number(each.before.log_loss), number(each.after.log_loss)),
                brier=(number(each.before.brier), number(each.after.brier)),
                error=(
                    score(each.before.calibration_error),
                    score(each.after.calibration_error),
                ),
            )
            for each in found.tasks
        ],
        folded=len(found.tasks) > FEW,
        rules=found.rules,
        decided_at_threshold=any(each.decided_at_threshold for each in found.tasks),
    )


def intervals(bins: Sequence[Bin]) -> np.ndarray:
    """95 % intervals of observed shares (Wilson 1927), (bins, 2), as if labels were independent.

    >>> intervals([Bin(predicted=0.5, observed=0.5, count=10)]).round(3)
    array([[0.237, 0.763]])
    """
    from scipy.stats import binomtest

    ends = [
        binomtest(round(each.observed * each.count), each.count).proportion_ci(method="wilson")
        for each in bins
    ]
    return np.array([[each.low, each.high] for each in ends])


def _figure(found: Reliability) -> Markup | None:
    before, after = (
        pooled([getattr(each, when) for each in found.tasks]) for when in ("before", "after")
    )
    if not after:
        return None
    axes = figures.reliability(_points(before), _points(after), intervals(after))
    said = "; ".join(f"{score(b.predicted)} came {score(b.observed)}" for b in after)
    alt = f"Observed share against predicted probability after calibration. {said}."
    return inline(axes, name="reliability", alt=alt)


def _points(bins: Sequence[Bin]) -> np.ndarray:
    return np.array([[each.predicted, each.observed] for each in bins])
