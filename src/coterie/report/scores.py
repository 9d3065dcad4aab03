"""The chapters of plain scores and of what they cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from coterie.drawing import figures
from coterie.report.folding import FEW
from coterie.report.svg import inline
from coterie.results.plots import cost_axis
from coterie.results.tables import CHOSEN, ROLES
from coterie.wording import count, is_number, number, plain, seconds

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord

Values = dict[tuple[str, str, str], list[float]]


def arms_of(comparison: ComparisonRecord) -> list[str]:
    """Arms in reading order: the groupings, then joint, single, random, ensemble.

    What was chosen comes first.
    """
    rank = {role: position for position, role in enumerate(comparison.roles or ROLES)}
    parts = comparison.arms
    # The choice is one of the groupings.
    role = lambda arm: "grouped" if parts[arm].role == CHOSEN else parts[arm].role  # noqa: E731
    return sorted(parts, key=lambda arm: (rank.get(role(arm), len(rank)), parts[arm].of != CHOSEN))


def score_table(comparison: ComparisonRecord, order: Sequence[str]) -> dict[str, Any]:
    """Mean score per task and arm in the task's own metric, and all metrics averaged over tasks."""
    arms, values = arms_of(comparison), _values(comparison)
    metric = dict(zip(comparison.tasks, comparison.metric_names, strict=True))
    rows = [
        {
            "task": task,
            "metric": metric[task].replace("_", " "),
            "cells": _cells([values.get((arm, task, metric[task]), []) for arm in arms]),
        }
        for task in order
    ]
    means, spread = _mean_scores(comparison, arms)
    return {
        "arms": arms,
        "metric": rows[0]["metric"] if len({row["metric"] for row in rows}) == 1 else None,
        "rows": rows,
        "folded": len(rows) > FEW,
        "mean": _mean_cells(means, spread),
        "metrics": _metric_rows(values, arms),
        "positive": comparison.config.get("data", {}).get("positive classes", []),
    }


def _values(comparison: ComparisonRecord) -> Values:
    values: Values = defaultdict(list)
    columns = [
        comparison.scores_table.column(name).to_pylist()
        for name in ("arm", "task", "metric", "value")
    ]
    for arm, task, metric, value in zip(*columns, strict=True):
        if is_number(value):
            values[arm, task, metric].append(value)
    return values


def _cells(many: Sequence[Sequence[float]]) -> list[dict[str, Any]]:
    means = np.array([np.mean(values) if values else np.nan for values in many])
    return _mean_cells(
        means, np.array([np.std(values, ddof=1) if len(values) > 1 else np.nan for values in many])
    )


def _mean_cells(means: np.ndarray, spread: np.ndarray) -> list[dict[str, Any]]:
    """Means with their spread, the best (to three digits) marked."""
    rounded = means.round(3)
    best = np.nanmax(rounded, initial=-np.inf)
    return [
        {
            "text": number(float(mean)),
            "spread": number(float(sd)) if np.isfinite(sd) else "",
            "best": bool(mean == best),
        }
        for mean, sd in zip(rounded, spread, strict=True)
    ]


def _metric_rows(values: Values, arms: Sequence[str]) -> list[dict[str, Any]]:
    """Every metric, averaged over the tasks that have it."""
    per_metric: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for (arm, _, metric), found in values.items():
        per_metric[metric][arm].append(float(np.mean(found)))
    return [
        {
            "metric": metric.replace("_", " "),
            "tasks": max(len(means) for means in by_arm.values()),
            "cells": [
                number(float(np.mean(by_arm[arm]))) if by_arm.get(arm) else number(None)
                for arm in arms
            ],
        }
        for metric, by_arm in per_metric.items()
    ]


def _mean_scores(
    comparison: ComparisonRecord, arms: Sequence[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean scores and their standard deviations, (arms,) each."""
    means, spread = zip(*map(comparison.mean_score, arms), strict=True) if arms else ((), ())
    return np.array(means), np.array(spread)


def costs(comparison: ComparisonRecord) -> dict[str, Any]:
    """The cost table with mean scores beside it, and the figure."""
    table, parts = {row["arm"]: row for row in comparison.costs_table.to_pylist()}, comparison.arms
    arms = [arm for arm in arms_of(comparison) if arm in table]
    means, spread = _mean_scores(comparison, arms)
    rows = [
        {
            "arm": arm,
            "models": plain(table[arm]["models"]),
            "parameters": count(table[arm]["parameters"]),
            "model_steps": count(table[arm]["model_steps"]),
            "seconds": seconds(table[arm]["seconds"]),
            "score": number(float(mean)),
        }
        for arm, mean in zip(arms, means, strict=True)
    ]
    # Random groups cost what the groups cost: where several are compared, those of the choice stand
    # for all in the figure.
    drawn = [
        position
        for position, arm in enumerate(arms)
        if CHOSEN not in comparison.groupings
        or parts[arm].role != "random"
        or parts[arm].of == CHOSEN
    ]
    svg = _cost_figure([table[arms[position]] for position in drawn], means[drawn], spread[drawn])
    return {"rows": rows, "svg": svg, "left_out": len(arms) - len(drawn)}


def _cost_figure(
    rows: Sequence[dict[str, Any]], means: np.ndarray, spread: np.ndarray
) -> Markup | None:
    cost, what = cost_axis(rows)
    if not np.isfinite(cost).any():
        return None
    roles = {row["arm"]: row["role"] for row in rows}
    axes = figures.cost_against_quality(list(roles), cost, means, spread, what=what, roles=roles)
    alt = f"Mean test score against {what}. " + "; ".join(
        f"{row['arm']}: {number(float(m))} for {count(c)}"
        for row, m, c in zip(rows, means, cost, strict=True)
    )
    return inline(axes, name="cost", alt=alt)
