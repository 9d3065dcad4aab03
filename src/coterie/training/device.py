"""Where and in which precision: Lightning Fabric's answer, asked once per training."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from coterie.errors import CoterieError, shown

if TYPE_CHECKING:
    from lightning.fabric import Fabric


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


def make_fabric(device: str = "auto", precision: str = "fp32") -> Fabric:
    """Return a Fabric on one device.

    ``device`` is "auto", "cpu" or "cuda", ``precision`` "fp32" or "bf16".

    Raises:
        CoterieError: the device is unknown or not on this machine.
    """
    import torch
    from lightning.fabric import Fabric
    from lightning.fabric.plugins import MixedPrecision

    check_device(device)
    kind, _, number = device.partition(":")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise CoterieError(
            f"`device` {device!r} is not here: {torch.cuda.device_count()} CUDA devices were "
            "found. Use 'cpu'."
        )
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    # As a plugin, because asking by name makes Fabric announce it on every call.
    plugins: Any = [MixedPrecision("bf16-mixed", kind)] if precision == "bf16" else []
    return Fabric(
        accelerator=kind, devices=[int(number or 0)] if kind == "cuda" else 1, plugins=plugins
    )
