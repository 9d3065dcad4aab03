"""Forward and backward passes of a joint model that note what goes through its layers.

Shapes: ``B`` examples, ``P`` output columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from coterie.estimators.gradtag.layers import Layer, UnsupportedError
from coterie.estimators.gradtag.linearised import Linearised, cells
from coterie.estimators.gradtag.margins import margins

Batch = tuple[Tensor, Tensor]
Calls = list[tuple[Tensor, Tensor]]


def backward_passes(
    linearised: Linearised,
    layers: Sequence[Layer],
    inputs: Tensor,
    targets: Tensor,
    outputs: list[Tensor] | None = None,
) -> Iterator[tuple[int, list[Calls], list[list[Tensor]]]]:
    """One forward pass, then the output gradients of each call of each layer.

    Those of every example's first cell, of its second, and so on.
    """
    index, used = cells(targets)
    with torch.enable_grad():
        found, calls = forward_pass(linearised, layers, inputs)
        margin = margins(found, targets, linearised.tasks).gather(1, index) * used
    if outputs is not None:
        outputs.append(found.detach())
    linearised.work.backwards += index.numel()
    flat = [output for mine in calls for _, output in mine]
    for number in range(index.shape[1]):
        last = number == index.shape[1] - 1
        each = iter(
            torch.autograd.grad(
                margin[:, number].sum(),
                flat,
                retain_graph=not last,
                allow_unused=True,
                materialize_grads=True,
            )
        )
        yield number, calls, [[next(each) for _ in mine] for mine in calls]


def forward_pass(
    linearised: Linearised, layers: Sequence[Layer], inputs: Tensor
) -> tuple[Tensor, list[Calls]]:
    """The model's outputs and each layer's calls.

    Raises:
        UnsupportedError: a layer's parameters are used, but not by calling it.
    """
    with _recorded(layers) as calls:
        found = linearised.model(inputs)
    linearised.work.forwards += len(inputs)
    idle = [layer.name for layer, mine in zip(layers, calls, strict=True) if not mine]
    if idle:
        raise UnsupportedError(f"{idle[0]} is not called as a module")
    return found, calls


@contextmanager
def _recorded(layers: Sequence[Layer]) -> Iterator[list[Calls]]:
    """Record (input, output) of every call of each layer."""
    calls: list[Calls] = [[] for _ in layers]

    def hook(mine: Calls) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def record(_: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:
            if args:
                mine.append((args[0].detach(), output))
            # What follows may work in place.
            return output.clone()

        return record

    handles = [
        layer.module.register_forward_hook(hook(mine))
        for layer, mine in zip(layers, calls, strict=True)
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()
