"""Ordinal: one of K classes in an order.

Labels are class indexes. The K - 1 outputs z are those of a cumulative-logit model (McCullagh,
"Regression models for ordinal data", JRSS B 1980): logit P(y > k) = c_k with c_0 = z_0 and c_k =
c_(k-1) - softplus(z_k), so that the c_k never cross. In McCullagh's model of proportional odds the
distances between them are the same for every input; here a network may change them. The loss is
-log P(y); predictions are the probabilities of the K classes, of which the likeliest is what is
said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from coterie.errors import CoterieError
from coterie.tasks._classes import Classes, likeliest, read_classes
from coterie.tasks._column import Column
from coterie.tasks._kind import Kind, register
from coterie.tasks._numbers import stray_text

if TYPE_CHECKING:
    from coterie.tasks._blocks import Block
    from coterie.tasks._tasks import Tasks

_LEAST = 1e-7


class Ordinal(Classes):
    """One of K classes in an order."""

    name = "ordinal"
    metric_name = "quadratic-weighted kappa"
    padding = torch.inf  # beyond the last class nothing is left: P(y > k) = 0
    estimand = "class"

    def read(
        self,
        column: Column,
        positive: str | None = None,  # noqa: ARG002
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """The classes in the order that is declared, or that of numbers.

        Raises:
            CoterieError: text of which no order is declared.
        """
        if not column.declared and column.stray.any():
            raise CoterieError(
                f"{stray_text(column)} The classes of an ordinal target are numbers, or ordered "
                "categories."
            )
        return read_classes(column)

    def width(self, classes: Sequence[str]) -> int:
        """One less than there are classes."""
        return len(classes) - 1

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Of each class, (..., K)."""
        return _log_probabilities(outputs).exp()

    def said(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:  # noqa: ARG002
        """The likeliest class."""
        return likeliest(_log_probabilities(outputs))

    def log_probabilities(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:  # noqa: ARG002
        """Of each class, (..., K)."""
        return _log_probabilities(outputs)

    def loss(self, outputs: Tensor, labels: Tensor, block: Block) -> Tensor:  # noqa: ARG002
        """-log P(y)."""
        return -_of_class(_log_probabilities(outputs), labels)

    def confidence(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Probability of the true class."""
        return _of_class(_log_probabilities(outputs), labels).exp()

    def constant(self, labels: Tensor, n_classes: int, pos_weight: float) -> Tensor:  # noqa: ARG002
        """How often each class is exceeded."""
        share = torch.bincount(labels.long(), minlength=n_classes).double() / max(1, len(labels))
        return self.link(share.flip(0).cumsum(0)[:-1].flip(0)).float()

    def inverse_link(self, outputs: Tensor) -> Tensor:
        """P(y > k)."""
        return _cumulative(outputs).sigmoid()

    def link(self, means: Tensor) -> Tensor:
        """The outputs with these P(y > k), (..., K - 1), which fall."""
        logits = means.clamp(_LEAST, 1 - _LEAST).logit()
        gaps = (logits[..., :-1] - logits[..., 1:]).clamp_min(_LEAST)
        return torch.cat([logits[..., :1], gaps.expm1().log()], dim=-1)

    def from_estimates(self, estimates: Tensor, pos_weight: Tensor) -> Tensor:  # noqa: ARG002
        """The link of P(y > k)."""
        return self.link(estimates.exp().flip(-1).cumsum(-1).flip(-1)[..., 1:])


def _cumulative(outputs: Tensor) -> Tensor:
    """Logit P(y > k), (..., C)."""
    return torch.cat([outputs[..., :1], -F.softplus(outputs[..., 1:])], dim=-1).cumsum(-1)


def _log_probabilities(outputs: Tensor) -> Tensor:
    """Log P(y = k), (..., C + 1), from outputs (..., C).

    With a = logit P(y >= k) and b = logit P(y > k), sigmoid(a) - sigmoid(b) = sigmoid(a)
    sigmoid(-b) (1 - exp(b - a)), and the last factor is sigmoid(z_k), since a - b = softplus(z_k).
    Nothing is a small difference of large numbers.

    >>> _log_probabilities(torch.tensor([0.0])).exp()
    tensor([0.5000, 0.5000])
    """
    logits = _cumulative(outputs)
    at_least = F.pad(F.logsigmoid(logits), (1, 0))
    at_most = F.pad(F.logsigmoid(-logits), (0, 1))
    return at_least + at_most + F.pad(F.logsigmoid(outputs[..., 1:]), (1, 1))


def _of_class(values: Tensor, labels: Tensor) -> Tensor:
    """The entry (..., B, n) of values (..., B, n, C + 1) that belongs to the label."""
    return values.gather(-1, labels.long().expand(values.shape[:-1]).unsqueeze(-1)).squeeze(-1)


Kind.ORDINAL = register(Ordinal())
