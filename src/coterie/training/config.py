"""Settings of a training, checked when they are made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args, get_type_hints

from coterie.errors import CoterieError


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a stack is trained; the same for all its rows.

    ``warmup`` is the share of all steps in which the learning rate rises linearly; ``clip`` bounds the gradient norm of
    each model; ``channels_last`` is the memory format of images (None: yes, if the inputs are images); ``keep`` is the epoch
    whose state each model ends with ("best" by the mean validation score of its tasks); ``compile`` hands the forward pass to
    ``torch.compile``, which takes its time before the first step.
    """

    epochs: int = 10
    lr: float = 1e-3
    batch_size: int = 128
    optimiser: Literal["adam", "adamw", "nadam", "sgd"] = "adam"
    weight_decay: float = 0.0
    momentum: float = 0.9
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = 0.0
    clip: float | None = None
    seed: int = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool | None = None
    augment: bool = False
    compile: bool = False
    strategy: Literal["auto", "vmap", "loop"] = "auto"
    keep: Literal["best", "last"] = "best"
    device: str = "auto"
    model_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming it."""
        for name, hint in get_type_hints(type(self)).items():
            allowed = get_args(hint)
            if allowed and all(isinstance(choice, str) for choice in allowed) and getattr(self, name) not in allowed:
                choices = ", ".join(repr(choice) for choice in allowed)
                raise CoterieError(f"`{name}` must be one of {choices}; found {getattr(self, name)!r}.")
        for name, least in (("epochs", 1), ("batch_size", 2)):
            if int(getattr(self, name)) != getattr(self, name) or getattr(self, name) < least:
                raise CoterieError(f"`{name}` must be a whole number of at least {least}; found {getattr(self, name)!r}.")
        if not 0 < self.lr < math.inf:
            raise CoterieError(f"`lr` must be positive and finite; found {self.lr!r}.")
        if self.weight_decay < 0:
            raise CoterieError(f"`weight_decay` must not be negative; found {self.weight_decay!r}.")
        if not 0 <= self.warmup < 1:
            raise CoterieError(f"`warmup` is a share of all steps and must be in [0, 1); found {self.warmup!r}.")
        if self.clip is not None and not self.clip > 0:
            raise CoterieError(f"`clip` must be positive or None; found {self.clip!r}.")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)
