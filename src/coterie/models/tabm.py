"""TabM: a network for tables that is an ensemble of k which share most of their weights.

Shapes: ``B`` examples, ``F`` inputs, ``k`` members.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coterie.errors import CoterieError, require_whole
from coterie.models.layers import MOST_WIDE, Dropout, check_dropout, check_hidden
from coterie.models.quantiles import Quantiles

_BINS, _MOST_BINNED = 8, 100


class TabM(nn.Sequential):
    """An MLP of k members (Gorishniy, Kotelnikov, Babenko, ICLR 2025, section 3.3).

    Layers are linear ones with adapters for each member, ReLU and dropout, behind
    :class:`Quantiles`. It learns at ``lr_scale`` times the learning rate asked for: weights that
    members share stand larger steps.
    """

    lr_scale = 3.0

    def __init__(
        self, n_inputs: int, *, k: int, hidden: Sequence[int], dropout: float, bins: int
    ) -> None:
        quantiles = Quantiles(n_inputs, bins)
        layers: list[nn.Module] = [nn.Flatten(), quantiles]
        for place, (n_in, n_out) in enumerate(pairwise([quantiles.n_outputs, *hidden])):
            layers += [MemberLinear(n_in, n_out, k, first=place == 0), nn.ReLU()]
            layers += [Dropout(dropout)] if dropout else []
        super().__init__(*layers)
        self.n_members = k

    def fit_inputs(self, inputs: Tensor) -> None:
        """Measure the quantiles of training inputs (n, *input_shape)."""
        for layer in self:
            if isinstance(layer, Quantiles):
                layer.fit(inputs.flatten(1))


def tabm(
    input_shape: Sequence[int],
    *,
    k: int = 8,
    hidden: Sequence[int] = (128, 128),
    dropout: float = 0.1,
    bins: int | None = None,
) -> nn.Module:
    """TabM for tables: ``k`` members, whose predictions are averaged, that share their weights.

    Inputs are turned into normal ones by the quantiles of the training part, and each is encoded
    piecewise linearly besides, in so many ``bins`` between quantiles (Gorishniy et al. 2022,
    section 3.2; None: 8, or 0 of more than 100 inputs, which would be slow). Columns with two values
    stay as they are. It learns at three times the learning rate asked for.

    >>> tabm((8,), k=4, hidden=(16,))(torch.zeros(5, 8)).shape
    torch.Size([5, 4, 16])
    """
    check_hidden(hidden)
    if not hidden:
        raise CoterieError("`hidden` must have at least one layer: members differ by theirs.")
    check_dropout(dropout)
    require_whole("k", k, 1, MOST_WIDE)
    n_inputs = prod(input_shape)
    if bins is None:
        bins = _BINS if n_inputs <= _MOST_BINNED else 0
    require_whole("bins", bins, 0, MOST_WIDE)
    return TabM(n_inputs, k=k, hidden=hidden, dropout=dropout, bins=bins)


class MemberLinear(nn.Module):
    """A linear layer whose weights k members share, each with a rank-one adapter and a bias.

    Member j gives ((x * r_j) W' * s_j) + b_j (BatchEnsemble: Wen, Tran, Ba, ICLR 2020). Only the
    ``first`` layer starts with different members, of random signs r; elsewhere adapters start as 1,
    and all biases of a layer alike (TabM, section 3.3).
    """

    def __init__(self, n_in: int, n_out: int, k: int, *, first: bool) -> None:
        super().__init__()
        bound = n_in**-0.5
        self.weight = nn.Parameter(torch.empty(n_out, n_in).uniform_(-bound, bound))
        bias = torch.empty(n_out).uniform_(-bound, bound)
        self.bias = nn.Parameter(bias.repeat(k, 1))
        signs = torch.randint(2, (k, n_in)).mul(2.0).sub(1.0)
        self.r = nn.Parameter(signs if first else torch.ones(k, n_in))
        self.s = nn.Parameter(torch.ones(k, n_out))
        self.first = first

    def forward(self, x: Tensor) -> Tensor:
        """(B, n_out) of each member, (B, k, n_out), from (B, k, n_in), or (B, n_in) of all."""
        if self.first:
            x = x.unsqueeze(1)
        return F.linear(x * self.r, self.weight) * self.s + self.bias
