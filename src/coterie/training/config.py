"""Settings of a training, checked when they are made."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf
from numbers import Real
from typing import Any, Literal, TypedDict, TypeVar, cast, get_args, get_type_hints

from coterie.errors import (
    CoterieError,
    require_choice,
    require_number,
    require_positive,
    require_whole,
    shown,
)
from coterie.seeds import MOST_SEED
from coterie.training.device import check_device
from coterie.training.limit import Limit

# Far beyond what anybody trains; what is larger is a slip, and would only show when memory or
# patience ends.
T = TypeVar("T")
S = TypeVar("S", bound=Mapping[str, object])
MOST_EPOCHS, MOST_EXAMPLES = 10**6, 10**8


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How a stack is trained; the same for all its rows.

    ``epochs`` are trained, neither more nor fewer, unless a ``patience`` is given: a model whose
    validation has been no better for so many epochs stops. Without ``epochs`` models are trained
    until done: with such a patience, and at most as long, as :class:`coterie.training.Limit` says
    for their number of steps an epoch. Warm-up and schedule run over the epochs that there may be.
    ``warmup`` is the share of all steps in which the learning rate rises linearly, ``schedule`` what
    follows: constant, a half cosine to zero, or "step", halved after each 15 % of them; ``clip`` bounds
    the gradient norm of each model; ``channels_last`` is the memory format of images (None: yes, if
    the inputs are images); ``keep`` is the epoch whose state each model ends with ("best" by the
    mean validation loss of its tasks, weighted as in training); ``reduction`` is what a model
    minimises of its weighted task losses, given a weight matrix: their "mean", that is their sum
    divided by that of the weights, or the "sum" itself (a provider's weights are used as they are);
    ``compile`` hands the forward pass to ``torch.compile``, which takes its time before the first
    step.
    """

    epochs: int | None = None
    patience: int | None = None
    lr: float = 1e-3
    batch_size: int = 128
    optimiser: Literal["adam", "adamw", "nadam", "sgd"] = "adam"
    weight_decay: float = 0.0
    momentum: float = 0.9
    schedule: Literal["constant", "cosine", "step"] = "constant"
    warmup: float = 0.0
    clip: float | None = None
    seed: int = 0
    precision: Literal["fp32", "bf16"] = "fp32"
    channels_last: bool | None = None
    augment: bool = False
    compile: bool = False
    strategy: Literal["auto", "vmap", "loop"] = "auto"
    keep: Literal["best", "last"] = "best"
    reduction: Literal["mean", "sum"] = "mean"
    device: str = "auto"
    model_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming it."""
        for name, hint in get_type_hints(type(self)).items():
            allowed = get_args(hint)
            if allowed and all(isinstance(choice, str) for choice in allowed):
                require_choice(name, getattr(self, name), allowed)
        for name in ("epochs", "patience"):
            if getattr(self, name) is not None:
                require_whole(name, getattr(self, name), 1, MOST_EPOCHS)
        require_whole("batch_size", self.batch_size, 2, MOST_EXAMPLES)
        require_whole("seed", self.seed, 0, MOST_SEED)
        if (
            isinstance(self.lr, bool)
            or not isinstance(self.lr, Real)
            or not 0 < float(self.lr) < inf
        ):
            raise CoterieError(f"`lr` must be positive and finite; found {shown(self.lr)}.")
        require_number("weight_decay", self.weight_decay, least=0)
        require_number("momentum", self.momentum, least=0, below=1)
        require_number("warmup", self.warmup, least=0, below=1)
        if self.clip is not None:
            require_positive("clip", self.clip)
        for name in ("augment", "compile", "channels_last"):
            if not isinstance(
                getattr(self, name), bool | None if name == "channels_last" else bool
            ):
                raise CoterieError(
                    f"`{name}` must be True or False; found {shown(getattr(self, name))}."
                )
        check_device(self.device)
        if not isinstance(self.model_options, Mapping) or not all(
            isinstance(name, str) for name in self.model_options
        ):
            raise CoterieError(
                f"`model_options` must map names to values; found {shown(self.model_options)}."
            )

    def limit(self, n_steps: int) -> Limit:
        """How long models of ``n_steps`` an epoch may train."""
        return Limit.of(n_steps, self.epochs, self.patience)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return asdict(self)


class TrainingSettings(TypedDict, total=False):
    """The fields of :class:`TrainingConfig` but ``seed``, as keywords of the verbs.

    "optimizer" is "optimiser".
    """

    epochs: int | None
    patience: int | None
    lr: float
    batch_size: int
    optimiser: Literal["adam", "adamw", "nadam", "sgd"]
    optimizer: Literal["adam", "adamw", "nadam", "sgd"]
    weight_decay: float
    momentum: float
    schedule: Literal["constant", "cosine", "step"]
    warmup: float
    clip: float | None
    precision: Literal["fp32", "bf16"]
    channels_last: bool | None
    augment: bool
    compile: bool
    strategy: Literal["auto", "vmap", "loop"]
    keep: Literal["best", "last"]
    reduction: Literal["mean", "sum"]
    device: str
    model_options: Mapping[str, Any]


class FitSettings(TrainingSettings, total=False):
    """All fields of :class:`TrainingConfig`."""

    seed: int


class CompareSettings(TrainingSettings, total=False):
    """What a comparison hands to each fit."""

    snapshots: Sequence[int]
    groupings: object
    """The earlier name of ``methods``."""
    bootstraps: object
    """No longer read."""


def renamed(earlier: str, name: str, settings: Any, value: T) -> T:
    """The ``value`` of an argument, or, with a warning, what its earlier name holds.

    >>> renamed("lr", "rate", {}, 0.1)
    0.1
    """
    if earlier not in settings:
        return value
    warnings.warn(f"`{earlier}` is called `{name}` now.", DeprecationWarning, stacklevel=3)
    return settings.pop(earlier)


def retired(earlier: str, settings: Any) -> None:
    """Drop an argument that is no longer read, with a warning.

    >>> retired("lr", {})
    """
    if settings.pop(earlier, None) is not None:
        warnings.warn(f"`{earlier}` is no longer read.", DeprecationWarning, stacklevel=3)


def spelled(settings: S) -> S:
    """Settings by the names of :class:`TrainingConfig`.

    Raises:
        CoterieError: a setting is given in both of its spellings.

    >>> spelled({"optimizer": "sgd", "lr": 0.1})
    {'optimiser': 'sgd', 'lr': 0.1}
    """
    if {"optimizer", "optimiser"} <= settings.keys():
        raise CoterieError("`optimizer` and `optimiser` are one setting; give one of them.")
    renamed = {
        "optimiser" if name == "optimizer" else name: value for name, value in settings.items()
    }
    return cast(S, renamed)
