"""One gradient step of a stack, and the choice of how to execute it.

Shapes: ``M`` models, ``T`` tasks, ``B`` examples of a batch, ``P`` output columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from coterie.data import Batch, Dataset
from coterie.errors import CoterieError
from coterie.models import ModelStack, Strategy
from coterie.models.strategy import choose_strategy, rejected, rows_that_fit, why_not_vmap
from coterie.tasks import Tasks, averaged, member_losses, task_losses
from coterie.training.device import Place


def gradient_step(
    stack: ModelStack,
    batch: Batch,
    weights: Tensor,
    tasks: Tasks,
    seed: int | Sequence[int],
    place: Place,
    share: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Forward and backward pass of every row on one batch.

    Gradients are left in the stack (and in ``weights``).

    What a stem gives is computed once, and walked back once, after all rows.

    Args:
        stack: M models in training mode.
        batch: shared by all rows, or with a leading row dimension.
        weights: W (M, T), a leaf on the stack's device.
        tasks: on the stack's device.
        seed: of the random layers in this step, or one for each row.
        place: precision.
        share: observed share (M, T) of the labels within each row's own examples, where rows have
            their own.

    Returns:
        Outputs (M, B, P) and task losses (M, T), detached; zero for rows that are not alive.
    """
    per_row = batch.position.dim() == 2
    seeds = None if isinstance(seed, int) else seed
    first = seed if isinstance(seed, int) else seed[0]
    stack.zero_grad()
    with place.autocast():
        features = stack.through_stem(batch.inputs, first, per_row=per_row)
    shared = features.detach().requires_grad_() if features.requires_grad else features
    found = []
    for rows, alive in stack.chunks(seeds):
        if not alive:
            found.append(_at_rest(batch, weights[rows], tasks))
            continue
        inputs, targets = (
            (shared[rows], batch.targets[rows]) if per_row else (shared, batch.targets)
        )
        with place.autocast():
            own = first if seeds is None else seeds[rows.start]
            outputs = stack(inputs, rows=rows, per_row=per_row, seed=own, after_stem=True).float()
        losses = losses_in_training(
            stack, outputs, targets, tasks, None if share is None else share[rows]
        )
        with stack.blame(inputs.shape, "fails in the backward pass of inputs of shape"):
            _loss(weights[rows], losses).backward()
        outputs = outputs.detach()
        if stack.n_members is not None:
            outputs = averaged(outputs, tasks.links)
        found.append((outputs, losses.detach()))
    if shared.grad is not None:
        with stack.blame(batch.inputs.shape, "fails in the backward pass of inputs of shape"):
            features.backward(shared.grad)
    outputs, losses = zip(*found, strict=True)
    return found[0] if len(found) == 1 else (torch.cat(outputs), torch.cat(losses))


def losses_in_training(
    stack: ModelStack, outputs: Tensor, targets: Tensor, tasks: Tasks, share: Tensor | None = None
) -> Tensor:
    """Task losses (..., T) of outputs in training mode: of an ensemble the mean over members."""
    of_outputs = task_losses if stack.n_members is None else member_losses
    return of_outputs(outputs, targets, tasks, share)


def _at_rest(batch: Batch, weights: Tensor, tasks: Tasks) -> tuple[Tensor, Tensor]:
    """Outputs and losses of rows that take no part."""
    shape = (len(weights), batch.targets.shape[-2], tasks.n_outputs)
    return weights.new_zeros(shape, dtype=torch.float32), torch.zeros_like(weights)


def _loss(weights: Tensor, losses: Tensor) -> Tensor:
    """What some rows minimise."""
    # A task without weight must not reach the gradient even where its loss overflows; learnt
    # weights must feel it.
    used = losses if weights.requires_grad else losses.masked_fill(weights == 0, 0.0)
    return (weights * used).sum()


@torch.no_grad()
def held_out_losses(
    stack: ModelStack,
    batch: Batch,
    tasks: Tasks,
    place: Place,
    share: Tensor | None = None,
) -> Tensor:
    """Task losses (M, T) on a batch that the rows do not train on, in evaluation mode.

    0 for rows that are not alive.

    ``share`` (T,) is the observed share of the labels among the examples that the batch was drawn
    from, where it was a part.
    """
    stack.train(False)
    with place.autocast():
        outputs = stack(batch.inputs)
    stack.train()
    found = task_losses(outputs.float(), batch.targets, tasks, share)
    if stack.alive is None:
        return found
    return found * torch.tensor(stack.alive, device=found.device).unsqueeze(1)


def observed_shares(data: Dataset, positions: Sequence[Tensor]) -> Tensor:
    """Share of labels observed within each row's own examples, (M, T).

    Never 0, so that an unused task divides safely.
    """
    shares = torch.stack(
        [(~data.targets[support].isnan()).float().mean(0) for support in positions]
    )
    return shares.clamp_min(1e-6)


def decide_strategy(
    stack: ModelStack, batch: Batch, weights: Tensor, tasks: Tasks, asked: str, place: Place
) -> Strategy:
    """The strategy asked for, or what suits the model; what vmap rejects is looped over.

    It is tried on ``batch``, and depends on nothing of it but its size.

    Raises:
        CoterieError: vmap was asked for and rejects the model, or the model itself fails.
    """
    if stack.n_models == 1 or asked == "loop":
        return Strategy("loop", reason="one model" if stack.n_models == 1 else "asked for")
    work, size = stack.architecture.workload, batch.position.shape[-1]
    suits = choose_strategy(work, stack.n_models, size, place.device)
    if asked == "auto" and suits.kind == "loop":
        return suits

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
    if refusal is None:
        return (
            suits
            if asked == "auto"
            else Strategy("vmap", rows_that_fit(work, stack.n_models, size, place.device))
        )
    if asked == "vmap":
        raise CoterieError(
            "`strategy` 'vmap' was asked for, and vmap rejects `model` "
            f"{stack.architecture.name!r}: {refusal.rstrip('.')}. Use 'auto', which tries, or "
            "'loop'."
        )
    return rejected(refusal)


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
