"""How students of distilled examples are trained: numbers, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from coterie.errors import (
    CoterieError,
    require_choice,
    require_number,
    require_positive,
    require_type,
    require_whole,
)
from coterie.training.config import MOST_EPOCHS, MOST_EXAMPLES
from coterie.training.device import check_device


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How students are trained; defaults are those of CIFAR-10 in DELT.

    ``batch_size`` None is that of the released scripts for so many examples a class. ``magnitude``
    and ``operations`` are those of RandAugment (0 operations: none); ``crop`` is the least share of
    an image that is cut out; ``score_every`` so many epochs students are scored on validation and
    test examples, besides the last. Tables are not augmented, nor mixed.

    Raises:
        CoterieError: a setting that cannot work.
    """

    epochs: int = 300
    lr: float = 1e-3
    batch_size: int | None = None
    weight_decay: float = 0.01
    temperature: float = 20.0
    magnitude: float = 5.0
    operations: int = 4
    crop: float = 0.25
    flip: bool = True
    cutmix: bool = True
    score_every: int = 10
    precision: Literal["fp32", "bf16"] = "fp32"
    device: str = "auto"
    model_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what cannot work, naming it."""
        require_whole("epochs", self.epochs, 1, MOST_EPOCHS)
        require_whole("score_every", self.score_every, 1, MOST_EPOCHS)
        require_whole("operations", self.operations, 0, 100)
        if self.batch_size is not None:
            require_whole("batch_size", self.batch_size, 2, MOST_EXAMPLES)
        require_positive("lr", self.lr)
        require_positive("temperature", self.temperature)
        require_number("weight_decay", self.weight_decay, least=0)
        require_number("magnitude", self.magnitude, least=0, below=math.nextafter(10, 11))
        require_positive("crop", self.crop)
        if self.crop > 1:
            raise CoterieError(f"`crop` must be a share, above 0 and at most 1; found {self.crop}.")
        for name in ("flip", "cutmix"):
            require_type(name, getattr(self, name), bool)
        require_choice("precision", self.precision, ("fp32", "bf16"))
        check_device(self.device)
        require_type("model_options", self.model_options, Mapping)

    def rate(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0.

        >>> recipe = Recipe(lr=1.0, epochs=2)
        >>> recipe.rate(0), round(recipe.rate(1), 3)
        (1.0, 0.854)
        """
        return self.lr * (1 + math.cos(math.pi * epoch / (2 * self.epochs))) / 2

    def scored(self) -> list[int]:
        """Epochs after which students are scored, counted from 1; the last is one of them."""
        return sorted({*range(1, self.epochs + 1, self.score_every), self.epochs})


class RecipeSettings(TypedDict, total=False):
    """The fields of :class:`Recipe`, as keywords of :func:`post_train`."""

    epochs: int
    lr: float
    batch_size: int | None
    weight_decay: float
    temperature: float
    magnitude: float
    operations: int
    crop: float
    flip: bool
    cutmix: bool
    score_every: int
    precision: Literal["fp32", "bf16"]
    device: str
    model_options: Mapping[str, Any]


def usual_batch_size(n_examples: int, n_classes: int) -> int:
    """The batch size of DELT's released scripts for so many examples and classes.

    >>> usual_batch_size(100, 10), usual_batch_size(500, 10), usual_batch_size(1000, 100)
    (50, 100, 100)
    """
    each = n_examples / n_classes
    size = 100 if each >= 30 else 50 if each >= 10 else 10
    return max(2, min(n_examples, size * (2 if n_classes >= 100 else 1)))
