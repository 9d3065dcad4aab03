"""What kinds share whose labels are numbers in units."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from coterie.errors import CoterieError
from coterie.tasks._classes import numbers
from coterie.tasks._column import Column
from coterie.tasks._kind import Kind

if TYPE_CHECKING:
    import pyarrow as pa

    from coterie.tasks._tasks import Task, Tasks


class Numbers(Kind):
    """Kinds of tasks with one number, predicted as a value in the target's units."""

    has_classes = False

    def read(
        self,
        column: Column,
        positive: str | None = None,  # noqa: ARG002
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """The numbers.

        Raises:
            CoterieError: text, or an infinite value.
        """
        return (), finite(column)

    def fits(self, classes: Sequence[str]) -> bool:
        """No classes."""
        return not classes

    def said(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:
        """The prediction, on the scale of training."""
        values = self.predict(outputs, tasks, position)[..., 0]
        return (values - tasks.mean[position]) / tasks.std[position]

    def meanings(self, task: Task) -> list[dict[str, str]]:  # noqa: ARG002
        """A value."""
        return [{"meaning": "value in the target's units"}]

    def described(self, task: Task, likelihood: str) -> dict[str, object]:  # noqa: ARG002
        """A value."""
        return {"holds": "value in the target's units"}

    def columns(self, values: Tensor, task: Task) -> tuple[pa.Array, ...]:  # noqa: ARG002
        """The value; null where it is not a number."""
        return (numbers(values[:, 0]),)


def finite(column: Column) -> np.ndarray:
    """The numbers of a column, (N,), NaN where missing.

    Raises:
        CoterieError: text, or an infinite value.
    """
    if column.stray.any():
        raise CoterieError(stray_text(column))
    infinite = np.isinf(column.numbers)
    if infinite.any():
        raise CoterieError(
            f"Target {column.name!r} holds an infinite value in row {column.first(infinite)[1]}."
        )
    return column.numbers


def stray_text(column: Column) -> str:
    """Says where text stands that should be a number."""
    cell, row = column.first(column.stray)
    return f"Target {column.name!r} must hold numbers; found the text {cell!r} in row {row}."
