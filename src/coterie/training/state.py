"""What a training has to remember: curves, and the best state of each model.

Shapes: ``M`` models, ``T`` tasks, ``E`` epochs done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from coterie.models import ModelStack, Strategy
from coterie.results import History
from coterie.training.config import TrainingConfig
from coterie.training.learning import Weighing
from coterie.training.observers import Observer, Probe
from coterie.training.optimisers import learning_rate

CURVES = ("train_loss", "validation_loss", "validation_score")
BEST = ("best_score", "best_loss", "best_epoch")
_ROUNDING = 1e-12


@dataclass
class TrainingState:
    """State at the end of an epoch. No random state is among it.

    Every draw is a function of seed, step and purpose.
    """

    stack: ModelStack
    optimiser: torch.optim.Optimizer
    weighing: Weighing
    watching: Sequence[Observer | Probe]
    config: TrainingConfig
    n_steps: int
    epoch: int = 0
    seconds: float = 0.0
    strategy: Strategy | None = None
    curves: dict[str, list[Tensor]] = field(default_factory=lambda: {name: [] for name in CURVES})
    best: dict[str, Tensor] = field(default_factory=dict)
    best_score: Tensor = field(init=False)
    best_loss: Tensor = field(init=False)
    best_epoch: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """No epoch has been seen."""
        n_models = self.stack.n_models
        self.best_score = torch.full((n_models,), -torch.inf, dtype=torch.float64)
        self.best_loss = torch.full((n_models,), torch.inf, dtype=torch.float64)
        self.best_epoch = torch.zeros(n_models, dtype=torch.int64)

    @property
    def keeps_best(self) -> bool:
        """Whether each model ends with its best epoch.

        Weights or a stem that learn couple the rows: they keep the last.
        """
        coupled = self.stack.couples_rows or bool(self.weighing.parameters())
        return self.config.keep == "best" and not coupled

    def finish_epoch(
        self,
        weights: Tensor,
        train_loss: Tensor,
        validation_loss: Tensor,
        score: Tensor,
        seconds: float,
    ) -> None:
        """Add one epoch to the curves, all (M, T), and remember models that are at their best.

        That is the highest mean score; of epochs with the same one, as of few validation examples
        there are many, the lowest mean loss; then the first.
        """
        unused = weights == 0
        for name, values in zip(CURVES, (train_loss, validation_loss, score), strict=True):
            self.curves[name].append(values.masked_fill(unused, torch.nan).float().cpu())
        share = weights.double().masked_fill(score.isnan(), 0.0)
        # A model without any validation label has no best epoch: it keeps the last.
        mean = _weighted(score, share).nan_to_num(nan=torch.inf)
        loss = _weighted(validation_loss, share).nan_to_num(nan=torch.inf)
        # Means of the same counts in another order differ by rounding.
        tied = torch.isclose(mean, self.best_score, rtol=_ROUNDING, atol=_ROUNDING)
        better = torch.where(tied, loss < self.best_loss, mean > self.best_score) | mean.isinf()
        self.best_score = torch.where(better, mean, self.best_score)
        self.best_loss = torch.where(better, loss, self.best_loss)
        self.best_epoch = torch.where(better, self.epoch, self.best_epoch)
        if self.keeps_best:
            self._remember(better)
        self.epoch += 1
        self.seconds += seconds

    def _remember(self, rows: Tensor) -> None:
        """Copy the state of some rows, a mask (M,)."""
        for name, tensor in self.stack.state().items():
            if len(tensor) != len(rows):  # a frozen stem
                continue
            if name not in self.best:
                self.best[name] = tensor.clone()
            best = self.best[name]
            mask = rows.to(tensor.device).view(-1, *[1] * (tensor.dim() - 1))
            torch.where(mask, tensor, best, out=best)

    def keep_best(self) -> None:
        """Give each model the state of its best epoch."""
        if self.keeps_best:
            self.stack.load_state(self.best)
        else:
            self.best_epoch = torch.full_like(self.best_epoch, self.epoch - 1)

    @property
    def steps(self) -> int:
        """Optimiser steps done."""
        return self.epoch * self.n_steps

    def history(self) -> History:
        """The curves, (E, M, T)."""
        stacked = {name: torch.stack(values).numpy() for name, values in self.curves.items()}
        all_steps = self.config.epochs * self.n_steps
        rates = [
            learning_rate((epoch + 1) * self.n_steps - 1, all_steps, self.config)
            for epoch in range(self.epoch)
        ]
        return History(
            **stacked, learning_rate=np.asarray(rates), best_epoch=self.best_epoch.numpy()
        )


def _weighted(values: Tensor, share: Tensor) -> Tensor:
    """Mean over tasks of (M, T) by shares (M, T) in float64 on the host, (M,).

    NaN where all shares are 0.
    """
    return ((share * values.double().nan_to_num()).sum(1) / share.sum(1)).cpu()
