"""What kinds share whose labels are more than two classes."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from coterie.tasks._column import Column
from coterie.tasks._kind import Kind

if TYPE_CHECKING:
    import pyarrow as pa

    from coterie.tasks._tasks import Task, Tasks


class Classes(Kind):
    """Kinds of tasks with K classes, whose predictions are K probabilities."""

    has_classes = True
    has_likelihood = True
    wide = True

    @abstractmethod
    def probabilities(self, outputs: Tensor) -> Tensor:
        """Of each class, (..., K), from the outputs of one task, (..., w)."""

    def log_probabilities(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:  # noqa: ARG002
        """Of each class, (..., K)."""
        return self.probabilities(outputs).log()

    def said(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:  # noqa: ARG002
        """The likeliest class."""
        return likeliest(self.probabilities(outputs))

    def fits(self, classes: Sequence[str]) -> bool:
        """Two classes or more."""
        return len(classes) >= 2

    def n_predictions(self, classes: Sequence[str]) -> int:
        """A probability of each class."""
        return len(classes)

    def predict(self, outputs: Tensor, tasks: object, position: int) -> Tensor:  # noqa: ARG002
        """Probabilities of the classes."""
        return self.probabilities(outputs)

    def meanings(self, task: Task) -> list[dict[str, str]]:
        """A probability of each class."""
        return [{"meaning": "probability", "class": name} for name in task.classes]

    def described(self, task: Task, likelihood: str) -> dict[str, object]:
        """The likeliest class, and how likely."""
        return {
            "holds": "likeliest class",
            "probability column": likelihood,
            "classes": list(task.classes),
        }

    def columns(self, values: Tensor, task: Task) -> tuple[pa.Array, ...]:
        """The likeliest class, and how likely; null where that is not a number."""
        import pyarrow as pa

        share, code = values.float().max(1)  # of NaN and numbers it is NaN
        found = pa.array(task.classes, pa.string()).take(
            pa.array(code.numpy(), mask=share.isnan().numpy())
        )
        return found, numbers(share)


def likeliest(values: Tensor) -> Tensor:
    """The class of the highest of values (..., K), (...); NaN where one of them is.

    >>> likeliest(torch.tensor([[0.1, 0.9], [torch.nan, 0.5]]))
    tensor([1., nan])
    """
    highest, code = values.max(-1)  # of NaN and numbers it is NaN
    return code.to(highest).masked_fill(highest.isnan(), torch.nan)


def read_classes(column: Column) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the classes, and codes (N,) float64, NaN where missing."""
    classes, codes = column.classes()
    return tuple(classes), np.where(codes < 0, np.nan, codes)


def numbers(values: Tensor) -> pa.Array:
    """Numbers (rows,) with null for NaN."""
    import pyarrow as pa

    return pa.array(values.numpy(), from_pandas=True)
