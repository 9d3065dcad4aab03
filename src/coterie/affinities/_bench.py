"""What a measurement starts from.

The training's examples, how it is executed, what it has cost, copies of the model.

Shapes: ``T`` tasks, ``B`` examples of a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.func import functional_call

from coterie.data import Batch, Dataset
from coterie.data.batches import supports
from coterie.models import ModelStack
from coterie.models.strategy import saved_bytes
from coterie.training import Moment

Result = TypeVar("Result")


@dataclass(eq=False)
class Bench:
    """What stays the same between the measurements of one training.

    ``support`` (n,) are the examples that it learns from; ``share`` (T,) the observed share of the
    labels among them, None where that is the tasks' own; ``example_bytes`` what autograd keeps of
    one example; ``looped`` says that rows and cotangents are run one by one, ``rejected`` what was
    found not to work batched.
    """

    data: Dataset
    support: Tensor
    share: Tensor | None
    example_bytes: float
    parameter_bytes: int
    looped: bool
    rejected: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, moment: Moment) -> Bench:
        """Look at the training once.

        Convolutions on a CPU are looped over: with ten tasks and batches of 128 the `cnn` on 32 x
        32 images took 1.5 times as long with batched cotangents, and 1.7 times as long with batched
        rows.
        """
        stack, data = moment.stack, moment.data
        found = supports(data, torch.ones(1, len(data.tasks)))
        shared = isinstance(found, Tensor)
        support = found if shared else found[0]
        share = (
            None
            if shared
            else (~data.targets[support].isnan()).float().mean(0).clamp_min(1e-6).to(stack.device)
        )
        batch = only_row(moment.batch)
        tensors = copies(stack, stack.parameters)
        kept = saved_bytes(lambda: functional_call(stack.template, tensors, (batch.inputs,)))
        convolves = any(
            isinstance(module, nn.modules.conv._ConvNd) for module in stack.template.modules()
        )
        size = sum(p[0].numel() * p.element_size() for p in stack.parameters.values())
        return cls(
            data,
            support,
            share,
            kept / len(batch.targets),
            size,
            convolves and stack.device.type == "cpu",
        )

    def rows_that_fit(self, memory: int, n_examples: int) -> int:
        """Models that may be run together.

        Activations and their gradients, weights, their gradients, the step, one copy.
        """
        return max(
            1, int(memory // (2 * self.example_bytes * n_examples + 4 * self.parameter_bytes))
        )

    def fastest(
        self, what: str, together: Callable[[], Result], one_by_one: Callable[[], Result]
    ) -> Result:
        """Run batched unless this training is looped over or vmap rejects the module."""
        if not self.looped and what not in self.rejected:
            try:
                return together()
            except (RuntimeError, ValueError, NotImplementedError):
                self.rejected.add(what)
        return one_by_one()


@contextmanager
def in_full_precision() -> Iterator[None]:
    """Without TF32 in convolutions, which they have on a GPU by default.

    Short steps change weights by less than its resolution.
    """
    cudnn = torch.backends.cudnn
    before, cudnn.allow_tf32 = cudnn.allow_tf32, False
    try:
        yield
    finally:
        cudnn.allow_tf32 = before


def only_row(batch: Batch) -> Batch:
    """The batch of the only model, without the dimension of the rows."""
    if batch.position.dim() == 1:
        return batch
    return Batch(batch.position[0], batch.inputs[0], batch.targets[0])


def copies(
    stack: ModelStack, learning: Mapping[str, Tensor] | list[str], row: int = 0
) -> dict[str, Tensor]:
    """One model's tensors, those ``learning`` as leaves.

    Buffers are cloned, for a forward pass updates them.
    """
    tensors = {name: buffer[row].clone() for name, buffer in stack.buffers.items()}
    for name, parameter in stack.parameters.items():
        tensors[name] = parameter.detach()[row].requires_grad_(
            parameter.requires_grad and name in learning
        )
    return tensors
