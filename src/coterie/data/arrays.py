"""Arrays, tensors and their likes: inputs that come with their targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pandas as pd


def as_input(value: Any) -> Tensor:
    """Return one input as a tensor; a PIL image becomes (3, H, W) uint8."""
    if isinstance(value, Tensor):
        return value
    if hasattr(value, "convert"):
        return torch.from_numpy(np.asarray(value.convert("RGB")).transpose(2, 0, 1).copy())
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise CoterieError(f"The inputs of a dataset must be tensors, arrays or PIL images; found {describe(value)}.")
    tensor = torch.from_numpy(array)
    return tensor if tensor.dtype == torch.uint8 else tensor.float()


def describe(value: Any) -> str:
    """The type of a value, and the keys of a mapping, for messages."""
    keys = f" with keys {sorted(map(str, value))}" if isinstance(value, Mapping) else ""
    return f"{type(value).__module__}.{type(value).__qualname__}{keys}".removeprefix("builtins.")


def from_arrays(inputs: Any, targets: Any, names: Sequence[str] | None = None) -> tuple[Tensor, pd.DataFrame]:
    """Return inputs as uint8 images (N, C, H, W) or float32 (N, ...), and targets as a frame.

    Raises:
        CoterieError: shapes or lengths that do not fit, inputs that are no finite numbers.

    >>> inputs, frame = from_arrays([[1.0], [2.0]], [0, 1])
    >>> inputs.shape, list(frame.columns)
    (torch.Size([2, 1]), ['target'])
    """
    tensor = input_tensor(inputs)
    frame = target_frame(targets, names)
    if len(tensor) != len(frame):
        raise CoterieError(f"`inputs` and `targets` must have the same length; found {len(tensor)} and {len(frame)}.")
    return tensor, frame


def input_tensor(inputs: Any) -> Tensor:
    """Return inputs that are taken as they are, checked: uint8 images (N, C, H, W) or float32 (N, ...)."""
    tensor = inputs.detach().cpu() if isinstance(inputs, Tensor) else _to_tensor(inputs)
    if tensor.dtype != torch.uint8 or tensor.dim() != 4:
        tensor = tensor.float()
    tensor = tensor.contiguous()
    if tensor.dim() < 2:
        raise CoterieError(f"`inputs` must have shape (N, F) or (N, C, H, W); found {tuple(tensor.shape)}.")
    if tensor.dim() == 4 and tensor.shape[1] > 4 and tensor.shape[3] in (1, 3, 4):
        raise CoterieError(f"Images must have shape (N, C, H, W); found {tuple(tensor.shape)}: move the channels to the front.")
    if tensor.is_floating_point() and not (finite := tensor.isfinite()).all():
        place = (~finite).nonzero()[0].tolist()
        column = f"column {place[1]}" if tensor.dim() == 2 else f"position {tuple(place[1:])}"
        found = tensor[tuple(place)].item()
        raise CoterieError(f"`inputs` must be finite; found {found} in row {place[0]}, {column}.")
    return tensor


def _to_tensor(values: Any) -> Tensor:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise CoterieError(f"`inputs` must hold numbers; found an array of type {array.dtype}.")
    return torch.from_numpy(np.ascontiguousarray(array))


def target_frame(targets: Any, names: Sequence[str] | None = None) -> pd.DataFrame:
    """Return targets as a frame with one column per task: ``target``, or ``task 0``, ``task 1``, ... if not named."""
    import pandas as pd

    if isinstance(targets, pd.DataFrame):
        frame = targets.reset_index(drop=True)
    elif isinstance(targets, Mapping):
        frame = pd.DataFrame(targets)
    else:
        array = targets.detach().cpu().numpy() if isinstance(targets, Tensor) else np.asarray(targets)
        if array.ndim not in (1, 2):
            raise CoterieError(f"`targets` must have shape (N,) or (N, T); found {array.shape}.")
        frame = pd.DataFrame(array)
        frame.columns = ["target"] if frame.shape[1] == 1 else [f"task {i}" for i in range(frame.shape[1])]
    if names is not None:
        if len(names) != frame.shape[1]:
            raise CoterieError(f"`names` must name {frame.shape[1]} tasks; found {len(names)} names.")
        frame.columns = list(names)
    frame.columns = [str(name) for name in frame.columns]
    return frame
