"""Rows of loss weights, trained once on one planted table, and what groupings of them score.

So that equal groups of several methods are the same models.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import coterie as ct
from coterie.metrics import scores
from coterie.models import GroupedModel, ModelStack
from coterie.models.width import resized
from coterie.testing import Planted

METRIC = "balanced accuracy"
_DIGITS = 3


class Rows:
    """The "mlp" under the settings of a regime; the last epoch counts.

    All rows start alike, with the batches of ``seed``; nothing is chosen on the test part, on which
    they are scored. ``steps`` is what the joint model takes.
    """

    def __init__(self, found: Planted, seed: int) -> None:
        self.data = found.data.with_metric(METRIC)
        self.settings: dict[str, Any] = {**found.settings, "seed": seed}
        self.n_tasks = len(found.data.tasks)
        self._known: dict[bytes, ModelStack] = {}
        self._steps: dict[bytes, float] = {}
        self.joint = np.ones((1, self.n_tasks))

    def train(self, weights: np.ndarray) -> None:
        """Train rows (M, T) that are new, as one stack."""
        wanted = {row.tobytes(): row for row in _rounded(weights)}
        new = [key for key in wanted if key not in self._known]
        if not new:
            return
        rows = np.stack([wanted[key] for key in new])
        fit = ct.fit("mlp", self.data, rows, init="shared", **self.settings)
        labelled = ~self.data.targets[self.data.split.train].isnan().numpy()
        for number, key in enumerate(new):
            self._known[key] = fit.stack.select([number])
            examples = int(labelled[:, rows[number] > 0].any(1).sum())
            batches = -(-examples // self.settings["batch_size"])
            self._steps[key] = float(batches * self.settings["epochs"])

    def steps(self, weights: np.ndarray) -> float:
        """Steps of one model that training these rows (M, T) takes."""
        rows = _rounded(weights)
        rows = rows[rows.any(axis=1)]  # a group may hold no task
        self.train(rows)
        return sum(self._steps[row.tobytes()] for row in rows)

    def score(self, grouping: ct.Grouping) -> float:
        """Mean score on the test part, in points, of models of the groups."""
        held = grouping.membership.any(axis=0)
        weights = grouping.weights()[held]
        self.train(weights)
        stack = ModelStack.concatenate([self._known[row.tobytes()] for row in _rounded(weights)])
        return self.score_of(stack, grouping.membership[:, held])

    def score_of(self, stack: ModelStack, membership: np.ndarray) -> float:
        """The same of models that are there, where ``membership`` (T, K) serves."""
        data = self.data
        model = GroupedModel.from_stack(stack, membership, data.tasks, data.preprocessing)
        test = data.split.test
        found = scores(model.outputs(data, test), data.targets[test], data.tasks)
        return 100 * float(found.mean())

    def score_of_joint(self) -> float:
        """One model of all tasks."""
        self.train(self.joint)
        return self.score_of(self._known[self.joint[0].tobytes()], self.joint.T)

    def score_of_single(self) -> float:
        """A model for each task."""
        eye = np.eye(self.n_tasks)
        self.train(eye)
        stack = ModelStack.concatenate([self._known[row.tobytes()] for row in eye])
        return self.score_of(stack, eye)

    def score_of_ensemble(self, n_models: int) -> float:
        """Joint models that start differently, averaged."""
        rows = np.ones((n_models, self.n_tasks))
        fit = ct.fit("mlp", self.data, rows, init=list(range(n_models)), **self.settings)
        return self.score_of(fit.stack, np.full((self.n_tasks, n_models), 1 / n_models))

    def score_of_wide(self, n_models: int) -> float:
        """One joint model with about as many parameters as ``n_models`` of them."""
        self.train(self.joint)
        options = resized(self._known[self.joint[0].tobytes()].architecture, n_models)
        fit = ct.fit("mlp", self.data, **{**self.settings, "model_options": options})
        return self.score_of(fit.stack, self.joint.T)


def _rounded(weights: np.ndarray) -> np.ndarray:
    """Rows whose shares differ in the last digits only are one."""
    return np.round(np.asarray(weights, float), _DIGITS) + 0.0
