"""Grad-TAG: scores of any rows of weights from one joint training and the gradients of its margins.

Shapes: ``M`` rows, ``T`` tasks, ``d`` features.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter
from typing import ClassVar, Literal, Self

import numpy as np
import torch

from coterie.data import Dataset
from coterie.errors import CoterieError, require_positive, require_whole
from coterie.estimators.base import (
    Estimator,
    Weights,
    as_rows,
    check_measure,
    require_fitted,
)
from coterie.estimators.gradtag.margins import require_known_losses
from coterie.estimators.gradtag.model import SAMPLE, LinearModel, Settings
from coterie.estimators.judge import within_target_correlation
from coterie.estimators.sampling import N_SUBSETS, sampled_affinity
from coterie.results import About, Affinity, Fit
from coterie.training.work import Work

DEFAULT_RIDGE = 0.002
RIDGES = (0.0003, 0.001, 0.003, 0.01, 0.03, 0.1)


class GradTagScores:
    """Scores by linearising one joint model: no row is trained.

    Li, Sharma & Zhang, "Scalable multitask learning using gradient-based estimation of task
    affinity", KDD 2024. Every margin is linear in the shared parameters around the joint model, b +
    z . w with gradient features z; a row of weights becomes a regularised regression on them,
    solved for all rows at once, and its scores are read off the validation margins b + z . w
    (nothing is loaded back into the network). What differs from the published method: tasks share
    their examples, so features are per example and task; the task heads stay as they are; the
    offset b is kept, without which the estimate is worthless; regression targets are taken too.

    What is estimated is a training that goes *on from the joint model*, under one linear model of
    it, and only the ridge keeps the step from going too far. The ridge is relative to the mean
    squared norm of the features, so that it depends on no scale; ``tune`` chooses it on a few rows
    that are trained.

    Work is cut so that activations, gradients, signs and matrices take at most ``memory`` bytes.
    Kept are 8 T d^2 bytes of sums and 4 d bytes of each validation cell.

    Args:
        projection: "kronecker", from layer inputs and output gradients, for linear, convolution and
            normalisation layers; an encoder with others falls back to "dense", random signs, which
            takes any module and is slower.
        n_features: d; fewer if the bases of "kronecker" have fewer products.
        ridge: relative; half of it times the squared norm of w is added to mean losses;
            :data:`DEFAULT_RIDGE` if left out.
        measure: "loss" (minus the validation loss, which tells more of few examples) or "score"
            (the task's metric).
        chunk: examples at a time; as many as fit if left out.
        memory: bytes.
        seed: of the signs, and of the examples that bases are fitted on.

    Raises:
        CoterieError: an argument that cannot work.

    >>> import coterie as ct
    >>> data = ct.load("digits")
    >>> joint = ct.fit("mlp", data, epochs=1, model_options={"hidden": (8,)})
    >>> gradtag = GradTagScores(n_features=32).fit(joint, data)
    >>> gradtag.predict(np.eye(14)[:2]).shape
    (2, 14)
    """

    on_joint_model: ClassVar[bool] = True

    about: ClassVar[About] = About(
        family="selection",
        measures="regressions on gradients of the joint model stand in for trainings",
    )

    def __init__(
        self,
        *,
        projection: Literal["kronecker", "dense"] = "kronecker",
        n_features: int = 256,
        ridge: float | None = None,
        measure: str = "loss",
        chunk: int | None = None,
        memory: int = 2**28,
        seed: int = 0,
    ) -> None:
        check_measure(measure)
        if projection not in ("kronecker", "dense"):
            raise CoterieError(
                f"`projection` must be 'kronecker' or 'dense'; found {projection!r}."
            )
        require_whole("n_features", n_features, 1)
        require_whole("memory", memory, 1)
        if chunk is not None:
            require_whole("chunk", chunk, 2)
        if ridge is not None:
            require_positive("ridge", ridge)
        self.projection, self.n_features = projection, n_features
        self.ridge, self.measure = ridge, measure
        self.chunk, self.memory, self.seed = chunk, memory, seed
        self.tuned: dict[float, float] = {}
        self._model: LinearModel | None = None
        self._seconds = 0.0
        self._oracle = {"model_steps": 0.0, "seconds": 0.0}

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, in the order of the columns."""
        return require_fitted(self, self._model).tasks.names

    @property
    def cost(self) -> Mapping[str, float]:
        """``model_steps`` and ``seconds`` beyond the joint training.

        Rows that were trained for :meth:`tune` are included. A batch passed forward counts 1/3 of a
        step of the joint training and a batch passed backward 2/3; solving and reading out are in
        the seconds only.
        """
        steps = require_fitted(self, self._model).model_steps
        return {
            "model_steps": steps + self._oracle["model_steps"],
            "seconds": self._seconds + self._oracle["seconds"],
        }

    @property
    def chosen_ridge(self) -> float:
        """The ridge in use: as given, else the best that was tuned, else the default."""
        if self.ridge is not None:
            return self.ridge
        return max(self.tuned, key=lambda ridge: self.tuned[ridge]) if self.tuned else DEFAULT_RIDGE

    @property
    def details(self) -> Mapping[str, object]:
        """What was done, as plain JSON types.

        Projection, features, parameters, ridge, and notes for the user.
        """
        return {**require_fitted(self, self._model).details, "ridge": self.chosen_ridge}

    def fit(self, joint: Fit, data: Dataset) -> Self:
        """Take the features of all training and validation cells around a joint model.

        Args:
            joint: one model that was trained on all tasks of ``data``, taken at its kept epoch.
            data: what it was trained on.

        Raises:
            CoterieError: another data set, a model that does not train all tasks, or losses that
                are not known here.
        """
        _check(joint, data)
        started = perf_counter()
        settings = Settings(
            projection=self.projection,
            n_features=self.n_features,
            chunk=self.chunk,
            memory=self.memory,
            seed=self.seed,
        )
        self._model = LinearModel.of(joint, data, settings)
        self.tuned, self._oracle = {}, {"model_steps": 0.0, "seconds": 0.0}
        self._seconds = perf_counter() - started
        return self

    def steps(self, data: Dataset, batch_size: int) -> float:
        """Estimated steps of one model on batches of ``batch_size`` that fitting amounts to."""
        observed = ~data.targets.isnan()
        n_train, n_validation = len(data.split.train), len(data.split.validation)
        sample = min(SAMPLE, n_train)
        passed, cells = n_train + n_validation + 2 * sample, int(observed.sum(1).max())
        return Work(sample + passed, passed * cells).model_steps / batch_size

    def predict(self, weights: Weights) -> np.ndarray:
        """Scores (M, T) of the rows of ``weights`` (M, T).

        NaN where the weight is 0 or no validation label is known.

        Raises:
            CoterieError: not fitted yet, or weights that cannot be trained.
        """
        return self._estimate(as_rows(weights, len(self.tasks)), self.chosen_ridge)

    def tune(self, oracle: Estimator, rows: Weights, grid: Sequence[float] = RIDGES) -> Self:
        """Choose the ridge by within-target correlation with an exact estimator on some rows.

        5 to 10 subsets will do.

        The correlations are kept in ``tuned``. A ridge that the constructor was given stays in use.

        Args:
            oracle: of the same tasks and measure, such as
                :class:`coterie.estimators.train.TrainedScores`.
            rows: (M, T), in which some task has at least two subsets to be told apart.
            grid: ridges to choose from.

        Raises:
            CoterieError: not fitted yet, an oracle of something else, or rows that tell nothing.
        """
        if not len(grid):
            raise CoterieError("`grid` must hold at least one ridge; found none.")
        for ridge in grid:
            require_positive("grid", ridge)
        if tuple(oracle.tasks) != self.tasks or oracle.measure != self.measure:
            raise CoterieError(
                f"`oracle` must measure the {self.measure} of the {len(self.tasks)} tasks; it "
                f"measures the {oracle.measure} of {len(oracle.tasks)}."
            )
        matrix, before = as_rows(rows, len(self.tasks)), dict(oracle.cost)
        truth = oracle.predict(matrix)
        self._oracle = {
            name: spent + oracle.cost[name] - before[name] for name, spent in self._oracle.items()
        }
        found = {
            float(r): within_target_correlation(self._estimate(matrix, r), truth, matrix > 0)
            for r in grid
        }
        if np.isnan(list(found.values())).any():
            raise CoterieError(
                "`rows` tell nothing: at least one task must be trained with others in two rows "
                "that score differently."
            )
        self.tuned = found
        return self

    def affinity(
        self,
        n_subsets: int = N_SUBSETS,
        size: int | None = None,
        seed: int = 0,
        *,
        adaptive: int | None = None,
    ) -> Affinity:
        """Mean standardised score of each target over sampled subsets that hold the source too.

        Args:
            n_subsets: as for :func:`coterie.estimators.sampled_affinity`, like the others.
            size: tasks of a subset; half of all, but 2 to 10, if left out.
            seed: of the subsets.
            adaptive: a number of groups within which subsets are drawn (AdaGroup).

        Raises:
            CoterieError: not fitted yet, fewer than two tasks, or a number that does not fit.
        """
        found = sampled_affinity(
            self, n_subsets=n_subsets, size=size, adaptive=adaptive, seed=seed, method="gradtag"
        )
        return replace(found, details={**self.details, **found.details})

    def _estimate(self, weights: np.ndarray, ridge: float) -> np.ndarray:
        model, started = require_fitted(self, self._model), perf_counter()
        shares = torch.from_numpy(weights / weights.sum(1, keepdims=True))
        found = model.estimate(shares, ridge, self.measure).cpu().numpy()
        self._seconds += perf_counter() - started
        return found

    def __repr__(self) -> str:
        fitted = (
            ""
            if self._model is None
            else f", {len(self.tasks)} tasks, {self.details['features']} features"
        )
        return f"GradTagScores({self.measure}{fitted})"


def _check(joint: Fit, data: Dataset) -> None:
    if (
        joint.tasks.names != data.tasks.names
        or joint.stack.architecture.input_shape != data.input_shape
    ):
        raise CoterieError(
            f"`joint` was trained on other data: {len(joint.tasks)} tasks and inputs of shape "
            f"{joint.stack.architecture.input_shape}; `data` has {len(data.tasks)} tasks and "
            f"inputs of {data.input_shape}."
        )
    idle = np.flatnonzero(np.asarray(joint.weights)[0] == 0)
    if len(idle):
        raise CoterieError(
            "`joint` must train all tasks; its first model does not train "
            f"{data.tasks.names[idle[0]]!r}."
        )
    require_known_losses(data.tasks)
