"""Regression: a number.

Labels are standardised on the training part, the output is the standardised prediction, the loss
the squared error; predictions are in the target's own units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from coterie.tasks._column import Column
from coterie.tasks._kind import Kind, register
from coterie.tasks._margins import Margin
from coterie.tasks._numbers import Numbers

if TYPE_CHECKING:
    from coterie.tasks._blocks import Block
    from coterie.tasks._tasks import Tasks

_CONSTANT, _CONSTANT_AS_READ = 1e-12, 1e-15


class RegressionMargin(Margin):
    """The standardised prediction."""

    def of(self, outputs: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """The output."""
        return outputs

    def expansion(self, margin: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Squared error."""
        residual = margin - labels
        return residual.square(), 2 * residual, torch.full_like(margin, 2.0)

    def changed(self, outputs: Tensor, labels: Tensor, change: Tensor) -> Tensor:  # noqa: ARG002
        """The change is that of the output."""
        return outputs + change.unsqueeze(-1)


class Regression(Numbers):
    """A number."""

    name = "regression"
    metric_name = "R2"
    margin = RegressionMargin()
    estimand = "mean"

    def recognises(self, column: Column) -> bool:  # noqa: ARG002
        """Whatever no other kind took."""
        return True

    def units(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation."""
        return np.nanmean(values, 0), np.nanstd(values, 0)

    def loss(self, outputs: Tensor, labels: Tensor, block: Block) -> Tensor:  # noqa: ARG002
        """Squared error of the standardised target."""
        return (outputs - labels).square()

    def confidence(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """exp(-r**2 / 2) of the standardised residual r."""
        return torch.exp(-(outputs - labels).square() / 2)

    def constant(self, labels: Tensor, n_classes: int, pos_weight: float) -> Tensor:  # noqa: ARG002
        """0, to which the mean is standardised."""
        return torch.zeros(1)

    def said(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:  # noqa: ARG002
        """The output."""
        return outputs[..., 0]

    def predict(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:
        """The value in units, float64."""
        return outputs.double() * tasks.std[position] + tasks.mean[position]


Kind.REGRESSION = register(Regression())
