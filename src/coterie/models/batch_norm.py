"""Batch normalisation under ``vmap`` on a GPU, where cuDNN's kernel asks for a memory layout that ``vmap`` cannot tell it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


def vmapped_batch_norm(device: torch.device) -> AbstractContextManager[Any]:
    """A context in which every batch normalisation can be vmapped on ``device``; on a CPU all can already."""
    return _OwnKernel() if device.type == "cuda" else nullcontext()


class _OwnKernel(TorchFunctionMode):
    """Sends batch normalisation to torch's own kernel, whatever module calls it."""

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
        # Vmapped, that kernel takes statistics in float32 beside lower precision for images in channels-last layout only.
        exact = inputs if inputs.dim() == 4 else inputs.float()
        with torch.backends.cudnn.flags(enabled=False):
            return func(exact, *args[1:], **kwargs).to(inputs.dtype)
