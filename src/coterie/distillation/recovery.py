"""What is asked for of :func:`coterie.distill`, besides whom and what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypedDict

from coterie.distillation.schedule import EarlyLate, usual_round
from coterie.errors import (
    require_choice,
    require_count,
    require_number,
    require_texts,
    require_type,
    require_whole,
)
from coterie.seeds import MOST_SEED
from coterie.training.device import check_device

CROPS = ("image", "shared")
LEGACY = ("adam", "batches")
_MOST_EXAMPLES = 10**6
_MOST_WEIGHT = 1e9


class RecoverySettings(TypedDict, total=False):
    """Fields of :class:`Recovery`, as keywords of :func:`coterie.distill`."""

    iterations: int
    round_iterations: int | None
    lr: float
    least_area: float
    restart: bool
    bn_weight: float
    first_bn: float
    crop: Literal["image", "shared"]
    flip: bool
    batch_size: int
    legacy: Sequence[str]
    seed: int
    device: str
    precision: Literal["fp32", "bf16"]


@dataclass(frozen=True, kw_only=True)
class Recovery:
    """How examples are optimised (Shen et al. 2025, section 3 and appendix, as released).

    ``iterations``, ``round_iterations``, ``lr``, ``least_area`` and ``restart`` are those of
    :class:`coterie.distillation.EarlyLate`; without ``round_iterations`` a round is an eighth of
    the iterations, or, where that is no whole number, one of seven rounds, of six, and so on.
    ``bn_weight`` is that of the distance of BatchNorm statistics in the loss (at 0 a teacher needs
    no BatchNorm), in which the first layer counts ``first_bn`` times. Each image is seen by a
    ``crop`` of its own or by one that is "shared" by the batch, and turned left-right every other
    time if ``flip``. ``batch_size`` is the most examples of a batch, in which as many classes are
    as find room. ``legacy`` names what is done as in the released code: "adam" lets ranks that join
    late inherit the step count of Adam, whose first steps are then up to 1.7 times as long;
    "batches" are of 100 examples of few whole classes. With both, and crop="shared", it is followed
    to the letter but for rounding.

    Raises:
        CoterieError: a setting that cannot work.
    """

    iterations: int = 4000
    round_iterations: int | None = None
    lr: float = 0.25
    least_area: float = 0.08
    restart: bool = False
    bn_weight: float = 0.01
    first_bn: float = 10.0
    crop: Literal["image", "shared"] = "image"
    flip: bool = True
    batch_size: int = 500
    legacy: Sequence[str] = ()
    seed: int = 0
    device: str = "auto"
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming it."""
        object.__setattr__(self, "round_iterations", self.schedule(1).round_iterations)
        require_number("bn_weight", self.bn_weight, least=0, below=_MOST_WEIGHT)
        require_number("first_bn", self.first_bn, least=0, below=_MOST_WEIGHT)
        require_type("flip", self.flip, bool)
        require_choice("crop", self.crop, CROPS)
        require_count("batch_size", self.batch_size, _MOST_EXAMPLES)
        object.__setattr__(self, "legacy", require_texts("legacy", self.legacy))
        for each in self.legacy:
            require_choice("legacy", each, LEGACY)
        require_whole("seed", self.seed, 0, MOST_SEED)
        check_device(self.device)
        require_choice("precision", self.precision, ("fp32", "bf16"))

    def schedule(self, per_class: int) -> EarlyLate:
        """The schedule of so many ranks."""
        return EarlyLate(
            per_class=per_class,
            iterations=self.iterations,
            round_iterations=usual_round(self.iterations)
            if self.round_iterations is None
            else self.round_iterations,
            lr=self.lr,
            least_area=self.least_area,
            restart=self.restart,
        )
