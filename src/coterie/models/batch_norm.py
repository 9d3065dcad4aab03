"""Batch normalisation under ``vmap``, which changes what the kernels are given.

Some then refuse it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


def vmapped_batch_norm(device: torch.device) -> AbstractContextManager[object]:
    """A context in which every batch normalisation can be vmapped.

    In full precision on a CPU all can already.
    """
    if device.type == "cpu" and not torch.is_autocast_enabled("cpu"):
        return nullcontext()
    return _OwnKernel()


class _OwnKernel(TorchFunctionMode):
    """Sends batch normalisation to a kernel that bears ``vmap``, whatever module calls it.

    CuDNN's kernel asks for a memory layout that nobody can tell it, so torch's own is used; and
    that one takes statistics in float32 beside inputs of lower precision for images only, so other
    inputs are widened.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is not F.batch_norm:
            return func(*args, **kwargs)
        inputs: Tensor = args[0]
        wide = inputs if inputs.dim() == 4 else inputs.float()
        # A compiler writes its own kernel, and cannot read through the flags.
        with (
            nullcontext()
            if torch.compiler.is_compiling()
            else torch.backends.cudnn.flags(enabled=False)
        ):
            return func(wide, *args[1:], **kwargs).to(inputs.dtype)
