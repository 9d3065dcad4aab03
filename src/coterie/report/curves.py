"""The chapter of learning curves: the arms of one question together, mean over tasks.

And the numbers behind it.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.drawing import figures
from coterie.report.svg import inline
from coterie.results.tables import CHOSEN
from coterie.wording import number, rounded

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord

CURVES = {
    "validation_score": "validation score",
    "validation_loss": "validation loss",
    "train_loss": "training loss",
}


def chapter(comparison: ComparisonRecord) -> list[dict[str, Any]]:
    """Three figures per grouping: it and what it is compared with.

    The choice, on one seed, is one of them.
    """
    chapters, roles = [], {arm: part.role for arm, part in comparison.arms.items()}
    for name, arms in _questions(comparison).items():
        drawn = []
        for field, what in CURVES.items():
            lines = {arm: over_tasks(comparison, arm, field) for arm in arms}
            lines = {arm: values for arm, values in lines.items() if np.isfinite(values).any()}
            if lines:
                axes = figures.learning_curves(lines, what=what, roles=roles)
                last = "; ".join(
                    f"{arm} ends at {number(float(values[-1]))}" for arm, values in lines.items()
                )
                drawn.append(
                    inline(
                        axes, name=f"{field}{len(chapters)}", alt=f"Mean {what} by epoch. {last}."
                    )
                )
        chapters.append({"name": name, "figures": drawn})
    return [entry for entry in chapters if entry["figures"]]


def _questions(comparison: ComparisonRecord) -> dict[str | None, list[str]]:
    arms = list(comparison.history)
    pairs = comparison.gains_table.select(["arm", "reference"]).to_pylist()
    questions: dict[str | None, list[str]] = {}
    for name in (name for name in comparison.groupings if name != CHOSEN):
        own = dict.fromkeys([name, *(row["reference"] for row in pairs if row["arm"] == name)])
        questions[name] = [arm for arm in own if arm in arms]
    return {name: found for name, found in questions.items() if found} or {None: arms}


def table(comparison: ComparisonRecord) -> dict[str, Any]:
    """What is drawn, and each task's own curve, as JSON types.

    Arm, then curve, then ``mean`` [epoch] and ``tasks``.
    """
    found: dict[str, Any] = {}
    for arm in comparison.history:
        own = {field: by_task(comparison, arm, field) for field in CURVES}
        found[arm] = {
            field: {
                "mean": rounded(_mean(values, 1)),
                "tasks": dict(zip(comparison.tasks, rounded(values.T), strict=True)),
            }
            for field, values in own.items()
            if np.isfinite(values).any()
        }
    return {arm: entry for arm, entry in found.items() if entry}


def over_tasks(comparison: ComparisonRecord, arm: str, field: str) -> np.ndarray:
    """Mean over tasks (E,) of :func:`by_task`."""
    return _mean(by_task(comparison, arm, field), 1)


def by_task(comparison: ComparisonRecord, arm: str, field: str) -> np.ndarray:
    """A curve of each task (E, T), from (E, M, T).

    On the model of its own group, else the mean of all models that train it.

    NaN for random groups that overlap: whose task is whose is not kept.
    """
    curve = np.asarray(getattr(comparison.history[arm], field), dtype=np.float64)
    seeds = comparison.groupings.get(arm)
    if seeds:
        used = np.flatnonzero(
            seeds[0].membership.any(0)
        )  # a group that serves no task has no model
        own = np.searchsorted(used, seeds[0].labels)
        curve = curve[:, own, np.arange(curve.shape[2])][:, None]
    elif comparison.arms[arm].role == "random" and (np.isfinite(curve).sum(axis=1) > 1).any():
        return np.full(curve[:, 0].shape, np.nan)
    return _mean(curve, 1)


def _mean(values: np.ndarray, axis: int) -> np.ndarray:
    with warnings.catch_warnings():
        # A task may have no label in the validation part: its column is empty, and stays out of the
        # mean.
        warnings.filterwarnings("ignore", message="Mean of empty slice")
        return np.nanmean(values, axis=axis)
