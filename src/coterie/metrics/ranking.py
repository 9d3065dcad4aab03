"""Metrics of the order in which a model ranks examples. No threshold and no calibration counts.

Shapes: ``A`` models, ``n`` examples, ``p`` positives.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from coterie.metrics._influence import Influence, arrays, influence
from coterie.metrics._metric import Metric, Predictions, register
from coterie.tasks import Kind


class AUROC(Metric):
    """Probability that a positive stands above a negative, ties half (Hanley and McNeil 1982).

    Half a point matters: of a skill, 2 AUROC - 1, that is one point.
    """

    name = "AUROC"
    role = "ranking"
    margin = 0.5

    def suits(self, kind: Kind) -> bool:
        """One of two classes is positive."""
        return kind.has_positive

    def chance(self, priors: Sequence[float]) -> float:  # noqa: ARG002
        """Half."""
        return 0.5

    def of(self, found: Predictions) -> Tensor:
        """NaN with one class only, and for a model that says NaN."""
        scores = found.outputs[..., 0]
        positives = scores[:, found.labels == 1].contiguous()
        negatives = scores[:, found.labels == 0].sort(dim=1).values.contiguous()
        n_pairs = positives.shape[1] * negatives.shape[1]
        if not n_pairs:
            return scores.new_full((len(scores),), torch.nan)
        below = sum(
            torch.searchsorted(negatives, positives, right=right).sum(1) for right in (False, True)
        )
        values = torch.as_tensor(below).double() / (2 * n_pairs)
        return values.masked_fill(scores.isnan().any(1), torch.nan)

    def influence(self, found: Predictions) -> Influence:
        """Those of DeLong."""
        return influence().auroc(*arrays(found.outputs[..., 0], found.labels))


class AveragePrecision(Metric):
    """Mean over positives of the precision among what stands at least as high."""

    name = "average precision"
    role = "ranking"
    margin = 1.0

    def suits(self, kind: Kind) -> bool:
        """One of two classes is positive."""
        return kind.has_positive

    def chance(self, priors: Sequence[float]) -> float:
        """The share of positives."""
        return priors[1]

    def of(self, found: Predictions) -> Tensor:
        """NaN with one class only, and for a model that says NaN."""
        return _average_precision(found, torch.ones_like(found.outputs[..., 0]).double())

    def influence(self, found: Predictions) -> Influence:
        """The infinitesimal jackknife: slopes in the weights of examples (Efron 1982, chapter 6)."""
        weights = torch.ones_like(found.outputs[..., 0]).double().requires_grad_()
        values = _average_precision(found, weights)
        (slope,) = torch.autograd.grad(values.nansum(), weights)
        n = weights.shape[1]
        known = slope * (n / (n - 1)) ** 0.5 if n > 1 else slope * torch.nan
        found_values, contributions = arrays(values, known)
        return found_values, np.where(np.isnan(found_values)[:, None], np.nan, contributions)


def _average_precision(found: Predictions, weights: Tensor) -> Tensor:
    """Of examples that count as their weights (A, n) say, (A,)."""
    ranked, order = found.outputs[..., 0].sort(dim=1, descending=True)
    weights = weights.gather(1, order)
    positive = weights * (found.labels == 1)[order]
    # Ties stand together, at the last of them.
    last = torch.searchsorted(-ranked, -ranked, right=True) - 1
    precision = (positive.cumsum(1) / weights.cumsum(1)).gather(1, last.clamp_min(0))
    defined = ((found.labels == 1).any() & (found.labels == 0).any()) & ~ranked.isnan().any(1)
    value = (positive * precision).sum(1) / positive.sum(1)
    return value.masked_fill(~defined, torch.nan)


register(AUROC())
register(AveragePrecision())
