"""The exact estimator.

It trains the rows that it is asked about, all new ones of a question as one stack.

Shapes: ``M`` models, ``T`` tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import ClassVar, Unpack

import numpy as np

from coterie.data import Dataset, steps_an_epoch
from coterie.errors import CoterieError
from coterie.estimators.base import Weights, as_rows, check_measure
from coterie.fitting import Model, fit, make_config
from coterie.results import About, ScoreTable
from coterie.training import Progress
from coterie.training.config import TrainingSettings

_DIGITS = 12


class TrainedScores:
    """Scores by training.

    All rows start alike, as rows of a ground truth should: what tells them apart is their tasks. A
    row is trained once, however often it is asked for, and no model is kept. With a ``share`` of
    the epochs below 1 this is the *early* estimate (ESA; Standley et al., ICML 2020, section 4.2):
    a schedule of the learning rate is then run through in the shorter time.

    Args:
        model: as for :func:`coterie.fit`.
        data: what :func:`coterie.load` returned.
        seed: of every training.
        measure: "score", the task's validation metric, or "loss", minus the validation loss of the
            epoch that is kept.
        share: of the epochs to train, above 0 and at most 1; at least one epoch is trained. All of
            them unless it is given. Where none are given it is of those that there may be.
        progress: called with (steps done, all steps, text).
        **settings: of :func:`coterie.fit`.

    Raises:
        CoterieError: an argument or a setting that cannot work.

    >>> import coterie as ct
    >>> oracle = TrainedScores("mlp", ct.load("digits"), epochs=1, model_options={"hidden": (8,)})
    >>> oracle.predict(np.eye(14)[:2]).shape, oracle.cost["trainings"]
    ((2, 14), 2)
    """

    about: ClassVar[About] = About(
        family="selection", measures="trained every candidate group in full"
    )
    trains: ClassVar[bool] = True
    usual_share: ClassVar[float] = 1.0

    def __init__(
        self,
        model: Model,
        data: Dataset,
        *,
        seed: int = 0,
        measure: str = "score",
        share: float | None = None,
        progress: Progress | None = None,
        **settings: Unpack[TrainingSettings],
    ) -> None:
        check_measure(measure)
        share = self.usual_share if share is None else share
        if not isinstance(share, Real) or not 0 < share <= 1:
            raise CoterieError(
                "`share` is the part of the epochs that is trained, above 0 and at most 1; found "
                f"{share!r}."
            )
        config = make_config(settings)
        self.settings: TrainingSettings = {**settings}
        if share < 1:
            limit = config.limit(steps_an_epoch(data, config.batch_size))
            self.settings |= {
                "epochs": max(1, round(share * limit.epochs)),
                "patience": limit.patience,
            }
        self.model, self.data, self.seed = model, data, seed
        self.measure, self.share, self.progress = measure, share, progress
        self.tasks: tuple[str, ...] = tuple(data.tasks.names)
        self._known: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
        self._cost: dict[str, float] = {"model_steps": 0, "seconds": 0.0, "trainings": 0}

    @property
    def cost(self) -> Mapping[str, float]:
        """``model_steps``, ``seconds`` and number of ``trainings`` so far."""
        return dict(self._cost)

    def predict(self, weights: Weights) -> np.ndarray:
        """Scores (M, T) of the rows of ``weights`` (M, T), NaN where the weight is 0.

        Rows not seen before are trained.

        Raises:
            CoterieError: weights that cannot be trained, or a training that breaks.
        """
        rows = as_rows(weights, len(self.tasks))
        keys = [_key(row) for row in rows]
        new = {key: row for key, row in zip(keys, rows, strict=True) if key not in self._known}
        if new:
            self._train(new)
        return np.array([self._known[key][1] for key in keys]).reshape(rows.shape)

    def table(self) -> ScoreTable:
        """What was trained so far, as a table.

        Rows whose tasks have unequal weights are no subsets and are left out.
        """
        plain = [
            (row, scores)
            for row, scores in self._known.values()
            if len(np.unique(row[row > 0])) == 1
        ]
        shape = (len(plain), len(self.tasks))
        return ScoreTable(
            tasks=self.tasks,
            subsets=np.array([row > 0 for row, _ in plain], dtype=bool).reshape(shape),
            scores=np.array([scores for _, scores in plain]).reshape(shape),
            costs=np.ones(len(plain)),
            details={
                "measure": self.measure,
                "seed": self.seed,
                "share": self.share,
                "cost": self.cost,
            },
        )

    def _train(self, new: Mapping[bytes, np.ndarray]) -> None:
        found = fit(
            self.model,
            self.data,
            np.stack(list(new.values())),
            init="shared",
            seed=self.seed,
            progress=self.progress,
            **self.settings,
        )
        scores = found.scores
        if self.measure == "loss":
            scores = -found.history.validation_loss[found.history.best_epoch, np.arange(len(new))]
        for (key, row), score in zip(new.items(), scores, strict=True):
            self._known[key] = (row, np.asarray(score, dtype=np.float64))
        for name in ("model_steps", "seconds"):
            self._cost[name] += found.cost[name]
        self._cost["trainings"] += len(new)

    def __repr__(self) -> str:
        done = f"{len(self._known)} rows trained"
        return f"TrainedScores({self.measure}, {len(self.tasks)} tasks, {done})"


class EarlyScores(TrainedScores):
    """:class:`TrainedScores` with a fifth of the epochs."""

    about: ClassVar[About] = About(
        family="selection", measures="trained every candidate group for a part of the epochs"
    )
    usual_share: ClassVar[float] = 0.2


def _key(row: np.ndarray) -> bytes:
    """Rows that differ by a factor train alike."""
    return np.round(row / row.sum(), _DIGITS).tobytes()
