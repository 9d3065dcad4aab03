"""Copies of modules that have run."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import TypeVar

import torch
from torch import Tensor, nn

Module = TypeVar("Module", bound=nn.Module)


def copied(module: Module) -> Module:
    """An independent copy, without what a forward pass left in attributes and cannot be copied.

    A graph's tensors, or vmap's.

    >>> layer = nn.Linear(2, 2)
    >>> layer.scale, layer.last = torch.ones(3), layer(torch.ones(1, 2))
    >>> copied(layer).scale, copied(layer).last
    (tensor([1., 1., 1.]), tensor([]))
    """
    left: dict[int, object] = {
        id(tensor): torch.empty(0) for tensor in _tensors(module) if not _can_be_copied(tensor)
    }
    return deepcopy(module, left)


def _tensors(module: nn.Module) -> Iterator[Tensor]:
    """Tensors in attributes of all parts, and in lists and mappings there.

    Parameters and buffers, and what else is kept.
    """
    for value in (value for part in module.modules() for value in vars(part).values()):
        several = (
            value.values()
            if isinstance(value, dict)
            else value
            if isinstance(value, list | tuple)
            else [value]
        )
        yield from (tensor for tensor in several if isinstance(tensor, Tensor))


def _can_be_copied(tensor: Tensor) -> bool:
    if tensor.requires_grad and not tensor.is_leaf:
        return False
    try:
        tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):  # of vmap
        return False
    return True
