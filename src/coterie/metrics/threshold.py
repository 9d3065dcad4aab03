"""Metrics of decisions: the class that is said, which for a binary task needs a threshold.

That is 0 of the balanced logit. A prediction of NaN is wrong, whatever the label.

Shapes: ``A`` models, ``n`` examples, ``S`` numbers of an example.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from coterie.metrics._influence import Influence, arrays, influence
from coterie.metrics._metric import Metric, Predictions, register
from coterie.tasks import Kind


class Accuracy(Metric):
    """Share of hits. A point is one example in a hundred."""

    name = "accuracy"
    role = "threshold"
    margin = 1.0

    def suits(self, kind: Kind) -> bool:
        """Any that has classes."""
        return kind.has_classes

    def chance(self, priors: Sequence[float]) -> float:
        """The share of the largest class."""
        return max(priors)

    def of(self, found: Predictions) -> Tensor:
        """Mean of hits."""
        return found.hits.mean(1)

    def influence(self, found: Predictions) -> Influence:
        """Of a mean."""
        return influence().accuracy(*arrays(found.hits))


class BalancedAccuracy(Metric):
    """Mean over the classes that occur of the share of hits among their examples.

    A point is one example in a hundred of each class.
    """

    name = "balanced accuracy"
    role = "threshold"
    margin = 1.0

    def suits(self, kind: Kind) -> bool:
        """Any that has classes."""
        return kind.has_classes

    def chance(self, priors: Sequence[float]) -> float:
        """One in K classes."""
        return 1 / len(priors)

    def of(self, found: Predictions) -> Tensor:
        """Mean of shares."""
        classes = [found.labels == each for each in found.labels.unique()]
        return torch.stack([found.hits[:, mine].mean(1) for mine in classes]).mean(0)

    def influence(self, found: Predictions) -> Influence:
        """Of a mean of means."""
        return influence().balanced_accuracy(*arrays(found.hits, found.labels))


class F1(Metric):
    """2 x positives that are hit / (positives + those said to be)."""

    name = "F1"
    role = "threshold"
    margin = 1.0

    def suits(self, kind: Kind) -> bool:
        """One of two classes is positive."""
        return kind.has_positive

    def chance(self, priors: Sequence[float]) -> float:
        """That of saying yes always."""
        return 2 * priors[1] / (1 + priors[1])

    def of(self, found: Predictions) -> Tensor:
        """NaN without positives."""
        return _f1(_hits_and_misses(found).mean(1))

    def influence(self, found: Predictions) -> Influence:
        """By the delta method."""
        return _delta(_f1, _hits_and_misses(found))


class Kappa(Metric):
    """Quadratic-weighted kappa (Cohen 1968).

    1 minus the mean squared distance between the class that is said and the true one, over that of
    the same labels and predictions paired at random. NaN if both are one class throughout.
    """

    name = "quadratic-weighted kappa"
    role = "threshold"
    margin = 1.0
    is_skill = True

    def suits(self, kind: Kind) -> bool:
        """Classes in an order: of those that are known, ordinal."""
        return kind == "ordinal"

    def of(self, found: Predictions) -> Tensor:
        """NaN for a model that says NaN."""
        return _kappa(_moments(found).mean(1))

    def influence(self, found: Predictions) -> Influence:
        """By the delta method."""
        return _delta(_kappa, _moments(found))


def _hits_and_misses(found: Predictions) -> Tensor:
    """Positive, positive and hit, miss, (A, n, 3)."""
    positive = found.labels.expand_as(found.hits)
    return torch.stack([positive, positive * found.hits, 1 - found.hits], dim=-1)


def _f1(means: Tensor) -> Tensor:
    positive, hit, missed = means.unbind(-1)
    return (2 * hit / (2 * hit + missed)).masked_fill(positive == 0, torch.nan)


def _moments(found: Predictions) -> Tensor:
    """y, what was said s, y^2 + s^2 and (s - y)^2, (A, n, 4)."""
    said, labels = found.said, found.labels.expand_as(found.said)
    return torch.stack(
        [labels, said, labels.square() + said.square(), (said - labels).square()], dim=-1
    )


def _kappa(means: Tensor) -> Tensor:
    labels, said, squares, apart = means.unbind(-1)
    at_random = squares - 2 * labels * said
    return 1 - apart / at_random.masked_fill(at_random <= 1e-12 * squares, torch.nan)


def _delta(function: Callable[[Tensor], Tensor], numbers: Tensor) -> Influence:
    """A function (A, S) -> (A,) of the means of numbers (A, n, S), and the examples' contributions.

    Those of its linear part (delta method).
    """
    means = numbers.mean(1).requires_grad_()
    values = function(means)
    (slope,) = torch.autograd.grad(values.nansum(), means)
    _, contributions = influence().mean(*arrays((numbers @ slope.unsqueeze(-1))[..., 0]))
    return values.detach().cpu().numpy(), contributions


register(Accuracy())
register(BalancedAccuracy())
register(F1())
register(Kappa())
