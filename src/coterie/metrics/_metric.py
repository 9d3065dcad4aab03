"""What a metric is, and the register of all of them.

Shapes: ``A`` models or arms, ``n`` examples of one task, ``w`` its output columns, ``K`` its
classes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError, require_type, shown
from coterie.metrics._influence import Influence
from coterie.tasks import KINDS, Kind, Tasks

Role = Literal["ranking", "threshold", "probability", "error"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What A models say of n labelled examples of the task at ``position``.

    ``outputs`` (A, n, w), ``labels`` (n,) encoded, none missing; ``truth`` (n,) the same in units,
    float64.
    """

    outputs: Tensor
    labels: Tensor
    truth: Tensor
    tasks: Tasks
    position: int

    @classmethod
    def of(
        cls,
        outputs: Tensor,
        labels: Tensor,
        tasks: Tasks,
        position: int,
        units: Tensor | None = None,
    ) -> Predictions:
        """Those of the examples that have a label.

        Args:
            outputs: of the task, (A, n, w).
            labels: encoded, (n,), NaN = missing.
            tasks: the tasks.
            position: of this one.
            units: the labels in their own units, (n,) float64; decoded from ``labels`` if left out.
        """
        seen = ~labels.isnan()
        mine = labels[seen]
        truth = (
            mine.double() * tasks.std[position] + tasks.mean[position]
            if units is None
            else units[seen]
        )
        return cls(
            outputs=outputs[:, seen].float(),
            labels=mine.double(),
            truth=truth,
            tasks=tasks,
            position=position,
        )

    @property
    def kind(self) -> Kind:
        """Of the task."""
        return self.tasks[self.position].kind

    @cached_property
    def said(self) -> Tensor:
        """Class or number that is predicted, (A, n), on the scale of the labels."""
        return self.kind.said(self.outputs, self.tasks, self.position).double()

    @cached_property
    def hits(self) -> Tensor:
        """1 where the class is right, else 0, (A, n). NaN is no class."""
        return (self.said == self.labels).double()

    @cached_property
    def in_units(self) -> Tensor:
        """What is predicted in the unit of ``truth``, (A, n): for classes their numbers."""
        if self.kind.has_classes:
            return self.said
        return self.kind.predict(self.outputs, self.tasks, self.position)[..., 0]

    @cached_property
    def log_probabilities(self) -> Tensor:
        """Of each class, (A, n, K); the balance of the training is taken back."""
        return self.kind.log_probabilities(self.outputs.double(), self.tasks, self.position)

    @cached_property
    def priors(self) -> tuple[float, ...]:
        """Share of each class in training, (K,).

        Among these labels where that was not measured; none of a number.
        """
        return class_shares(self.tasks, self.position, self.labels)


