"""Metrics of probabilities, from which the balance of a training is taken back.

They are not calibrated: what is compared are arms as they were trained. The deployed one is calibrated
on validation (:mod:`coterie.metrics.calibration`).

They are proper: no other probabilities than the true ones have a better expectation (Gneiting and
Raftery, JASA 2007).

Shapes: ``A`` models, ``n`` examples, ``K`` classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from coterie.metrics._influence import Influence, arrays, influence
from coterie.metrics._metric import Metric, Predictions, register
from coterie.tasks import Kind

_LEAST = 1e-7


class LogLossSkill(Metric):
    """1 - log loss / that of the frequencies in training: 0 knows nothing else, 1 is perfect."""

    name = "log-loss skill"
    role = "probability"
    margin = 1.0
    is_skill = True

    def suits(self, kind: Kind) -> bool:
        """Any that has classes."""
        return kind.has_classes

    def of(self, found: Predictions) -> Tensor:
        """NaN where all are of one class and always were."""
        constant = _constant(found).sum()
        return 1 - _log_loss(found).sum(1) / constant.masked_fill(constant <= 0, torch.nan)

    def influence(self, found: Predictions) -> Influence:
        """Of a ratio."""
        return influence().skill(*arrays(_log_loss(found), _constant(found)))


class LogLoss(Metric):
    """Mean of -log of the probability of the true class, in nats."""

    name = "log loss"
    role = "probability"
    higher_is_better = False

    def suits(self, kind: Kind) -> bool:
        """Any that has classes."""
        return kind.has_classes

    def of(self, found: Predictions) -> Tensor:
        """A mean."""
        return _log_loss(found).mean(1)

    def influence(self, found: Predictions) -> Influence:
        """Of a mean."""
        return influence().mean(*arrays(_log_loss(found)))


class Brier(Metric):
    """Mean over examples of the sum over classes of (probability - 1 or 0)^2 (Brier 1950).

    From 0 to 2; of two classes twice what some call by this name.
    """

    name = "Brier score"
    role = "probability"
    higher_is_better = False

    def suits(self, kind: Kind) -> bool:
        """Any that has classes."""
        return kind.has_classes

    def of(self, found: Predictions) -> Tensor:
        """A mean."""
        return _squares(found).mean(1)

    def influence(self, found: Predictions) -> Influence:
        """Of a mean."""
        return influence().mean(*arrays(_squares(found)))


def _log_loss(found: Predictions) -> Tensor:
    """(A, n)."""
    true_class = found.labels.long().expand(found.outputs.shape[:2]).unsqueeze(-1)
    return -found.log_probabilities.gather(-1, true_class).squeeze(-1)


def _constant(found: Predictions) -> Tensor:
    """Log loss of the frequencies in training, (n,). A class that was absent there is unlikely."""
    shares = found.labels.new_tensor(found.priors).clamp_min(_LEAST)
    return -shares.log()[found.labels.long()]


def _squares(found: Predictions) -> Tensor:
    """(A, n)."""
    n_classes = found.log_probabilities.shape[-1]
    truth = torch.nn.functional.one_hot(found.labels.long(), n_classes)
    return (found.log_probabilities.exp() - truth).square().sum(-1)


register(LogLossSkill())
register(LogLoss())
register(Brier())
