"""Scores with a known rule, and a published table."""

from __future__ import annotations

import numpy as np

from coterie.estimators import as_rows
from coterie.results import ScoreTable
from tests.grouping import published


def setting_1(part: str) -> ScoreTable:
    """Minus the published losses of the validation or the test part, 31 subsets of 5 tasks.

    Networks of full size.
    """
    table = published.setting_1()[part == "test"]
    full = {name: getattr(table, name)[table.costs == 1] for name in ("subsets", "scores", "costs")}
    return ScoreTable(tasks=table.tasks, **full)


class PlantedScores:
    """An oracle with a rule.

    A target scores ``base`` plus the mean (or the sum) of its row's effects [source, target].
    """

    measure = "score"

    def __init__(
        self,
        effects: np.ndarray,
        base: np.ndarray | float = 0.0,
        *,
        mean: bool = False,
        noise: float = 0.0,
        seed: int = 0,
    ):
        self.effects = np.where(np.eye(len(effects), dtype=bool), 0.0, effects)
        self.base, self.mean, self.noise, self.rng = base, mean, noise, np.random.default_rng(seed)
        self.tasks = tuple(f"task {t}" for t in range(len(effects)))
        self.asked: list[np.ndarray] = []
        self.answers: list[np.ndarray] = []

    @property
    def cost(self):
        return {"model_steps": 10 * len(self.asked), "seconds": 0.0, "trainings": len(self.asked)}

    def predict(self, weights):
        rows = as_rows(weights, len(self.tasks)) > 0
        self.asked += list(rows)
        total = rows @ self.effects
        if self.mean:
            total = total / np.maximum(rows.sum(1, keepdims=True) - 1, 1)
        scores = np.where(
            rows, self.base + total + self.noise * self.rng.normal(size=rows.shape), np.nan
        )
        self.answers.append(scores)
        return scores


def every_subset(n_tasks: int) -> np.ndarray:
    """All 2^T - 1 rows."""
    return (np.arange(1, 2**n_tasks)[:, None] >> np.arange(n_tasks)) & 1
