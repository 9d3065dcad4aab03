"""The training loop.

Shapes: ``M`` models, ``T`` tasks, ``B`` examples of a batch, ``P`` output columns, ``E`` epochs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from time import perf_counter

import torch
from torch import Tensor

from coterie.data import Batch, Batches, Dataset
from coterie.errors import CoterieError
from coterie.models import ModelStack
from coterie.models.stack import forward_seed
from coterie.tasks import Tasks
from coterie.training.checkpoint import Checkpoint
from coterie.training.config import TrainingConfig
from coterie.training.device import Place
from coterie.training.learning import Positions, Weighing, weigh
from coterie.training.observers import Moment, Watchers
from coterie.training.optimisers import clip_rows, learning_rate, make_optimiser, set_learning_rate
from coterie.training.prediction import EVALUATION_BATCH, evaluate
from coterie.training.state import TrainingState
from coterie.training.step import decide_strategy, gradient_step, observed_shares
from coterie.training.weights import WeightsProvider

_NOBODY, _NOWHERE = Watchers(), Checkpoint()


def train(
    stack: ModelStack,
    data: Dataset,
    positions: Positions,
    provider: WeightsProvider,
    config: TrainingConfig,
    watchers: Watchers = _NOBODY,
    checkpoint: Checkpoint = _NOWHERE,
) -> TrainingState:
    """Train a stack; return the record of the training, whose stack holds each model's kept epoch.

    Args:
        stack: M initialised models.
        data: examples, tasks and the validation part that chooses epochs.
        positions: (n,) examples that all models train on, or one tensor for each model.
        provider: where W comes from.
        config: settings.
        watchers: who looks at the training.
        checkpoint: one atomic file an epoch; a training found there is continued.

    Raises:
        CoterieError: a loss is not finite; the last checkpoint stays.
    """
    trainer = _Trainer.of(stack, data, positions, provider, config, watchers)
    with torch.random.fork_rng():
        state = trainer.begin(checkpoint)
        for epoch in range(state.epoch, config.epochs):
            started = perf_counter()
            train_loss, first_bad = trainer.train_epoch(epoch)
            weights = trainer.weighing.settled(state.steps + trainer.batches.n_steps - 1)
            _require_finite(first_bad, weights, trainer.tasks, epoch)
            score, loss = trainer.judge(weights, epoch)
            trainer.end_epoch(epoch)
            state.finish_epoch(weights, train_loss, loss, score, perf_counter() - started)
            checkpoint.save(state)
    state.keep_best()
    state.stack.train(False)
    return state


@dataclass(frozen=True, kw_only=True)
class _Trainer:
    """What a training needs at hand, on the device.

    ``judged`` (T,) tells which tasks have labels in the validation part; ``share`` (M, T) is there
    only where rows have their own examples.
    """

    stack: ModelStack
    batches: Batches
    validation: Batches
    weighing: Weighing
    optimiser: torch.optim.Optimizer
    config: TrainingConfig
    place: Place
    watchers: Watchers
    tasks: Tasks
    judged: Tensor
    share: Tensor | None

    @classmethod
    def of(
        cls,
        stack: ModelStack,
        data: Dataset,
        positions: Positions,
        provider: WeightsProvider,
        config: TrainingConfig,
        watchers: Watchers,
    ) -> _Trainer:
        """Everything moved to its place, before the first step."""
        place = Place.of(config.device, config.precision)
        deliver = _deliverer(data, config, place)
        stack = stack.to(place.device, channels_last=deliver.keywords["channels_last"])
        if config.compile:
            stack.compile()
        tasks = data.tasks.to(place.device)
        weighing = weigh(provider, stack, tasks, place)
        positions = weighing.positions(positions, data, config.seed, deliver)
        batches = deliver(positions, seed=config.seed, augment=config.augment)
        validation = deliver(data.split.validation, seed=0, batch_size=EVALUATION_BATCH)
        weighing.prepare(data, config.epochs * batches.n_steps, config.seed)
        labelled = ~data.targets[data.split.validation].isnan()
        shared = isinstance(positions, Tensor)
        return cls(
            stack=stack,
            batches=batches,
            validation=validation,
            weighing=weighing,
            optimiser=make_optimiser(stack, weighing.groups(config), config),
            config=config,
            place=place,
            watchers=watchers,
            tasks=tasks,
            judged=labelled.any(0).to(place.device),
            share=None if shared else observed_shares(data, positions).to(place.device),
        )

    def begin(self, checkpoint: Checkpoint) -> TrainingState:
        """A new training, or the one that is to be continued, with its strategy."""
        state = TrainingState(
            stack=self.stack,
            optimiser=self.optimiser,
            weighing=self.weighing,
            watching=self.watchers.all,
            config=self.config,
            n_steps=self.batches.n_steps,
        )
        checkpoint.restore(state)
        if state.strategy is None:
            first, weights = next(iter(self.batches.epoch(0))), self.weighing.at(0).detach()
            state.strategy = decide_strategy(
                self.stack, first, weights, self.tasks, self.config.strategy, self.place
            )
            # A measurement may come out otherwise next time: it is part of what a killed run
            # continues from.
            checkpoint.save(state)
        self.stack.strategy = state.strategy
        return state

    def train_epoch(self, epoch: int) -> tuple[Tensor, Tensor]:
        """One pass over the training part.

        Mean training loss (M, T), and the step at which it first was not finite (M, T).
        """
        n_steps, n_examples = self.config.epochs * self.batches.n_steps, 0
        total = torch.zeros(self.stack.n_models, len(self.tasks), device=self.place.device)
        first_bad = torch.full_like(total, torch.inf)
        self.stack.train()
        first = epoch * self.batches.n_steps
        for step, batch in enumerate(self.batches.epoch(epoch), start=first):
            losses, size = self.step(step, n_steps, batch), batch.targets.shape[-2]
            n_examples += size
            total += losses * size
            first_bad.masked_fill_(~losses.isfinite() & (first_bad > step), step)
            if self.watchers.progress is not None:
                text = f"epoch {epoch + 1} of {self.config.epochs}"
                self.watchers.progress(step + 1, n_steps, text)
        return total / n_examples, first_bad

    def step(self, step: int, n_steps: int, batch: Batch) -> Tensor:
        """One step of every model on a batch; task losses (M, T) before it."""
        rate = learning_rate(step, n_steps, self.config)
        seed = forward_seed(self.config.seed, step)
        set_learning_rate(self.optimiser, rate)
        weights = self.weighing.at(step)
        for probe in self.watchers.probes:
            if step and step % probe.every == 0:
                probe.on_step(self._moment(step, batch, weights.detach(), rate, seed))
        outputs, losses = gradient_step(
            self.stack, batch, weights, self.tasks, seed, self.place, self.share
        )
        self.weighing.learn(step)
        for observer in self.watchers.observers:
            observer.on_batch(batch.position, outputs, batch.targets)
        if self.config.clip is not None:
            clip_rows(self.stack, self.config.clip)
        self.optimiser.step()
        return losses

    def judge(self, weights: Tensor, epoch: int) -> tuple[Tensor, Tensor]:
        """Scores and losses (M, T) on the validation part."""
        score, losses = evaluate(self.stack, self.validation, self.tasks, self.place, weights != 0)
        _require_finite_models(self.stack, losses, weights * self.judged, self.tasks, epoch)
        return score, losses

    def end_epoch(self, epoch: int) -> None:
        """Tell everybody."""
        self.weighing.on_epoch_end(epoch)
        for observer in self.watchers.observers:
            observer.on_epoch_end(epoch)

    def _moment(self, step: int, batch: Batch, weights: Tensor, rate: float, seed: int) -> Moment:
        return Moment(
            step=step,
            stack=self.stack,
            batch=batch,
            weights=weights,
            optimiser=self.optimiser,
            learning_rate=rate,
            data=self.batches.data,
            tasks=self.tasks,
            seed=seed,
            place=self.place,
        )


def _deliverer(data: Dataset, config: TrainingConfig, place: Place) -> partial[Batches]:
    """Batches of this training, but for their positions and seed."""
    images, asked = len(data.input_shape) == 3, config.channels_last
    return partial(
        Batches,
        data,
        batch_size=config.batch_size,
        device=place.device,
        channels_last=images if asked is None else asked,
    )


def _require_finite(first_bad: Tensor, weights: Tensor, tasks: Tasks, epoch: int) -> None:
    """Name the first model and task whose loss broke; within a few steps all others follow."""
    first_bad = first_bad.masked_fill(weights == 0, torch.inf)
    if first_bad.isinf().all():
        return
    row, task = divmod(int(first_bad.argmin()), len(tasks))
    raise CoterieError(
        f"Training stopped: the loss of task {tasks.names[task]!r} in model {row} is not finite in "
        f"epoch {epoch + 1}, step {int(first_bad.min()) + 1}. The last checkpoint, if any, is "
        "kept. Try a smaller `lr`, `clip=1.0`, or look for extreme inputs."
    )


def _require_finite_models(
    stack: ModelStack, losses: Tensor, weights: Tensor, tasks: Tasks, epoch: int
) -> None:
    """The last step of an epoch may break a model after its loss was taken.

    No such state is kept or checkpointed.
    """
    sound = torch.stack(
        [parameter.flatten(1).isfinite().all(1) for parameter in stack.parameters.values()]
    ).all(0)
    broken = ((~losses.isfinite() & (weights > 0)) | ~sound[:, None]).nonzero()
    if len(broken):
        row, task = broken[0].tolist()
        raise CoterieError(
            f"Training stopped: model {row} is not finite after epoch {epoch + 1} (validation loss "
            f"of task {tasks.names[task]!r}: {losses[row, task].item():g}). The last checkpoint, "
            "if any, is kept. Try a smaller `lr`, `clip=1.0`, or look for extreme inputs."
        )
