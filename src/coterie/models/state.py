"""Whether saved tensors are those of a model, found out before any memory is given to it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor

from coterie.errors import CoterieError
from coterie.models.architecture import Architecture
from coterie.models.encoders import ENCODERS
from coterie.models.stem import split


def without_memory(architecture: Architecture) -> AbstractContextManager[object]:
    """Build models of shapes only, because a damaged file may ask for any size.

    Encoders of one's own need not stand that.
    """
    built_in = isinstance(architecture.model, str) and architecture.model in ENCODERS
    return torch.device("meta") if built_in else nullcontext()


def check_stack_state(
    architecture: Architecture, state: Mapping[str, Tensor], n_models: int, *, stem: int = 0
) -> None:
    """Refuse what is no state of a stack of ``n_models``.

    Raises:
        CoterieError: a tensor is missing, unknown or of another shape or type; it is named.
    """
    if n_models < 1:
        raise CoterieError("A stack has at least one model; found none.")
    with without_memory(architecture):
        template = architecture.build(0, 0)
        shared = split(template, stem, architecture.name)
    wanted = {} if shared is None else shared.tensors()
    rows = {
        name: tensor.expand(n_models, *tensor.shape) for name, tensor in template.named_parameters()
    }
    rows |= {
        name: tensor.expand(n_models, *tensor.shape) for name, tensor in template.named_buffers()
    }
    require_state(state, {**wanted, **rows})


def require_state(state: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    """Refuse tensors that differ from those wanted in name, shape or type.

    Raises:
        CoterieError: naming the first.

    >>> require_state({"weight": torch.zeros(3)}, {"weight": torch.zeros(2)})
    Traceback (most recent call last):
    coterie.errors.CoterieError: Tensor `weight` must be float32 of shape (2,); found ...
    """
    for name in (*wanted, *state):
        if name not in state:
            raise CoterieError(f"Tensor `{name}` is missing.")
        if name not in wanted:
            raise CoterieError(f"There is an unknown tensor `{name}`.")
        if (found := _described(state[name])) != (right := _described(wanted[name])):
            raise CoterieError(f"Tensor `{name}` must be {right}; found {found}.")


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {tuple(tensor.shape)}"
