"""Metrics of the size of errors, of tasks whose labels are numbers.

A prediction of NaN leaves them undefined.

Shapes: ``A`` models, ``n`` examples.
"""

from __future__ import annotations

import torch
from torch import Tensor

from coterie.metrics._influence import Influence, arrays, influence
from coterie.metrics._metric import Metric, Predictions, register
from coterie.tasks import Kind
from coterie.tasks.count import deviance

_CONSTANT, _CONSTANT_AS_READ = 1e-12, 1e-15


class R2(Metric):
    """Share of the variance among the examples that is explained: 0 is their mean, 1 is perfect.

    Standardised units will do, which it does not feel.
    """

    name = "R2"
    role = "error"
    margin = 1.0
    is_skill = True

    def suits(self, kind: Kind) -> bool:
        """Those of numbers, but counts: large ones would rule it, which the deviance allows for."""
        return not kind.has_classes and kind != "count"

    def of(self, found: Predictions) -> Tensor:
        """NaN where there is no variance to explain."""
        y = found.labels
        spread = (y - y.mean()).square().sum()
        # A constant leaves rounding noise only: of the float32 in which it is encoded, or of the
        # float64 in which it was read.
        mean, std = (each[found.position] for each in (found.tasks.mean, found.tasks.std))
        noise = _CONSTANT * y.square().sum() + (_CONSTANT_AS_READ * mean / std).square() * len(y)
        residual = (found.said - y).square().sum(1)
        return 1 - residual / spread.masked_fill(spread <= noise, torch.nan)

    def influence(self, found: Predictions) -> Influence:
        """Of a ratio."""
        return influence().r2(*arrays(found.said, found.labels))


class D2(Metric):
    """Share of the Poisson deviance that is explained: 0 is the mean of the labels, 1 is perfect."""

    name = "D2"
    role = "error"
    margin = 1.0
    is_skill = True

    def suits(self, kind: Kind) -> bool:
        """Counts."""
        return kind == "count"

    def of(self, found: Predictions) -> Tensor:
        """NaN where all labels are the same."""
        losses, constant = _deviances(found)
        null = constant.sum()
        noise = _CONSTANT * found.labels.sum()
        return 1 - losses.sum(1) / null.masked_fill(null <= noise, torch.nan)

    def influence(self, found: Predictions) -> Influence:
        """Of a ratio. That the mean is one of these labels changes nothing: it is the best."""
        return influence().skill(*arrays(*_deviances(found)))


class RMSE(Metric):
    """Root of the mean squared error, in units."""

    name = "RMSE"
    role = "error"
    higher_is_better = False

    def suits(self, kind: Kind) -> bool:
        """Those of numbers, but counts."""
        return not kind.has_classes and kind != "count"

    def of(self, found: Predictions) -> Tensor:
        """A root."""
        return (found.in_units - found.truth).square().mean(1).sqrt()

    def influence(self, found: Predictions) -> Influence:
        """That of the mean squared error, over twice the root."""
        means, contributions = influence().mean(*arrays((found.in_units - found.truth).square()))
        return means**0.5, contributions / (2 * means[:, None] ** 0.5)


class MAE(Metric):
    """Mean absolute error, in units; of classes in an order, how many apart."""

    name = "MAE"
    role = "error"
    higher_is_better = False

    def suits(self, kind: Kind) -> bool:
        """Those of numbers, and classes in an order."""
        return not kind.has_classes or kind == "ordinal"

    def of(self, found: Predictions) -> Tensor:
        """A mean."""
        return (found.in_units - found.truth).abs().mean(1)

    def influence(self, found: Predictions) -> Influence:
        """Of a mean."""
        return influence().mean(*arrays((found.in_units - found.truth).abs()))


def _deviances(found: Predictions) -> tuple[Tensor, Tensor]:
    """Of the predictions (A, n), and of the mean of the labels (n,), on the scale of the labels."""
    y = found.labels
    return deviance(found.outputs[..., 0].double(), y), deviance(y.mean().log(), y)


register(R2())
register(D2())
register(RMSE())
register(MAE())
