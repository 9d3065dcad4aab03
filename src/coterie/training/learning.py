"""How a training meets its weights: W on the models' device, step by step.

And how a learnt W takes steps of its own.

Shapes: ``M`` models, ``T`` tasks, ``n`` training examples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from coterie.data import Batches, Dataset
from coterie.errors import CoterieError
from coterie.models import ModelStack
from coterie.seeds import derive, torch_generator
from coterie.tasks import Tasks
from coterie.training.config import TrainingConfig
from coterie.training.device import Place
from coterie.training.optimisers import Group
from coterie.training.step import held_out_losses, observed_shares
from coterie.training.weights import LearntWeights, WeightsProvider

Positions = Tensor | list[Tensor]


def weigh(provider: WeightsProvider, stack: ModelStack, tasks: Tasks, place: Place) -> Weighing:
    """How this provider's weights reach the stack."""
    kind = Learning if isinstance(provider, LearntWeights) else Weighing
    return kind(provider, stack, tasks, place)


class Weighing:
    """Weights that do not learn: what the provider gives, moved to the device."""

    def __init__(
        self, provider: WeightsProvider, stack: ModelStack, tasks: Tasks, place: Place
    ) -> None:
        self.provider, self.stack, self.tasks, self.place = provider, stack, tasks, place
        self._given, self._moved = torch.empty(0), torch.empty(0)

    def positions(
        self,
        positions: Positions,
        data: Dataset,  # noqa: ARG002
        seed: int,  # noqa: ARG002
        deliver: Callable[..., Batches],  # noqa: ARG002
    ) -> Positions:
        """The examples that the models train on, of those that they may train on."""
        return positions

    def prepare(self, data: Dataset, n_steps: int, seed: int) -> None:
        """Called before a training of ``n_steps``."""
        self.provider.prepare(data, n_steps, seed, self.place.device)

    def groups(self, config: TrainingConfig) -> list[Group]:  # noqa: ARG002
        """What the optimiser moves besides the models."""
        return []

    def at(self, step: int) -> Tensor:
        """W (M, T) of this step."""
        given = self.provider.weights(step)
        if given is not self._given:  # static weights are moved once
            self._given, self._moved = given, given.detach().to(self.place.device)
        return self._moved

    def learn(self, step: int) -> None:
        """Called when the losses of this step have been walked back, before the optimiser steps."""

    def settled(self, step: int) -> Tensor:
        """W (M, T) as it stands after ``step``, detached."""
        return self.provider.weights(step).detach().to(self.place.device)

    def on_epoch_end(self, epoch: int) -> None:
        """Called once the epoch has been judged."""
        self.provider.on_epoch_end(epoch)

    def on_kept(self, epoch: int) -> None:
        """Called after training with the epoch that coupled models keep."""

    def looks(self, step: int) -> bool:
        """Whether the weights are to look at the training before this step."""
        every = self.provider.every
        return every is not None and step > 0 and step % every == 0

    def judging(self) -> Tensor | None:
        """Shares (M, T) of the validation losses by which epochs are kept, None for those of W."""
        judged = self.provider.judged
        return None if judged is None else judged.to(self.place.device)

    @property
    def couples_rows(self) -> bool:
        """Whether a row's weights depend on the others."""
        return False

    @property
    def keeps_best(self) -> bool:
        """Whether models may keep their best epoch."""
        return True

    def parameters(self) -> list[nn.Parameter]:
        """What is learnt."""
        return []

    def state(self) -> Mapping[str, np.ndarray]:
        """What a checkpoint must hold besides the parameters."""
        return self.provider.state()

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from a checkpoint."""
        self.provider.restore(arrays)


class Learning(Weighing):
    """Weights that learn.

    The loss is linear in W, so the gradient of W is the task losses, of whichever batch they are
    measured on. Rows are run in chunks, each of which reaches W only; W's own graph is walked once.
    """

    _apart: tuple[Batches, Tensor] | None = None

    @property
    def learnt(self) -> LearntWeights:
        """The provider."""
        return cast(LearntWeights, self.provider)

    def positions(
        self, positions: Positions, data: Dataset, seed: int, deliver: Callable[..., Batches]
    ) -> Positions:
        """Set the held-out share apart."""
        if not self.learnt.held_out:
            return positions
        positions, apart = parted(positions, self.learnt.held_out, seed)
        shares = observed_shares(data, [apart])[0].to(self.place.device)
        self._apart = deliver(apart, seed=derive(seed, "held out")), shares
        return positions

    def groups(self, config: TrainingConfig) -> list[Group]:
        """What is learnt, in a group without weight decay that follows the models' schedule."""
        rate, learnt = self.learnt.learning_rate, self.parameters()
        if not learnt:
            return []
        group = Group(
            params=learnt, weight_decay=0.0, scale=1.0 if rate is None else rate / config.lr
        )
        if self.learnt.plain_steps:
            group |= plain_steps(config)
        return [group]

    def at(self, step: int) -> Tensor:
        """A leaf, which collects W's gradient; rows that dropped out rest."""
        self.stack.alive = self.learnt.alive()
        self._given = self.learnt.weights(step)
        moved = self._given.detach().to(self.place.device)
        self._moved = moved.requires_grad_(self._given.requires_grad)
        return self._moved

    def learn(self, step: int) -> None:
        """Carry the gradient of W and the penalty back to what is learnt."""
        gradient = self._moved.grad
        if gradient is None:
            return
        if self._apart is not None:
            batches, shares = self._apart
            batch = batches.sample(step)
            gradient = held_out_losses(self.stack, batch, self.tasks, self.place, shares)
        for parameter in self.parameters():
            parameter.grad = None
        reached = (self._given * gradient.to(self._given.device)).sum()
        (reached + self.learnt.penalty()).backward()

    def settled(self, step: int) -> Tensor:
        """W (M, T) without noise."""
        return self.learnt.settled(step).detach().to(self.place.device)

    def on_epoch_end(self, epoch: int) -> None:
        """All rows are computed again, until the next step."""
        super().on_epoch_end(epoch)
        self.stack.alive = None

    @property
    def couples_rows(self) -> bool:
        """They are learnt together."""
        return True

    @property
    def keeps_best(self) -> bool:
        """If what is learnt says so."""
        return self.learnt.keeps_best

    def on_kept(self, epoch: int) -> None:
        """What was learnt is that of this epoch."""
        self.learnt.on_kept(epoch)

    def parameters(self) -> list[nn.Parameter]:
        """What is learnt."""
        return list(self.learnt.parameters())


def plain_steps(config: TrainingConfig) -> Group:
    """Settings with which an optimiser steps by the gradient times the rate.

    Adam and its kin step by the gradient's running mean.
    """
    # Against an eps of 1 the root of Adam's second moment, which makes steps of equal length, does
    # not count.
    return {"momentum": 0.0} if config.optimiser == "sgd" else {"eps": 1.0}


def parted(positions: Positions, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Training positions (n,) without a random share of them, and that share.

    Raises:
        CoterieError: models have examples of their own, or fewer than two are left to train on.
    """
    if not isinstance(positions, Tensor):
        raise CoterieError("Weights that learn need models that all train on the same examples.")
    order = torch.randperm(len(positions), generator=torch_generator(seed, "held out"))
    apart = max(1, round(share * len(positions)))
    if len(positions) - apart < 2:
        raise CoterieError(
            f"`held_out` leaves {len(positions) - apart} of {len(positions)} examples to train on."
        )
    return positions[order[apart:].sort().values], positions[order[:apart].sort().values]
