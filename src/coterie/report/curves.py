"""The chapter of learning curves: the arms of one question together, mean over tasks.

And the numbers behind it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from coterie.drawing import figures
from coterie.report.svg import inline
from coterie.results.standings import mean_where_known
from coterie.wording import number, rounded

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord

CURVES = {
    "validation_score": "validation score",
    "validation_loss": "validation loss",
    "train_loss": "training loss",
}


@dataclass(frozen=True)
class Question:
    """The figures of one grouping and its rivals; without a name those of all arms."""

    name: str | None
    figures: list[Markup]


def chapter(comparison: ComparisonRecord) -> list[Question]:
    """Three figures per grouping: it and what it is compared with.

    The choice, on one seed, is one of them.
    """
    questions = [
        Question(name, _figures(comparison, arms, position))
        for position, (name, arms) in enumerate(_questions(comparison).items())
    ]
    return [question for question in questions if question.figures]


def _figures(comparison: ComparisonRecord, arms: Sequence[str], position: int) -> list[Markup]:
    roles = {arm: part.role for arm, part in comparison.arms.items()}
    drawn = []
    for field, what in CURVES.items():
        lines = {arm: over_tasks(comparison, arm, field) for arm in arms}
        lines = {arm: values for arm, values in lines.items() if np.isfinite(values).any()}
        if lines:
            axes = figures.learning_curves(lines, what=what, roles=roles)
            last = "; ".join(
                f"{arm} ends at {number(float(values[-1]))}" for arm, values in lines.items()
            )
            said = f"Mean {what} by epoch. {last}."
            drawn.append(inline(axes, name=f"{field}{position}", alt=said))
    return drawn


def _questions(comparison: ComparisonRecord) -> dict[str | None, list[str]]:
    arms = list(comparison.history)
    questions: dict[str | None, list[str]] = {}
    for name in comparison.methods:
        against = (row["reference"] for row in comparison.gain_rows if row["arm"] == name)
        questions[name] = [arm for arm in dict.fromkeys([name, *against]) if arm in arms]
    return {name: found for name, found in questions.items() if found} or {None: arms}


def table(comparison: ComparisonRecord) -> dict[str, dict[str, object]]:
    """What is drawn, and each task's own curve, as JSON types.

    Arm, then curve, then ``mean`` [epoch] and ``tasks``.
    """
    found: dict[str, dict[str, object]] = {}
    for arm in comparison.history:
        own = {field: comparison.task_curves(arm, field) for field in CURVES}
        found[arm] = {
            field: {
                "mean": rounded(mean_where_known(values, 1)),
                "tasks": dict(zip(comparison.tasks, rounded(values.T), strict=True)),
            }
            for field, values in own.items()
            if np.isfinite(values).any()
        }
    return {arm: entry for arm, entry in found.items() if entry}


def over_tasks(comparison: ComparisonRecord, arm: str, field: str) -> np.ndarray:
    """Mean over tasks (E,) of a curve; a task without labels in validation stays out of it."""
    return mean_where_known(comparison.task_curves(arm, field), 1)
