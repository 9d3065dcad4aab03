"""What a stack is made of: from initialisations, from what was saved, from other stacks.

Shapes: ``M`` models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from coterie.errors import CoterieError
from coterie.models.architecture import Architecture, TaskModel
from coterie.models.stem import Stem, split

if TYPE_CHECKING:
    from coterie.models.stack import ModelStack


class Parts(NamedTuple):
    """A template that says what to compute, its tensors for every row (M, ...), and a stem."""

    template: TaskModel
    parameters: dict[str, Tensor]
    buffers: dict[str, Tensor]
    stem: Stem | None


def initialised(
    architecture: Architecture, starts: Sequence[tuple[int, int]], n_layers: int
) -> Parts:
    """Row m from its seed and the name of its initialisation, ``starts[m]``.

    The first ``n_layers`` are shared by all.
    """
    built = {start: architecture.build(*start) for start in sorted(set(starts))}
    stems = {start: split(model, n_layers, architecture.name) for start, model in built.items()}
    template = built[starts[0]]
    trainable = {name for name, parameter in template.named_parameters() if parameter.requires_grad}

    def stacked(named: Callable[[nn.Module], Mapping[str, Tensor]]) -> dict[str, Tensor]:
        return {
            name: torch.stack([named(built[start])[name].detach() for start in starts])
            for name in named(template)
        }

    parameters = stacked(lambda module: dict(module.named_parameters()))
    buffers = stacked(lambda module: dict(module.named_buffers()))
    for name in trainable:
        parameters[name].requires_grad_()
    return Parts(template, parameters, buffers, stems[starts[0]])


def restored(architecture: Architecture, state: Mapping[str, Tensor], n_layers: int) -> Parts:
    """What :meth:`ModelStack.state` gave."""
    template = architecture.build(0, 0)
    shared = split(template, n_layers, architecture.name)
    if shared is not None:
        shared.load({name: state[name] for name in shared.tensors()})
    parameters = {
        name: state[name].requires_grad_(parameter.requires_grad)
        for name, parameter in template.named_parameters()
    }
    buffers = {name: state[name] for name, _ in template.named_buffers()}
    return Parts(template, parameters, buffers, shared)


def joined(stacks: Sequence[ModelStack]) -> Parts:
    """The rows of all stacks, in order.

    Raises:
        CoterieError: they have several architectures, or stems that differ or learn.
    """
    first = stacks[0]
    if any(stack.architecture != first.architecture for stack in stacks):
        raise CoterieError("Only stacks of one architecture can be concatenated.")
    if not all(_same_frozen_stem(first.stem, stack.stem) for stack in stacks):
        raise CoterieError(
            "Only stacks without a stem, or with one and the same frozen stem, can be concatenated."
        )

    def cat(named: Callable[[ModelStack], Mapping[str, Tensor]]) -> dict[str, Tensor]:
        every = [named(stack) for stack in stacks]
        return {
            name: torch.cat([each[name].detach() for each in every]).requires_grad_(
                tensor.requires_grad
            )
            for name, tensor in every[0].items()
        }

    return Parts(
        first.template,
        cat(lambda stack: stack.parameters),
        cat(lambda stack: stack.buffers),
        None if first.stem is None else first.stem.copy(),
    )


def _same_frozen_stem(one: Stem | None, other: Stem | None) -> bool:
    if one is None or other is None:
        return one is other
    theirs = other.tensors()
    same = all(torch.equal(tensor, theirs[name]) for name, tensor in one.tensors().items())
    return one.frozen and other.frozen and same
