"""What margins share."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def cross_entropy_expansion(margin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """log(1 + exp(-h)) of margins (..., n), and its first and second derivative."""
    wrong = torch.sigmoid(-margin)
    return F.softplus(-margin), -wrong, wrong * torch.sigmoid(margin)
