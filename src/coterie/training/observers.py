"""Who may watch a training, and who is told how far it is.

Shapes: ``M`` models, ``T`` tasks, ``B`` examples of a batch, ``P`` output columns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from torch import Tensor

Progress = Callable[[int, int, str], None]


class Observer(Protocol):
    """Watches the forward passes that train; what it holds is checkpointed with the models."""

    def on_batch(self, position: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Called before each optimiser step: positions within the trained part (B,) or (M, B), outputs (M, B, P), targets."""
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
