"""What a training has to remember: curves, and the best state of each model.

Shapes: ``M`` models, ``m`` of them that still train, ``T`` tasks, ``E`` epochs done.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from coterie.models import ModelStack, Strategy
from coterie.results import History
from coterie.results.histories import CURVES
from coterie.training.config import TrainingConfig
from coterie.training.learning import Weighing
from coterie.training.limit import Limit
from coterie.training.observers import Observer, Probe
from coterie.training.optimisers import learning_rate, narrowed

ROWS = ("best_loss", "best_epoch", "trained")


@dataclass
class TrainingState:
    """State at the end of an epoch. No random state is among it.

    Every draw is a function of seed, step and purpose. ``whole`` are the M models, ``stack`` and
    ``optimiser`` those m of them that still train, whose numbers are ``rows``. ``trained`` (M,) are
    the epochs of each.
    """

    stack: ModelStack
    optimiser: torch.optim.Optimizer
    weighing: Weighing
    watching: Sequence[Observer | Probe]
    config: TrainingConfig
    n_steps: int
    limit: Limit
    epoch: int = 0
    seconds: float = 0.0
    strategy: Strategy | None = None
    curves: dict[str, list[Tensor]] = field(default_factory=lambda: {name: [] for name in CURVES})
    kept: dict[str, Tensor] = field(default_factory=dict)
    whole: ModelStack = field(init=False)
    rows: Tensor = field(init=False)
    best_loss: Tensor = field(init=False)
    best_epoch: Tensor = field(init=False)
    trained: Tensor = field(init=False)

    def __post_init__(self) -> None:
        """No epoch has been seen."""
        n_models = self.stack.n_models
        self.whole, self.rows = self.stack, torch.arange(n_models)
        self.best_loss = torch.full((n_models,), torch.inf, dtype=torch.float64)
        self.best_epoch, self.trained = torch.zeros(2, n_models, dtype=torch.int64)

    @property
    def coupled(self) -> bool:
        """Whether a row's result depends on the others: weights or a stem that learn couple them.

        They stop together, by the mean over all, and keep the same epoch.
        """
        return self.stack.couples_rows or self.weighing.couples_rows

    @property
    def keeps_best(self) -> bool:
        """Whether each model ends with its best epoch, else with its last."""
        if self.coupled and not self.weighing.couples_rows:
            return False
        return self.config.keep == "best" and self.weighing.keeps_best

    @property
    def stopped(self) -> Tensor:
        """Which models (M,) have waited in vain for as long as they may."""
        if self.limit.patience is None:
            return torch.zeros_like(self.trained, dtype=torch.bool)
        return self.trained - 1 - self.best_epoch >= self.limit.patience

    @property
    def done(self) -> bool:
        """Whether no model trains any more."""
        return self.epoch >= self.limit.epochs or bool(self.stopped.all())

    @property
    def steps(self) -> int:
        """Optimiser steps done by models that still train."""
        return self.epoch * self.n_steps

    @property
    def most_steps(self) -> int:
        """Optimiser steps that there may be."""
        return self.limit.epochs * self.n_steps

    def still(self, values: Tensor) -> Tensor:
        """Of (M, ...), what belongs to the models that still train, (m, ...)."""
        if len(self.rows) == len(self.trained):
            return values
        return values[self.rows.to(values.device)]

    def among_all(self, values: Tensor, fill: float = torch.nan) -> Tensor:
        """Values (m, ...) at their models' places among all M, ``fill`` elsewhere."""
        if len(self.rows) == len(self.trained):
            return values
        found = values.new_full((len(self.trained), *values.shape[1:]), fill)
        found[self.rows.to(values.device)] = values
        return found

    def finish_epoch(
        self,
        weights: Tensor,
        train_loss: Tensor,
        validation_loss: Tensor,
        score: Tensor,
        seconds: float,
    ) -> None:
        """Add one epoch to the curves, all (m, T), and remember models that are at their best.

        That is when what they minimise is lowest on validation, for the first time.
        """
        unused, rows = weights == 0, self.rows
        for name, values in zip(CURVES, (train_loss, validation_loss, score), strict=True):
            known = values.masked_fill(unused, torch.nan).float().cpu()
            self.curves[name].append(self.among_all(known))
        judging = self.weighing.judging()
        share = weights if judging is None else self.still(judging)
        share = share.double().masked_fill(validation_loss.isnan(), 0.0)
        # A model without any validation label has no best epoch: it keeps the last.
        loss = self._weighted(validation_loss, share).nan_to_num(nan=-torch.inf)
        better = (loss < self.best_loss[rows]) | loss.isinf()
        at = rows[better]
        self.best_loss[at], self.best_epoch[at] = loss[better], self.epoch
        self.trained[rows] = self.epoch + 1
        if self.keeps_best:
            self._keep(better)
        self.epoch += 1
        self.seconds += seconds

    def _weighted(self, values: Tensor, share: Tensor) -> Tensor:
        """Mean over tasks of (m, T) by shares (m, T) in float64 on the host, (m,).

        NaN where all shares are 0. Of models that stop together it is the mean over them too.
        """
        dims = (0, 1) if self.coupled else 1
        means = (share * values.double().nan_to_num()).sum(dims) / share.sum(dims)
        return means.cpu().expand(len(values))

    def _keep(self, which: Tensor) -> None:
        """Copy the state of some of the models that still train, a mask (m,)."""
        whole = self.whole.state()
        for name, tensor in self.stack.state().items():
            if len(tensor) != len(which) or len(whole[name]) != len(self.trained):
                # A stem: frozen, or of models that are at their best together.
                if self.coupled and which.any():
                    self.kept[name] = tensor.clone()
                continue
            if name not in self.kept:
                self.kept[name] = whole[name].clone()
            self.kept[name][self.rows[which].to(tensor.device)] = tensor[which.to(tensor.device)]

    def drop_stopped(self) -> None:
        """Go on with the models that have not stopped."""
        self.narrow(~self.stopped)

    def narrow(self, still: Tensor) -> None:
        """Go on with some models, a mask (M,) of which at least one still trains."""
        places = still[self.rows].nonzero().flatten()
        if len(places) == len(self.rows):
            return
        if not self.keeps_best:
            self._keep(~still[self.rows])
        stack = self.stack.select(places.tolist())
        if self.config.compile:
            stack.compile()
        self.optimiser = narrowed(self.optimiser, stack, places, self.config)
        self.stack, self.rows = stack, self.rows[places]

    def finish(self) -> None:
        """Give each model the state of the epoch that it keeps."""
        if not self.keeps_best:
            self.best_epoch = self.trained - 1
            if self.stack is not self.whole:
                self._keep(torch.ones_like(self.rows, dtype=torch.bool))
        self.whole.load_state(self.kept)
        self.weighing.on_kept(int(self.best_epoch[0]))
        self.stack = self.whole
        self.stack.train(False)

    def history(self) -> History:
        """The curves, (E, M, T)."""
        stacked = {name: torch.stack(values).numpy() for name, values in self.curves.items()}
        rates = [
            learning_rate((epoch + 1) * self.n_steps - 1, self.most_steps, self.config)
            for epoch in range(self.epoch)
        ]
        return History(
            **stacked, learning_rate=np.asarray(rates), best_epoch=self.best_epoch.numpy()
        )