class Metric(ABC):
    """A number that tells how good predictions of one task are.

    To add one, subclass this, name it, answer what is asked below, and :func:`register` one object
    of the class.
    """

    name: ClassVar[str]
    """What users call it; also in tables."""
    role: ClassVar[Role]
    """What it is about: the order of predictions, decisions at a threshold, probabilities, or the
    size of errors."""
    higher_is_better: ClassVar[bool] = True
    margin: ClassVar[float | None] = None
    """Points (x 100) that a gain must have to matter to anybody; None if models cannot be compared
    by it: lower is better, or it has units."""
    is_skill: ClassVar[bool] = False
    """Whether 0 is a constant prediction and 1 perfection already."""

    @abstractmethod
    def suits(self, kind: Kind) -> bool:
        """Whether it is defined for tasks of this kind. It is for those that name it themselves."""

    @abstractmethod
    def of(self, found: Predictions) -> Tensor:
        """Its value for each model, (A,), of one example or more; NaN where it is not defined."""

    def influence(self, found: Predictions) -> Influence:
        """The same, and what each example contributes to it, (A, n), see :meth:`contributions`.

        NaN if that is not known.
        """
        values = self.of(found).cpu().numpy()
        return values, np.full(found.outputs.shape[:2], np.nan)

    def chance(self, priors: Sequence[float]) -> float:  # noqa: ARG002
        """What predictions that know nothing but the ``priors`` (K,) of the classes have."""
        return 0.0

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the kinds of tasks that it is defined for."""
        return tuple(kind.value for kind in KINDS.values() if self.is_for(kind))

    def is_for(self, kind: Kind) -> bool:
        """Whether tasks of this kind have it."""
        return kind.metric_name == self.name or self.suits(kind)

    def skill(self, value: float, priors: Sequence[float] = ()) -> float:
        """A value brought to one scale for all metrics: 0 is chance, 1 is perfect.

        AUROC a becomes 2 a - 1, accuracy (a - share of the largest class) / (1 - that share).

        >>> metric_named("AUROC").skill(0.75), metric_named("accuracy").skill(0.75, (0.5, 0.25, 0.25))
        (0.5, 0.5)
        """
        chance = self.chance(priors)
        return (value - chance) / (1 - chance) if chance < 1 else value * np.nan

    def values(self, outputs: Tensor, labels: Tensor, tasks: Tasks, position: int) -> Tensor:
        """Value for each of A models, (A,) float64; NaN without any label.

        Args:
            outputs: of the task, (A, n, w).
            labels: encoded, (n,), NaN = missing.
            tasks: the tasks.
            position: of this one.
        """
        found = Predictions.of(outputs, labels, tasks, position)
        if not len(found.labels):
            return found.labels.new_full((len(outputs),), torch.nan)
        return self.of(found).double()

    def contributions(
        self,
        outputs: Tensor,
        labels: Tensor,
        tasks: Tasks,
        position: int,
        groups: np.ndarray | None = None,  # noqa: ARG002
    ) -> np.ndarray:
        """What each example contributes to the value of each model, (A, n) float64.

        The variance of a value over samples of examples is the sum of their squares, or of those of
        sums within ``groups`` of rows (n,). 0 where there is no label. Other arguments are those of
        :meth:`values`.
        """
        found = np.zeros(outputs.shape[:2])
        seen = (~labels.isnan()).cpu().numpy()
        if not seen.any():
            return np.full_like(found, np.nan)
        found[:, seen] = self.influence(Predictions.of(outputs, labels, tasks, position))[1]
        return found


METRICS: dict[str, Metric] = {}
"""All metrics by name, in the order of tables."""


def register(metric: Metric) -> Metric:
    """Make a metric known by its name, and return it.

    Raises:
        CoterieError: no metric, or another one goes by this name.
    """
    require_type("metric", metric, Metric)
    known = METRICS.get(metric.name)
    if known is not None and type(known).__qualname__ != type(metric).__qualname__:
        raise CoterieError(f"`metric`: another one is called {metric.name!r}; choose another name.")
    METRICS[metric.name] = metric
    return metric


def metric_named(name: str) -> Metric:
    """The metric of this name.

    Raises:
        CoterieError: there is none.

    >>> metric_named("AUROC").kinds
    ('binary',)
    """
    if name not in METRICS:
        raise CoterieError(
            f"`metric` must be one of {', '.join(map(repr, METRICS))}, or one that "
            f"coterie.metrics.register made known; found {shown(name)}."
        )
    return METRICS[name]


def metrics_of(kind: Kind) -> tuple[Metric, ...]:
    """All metrics of tasks of this kind, the one by which they are compared first.

    >>> [metric.name for metric in metrics_of(Kind.REGRESSION)]
    ['R2', 'RMSE', 'MAE']
    """
    found = [metric for metric in METRICS.values() if metric.is_for(kind)]
    return tuple(sorted(found, key=lambda metric: metric.name != kind.metric_name))


def class_shares(tasks: Tasks, position: int, labels: Tensor) -> tuple[float, ...]:
    """Share of each class in training (K,), or among the ``labels`` (n,) where that is not known.

    None of a number.
    """
    task = tasks[position]
    if not task.kind.has_classes:
        return ()
    if tasks.priors:
        return tasks.priors[position]
    counts = torch.bincount(labels.long(), minlength=max(2, len(task.classes)))
    return tuple((counts / max(1, len(labels))).tolist())
