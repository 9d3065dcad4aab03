"""Regression: a number.

Labels are standardised on the training part, the output is the standardised prediction, the loss
the squared error; predictions are in the target's own units.

The sums are examples, y, y squared and the squared residual, in float64: of a part far from the
training part's mean, the spread is a small difference of large sums. Standardised units will do,
which R2 does not feel. A prediction of NaN leaves R2 and RMSE undefined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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

    def lead(self, outputs: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """The output."""
        return outputs

    def expansion(self, margin: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Squared error."""
        residual = margin - labels
        return residual.square(), 2 * residual, torch.full_like(margin, 2.0)

    def outcome(self, margin: Tensor, lead: Tensor, change: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """Squared residual."""
        return (margin + change - labels).square()

    def outputs(self, margin: Tensor, labels: Tensor) -> Tensor:  # noqa: ARG002
        """The margin."""
        return margin


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

    def outcome(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Squared residual."""
        return (outputs.float() - labels).masked_fill(labels.isnan(), 0.0).square()

    def statistics(self, outcome: Tensor, labels: Tensor) -> tuple[Tensor, ...]:
        """1, y, y squared, squared residual."""
        exact = labels.nan_to_num().double()
        return (~labels.isnan()).float(), exact, exact.square(), outcome

    def metric(self, sums: Sequence[Tensor], block: Block) -> Tensor:
        """R2; NaN where there is no variance to explain."""
        number, total, squares, residual = sums[:4]
        spread = squares - total.square() / number
        # A constant leaves rounding noise only: of the float32 in which it is encoded, or of the
        # float64 in which it was read.
        read = (_CONSTANT_AS_READ * block.mean / block.std).square().to(spread)
        return 1 - residual / spread.masked_fill(
            spread <= _CONSTANT * squares + read * number, torch.nan
        )

    def metrics(
        self,
        outputs: Tensor,
        labels: Tensor,  # noqa: ARG002
        truth: Tensor,
        primary: float,
        tasks: Tasks,
        position: int,
    ) -> dict[str, object]:
        """RMSE in units, R2."""
        predicted = self.predict(outputs, tasks, position)[:, 0]
        return {"RMSE": math.sqrt((predicted - truth).square().mean()), "R2": primary}

    def predict(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:
        """The value in units, float64."""
        return outputs.double() * tasks.std[position] + tasks.mean[position]


Kind.REGRESSION = register(Regression())
