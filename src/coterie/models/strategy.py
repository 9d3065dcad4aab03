"""How a stack executes: all rows of a chunk through ``vmap``, or one row after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

import torch
from torch import Tensor

from coterie.errors import reason
from coterie.schema import least

if TYPE_CHECKING:
    from coterie.models.stack import ModelStack

MEMORY_SHARE = 0.3
MEASURED_ROWS = 8


@dataclass(frozen=True)
class Strategy:
    """``kind`` and rows executed at a time, with the reason in words.

    Results do not depend on it beyond rounding.
    """

    kind: Literal["vmap", "loop"]
    rows: Annotated[int, least(1)] = 1
    reason: str = "asked for"


def choose_strategy(
    stack: ModelStack,
    step: Callable[[ModelStack], object],
    activation_bytes: int,
    device: torch.device,
) -> Strategy:
    """Time one training step of a few rows both ways and return the faster.

    Modules that vmap rejects are looped over.

    Args:
        stack: the stack to be trained, at least two rows; it is left as it was.
        step: runs one forward and backward pass of the stack that it is given.
        activation_bytes: what autograd keeps of one row in one step, which bounds the rows of a
            chunk.
        device: where the stack lives.
    """
    sample = stack.select(range(min(stack.n_models, MEASURED_ROWS)))
    sample.train()
    chunk = rows_that_fit(activation_bytes, device, stack.n_models)
    sample.strategy = Strategy("vmap", min(chunk, sample.n_models))
    try:
        vmapped = _seconds(lambda: step(sample), device)
    except Exception as error:
        return rejected(reason(error.__cause__ or error))
    sample.strategy = Strategy("loop")
    looped = _seconds(lambda: step(sample), device)
    measured = (
        f"{sample.n_models} rows: vmap {vmapped * 1e3:.1f} ms, loop {looped * 1e3:.1f} ms a step"
    )
    return (
        Strategy("vmap", chunk, measured) if vmapped < looped else Strategy("loop", reason=measured)
    )


def rejected(why: str) -> Strategy:
    """The loop, because vmap cannot run the module."""
    return Strategy("loop", reason=f"vmap rejects this module: {why[:120]}")


def why_not_vmap(
    stack: ModelStack,
    step: Callable[[ModelStack], object],
    evaluate: Callable[[ModelStack], object],
) -> str | None:
    """Why ``vmap`` cannot run a training step or an evaluation of this stack; None if it can.

    The stack is left as it was.

    Raises:
        CoterieError: nor can a loop, so that it is the model, or a loss of the user's own, that
            fails.
    """

    def attempt(strategy: Strategy) -> None:
        sample = stack.select(range(2))
        sample.strategy = strategy
        sample.train()
        step(sample)
        sample.train(False)
        evaluate(sample)

    try:
        attempt(Strategy("vmap", 2))
    except Exception as error:  # modules may raise anything when they meet what is no plain tensor
        attempt(Strategy("loop"))
        return reason(error.__cause__ or error)
    return None


def saved_bytes(forward: Callable[[], Tensor]) -> int:
    """Bytes that autograd keeps for the backward pass of one forward call.

    >>> x = torch.ones(10, requires_grad=True)
    >>> saved_bytes(lambda: x.exp())
    40
    """
    seen: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        seen[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = forward()
    del output
    return sum(seen.values())


def rows_that_fit(activation_bytes: int, device: torch.device, n_models: int) -> int:
    """Rows of a chunk whose activations take at most a share of the free memory."""
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
    else:
        free = (
            os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            if hasattr(os, "sysconf")
            else 2**32
        )
    # Gradients of activations live beside them during the backward pass.
    return int(min(n_models, max(1, MEMORY_SHARE * free // (2 * max(activation_bytes, 1)))))


def chunks(
    n_models: int, strategy: Strategy, alive: Sequence[bool] | None = None
) -> Sequence[slice]:
    """Slices of rows that are executed together.

    None holds both rows that are ``alive`` and rows that are not.

    >>> chunks(5, Strategy("vmap", 2))
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    >>> chunks(4, Strategy("vmap", 4), alive=[True, False, True, True])
    [slice(0, 1, None), slice(1, 2, None), slice(2, 4, None)]
    """
    if alive is None or all(alive):
        return [
            slice(start, min(start + strategy.rows, n_models))
            for start in range(0, n_models, strategy.rows)
        ]
    found, start = [], 0
    for _, run in groupby(alive):
        stop = start + len(list(run))
        found += [
            slice(first, min(first + strategy.rows, stop))
            for first in range(start, stop, strategy.rows)
        ]
        start = stop
    return found


def _seconds(step: Callable[[], object], device: torch.device) -> float:
    """Best of two after one warm-up."""
    times = []
    for _ in range(3):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = perf_counter()
        step()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(perf_counter() - start)
    return min(times[1:])
