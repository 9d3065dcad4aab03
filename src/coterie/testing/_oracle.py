"""An oracle that follows a rule, for score estimators to be asked about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from coterie.estimators.base import Weights, as_rows


class RuleScores:
    """Scores by a rule.

    What a task scores alone, plus the mean over the other members of what each does for it.

    ``measure`` is "score"; asking costs one training and ten model steps a row. ``order`` puts the
    T tasks in another order.
    """

    measure = "score"

    def __init__(self, n_tasks: int, order: Sequence[int] | None = None) -> None:
        rng = np.random.default_rng(n_tasks)
        order = list(range(n_tasks)) if order is None else list(order)
        effects, alone = rng.normal(size=(n_tasks, n_tasks)), rng.normal(size=n_tasks)
        np.fill_diagonal(effects, 0.0)
        self.effects, self.alone = effects[np.ix_(order, order)], alone[order]
        self.tasks = tuple(f"task {t}" for t in order)
        self._asked = 0

    @property
    def cost(self) -> Mapping[str, object]:
        """What was asked so far."""
        return {"model_steps": 10 * self._asked, "seconds": 0.0, "trainings": self._asked}

    def predict(self, weights: Weights) -> np.ndarray:
        """Scores (M, T) of the rows of ``weights`` (M, T), NaN where the weight is 0."""
        rows = as_rows(weights, len(self.tasks)) > 0
        self._asked += len(rows)
        others = np.maximum(rows.sum(axis=1, keepdims=True) - 1, 1)
        return np.where(rows, self.alone + rows @ self.effects / others, np.nan)
