"""The chapter of learning curves: the arms of one question together, mean over tasks."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.report import figures
from coterie.report.svg import inline
from coterie.report.wording import number

if TYPE_CHECKING:
    from coterie.evaluation import Comparison

CURVES = {"validation_score": "validation score", "validation_loss": "validation loss", "train_loss": "training loss"}


def chapter(comparison: Comparison) -> list[dict[str, Any]]:
    """Three figures per grouping: it, joint, single, and its own random and ensemble arms."""
    chapters = []
    for name, arms in _questions(comparison).items():
        drawn = []
        for field, what in CURVES.items():
            lines = {arm: over_tasks(comparison, arm, field) for arm in arms}
            lines = {arm: values for arm, values in lines.items() if np.isfinite(values).any()}
            if lines:
                axes = figures.learning_curves(lines, what=what)
                last = "; ".join(f"{arm} ends at {number(float(values[-1]))}" for arm, values in lines.items())
                drawn.append(inline(axes, name=f"{field}{len(chapters)}", alt=f"Mean {what} by epoch. {last}."))
        chapters.append({"name": name, "figures": drawn})
    return [entry for entry in chapters if entry["figures"]]


def _questions(comparison: Comparison) -> dict[str | None, list[str]]:
    arms = list(comparison.history)
    common = [arm for arm in ("joint", "single") if arm in arms]
    questions: dict[str | None, list[str]] = {}
    for name, seeds in comparison.groupings.items():
        own = [name, *common, f"random ({name})", "random", f"ensemble (K={seeds[0].n_groups})", "ensemble"]
        questions[name] = [arm for arm in own if arm in arms]
    return {name: found for name, found in questions.items() if found} or {None: arms}


def over_tasks(comparison: Comparison, arm: str, field: str) -> np.ndarray:
    """Mean over tasks (E,) of a curve (E, M, T): of each task the model that serves it, else the mean of those that train on it."""
    curve = np.asarray(getattr(comparison.history[arm], field), dtype=np.float64)
    seeds = comparison.groupings.get(arm)
    if seeds and curve.shape[1] == seeds[0].n_groups:
        curve = curve[:, seeds[0].labels, np.arange(curve.shape[2])]
    with warnings.catch_warnings():
        # A task may have no label in the validation part: its column is empty, and stays out of the mean.
        warnings.filterwarnings("ignore", message="Mean of empty slice")
        per_task = np.nanmean(curve, axis=1) if curve.ndim == 3 else curve
        return np.nanmean(per_task, axis=1)
