"""A column of labels, as kinds of targets see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np


class Column(Protocol):
    """A target column of N cells, as it was read."""

    @property
    def name(self) -> str:
        """Of the column."""
        ...

    @property
    def numbers(self) -> np.ndarray:
        """The cells as float64, (N,); NaN where missing, or no number."""
        ...

    @property
    def stray(self) -> np.ndarray:
        """Which cells hold something else than a number, (N,) bool."""
        ...

    @property
    def n_labels(self) -> int:
        """Number of cells that are not missing."""
        ...

    @property
    def n_distinct(self) -> int:
        """Number of distinct labels."""
        ...

    @property
    def declared(self) -> Sequence[str]:
        """Classes in the order that the source declares, seen or not.

        Empty where it declares none.
        """
        ...

    @property
    def categorical(self) -> bool:
        """Whether the source says that the cells are categories."""
        ...

    def classes(self) -> tuple[list[str], np.ndarray]:
        """Names of the classes, and the code of each cell, (N,), -1 where missing.

        As declared, else in ascending order.
        """
        ...

    def first(self, mask: np.ndarray) -> tuple[object, object]:
        """The first cell under the mask (N,), and its row."""
        ...
