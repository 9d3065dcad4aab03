"""What examples contribute to a metric, computed by :mod:`coterie.statistics` on arrays."""

from __future__ import annotations

from types import ModuleType

import numpy as np
from torch import Tensor

Influence = tuple[np.ndarray, np.ndarray]


def influence() -> ModuleType:
    """The module of that name, which is imported when it is first needed: scipy comes with it."""
    from coterie.statistics import influence as module  # pyright: ignore[reportMissingImports]

    return module


def arrays(*tensors: Tensor) -> tuple[np.ndarray, ...]:
    """Tensors, from wherever they are."""
    return tuple(each.detach().cpu().numpy() for each in tensors)
