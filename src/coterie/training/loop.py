"""The training loop.

Shapes: ``M`` models, ``T`` tasks, ``B`` examples of a batch, ``P`` output columns, ``E`` epochs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from torch import Tensor

from coterie.data import Batches, Dataset
from coterie.errors import CoterieError
from coterie.models import ModelStack
from coterie.models.stack import forward_seed
from coterie.seeds import derive, torch_generator
from coterie.tasks import Tasks
from coterie.training.checkpoint import TrainingState
from coterie.training.config import TrainingConfig
from coterie.training.device import Place
from coterie.training.observers import Moment, Observer, Probe, Progress
from coterie.training.optimisers import clip_rows, learning_rate, make_optimiser, set_learning_rate
from coterie.training.prediction import evaluate
from coterie.training.step import decide_strategy, gradient_step, held_out_losses, learn_weights
from coterie.training.weights import WeightsProvider


def train(
    stack: ModelStack,
    data: Dataset,
    positions: Tensor | list[Tensor],
    provider: WeightsProvider,
    config: TrainingConfig,
    place: Place,
    *,
    observers: Sequence[Observer] = (),
    probes: Sequence[Probe] = (),
    identity: Mapping[str, Any] | None = None,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> tuple[ModelStack, TrainingState]:
    """Train the stack and return it, holding each model's kept epoch, with the record of the training.

    Args:
        stack: M initialised models.
        data: examples, tasks and the validation part that chooses epochs.
        positions: (n,) examples that all models train on, or one tensor for each model.
        provider: where W comes from.
        config: settings.
        place: device and precision.
        observers: watch every training batch.
        probes: try steps now and then.
        identity: what besides the settings must agree before a checkpoint is continued.
        checkpoint: folder for one atomic checkpoint an epoch; a training found there is continued.
        progress: called with (steps done, all steps, text).

    Raises:
        CoterieError: a loss is not finite; the last checkpoint stays.
    """
    tasks = data.tasks.to(place.device)
    channels_last = (
        len(data.input_shape) == 3 if config.channels_last is None else config.channels_last
    )
    stack = stack.to(place.device, channels_last=channels_last)
    if config.compile:
        stack.compile()
    deliver = partial(
        Batches,
        data,
        batch_size=config.batch_size,
        device=place.device,
        channels_last=channels_last,
    )
    held_out = None
    if provider.held_out:
        positions, apart = _parted(positions, provider.held_out, config.seed)
        held_out = (
            deliver(apart, seed=derive(config.seed, "held out")),
            observed_shares(data, [apart])[0].to(place.device),
        )
    batches = deliver(positions, seed=config.seed, augment=config.augment)
    validation = Batches(
        data,
        data.split.validation,
        batch_size=512,
        seed=0,
        device=place.device,
        channels_last=channels_last,
    )
    share = (
        None if isinstance(positions, Tensor) else observed_shares(data, positions).to(place.device)
    )
    judged = (~data.targets[data.split.validation].isnan()).any(0).to(place.device)
    provider.prepare(data, config.epochs * batches.n_steps, config.seed, place.device)
    optimiser = make_optimiser(
        stack, provider.parameters(), config, provider.learning_rate, provider.plain_steps
    )
    with torch.random.fork_rng():
        watching = [*observers, *probes]
        state = TrainingState.start(
            stack,
            optimiser,
            provider,
            watching,
            config,
            batches.n_steps,
            identity or {},
            checkpoint,
        )
        if state.strategy is None:
            first, weights = (
                next(iter(batches.epoch(0))),
                provider.weights(0).detach().to(place.device),
            )
            state.strategy = decide_strategy(stack, first, weights, tasks, config.strategy, place)
            # A measurement may come out otherwise next time: it is part of what a killed run
            # continues from.
            state.save()
        stack.strategy = state.strategy
        for epoch in range(state.epoch, config.epochs):
            started = perf_counter()
            train_loss, first_bad = _train_epoch(
                stack,
                batches,
                held_out,
                provider,
                tasks,
                optimiser,
                epoch,
                config,
                place,
                observers,
                probes,
                progress,
                share,
            )
            weights = provider.settled((epoch + 1) * batches.n_steps - 1).detach().to(place.device)
            _require_finite(first_bad, weights, tasks, epoch)
            score, losses = evaluate(stack, validation, tasks, place, provider.alive())
            _require_finite_models(stack, losses, weights * judged, tasks, epoch)
            provider.on_epoch_end(epoch)
            for observer in observers:
                observer.on_epoch_end(epoch)
            state.finish_epoch(stack, weights, train_loss, losses, score, perf_counter() - started)
            state.save()
    state.keep_best(stack)
    stack.train(False)
    return stack, state


def _train_epoch(
    stack: ModelStack,
    batches: Batches,
    held_out: tuple[Batches, Tensor] | None,
    provider: WeightsProvider,
    tasks: Tasks,
    optimiser: torch.optim.Optimizer,
    epoch: int,
    config: TrainingConfig,
    place: Place,
    observers: Sequence[Observer],
    probes: Sequence[Probe],
    progress: Progress | None,
    share: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """One pass over the training part.

    Mean training loss (M, T), and the step at which it first was not finite (M, T).
    """
    n_steps = config.epochs * batches.n_steps
    total, n_examples = torch.zeros(stack.n_models, len(tasks), device=place.device), 0
    first_bad = torch.full_like(total, torch.inf)
    latest, weights = None, total
    stack.train()
    for step, batch in enumerate(batches.epoch(epoch), start=epoch * batches.n_steps):
        rate, seed = learning_rate(step, n_steps, config), forward_seed(config.seed, step)
        set_learning_rate(optimiser, rate)
        produced = provider.weights(step)
        if produced is not latest:  # static weights are moved to the device once
            latest, weights = (
                produced,
                produced.detach().to(place.device).requires_grad_(produced.requires_grad),
            )
        for probe in probes:
            if step and step % probe.every == 0:
                probe.on_step(
                    Moment(
                        step=step,
                        stack=stack,
                        batch=batch,
                        weights=weights.detach(),
                        optimiser=optimiser,
                        learning_rate=rate,
                        data=batches.data,
                        tasks=tasks,
                        seed=seed,
                        place=place,
                    )
                )
        outputs, losses = gradient_step(
            stack, batch, weights, tasks, seed, place, share, provider.alive()
        )
        if weights.grad is not None:
            gradient = weights.grad
            if held_out is not None:
                apart, observed = held_out
                gradient = held_out_losses(
                    stack, apart.sample(step), tasks, place, provider.alive(), observed
                )
            learn_weights(provider, produced, gradient.to(produced.device))
        for observer in observers:
            observer.on_batch(batch.position, outputs, batch.targets)
        if config.clip is not None:
            clip_rows(stack, config.clip)
        optimiser.step()
        n_examples += batch.targets.shape[-2]
        total += losses * batch.targets.shape[-2]
        first_bad.masked_fill_(~losses.isfinite() & (first_bad > step), step)
        if progress is not None:
            progress(step + 1, n_steps, f"epoch {epoch + 1} of {config.epochs}")
    return total / n_examples, first_bad


def _require_finite(first_bad: Tensor, weights: Tensor, tasks: Tasks, epoch: int) -> None:
    """Name the first model and task whose loss broke; within a few steps all others follow."""
    first_bad = first_bad.masked_fill(weights == 0, torch.inf)
    if first_bad.isinf().all():
        return
    row, task = divmod(int(first_bad.argmin()), len(tasks))
    raise CoterieError(
        f"Training stopped: the loss of task {tasks.names[task]!r} in model {row} is not finite in "
        f"epoch {epoch + 1}, "
        f"step {int(first_bad.min()) + 1}. The last checkpoint, if any, is kept. Try a smaller "
        "`lr`, `clip=1.0`, or look for "
        "extreme inputs."
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
            "of task "
            f"{tasks.names[task]!r}: {losses[row, task].item():g}). The last checkpoint, if any, "
            "is kept. Try a smaller `lr`, "
            "`clip=1.0`, or look for extreme inputs."
        )


def _parted(positions: Tensor | list[Tensor], share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Training positions without a random share of them, and that share."""
    if not isinstance(positions, Tensor):
        raise CoterieError("Weights that learn need models that all train on the same examples.")
    order = torch.randperm(len(positions), generator=torch_generator(seed, "held out"))
    apart = max(1, round(share * len(positions)))
    if len(positions) - apart < 2:
        raise CoterieError(
            f"`held_out` leaves {len(positions) - apart} of {len(positions)} examples to train on."
        )
    return positions[order[apart:].sort().values], positions[order[:apart].sort().values]


def observed_shares(data: Dataset, positions: Sequence[Tensor]) -> Tensor:
    """Share of labels observed within each row's own examples, (M, T).

    Never 0, so that an unused task divides safely.
    """
    shares = torch.stack(
        [(~data.targets[support].isnan()).float().mean(0) for support in positions]
    )
    return shares.clamp_min(1e-6)
