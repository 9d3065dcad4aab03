"""What files of trained models say of them, besides their numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from torch import nn

from coterie.codec import Record
from coterie.models.architecture import Architecture
from coterie.schema import Json, least
from coterie.tasks import Tasks


@dataclass(frozen=True, kw_only=True)
class SavedModel(Record):
    """The encoder by its name, and what it is for."""

    model: str
    input_shape: tuple[Annotated[int, least(1)], ...]
    options: dict[str, Json] = field(default_factory=dict)
    tasks: Tasks
    stem: Annotated[int, least(0)] = 0

    def architecture(self, factory: str | Callable[..., nn.Module]) -> Architecture:
        """How to build the models again, once the factory is trusted."""
        return Architecture.of(factory, self.input_shape, self.tasks, self.options)
