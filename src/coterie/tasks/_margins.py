"""What a margin is, and what margins share.

Shapes: ``B`` examples of a batch, ``n`` tasks of a kind, or cells of one task, ``C`` output columns
of the widest, ``w`` of one task, ``m`` changes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor


class Margin(ABC):
    """One number per cell that carries all that its loss needs to know of a prediction.

    What Grad-TAG asks of a kind.

    Of a binary task the margin is h = y z with y = -1 or 1 and logit z, of a multi-class task h =
    log(p / (1 - p)) with p the probability of the true class; both have the cross-entropy log(1 +
    exp(-h)). Of a regression task it is the standardised prediction itself, with the squared error
    (Li, Sharma & Zhang, KDD 2024, section 3; regression is our addition). Missing labels are 0 in
    ``labels``.
    """

    @abstractmethod
    def of(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """Margin of each cell, (B, n), from outputs (B, n) or (B, n, C) and labels (B, n)."""

    @abstractmethod
    def expansion(self, margin: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Loss of each cell as a function of its margin, and its two derivatives, (..., n) each."""

    @abstractmethod
    def changed(self, outputs: Tensor, labels: Tensor, change: Tensor) -> Tensor:
        """Outputs (m, n, w) of one task whose margins differ by ``change`` (m, n) from ``outputs``.

        ``outputs`` are (n, w), ``labels`` (n,).
        """


def cross_entropy_expansion(margin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log(1 + exp(-h)) of margins (..., n), and its first and second derivative."""
    wrong = torch.sigmoid(-margin)
    return F.softplus(-margin), -wrong, wrong * torch.sigmoid(margin)
