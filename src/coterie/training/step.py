"""One gradient step of a stack, and the choice of how to execute it.

Shapes: ``M`` models, ``T`` tasks, ``B`` examples of a batch, ``P`` output columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from coterie.data import Batch
from coterie.errors import CoterieError
from coterie.models import ModelStack, Strategy
from coterie.models.strategy import (
    choose_strategy,
    chunks,
    rejected,
    rows_that_fit,
    saved_bytes,
    why_not_vmap,
)
from coterie.tasks import Tasks, task_losses
from coterie.training.device import Place
from coterie.training.weights import WeightsProvider


def gradient_step(
    stack: ModelStack,
    batch: Batch,
    weights: Tensor,
    tasks: Tasks,
    seed: int,
    place: Place,
    share: Tensor | None = None,
    alive: Sequence[bool] | None = None,
) -> tuple[Tensor, Tensor]:
    """Forward and backward pass of every row on one batch.

    Gradients are left in the stack (and in ``weights``).

    What a stem gives is computed once, and walked back once, after all rows.

    Args:
        stack: M models in training mode.
        batch: shared by all rows, or with a leading row dimension.
        weights: W (M, T), a leaf on the stack's device.
        tasks: on the stack's device.
        seed: of the random layers in this step.
        place: precision.
        share: observed share (M, T) of the labels within each row's own examples, where rows have
            their own.
        alive: rows that take part, all by default; outputs and losses of the others are zero and
            cost nothing.

    Returns:
        Outputs (M, B, P) and task losses (M, T), detached.
    """
    per_row = batch.position.dim() == 2
    stack.zero_grad()
    outputs, losses = [], []
    with place.autocast():
        features = stack.through_stem(batch.inputs, seed, per_row=per_row)
    shared = features.detach().requires_grad_() if features.requires_grad else features
    for rows in chunks(stack.n_models, stack.strategy, alive):
        if alive is not None and not alive[rows.start]:
            outputs.append(
                shared.new_zeros(
                    rows.stop - rows.start, len(batch.targets), tasks.n_outputs, dtype=torch.float32
                )
            )
            losses.append(torch.zeros_like(weights[rows]))
            continue
        inputs = shared[rows] if per_row else shared
        targets = batch.targets[rows] if per_row else batch.targets
        with place.autocast():
            row_outputs = stack(inputs, rows=rows, per_row=per_row, seed=seed, after_stem=True)
        row_outputs = row_outputs.float()
        row_losses = task_losses(
            row_outputs, targets, tasks, None if share is None else share[rows]
        )
        # A task without weight must not reach the gradient even where its loss overflows; learnt
        # weights must feel it.
        used = (
            row_losses if weights.requires_grad else row_losses.masked_fill(weights[rows] == 0, 0.0)
        )
        with stack.blame(inputs.shape, "fails in the backward pass of inputs of shape"):
            (weights[rows] * used).sum().backward()
        outputs.append(row_outputs.detach())
        losses.append(row_losses.detach())
    if shared.grad is not None:
        with stack.blame(batch.inputs.shape, "fails in the backward pass of inputs of shape"):
            features.backward(shared.grad)
    return (outputs[0], losses[0]) if len(outputs) == 1 else (torch.cat(outputs), torch.cat(losses))


@torch.no_grad()
def held_out_losses(
    stack: ModelStack,
    batch: Batch,
    tasks: Tasks,
    place: Place,
    alive: Sequence[bool] | None = None,
    share: Tensor | None = None,
) -> Tensor:
    """Task losses (M, T) on a batch that the rows do not train on, in evaluation mode.

    0 for rows that are not ``alive``.

    ``share`` (T,) is the observed share of the labels among the examples that the batch was drawn
    from, where it was a part.
    """
    stack.train(False)
    with place.autocast():
        outputs = stack(batch.inputs, alive=alive)
    stack.train()
    found = task_losses(outputs.float(), batch.targets, tasks, share)
    return found if alive is None else found * torch.tensor(alive, device=found.device).unsqueeze(1)


def learn_weights(provider: WeightsProvider, produced: Tensor, gradient: Tensor) -> None:
    """Carry the gradient of W (M, T) and the penalty back to what the provider learns.

    The loss is linear in W, so the gradient of W is the task losses, of whichever batch they are
    measured on.

    Rows are run in chunks, each of which reaches W only; W's own graph is walked once, here.
    """
    for parameter in provider.parameters():
        parameter.grad = None
    ((produced * gradient).sum() + provider.penalty()).backward()


def decide_strategy(
    stack: ModelStack, batch: Batch, weights: Tensor, tasks: Tasks, asked: str, place: Place
) -> Strategy:
    """The strategy asked for, or the faster one by a short measurement on ``batch``.

    What vmap rejects is looped over.

    Raises:
        CoterieError: vmap was asked for and rejects the model, or the model itself fails.
    """
    if stack.n_models == 1 or asked == "loop":
        return Strategy("loop", reason="one model" if stack.n_models == 1 else "asked for")
    one = stack.select([0])
    one.train()
    inputs = batch.inputs[0] if batch.position.dim() == 2 else batch.inputs
    with place.autocast():
        kept = saved_bytes(lambda: one(inputs))

    def step(sample: ModelStack) -> None:
        gradient_step(
            sample,
            _first_rows(batch, sample.n_models),
            weights[: sample.n_models],
            tasks,
            0,
            place,
        )

    refusal = why_not_vmap(
        stack, step, lambda sample: held_out_losses(sample, _only_first(batch), tasks, place)
    )
    if refusal is not None and asked == "vmap":
        raise CoterieError(
            "`strategy` 'vmap' was asked for, and vmap rejects `model` "
            f"{stack.architecture.name!r}: "
            f"{refusal.rstrip('.')}. Use 'auto', which tries, or 'loop'."
        )
    if refusal is not None:
        return rejected(refusal)
    if asked == "vmap":
        return Strategy("vmap", rows_that_fit(kept, place.device, stack.n_models))
    return choose_strategy(stack, step, kept, place.device)


def _first_rows(batch: Batch, n_models: int) -> Batch:
    if batch.position.dim() == 1:
        return batch
    return replace(
        batch,
        position=batch.position[:n_models],
        inputs=batch.inputs[:n_models],
        targets=batch.targets[:n_models],
    )


def _only_first(batch: Batch) -> Batch:
    """The batch of the first row, for all rows."""
    if batch.position.dim() == 1:
        return batch
    return replace(
        batch, position=batch.position[0], inputs=batch.inputs[0], targets=batch.targets[0]
    )
