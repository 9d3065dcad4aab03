"""Where and in which precision: Lightning Fabric's answer, asked once per training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from coterie.errors import CoterieError

if TYPE_CHECKING:
    from lightning.fabric import Fabric


def make_fabric(device: str = "auto", precision: str = "fp32") -> Fabric:
    """Return a Fabric on one device: ``device`` is "auto", "cpu" or "cuda", ``precision`` "fp32" or "bf16".

    Raises:
        CoterieError: the device is unknown or not on this machine.
    """
    import torch
    from lightning.fabric import Fabric
    from lightning.fabric.plugins import MixedPrecision

    kind, _, number = device.partition(":")
    if kind not in {"auto", "cpu", "cuda"}:
        raise CoterieError(f"`device` must be 'auto', 'cpu', 'cuda' or 'cuda:N'; found {device!r}.")
    if kind == "cuda" and int(number or 0) >= torch.cuda.device_count():
        raise CoterieError(f"`device` {device!r} is not here: {torch.cuda.device_count()} CUDA devices were found. Use 'cpu'.")
    if kind == "auto":
        kind = "cuda" if torch.cuda.is_available() else "cpu"
    # As a plugin, because asking by name makes Fabric announce it on every call.
    plugins: Any = [MixedPrecision("bf16-mixed", kind)] if precision == "bf16" else []
    return Fabric(accelerator=kind, devices=[int(number or 0)] if kind == "cuda" else 1, plugins=plugins)
