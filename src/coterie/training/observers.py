"""Who may watch a training, who may try steps in it, and who is told how far it is.

Shapes: ``M`` models, ``T`` tasks, ``B`` examples of a batch, ``P`` output columns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from coterie.data import Batch, Dataset
from coterie.errors import CoterieError, shown
from coterie.models import ModelStack
from coterie.tasks import Tasks
from coterie.training.device import Place

Progress = Callable[[int, int, str], None]


def within(
    progress: Progress | None, number: int, of: int, name: str, *, size: int = 1
) -> Progress | None:
    """Progress of part ``number``, counted from 0, of so many parts of a whole, and by name.

    Each part is told as an equal share of the whole, however many steps it takes; this may be
    ``size`` of them at once.

    >>> told = within(lambda *each: print(each), 1, 3, "wide")
    >>> told(5, 10, "epoch 1 of 2")
    (15, 30, 'wide: epoch 1 of 2')

    Raises:
        CoterieError: ``progress`` cannot be called.
    """
    if progress is None:
        return None
    if not callable(progress):
        raise CoterieError(
            "`progress` must be called with (steps done, all steps, text); found "
            f"{shown(progress)}."
        )
    return lambda done, steps, text: progress(
        number * steps + size * done, of * steps, f"{name}: {text}"
    )


class Observer(Protocol):
    """Watches the forward passes that train; what it holds is checkpointed with the models."""

    def on_batch(self, position: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Called before each optimiser step.

        Positions within the trained part (B,) or (M, B), outputs (M, B, P), targets. Of a model that
        has stopped the outputs are NaN, and so are targets of its own.
        """
        ...

    def on_epoch_end(self, epoch: int) -> None:
        """Called after epoch number ``epoch``, counted from 0."""
        ...

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint must hold."""
        ...

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from a checkpoint."""
        ...


class KeptObserver(Observer, Protocol):
    """An observer that wants to know which epoch each model will end with."""

    def on_kept(self, models: Tensor) -> None:
        """Called after :meth:`on_epoch_end`, where each model keeps its best epoch.

        A mask (M,) of the models for which this epoch is the best so far.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The state of a training before step number ``step``, for a probe to look at.

    Steps are counted from 0 over all epochs, and so is ``epoch``.

    ``stack`` are the models that still train, ``rows`` (m,) their numbers among all.
    ``batch`` is what the step will train on, ``weights`` W (M, T) and ``learning_rate`` those of
    the step, ``tasks`` lie on the stack's device, ``seed`` draws the random layers of this step. A
    probe leaves everything as it is: it works on copies.
    """

    step: int
    stack: ModelStack
    rows: Tensor
    batch: Batch
    weights: Tensor
    optimiser: torch.optim.Optimizer
    learning_rate: float
    data: Dataset
    tasks: Tasks
    seed: int
    place: Place
    epoch: int = 0


class Probe(Protocol):
    """Tries steps from the state of a training without changing it.

    Called before every ``every``-th step but the first.

    What it holds is checkpointed with the models.
    """

    every: int

    def on_step(self, moment: Moment) -> None:
        """Look at the training.

        Parameters, buffers, gradients and random state must stay as they are.
        """
        ...

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint must hold."""
        ...

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from a checkpoint."""
        ...


@runtime_checkable
class EndingProbe(Probe, Protocol):
    """A probe that is told when the training is over, also one that was over when continued."""

    def on_end(self, best_epoch: int) -> None:
        """Called once with the epoch, from 0, in which the validation loss was lowest.

        It is that of the first model, whichever epoch the models keep.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Watchers:
    """Who looks at a training: observers, probes, and who is told how far it is.

    Those ``keeping`` are observers too.
    """

    observers: Sequence[Observer] = ()
    keeping: Sequence[KeptObserver] = ()
    probes: Sequence[Probe] = ()
    progress: Progress | None = None

    @property
    def all(self) -> list[Observer | Probe]:
        """Those that a checkpoint remembers, in order."""
        return [*self.observers, *self.keeping, *self.probes]
