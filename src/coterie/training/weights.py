"""Where the loss weights W (M, T) come from.

Static, or a provider that yields them each step, and may learn.

Shapes: ``M`` models, ``T`` tasks.
"""

from __future__ import annotations

import hashlib
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from coterie.data import Dataset
from coterie.errors import CoterieError, require_choice, shown
from coterie.identity import qualified
from coterie.results import Grouping

if TYPE_CHECKING:
    from coterie.training.observers import Moment

Reduction = Literal["mean", "sum"]
NEGLIGIBLE = 1e-4


class WeightsProvider(ABC):
    """Where a training takes W (M, T) from, step by step. Subclass it.

    ``n_rows`` is M and ``init`` how the models start (see ``fit``). Weights are used as given,
    without normalisation. Weights that learn are :class:`LearntWeights`; weights that follow what is
    measured as the models train have an ``every``, and are then called as a
    :class:`coterie.training.Probe` is. ``judged`` (M, T) are the shares of the validation losses by
    which a model's epoch is kept; those of W unless it is given, which move if W does.
    """

    n_rows: int
    init: str | Sequence[int] = "independent"
    every: int | None = None
    judged: Tensor | None = None

    def __init_subclass__(cls) -> None:
        """Take a class from before :class:`LearntWeights` for one of it.

        All providers could learn then.
        """
        super().__init_subclass__()
        if cls.__module__ == __name__ or issubclass(cls, LearntWeights):
            return
        learning = [name for name in vars(LearntWeights) if not name.startswith("_")]
        if own := [name for name in learning if name in vars(cls)]:
            warnings.warn(
                f"{cls.__name__} has `{own[0]}`, which only weights that learn have: subclass "
                "coterie.training.LearntWeights. The next version takes it for weights that do "
                "not learn.",
                DeprecationWarning,
                stacklevel=2,
            )
            for name in learning:
                if not hasattr(cls, name):
                    setattr(cls, name, vars(LearntWeights)[name])
            LearntWeights.register(cls)

    def prepare(  # noqa: B027
        self, data: Dataset, n_steps: int, seed: int, device: torch.device | str = "cpu"
    ) -> None:
        """Called once before a training of ``n_steps`` optimiser steps in all, on ``device``."""

    @abstractmethod
    def weights(self, step: int) -> Tensor:
        """W of this step, (M, T)."""

    def on_step(self, moment: Moment) -> None:  # noqa: B027
        """Called before every ``every``-th step but the first, to look at the training."""

    def on_epoch_end(self, epoch: int) -> None:  # noqa: B027
        """Called after epoch number ``epoch``, counted from 0."""

    def result(self) -> Grouping | None:
        """The grouping that was found, once training is over."""
        return None

    @abstractmethod
    def settings(self) -> Mapping[str, object]:
        """What must be equal, as JSON types, before a checkpoint of this provider is continued."""

    @property
    def spent(self) -> float:
        """What looking at the training took, in optimiser steps of one model."""
        return 0

    @property
    def key(self) -> dict[str, object]:
        """What tells it from other providers, see :func:`coterie.identity.identity`."""
        return {"is": qualified(type(self)), **self.settings()}

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint must hold besides the parameters."""
        return {}

    def restore(self, arrays: dict[str, np.ndarray]) -> None:  # noqa: B027
        """Continue from a checkpoint."""


class LearntWeights(WeightsProvider):
    """Weights with parameters of their own, which are optimised with the models. Subclass it.

    The first ``stem`` layers of the encoders are one. What is learnt has the learning rate
    ``learning_rate`` (None: that of the models) and moves as the models' optimiser says, or, with
    ``plain_steps``, by its gradient times that rate. Its gradient comes from a share ``held_out`` of
    the training examples, on which no model trains (0: from the batch that trains). The weights
    couple the models: all keep the same epoch, the last one or, where that ``keeps_best``, that of
    their lowest mean validation loss under :meth:`settled`, and they stop together.
    """

    stem: int = 0
    learning_rate: float | None = None
    plain_steps: bool = False
    held_out: float = 0.0
    keeps_best: bool = False

    def parameters(self) -> Iterable[nn.Parameter]:
        """What is learnt."""
        return ()

    def penalty(self) -> Tensor:
        """A scalar added to the loss."""
        return torch.zeros(())

    def alive(self) -> Sequence[bool] | None:
        """Which of the M models still take part; None for all.

        The others are no longer computed.
        """
        return None

    def settled(self, step: int) -> Tensor:
        """W (M, T) as it stands after ``step``, without noise.

        It says in which curves and scores a pair appears.
        """
        return self.weights(step)

    def on_kept(self, epoch: int) -> None:
        """Called after training: the models, and so :meth:`result`, are those of ``epoch``, from 0."""


class StaticWeights(WeightsProvider):
    """Weights that stay: each row divided by its sum, or with ``reduction`` "sum" as it is.

    Divided, a model of one task and one of many meet clipping, decay and SGD alike; what STG-MTL
    publishes (section "Specialise") is the sum. A weight below a ten-thousandth of its row's largest
    is taken as 0: nearly hard memberships have many, and they must not decide which examples a model
    sees.

    >>> StaticWeights(np.array([[1.0, 1.0], [0.0, 2.0]]), n_tasks=2).weights(0)
    tensor([[0.5000, 0.5000],
            [0.0000, 1.0000]])
    """

    def __init__(
        self,
        weights: np.ndarray | Tensor | Sequence[Sequence[float]],
        *,
        n_tasks: int,
        reduction: Reduction = "mean",
    ) -> None:
        require_choice("reduction", reduction, get_args(Reduction))
        try:
            matrix = np.asarray(weights, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise CoterieError(
                f"`weights` must be numbers of shape (M, {n_tasks}); found {shown(weights)}."
            ) from error
        if matrix.ndim != 2 or matrix.shape[1] != n_tasks:
            raise CoterieError(
                f"`weights` must have shape (M, {n_tasks}), one column a task; found "
                f"{matrix.shape}."
            )
        if not np.isfinite(matrix).all() or (matrix < 0).any():
            raise CoterieError("`weights` must be finite and not negative.")
        empty = np.flatnonzero(matrix.sum(1) == 0)
        if empty.size:
            raise CoterieError(
                f"`weights` row {empty[0]} is all zero: that model has nothing to learn. Leave the "
                "row out."
            )
        matrix = np.where(matrix < NEGLIGIBLE * matrix.max(axis=1, keepdims=True), 0.0, matrix)
        self.matrix = matrix
        self.n_rows = matrix.shape[0]
        self.reduction: Reduction = reduction
        scale = matrix.sum(1, keepdims=True) if reduction == "mean" else 1.0
        self._given = torch.tensor(matrix / scale, dtype=torch.float32)

    def select(self, rows: Sequence[int]) -> StaticWeights:
        """Some of the rows."""
        return StaticWeights(
            self.matrix[rows], n_tasks=self.matrix.shape[1], reduction=self.reduction
        )

    def weights(self, step: int) -> Tensor:  # noqa: ARG002
        """The same at every step."""
        return self._given

    def settings(self) -> Mapping[str, object]:
        """A hash of the matrix, and how a row becomes a loss."""
        digest = hashlib.sha256(self.matrix.tobytes()).hexdigest()
        return {"weights": digest, "reduction": self.reduction}
