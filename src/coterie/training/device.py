"""Where a training runs, and in which precision."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self

from coterie.errors import CoterieError, shown

if TYPE_CHECKING:
    import torch


def check_device(device: str) -> None:
    """Refuse what names no device anywhere; nothing is imported for it.

    >>> check_device("cuda:x")
    Traceback (most recent call last):
    coterie.errors.CoterieError: `device` must be 'auto', 'cpu', 'cuda' or 'cuda:N'; found 'cuda:x'.
    """
    if not isinstance(device, str) or not re.fullmatch(r"auto|cpu|cuda(:[0-9]{1,4})?", device):
        raise CoterieError(
            f"`device` must be 'auto', 'cpu', 'cuda' or 'cuda:N'; found {shown(device)}."
        )


@dataclass(frozen=True)
class Place:
    """One device, and the precision of the forward passes on it.

    >>> Place.of("cpu", "bf16")
    Place(device=device(type='cpu'), precision='bf16')
    """

    device: torch.device
    precision: Literal["fp32", "bf16"] = "fp32"

    @classmethod
    def of(cls, device: str = "auto", precision: Literal["fp32", "bf16"] = "fp32") -> Self:
        """The place by its names: "auto", "cpu", "cuda" or "cuda:N", and "fp32" or "bf16".

        Raises:
            CoterieError: the device is unknown or not on this machine.
        """
        import torch

        check_device(device)
        kind, _, number = device.partition(":")
        if kind == "auto":
            kind = "cuda" if torch.cuda.is_available() else "cpu"
        if kind == "cpu":
            return cls(torch.device("cpu"), precision)
        if int(number or 0) >= torch.cuda.device_count():
            raise CoterieError(
                f"`device` {device!r} is not here: {torch.cuda.device_count()} CUDA devices were "
                "found. Use 'cpu'."
            )
        return cls(torch.device("cuda", int(number or 0)), precision)

    def autocast(self) -> AbstractContextManager[object]:
        """A context in which forward passes have the precision of the tensors, or mixed bfloat16."""
        import torch

        if self.precision == "fp32":
            return nullcontext()
        return torch.autocast(self.device.type, dtype=torch.bfloat16)
