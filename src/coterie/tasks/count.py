"""Count: a whole number of events, 0, 1, 2, ...

Labels are divided by their mean on the training part, and the output z is the logarithm of the rate
on this scale, so that z = 0 predicts the mean. The loss is the Poisson deviance on this scale, 2 (y
log y - y z - y + exp(z)): up to a constant and to the factor 2 / mean the negative Poisson log
likelihood. Predictions are rates in the target's own units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError
from coterie.tasks._column import Column
from coterie.tasks._kind import Kind, register
from coterie.tasks._numbers import Numbers, finite

if TYPE_CHECKING:
    from coterie.tasks._blocks import Block
    from coterie.tasks._tasks import Tasks

_LARGEST = 20.0
_CONSTANT = 1e-12


class Count(Numbers):
    """A whole number of events."""

    name = "count"
    metric_name = "D2"
    estimand = "rate"

    def read(
        self,
        column: Column,
        positive: str | None = None,  # noqa: ARG002
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """The numbers.

        Raises:
            CoterieError: text, infinite or negative values, or parts of whole numbers.
        """
        values = finite(column)
        if (wrong := (values < 0) | (values % 1 > 0)).any():
            cell, row = column.first(wrong)
            raise CoterieError(
                f"Target {column.name!r} must hold whole numbers from 0 to be a count; found "
                f"{cell} in row {row}."
            )
        return (), values

    def units(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """0 and the mean."""
        return np.zeros(values.shape[1]), np.nanmean(values, 0)

    def loss(self, outputs: Tensor, labels: Tensor, block: Block) -> Tensor:  # noqa: ARG002
        """Deviance."""
        return deviance(outputs, labels)

    def confidence(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """exp(-d / 2) of the deviance d."""
        return torch.exp(-deviance(outputs, labels) / 2)

    def constant(self, labels: Tensor, n_classes: int, pos_weight: float) -> Tensor:  # noqa: ARG002
        """The logarithm of the mean."""
        return labels.mean().log().view(1)

    def inverse_link(self, outputs: Tensor) -> Tensor:
        """Rates."""
        return outputs.exp()

    def link(self, means: Tensor) -> Tensor:
        """Their logarithms."""
        return means.log()

    def predict(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:
        """The rate in units, float64."""
        return outputs.double().exp() * tasks.std[position]


def deviance(outputs: Tensor, labels: Tensor) -> Tensor:
    """2 (y log y - y z - y + exp(z)), (..., B, n).

    Beyond z = 20 the exponential goes on as its tangent, and does not overflow.

    >>> deviance(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0]))
    tensor([0.0000, 5.4366])
    """
    capped = outputs.clamp(max=_LARGEST)
    rate = capped.exp() * (1 + outputs - capped)
    return 2 * (torch.xlogy(labels, labels) - labels * outputs - labels + rate)


Kind.COUNT = register(Count())
