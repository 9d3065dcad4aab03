"""Optimisers over stacked parameters.

Elementwise, hence the same for a row alone and in company.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from functools import partial
from typing import TypedDict

import torch
from torch import Tensor

from coterie.errors import CoterieError
from coterie.models import ModelStack
from coterie.training.config import TrainingConfig

_OPTIMISERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": partial(torch.optim.Adam, fused=True),
    "adamw": partial(torch.optim.AdamW, fused=True),
    "nadam": partial(torch.optim.NAdam, foreach=True),
    "sgd": partial(torch.optim.SGD, fused=True),
}


class Group(TypedDict, total=False):
    """Parameters that are moved alike; their learning rate is ``scale`` times that of the step."""

    params: Sequence[Tensor]
    scale: float
    weight_decay: float
    momentum: float
    eps: float


def make_optimiser(
    stack: ModelStack, more: Iterable[Group], config: TrainingConfig
) -> torch.optim.Optimizer:
    """Return the optimiser of the stack's parameters, and of ``more`` groups."""
    groups = [
        dict(group) for group in ({"params": stack.trainable(), "scale": stack.lr_scale}, *more)
    ]
    make = _OPTIMISERS[config.optimiser]
    own = {"momentum": config.momentum} if config.optimiser == "sgd" else {}
    return make(groups, lr=config.lr, weight_decay=config.weight_decay, **own)


def learning_rate(step: int, n_steps: int, config: TrainingConfig) -> float:
    """Learning rate of one step: linear warm-up, then what the schedule says.

    Constant, a half cosine to zero, or halved after each 15 % of the steps ("step": epochs 15, 30,
    45, 60, 75 and 90 of 100, as DMTG is trained).

    >>> learning_rate(0, 100, TrainingConfig(lr=1.0, warmup=0.1)), learning_rate(50, 100, TrainingConfig(lr=1.0))
    (0.1, 1.0)
    >>> [learning_rate(step, 100, TrainingConfig(lr=1.0, schedule="step")) for step in (14, 15, 99)]
    [1.0, 0.5, 0.015625]
    """
    warm = math.ceil(config.warmup * n_steps)
    if step < warm:
        return config.lr * (step + 1) / warm
    if config.schedule == "constant":
        return config.lr
    done, of = step - warm, max(n_steps - warm, 1)
    if config.schedule == "step":
        return config.lr * 0.5 ** (20 * done // (3 * of))
    return config.lr * 0.5 * (1 + math.cos(math.pi * done / of))


def set_learning_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the rate of all groups, each times its own scale."""
    for group in optimiser.param_groups:
        group["lr"] = rate * group["scale"]


def clip_rows(stack: ModelStack, limit: float) -> None:
    """Scale the gradient of each model, and of a shared stem, to a norm of at most ``limit``."""
    gradients = [
        p.grad for p in stack.parameters.values() if p.requires_grad and p.grad is not None
    ]
    squares = torch.stack([gradient.flatten(1).square().sum(1) for gradient in gradients]).sum(0)
    scale = (float(limit) / (squares.sqrt() + 1e-6)).clamp(max=1.0)
    for gradient in gradients:
        gradient.mul_(scale.view(-1, *[1] * (gradient.dim() - 1)))
    if stack.stem is not None and stack.stem.trainable():
        torch.nn.utils.clip_grad_norm_(stack.stem.trainable(), limit)


def narrowed(
    optimiser: torch.optim.Optimizer, stack: ModelStack, rows: Tensor, config: TrainingConfig
) -> torch.optim.Optimizer:
    """An optimiser of ``stack``, which holds some ``rows`` of what ``optimiser`` has moved so far.

    It goes on from what is remembered of them.
    """
    found = make_optimiser(stack, (), config)
    for before, after in zip(_parameters(optimiser), _parameters(found), strict=True):
        for name, value in optimiser.state[before].items():
            found.state[after][name] = (
                torch.empty_like(after, requires_grad=False).copy_(value[rows.to(value.device)])
                if isinstance(value, Tensor) and value.shape == before.shape
                else deepcopy(value)
            )
    return found


def _parameters(optimiser: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimiser.param_groups for parameter in group["params"]]


def optimiser_arrays(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """State of the optimiser as flat named tensors, parameter by parameter."""
    return {
        f"{position}/{name}": torch.as_tensor(value)
        for position, parameter in enumerate(_parameters(optimiser))
        for name, value in optimiser.state[parameter].items()
        if value is not None
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, arrays: dict[str, Tensor]) -> None:
    """Put back what :func:`optimiser_arrays` gave, in the memory layout of the parameters.

    Raises:
        CoterieError: what is held of one parameter is not what is held of the others, or is of
            another shape.
    """
    parameters = _parameters(optimiser)
    _check_names(list(arrays), len(parameters))
    for key, value in arrays.items():
        position, name = key.split("/")
        parameter = parameters[int(position)]
        if value.shape == parameter.shape:
            optimiser.state[parameter][name] = torch.empty_like(
                parameter, requires_grad=False
            ).copy_(value)
        elif value.numel() != 1 or not value.is_floating_point():
            raise CoterieError(
                f"`optimiser/{key}` must be numbers of shape {tuple(parameter.shape)}, or one; "
                f"found {value.dtype} of shape {tuple(value.shape)}."
            )
        else:  # the step count: fused kernels want it beside the parameters, the others on the host
            fused = optimiser.defaults.get("fused")
            optimiser.state[parameter][name] = (
                value.to(parameter.device) if fused else value.clone()
            )


def _check_names(keys: Sequence[str], n_parameters: int) -> None:
    """Refuse arrays of a parameter that there is not, or that differ between parameters."""
    held: dict[str, set[str]] = {}
    for key in keys:
        position, _, name = key.partition("/")
        held.setdefault(position, set()).add(name)
    if unknown := [position for position in held if position not in map(str, range(n_parameters))]:
        raise CoterieError(f"`optimiser/{unknown[0]}` is of none of the {n_parameters} parameters.")
    if len({frozenset(names) for names in held.values()}) > 1:
        raise CoterieError("`optimiser` must hold the same of each parameter.")
