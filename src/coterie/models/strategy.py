"""How a stack executes: all rows of a chunk through ``vmap``, or one row after the other.

It is a function of the model, the batch size and the kind of device alone: no stopwatch, no free
memory, so that it is the same wherever and however often the training runs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING, Annotated, Any, Literal

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from coterie.errors import reason
from coterie.schema import least

if TYPE_CHECKING:
    from coterie.models.stack import ModelStack

# By benchmarks/strategy.py: on a CPU batched rows win by what each call costs by itself, 2 to 12
# times up to 3 million operations, and nothing from about this many on. Chunks whose activations
# leave the cache are slower again. On a GPU small steps leave most of it idle.
MOST_FLOPS = {"cpu": 2**24}
CHUNK_BYTES = {"cpu": 2**23}
_CHUNK_BYTES_ELSEWHERE = 2**32


@dataclass(frozen=True)
class Workload:
    """What a model does in training, for one example.

    ``flops`` of the forward pass, ``saved`` bytes that autograd keeps of it, and whether layers
    ``draw`` random numbers.
    """

    flops: float
    saved: float
    draws: bool

    @classmethod
    def of(cls, forward: Callable[[Tensor], Tensor], inputs: Tensor) -> Workload:
        """Of a forward pass in training mode, by what more it does with all ``inputs`` than with half.

        What it does or keeps once, such as the weights, does not count.

        >>> layer = torch.nn.Linear(3, 5)
        >>> Workload.of(layer, torch.zeros(4, 3)).flops  # a multiplication and an addition each
        30.0
        >>> Workload.of(torch.nn.Dropout(), torch.zeros(4, 3)).draws
        True
        """
        half, watch, found = len(inputs) // 2, _Draws(), []
        for some in (inputs[:half].clone(), inputs):
            counter = FlopCounterMode(display=False)
            with counter, watch:
                saved = saved_bytes(lambda some=some: forward(some))
            found.append((counter.get_total_flops(), saved))
        (flops, saved), (all_flops, all_saved) = found
        return cls((all_flops - flops) / half, (all_saved - saved) / half, watch.seen)


UNKNOWN = Workload(flops=inf, saved=inf, draws=True)


class _Draws(TorchDispatchMode):
    """Sees whether operations draw random numbers."""

    seen = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        self.seen |= torch.Tag.nondeterministic_seeded in func.tags
        return func(*args, **(kwargs or {}))


@dataclass(frozen=True)
class Strategy:
    """``kind`` and rows executed at a time, with the reason in words.

    Results do not depend on it beyond rounding.
    """

    kind: Literal["vmap", "loop"]
    rows: Annotated[int, least(1)] = 1
    reason: str = "asked for"


def batches_well(work: Workload, batch_size: int, device: torch.device) -> bool:
    """Whether the rows of a stack are faster together than one after the other."""
    return work.flops * batch_size <= MOST_FLOPS.get(device.type, torch.inf)


def choose_strategy(
    work: Workload, n_models: int, batch_size: int, device: torch.device
) -> Strategy:
    """Batched, in chunks, where a step of one model is small.

    >>> choose_strategy(Workload(1e4, 1e4, draws=False), 16, 128, torch.device("cpu"))
    Strategy(kind='vmap', rows=3, reason='1.3 MFLOP in the forward pass of a model')
    """
    known = "unknown work" if work == UNKNOWN else f"{work.flops * batch_size / 1e6:.1f} MFLOP"
    told = f"{known} in the forward pass of a model"
    rows = rows_that_fit(work, n_models, batch_size, device)
    if rows == 1 or not batches_well(work, batch_size, device):
        return Strategy("loop", reason=told)
    return Strategy("vmap", rows, told)


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


def rows_that_fit(work: Workload, n_models: int, batch_size: int, device: torch.device) -> int:
    """Rows of a chunk whose activations, and the gradients of these, are within bounds."""
    most = CHUNK_BYTES.get(device.type, _CHUNK_BYTES_ELSEWHERE)
    return int(min(n_models, max(1, most // (2 * max(work.saved * batch_size, 1)))))


def chunks(n_models: int, size: int, keys: Sequence[Hashable] | None = None) -> Sequence[slice]:
    """Slices of at most ``size`` rows that are executed together: neighbours with equal ``keys``.

    >>> chunks(5, 2)
    [slice(0, 2, None), slice(2, 4, None), slice(4, 5, None)]
    >>> chunks(4, 4, [True, False, True, True])
    [slice(0, 1, None), slice(1, 2, None), slice(2, 4, None)]
    """
    found, start = [], 0
    for _, run in groupby([None] * n_models if keys is None else keys):
        stop = start + len(list(run))
        found += [slice(first, min(first + size, stop)) for first in range(start, stop, size)]
        start = stop
    return found
