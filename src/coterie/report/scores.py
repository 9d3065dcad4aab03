"""The chapters of plain scores and of what they cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from coterie.drawing import figures
from coterie.report.folding import FEW
from coterie.report.svg import inline
from coterie.results.plots import cost_axis
from coterie.results.standings import Spread
from coterie.results.tables import CHOSEN, ROLES
from coterie.wording import count, number, plain, seconds

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord
    from coterie.results.tables import CostRow


@dataclass(frozen=True)
class Cell:
    """A mean score with its standard deviation, and whether it is the best of its row."""

    text: str
    spread: str
    best: bool


@dataclass(frozen=True)
class TaskRow:
    """The scores of one task, a cell for each arm."""

    task: str
    metric: str
    cells: list[Cell]


@dataclass(frozen=True)
class MetricRow:
    """A metric averaged over those ``tasks`` that have it, for each arm."""

    metric: str
    tasks: int
    cells: list[str]


@dataclass(frozen=True)
class ScoreTable:
    """Scores of all tasks; ``metric`` is that of all of them, None where they have several."""

    arms: list[str]
    metric: str | None
    rows: list[TaskRow]
    folded: bool
    mean: list[Cell]
    metrics: list[MetricRow]
    positive: list[str]


@dataclass(frozen=True)
class CostLine:
    """What one arm takes, and its mean score, as text."""

    arm: str
    models: str
    parameters: str
    model_steps: str
    seconds: str
    score: str


@dataclass(frozen=True)
class Costs:
    """The table of costs, and the figure, out of which some arms are ``left_out``."""

    rows: list[CostLine]
    svg: Markup | None
    left_out: int


def arms_of(comparison: ComparisonRecord) -> list[str]:
    """Arms in reading order: the groupings, then joint, single, random, ensemble.

    What was chosen comes first.
    """
    rank = {role: position for position, role in enumerate(comparison.roles or ROLES)}
    parts = comparison.arms
    # The choice is one of the groupings.
    role = lambda arm: "grouped" if parts[arm].role == CHOSEN else parts[arm].role  # noqa: E731
    return sorted(parts, key=lambda arm: (rank.get(role(arm), len(rank)), parts[arm].of != CHOSEN))


def score_table(comparison: ComparisonRecord, order: Sequence[str]) -> ScoreTable:
    """Mean score per task and arm in the task's own metric, and all metrics averaged over tasks."""
    arms, found = arms_of(comparison), comparison.task_scores
    metric = dict(zip(comparison.tasks, comparison.metric_names, strict=True))
    rows = [
        TaskRow(
            task,
            metric[task].replace("_", " "),
            _cells([found.get((arm, task, metric[task]), Spread.of([])) for arm in arms]),
        )
        for task in order
    ]
    return ScoreTable(
        arms=arms,
        metric=rows[0].metric if len({row.metric for row in rows}) == 1 else None,
        rows=rows,
        folded=len(rows) > FEW,
        mean=_cells([comparison.mean_score(arm) for arm in arms]),
        metrics=_metric_rows(comparison, arms),
        positive=comparison.config.get("data", {}).get("positive classes", []),
    )


def _cells(scores: Sequence[Spread]) -> list[Cell]:
    """Means with their spread, the best (to three digits) marked."""
    rounded = np.array([mean for mean, _ in scores]).round(3)
    best = np.nanmax(rounded, initial=-np.inf)
    return [
        Cell(number(float(mean)), number(sd) if np.isfinite(sd) else "", bool(mean == best))
        for mean, (_, sd) in zip(rounded, scores, strict=True)
    ]


def _metric_rows(comparison: ComparisonRecord, arms: Sequence[str]) -> list[MetricRow]:
    """Every metric, averaged over the tasks that have it."""
    per_metric: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (arm, _, metric), score in comparison.task_scores.items():
        per_metric[metric][arm].append(score.mean)
    return [
        MetricRow(
            metric.replace("_", " "),
            max(map(len, by_arm.values())),
            [number(Spread.of(by_arm.get(arm, [])).mean) for arm in arms],
        )
        for metric, by_arm in per_metric.items()
    ]


def costs(comparison: ComparisonRecord) -> Costs:
    """The cost table with mean scores beside it, and the figure."""
    table, parts = {row["arm"]: row for row in comparison.cost_rows}, comparison.arms
    arms = [arm for arm in arms_of(comparison) if arm in table]
    scores = {arm: comparison.mean_score(arm) for arm in arms}
    rows = [
        CostLine(
            arm=arm,
            models=plain(table[arm]["models"]),
            parameters=count(table[arm]["parameters"]),
            model_steps=count(table[arm]["model_steps"]),
            seconds=seconds(table[arm]["seconds"]),
            score=number(score.mean),
        )
        for arm, score in scores.items()
    ]
    # Random groups cost what the groups cost: where several are compared, those of the choice stand
    # for all in the figure.
    drawn = [
        arm
        for arm in arms
        if CHOSEN not in comparison.groupings
        or parts[arm].role != "random"
        or parts[arm].of == CHOSEN
    ]
    svg = _cost_figure([table[arm] for arm in drawn], [scores[arm] for arm in drawn])
    return Costs(rows, svg, left_out=len(arms) - len(drawn))


def _cost_figure(rows: Sequence[CostRow], scores: Sequence[Spread]) -> Markup | None:
    cost, what = cost_axis(rows)
    if not np.isfinite(cost).any():
        return None
    roles = {row["arm"]: row["role"] for row in rows}
    means, spread = np.array(scores).T
    axes = figures.cost_against_quality(list(roles), cost, means, spread, what=what, roles=roles)
    alt = f"Mean test score against {what}. " + "; ".join(
        f"{row['arm']}: {number(score.mean)} for {count(c)}"
        for row, score, c in zip(rows, scores, cost, strict=True)
    )
    return inline(axes, name="cost", alt=alt)
