"""Steps tried from the state of a joint training.

Gradients of all tasks, candidate steps, and the losses after them.

Nothing of the training is written to: gradients are taken on copies, candidate steps are rows of a
replicated stack. A row of *step weights* over the tasks says which step it takes, as a row of loss
weights says what a model trains on.

Shapes: ``T`` tasks, ``R`` rows tried, ``B`` examples of a batch, ``P`` output columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.func import functional_call

from coterie.affinities._bench import Bench, Result, copies, in_full_precision, only_row
from coterie.data import Batch, Batches
from coterie.errors import CoterieError
from coterie.models import ModelStack, Strategy
from coterie.seeds import seed_layers, torch_generator
from coterie.training import Moment
from coterie.training.step import gradient_step, losses_in_training
from coterie.training.work import Work

_HEAD = "head."


@dataclass(frozen=True, eq=False)
class Trial:
    """One moment of a training from which steps of one model are tried; ``work`` counts them.

    ``row`` is the model's place among those that still train.
    """

    moment: Moment
    bench: Bench
    memory: int
    work: Work
    row: int = 0

    @property
    def n_tasks(self) -> int:
        """Number of tasks, T."""
        return len(self.moment.tasks)

    @property
    def batch(self) -> Batch:
        """What the training is about to step on; candidate steps are taken on it too."""
        return only_row(self.moment.batch)

    def gradients(self, *, heads: bool) -> dict[str, Tensor]:
        """Gradient of every task's loss on the training batch by parameter name, (T, ...).

        One forward, T backward passes.

        Without ``heads`` of the shared parameters only, which is everything before the linear head.
        A task's own head is the only one that its loss reaches.
        """
        stack, batch = self.moment.stack, self.batch
        tensors = copies(
            stack,
            [name for name in stack.parameters if heads or not name.startswith(_HEAD)],
            self.row,
        )
        leaves = {name: tensor for name, tensor in tensors.items() if tensor.requires_grad}
        seed_layers(self.moment.seed)
        with self.moment.place.autocast():
            outputs = functional_call(stack.template, tensors, (batch.inputs,))
        losses = self._losses(outputs, batch)
        self.work.forwards += 1
        self.work.backwards += self.n_tasks
        size = self.bench.rows_that_fit(self.memory, len(batch.targets))
        found = self.bench.fastest(
            "gradients",
            lambda: _batched(losses, list(leaves.values()), size),
            lambda: _looped(losses, list(leaves.values())),
        )
        return dict(zip(leaves, found, strict=True))

    def steps(self, gradients: Mapping[str, Tensor], length: float = 1.0) -> dict[str, Tensor]:
        """What each task's gradient alone subtracts from the parameters, by name, (T, ...).

        Written over the gradients; ``length`` multiplies it.

        SGD: lr g. Adam and its kin: lr g / (sqrt(v) + eps) with the second moments v of the
        training, corrected for their bias; these are of the mean of all gradients, which is shorter
        than one task's, so that a candidate is longer than lr in most coordinates. Momentum, weight
        decay and clipping are left out of candidate and reference alike: they belong to no single
        task.
        """
        moment = self.moment
        group = moment.optimiser.param_groups[0]
        steps = {}
        for name, gradient in gradients.items():
            state = moment.optimiser.state[moment.stack.parameters[name]]
            if "exp_avg_sq" in state:
                correction = 1 - group["betas"][1] ** float(state["step"])
                gradient.div_((state["exp_avg_sq"][self.row] / correction).sqrt() + group["eps"])
            steps[name] = gradient.mul_(length * moment.learning_rate * moment.stack.lr_scale)
        return steps

    def scoring_batch(
        self, size: int | None = None, part: Literal["train", "validation"] = "train"
    ) -> Batch:
        """Examples that were not stepped on, a function of the training's seed and the step.

        Of the training part those of the training batch come last: they serve only where there are
        no others.

        Args:
            size: examples; as many as the training batch has if left out.
            part: "train" or "validation".

        Raises:
            CoterieError: the part has a single example, of which there are no batch statistics.
        """
        moment, batch = self.moment, self.batch
        pool = self.bench.support if part == "train" else moment.data.split.validation
        order = torch.randperm(len(pool), generator=torch_generator(moment.seed, "probe"))
        if part == "train":
            fresh = torch.ones(len(pool), dtype=torch.bool)
            fresh[batch.position] = False
            order = torch.cat([order[fresh[order]], order[~fresh[order]]])
        chosen = pool[order[: len(batch.targets) if size is None else size]]
        if len(chosen) < 2:
            raise CoterieError(
                f"Steps are scored on at least 2 examples; the {part} part has {len(pool)}."
            )
        delivered = Batches(
            moment.data,
            chosen,
            batch_size=len(chosen),
            seed=0,
            device=moment.stack.device,
            channels_last=batch.inputs.dim() == 4
            and batch.inputs.is_contiguous(memory_format=torch.channels_last),
        )
        return next(delivered.ordered())

    def losses_after(self, weights: Tensor, steps: Mapping[str, Tensor], batch: Batch) -> Tensor:
        """Loss (R, T) on ``batch`` after R steps, row r taking sum_t weights[r, t] steps[t].

        Forward passes in training mode (statistics of the batch, the step's dropout masks) and full
        precision: what they differ by is often below the resolution of bfloat16.

        Args:
            weights: step weights (R, T).
            steps: what each task's step subtracts, by parameter name, (T, ...); parameters without
                a name here stay.
            batch: examples that score.
        """

        def run(stack: ModelStack) -> Tensor:
            with torch.no_grad(), in_full_precision():
                return stack(batch.inputs, seed=self.moment.seed)

        self.work.forwards += len(weights) * self._relative_size(batch)
        chunks = weights.split(self.bench.rows_that_fit(self.memory, len(batch.targets)))
        return torch.cat(
            [self._losses(self._on_rows(chunk, steps, run), batch) for chunk in chunks]
        )

    def slopes_after(self, steps: Mapping[str, Tensor], batch: Batch) -> tuple[Tensor, Tensor]:
        """Loss (T,) of each task after its own step, and what each step would then change, (T, T).

        The change is what each task's step (T, ...) would subtract, to first order.

        Entry [i, j] of the second is steps[i] . gradient of L_j at the parameters after steps[j],
        to first order the decrease.
        """
        size = self.n_tasks * self._relative_size(batch)
        self.work.forwards += size
        self.work.backwards += size
        losses, slopes = [], []
        for own in torch.eye(self.n_tasks).split(
            self.bench.rows_that_fit(self.memory, len(batch.targets))
        ):
            stack, after = self._on_rows(
                own, steps, lambda stack, own=own: (stack, self._own_gradients(stack, own, batch))
            )
            losses.append(after)
            slopes.append(
                sum(_products(step, stack.parameters[name].grad) for name, step in steps.items())
            )
        return torch.cat(losses), torch.cat(slopes, dim=1)

    def observed(self, batch: Batch) -> Tensor:
        """Tasks with at least one label in ``batch``, (T,) bool."""
        return ~batch.targets.isnan().all(0)

    def _own_gradients(self, stack: ModelStack, own: Tensor, batch: Batch) -> Tensor:
        share = None if self.bench.share is None else self.bench.share.expand_as(own)
        own = own.to(stack.device)
        _, losses = gradient_step(
            stack, batch, own, self.moment.tasks, self.moment.seed, self.moment.place, share
        )
        return losses[own > 0]

    def _on_rows(
        self, weights: Tensor, steps: Mapping[str, Tensor], run: Callable[[ModelStack], Result]
    ) -> Result:
        """Run something on rows that took their steps."""

        def run_with(strategy: Strategy) -> Result:
            stack = self.moment.stack.replicate(self.row, len(weights))
            stack.strategy = strategy
            with torch.no_grad():
                for name, step in steps.items():
                    stack.parameters[name].sub_(torch.tensordot(weights.to(step), step, dims=1))
            return run(stack)

        batched = Strategy("vmap", len(weights))
        return self.bench.fastest(
            "rows", lambda: run_with(batched), lambda: run_with(Strategy("loop"))
        )

    def _losses(self, outputs: Tensor, batch: Batch) -> Tensor:
        return losses_in_training(
            self.moment.stack, outputs.float(), batch.targets, self.moment.tasks, self.bench.share
        )

    def _relative_size(self, batch: Batch) -> float:
        return len(batch.targets) / len(self.batch.targets)


def require_joint(moment: Moment, method: str) -> None:
    """Refuse a training that affinities are not defined on.

    Raises:
        CoterieError: several models, a shared stem, tasks of unequal weight, or one task.
    """
    if moment.stack.n_models != 1:
        raise CoterieError(
            f"{method!r} is measured on a joint training: one model of all tasks; found a stack of "
            f"{moment.stack.n_models}."
        )
    if moment.stack.stem is not None:
        raise CoterieError(
            f"{method!r} is measured on whole models, of which copies are stepped; found a stack "
            "with a stem."
        )
    if not torch.allclose(moment.weights, moment.weights[:, :1], rtol=1e-4, atol=0):
        raise CoterieError(
            f"{method!r} is measured on a joint training, in which all tasks have the same weight; "
            f"found `weights` from {moment.weights.min().item():.3g} to "
            f"{moment.weights.max().item():.3g}."
        )
    if len(moment.tasks) < 2:
        raise CoterieError(f"An affinity is between at least 2 tasks; found {len(moment.tasks)}.")


def _batched(losses: Tensor, leaves: list[Tensor], size: int) -> list[Tensor]:
    """Gradients (T, ...) of all losses (T,) from vectorised backward passes, ``size`` at a time."""
    chunks = [
        torch.autograd.grad(
            losses, leaves, cotangents, is_grads_batched=True, retain_graph=True, allow_unused=True
        )
        for cotangents in torch.eye(len(losses), device=losses.device).split(size)
    ]
    return [
        leaf.new_zeros(len(losses), *leaf.shape) if parts[0] is None else torch.cat(parts)
        for leaf, parts in zip(leaves, zip(*chunks, strict=True), strict=True)
    ]


def _looped(losses: Tensor, leaves: list[Tensor]) -> list[Tensor]:
    """The same, task by task."""
    each = [
        torch.autograd.grad(loss, leaves, retain_graph=True, materialize_grads=True)
        for loss in losses
    ]
    return [torch.stack(parts) for parts in zip(*each, strict=True)]


def _products(one: Tensor, other: Tensor | None) -> Tensor:
    """Inner products (T, R) of (T, ...) and (R, ...), in float64."""
    if other is None:
        raise RuntimeError("A parameter that was stepped on has no gradient.")
    return (one.flatten(1) @ other.flatten(1).T).double()
