"""The training loop.

Shapes: ``M`` models, ``m`` of them that still train, ``T`` tasks, ``B`` examples of a batch, ``P``
output columns, ``E`` epochs.
"""

from __future__ import annotations

from collections.abc import Sequence
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
from coterie.training.learning import Positions, weigh
from coterie.training.observers import EndingProbe, Moment, Observer, Watchers
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
    seeds: Sequence[int] | None = None,
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
        seeds: of each model, where they are not all that of ``config``: a model then has the
            batches, and its random layers draw the numbers, that it would have alone.

    Raises:
        CoterieError: a loss is not finite; the last checkpoint stays.
    """
    trainer = _Trainer.of(stack, data, positions, provider, config, watchers, seeds)
    with torch.random.fork_rng():
        trainer.begin(checkpoint)
        state = trainer.state
        while not state.done:
            started = perf_counter()
            state.drop_stopped()
            train_loss, first_bad = trainer.train_epoch()
            weights = state.still(state.weighing.settled(state.steps + state.n_steps - 1))
            _require_finite(first_bad, weights, trainer.tasks, state)
            score, loss = trainer.judge(weights)
            trainer.end_epoch()
            state.finish_epoch(weights, train_loss, loss, score, perf_counter() - started)
            trainer.tell_kept()
            checkpoint.save(state)
        trainer.tell_end()
    state.finish()
    return state


@dataclass(frozen=True, kw_only=True)
class _Trainer:
    """What a training needs at hand, on the device.

    ``judged`` (T,) tells which tasks have labels in the validation part; ``share`` (M, T) is there
    only where rows have their own examples, ``seeds`` (M,) where their random layers have their own.
    """

    state: TrainingState
    batches: Batches
    validation: Batches
    config: TrainingConfig
    place: Place
    watchers: Watchers
    tasks: Tasks
    judged: Tensor
    share: Tensor | None
    seeds: Sequence[int] | None

    @classmethod
    def of(
        cls,
        stack: ModelStack,
        data: Dataset,
        positions: Positions,
        provider: WeightsProvider,
        config: TrainingConfig,
        watchers: Watchers,
        seeds: Sequence[int] | None,
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
        batches = deliver(
            positions, seed=config.seed if seeds is None else seeds, augment=config.augment
        )
        validation = deliver(data.split.validation, seed=0, batch_size=EVALUATION_BATCH)
        limit = config.limit(batches.n_steps)
        weighing.prepare(data, limit.epochs * batches.n_steps, config.seed)
        state = TrainingState(
            stack=stack,
            optimiser=make_optimiser(stack, weighing.groups(config), config),
            weighing=weighing,
            watching=watchers.all,
            config=config,
            n_steps=batches.n_steps,
            limit=limit,
        )
        labelled = ~data.targets[data.split.validation].isnan()
        shared = isinstance(positions, Tensor)
        return cls(
            state=state,
            batches=batches,
            validation=validation,
            config=config,
            place=place,
            watchers=watchers,
            tasks=tasks,
            judged=labelled.any(0).to(place.device),
            share=None if shared else observed_shares(data, positions).to(place.device),
            seeds=seeds if seeds is not None and stack.architecture.workload.draws else None,
        )

    def begin(self, checkpoint: Checkpoint) -> None:
        """Start anew, or from what is to be continued, and choose the strategy."""
        state = self.state
        checkpoint.restore(state)
        if state.strategy is None:
            first, weights = next(iter(self.batches.epoch(0))), state.weighing.at(0).detach()
            state.strategy = decide_strategy(
                state.stack, first, weights, self.tasks, self.config.strategy, self.place
            )
            # A measurement may come out otherwise next time: it is part of what a killed run
            # continues from.
            checkpoint.save(state)
        state.stack.strategy = state.whole.strategy = state.strategy

    def train_epoch(self) -> tuple[Tensor, Tensor]:
        """One pass over the training part.

        Mean training loss (m, T), and the step at which it first was not finite (m, T).
        """
        state, n_examples = self.state, 0
        total = torch.zeros(len(state.rows), len(self.tasks), device=self.place.device)
        first_bad = torch.full_like(total, torch.inf)
        state.stack.train()
        batches = self.batches.of_rows(state.rows)
        for step, batch in enumerate(batches.epoch(state.epoch), start=state.steps):
            losses, size = self.step(step, batch), batch.targets.shape[-2]
            n_examples += size
            total += losses * size
            first_bad.masked_fill_(~losses.isfinite() & (first_bad > step), step)
            if self.watchers.progress is not None:
                most = "" if state.limit.patience is None else "at most "
                text = f"epoch {state.epoch + 1} of {most}{state.limit.epochs}"
                self.watchers.progress(step + 1, state.most_steps, text)
        return total / n_examples, first_bad

    def step(self, step: int, batch: Batch) -> Tensor:
        """One step of every model on a batch; task losses (m, T) before it."""
        state, stack = self.state, self.state.stack
        rate = learning_rate(step, state.most_steps, self.config)
        seed = self._seed(step)
        set_learning_rate(state.optimiser, rate)
        weights = state.still(state.weighing.at(step))
        for probe in self.watchers.probes:
            if step and step % probe.every == 0:
                probe.on_step(self._moment(step, batch, weights.detach(), rate))
        if state.weighing.looks(step):
            state.weighing.provider.on_step(self._moment(step, batch, weights.detach(), rate))
        share = None if self.share is None else state.still(self.share)
        outputs, losses = gradient_step(stack, batch, weights, self.tasks, seed, self.place, share)
        state.weighing.learn(step)
        self._show(batch, outputs)
        if self.config.clip is not None:
            clip_rows(stack, self.config.clip)
        state.optimiser.step()
        return losses

    def _seed(self, step: int) -> int | list[int]:
        """Seed of the random layers in this step, of each model that still trains if they differ."""
        if self.seeds is None:
            return forward_seed(self.config.seed, step)
        drawn = {seed: forward_seed(seed, step) for seed in set(self.seeds)}
        return [drawn[self.seeds[row]] for row in self.state.rows.tolist()]

    def _show(self, batch: Batch, outputs: Tensor) -> None:
        """Let observers see what was trained on, with all models at their places."""
        observers = self._observers
        if not observers:
            return
        state, position, targets = self.state, batch.position, batch.targets
        if position.dim() == 2:
            position, targets = state.among_all(position, fill=0), state.among_all(targets)
        outputs = state.among_all(outputs)
        for observer in observers:
            observer.on_batch(position, outputs, targets)

    def judge(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Scores and losses (m, T) on the validation part."""
        score, losses = evaluate(
            self.state.stack, self.validation, self.tasks, self.place, weights != 0
        )
        _require_finite_models(losses, weights * self.judged, self.tasks, self.state)
        return score, losses

    def end_epoch(self) -> None:
        """Tell everybody."""
        self.state.weighing.on_epoch_end(self.state.epoch)
        for observer in self._observers:
            observer.on_epoch_end(self.state.epoch)

    def tell_kept(self) -> None:
        """Tell who keeps something of the best epochs which models have just had theirs."""
        state = self.state
        if state.keeps_best:
            for observer in self.watchers.keeping:
                observer.on_kept(state.best_epoch == state.epoch - 1)

    @property
    def _observers(self) -> list[Observer]:
        return [*self.watchers.observers, *self.watchers.keeping]

    def tell_end(self) -> None:
        """Probes learn which epoch was best; what is done is all, if training ended early."""
        state, progress = self.state, self.watchers.progress
        for probe in self.watchers.probes:
            if isinstance(probe, EndingProbe):
                probe.on_end(int(state.best_epoch[0]))
        if progress is not None and state.epoch < state.limit.epochs:
            progress(state.steps, state.steps, f"stopped after epoch {state.epoch}")

    def _moment(self, step: int, batch: Batch, weights: Tensor, rate: float) -> Moment:
        return Moment(
            step=step,
            stack=self.state.stack,
            rows=self.state.rows,
            batch=batch,
            weights=weights,
            optimiser=self.state.optimiser,
            learning_rate=rate,
            data=self.batches.data,
            tasks=self.tasks,
            seed=forward_seed(self.config.seed, step),
            place=self.place,
            epoch=self.state.epoch,
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


def _require_finite(first_bad: Tensor, weights: Tensor, tasks: Tasks, state: TrainingState) -> None:
    """Name the first model and task whose loss broke; within a few steps all others follow."""
    first_bad = first_bad.masked_fill(weights == 0, torch.inf)
    if first_bad.isinf().all():
        return
    row, task = divmod(int(first_bad.argmin()), len(tasks))
    raise CoterieError(
        f"Training stopped: the loss of task {tasks.names[task]!r} in model {int(state.rows[row])} is not finite in "
        f"epoch {state.epoch + 1}, step {int(first_bad.min()) + 1}. The last checkpoint, if any, is "
        "kept. Try a smaller `lr`, `clip=1.0`, or look for extreme inputs."
    )


def _require_finite_models(
    losses: Tensor, weights: Tensor, tasks: Tasks, state: TrainingState
) -> None:
    """The last step of an epoch may break a model after its loss was taken.

    No such state is kept or checkpointed.
    """
    sound = torch.stack(
        [parameter.flatten(1).isfinite().all(1) for parameter in state.stack.parameters.values()]
    ).all(0)
    broken = ((~losses.isfinite() & (weights > 0)) | ~sound[:, None]).nonzero()
    if len(broken):
        row, task = broken[0].tolist()
        raise CoterieError(
            f"Training stopped: model {int(state.rows[row])} is not finite after epoch "
            f"{state.epoch + 1} (validation loss of task {tasks.names[task]!r}: "
            f"{losses[row, task].item():g}). The last checkpoint, if any, is kept. Try a smaller "
            "`lr`, `clip=1.0`, or look for extreme inputs."
        )
