"""Inputs of a table as normal ones, and where they lie between quantiles.

Shapes: ``B`` examples, ``F`` inputs, ``Q`` knots.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

MOST_QUANTILES = 64
_LEAST = 1e-7
# Giles, "Approximating the erfinv function" (GPU Computing Gems, 2010), table 5.
_CENTRAL = (
    *(2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087),
    *(-0.00125372503, -0.00417768164, 0.246640727, 1.50140941),
)
_TAIL = (
    *(-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773),
    *(-0.0076224613, 0.00943887047, 1.00167406, 2.83297682),
)


class Quantiles(nn.Module):
    """Inputs (B, F) as normal ones, by the quantiles of training inputs.

    As scikit-learn's ``QuantileTransformer(output_distribution="normal")`` with at most 64
    quantiles, and at most as many as there are examples, but that the least and the greatest of n
    examples have a share of 1 / 2n beyond them, where scikit-learn gives -5.2 and 5.2, far from all
    others. Columns with no more than two values stay as they are. With ``bins``, the position
    between so many quantiles follows, (B, F * (1 + bins)). Before :meth:`fit` inputs stay as they
    are.
    """

    knots: Tensor
    steps: Tensor
    least: Tensor
    numeric: Tensor
    edges: Tensor

    def __init__(self, n_inputs: int, bins: int = 0) -> None:
        super().__init__()
        self.n_outputs = n_inputs * (1 + bins)
        self.register_buffer("knots", torch.zeros(n_inputs, MOST_QUANTILES))
        self.register_buffer("steps", torch.zeros(MOST_QUANTILES - 1))
        self.register_buffer("least", torch.tensor(_LEAST))
        self.register_buffer("numeric", torch.zeros(n_inputs, dtype=torch.bool))
        self.register_buffer("edges", torch.zeros(n_inputs, bins + 1))

    def fit(self, inputs: Tensor) -> None:
        """Measure the quantiles of inputs (n, F)."""
        low, high = inputs.aminmax(dim=0)
        n = max(2, min(MOST_QUANTILES, len(inputs)))
        self.knots.copy_(_quantiles(inputs, n, MOST_QUANTILES))
        self.steps.zero_()[: n - 1] = 1 / (n - 1)
        self.least.fill_(1 / (2 * len(inputs)))
        self.numeric.copy_(((inputs != low) & (inputs != high)).any(0))
        n_edges = self.edges.shape[1]
        self.edges.copy_(_quantiles(self._normal(inputs), n_edges, n_edges))

    def forward(self, x: Tensor) -> Tensor:
        """Normal inputs, and where in the bins they are."""
        z = self._normal(x)
        if self.edges.shape[-1] == 1:
            return z
        return torch.cat([z, _filled(z, self.edges).flatten(-2)], dim=-1)

    def _normal(self, x: Tensor) -> Tensor:
        share = _filled(x, self.knots) @ self.steps
        inside = torch.minimum(torch.maximum(share, self.least), 1 - self.least)
        return torch.where(self.numeric, normal_quantile(inside), x)


def _quantiles(values: Tensor, n: int, size: int) -> Tensor:
    """``n`` quantiles of each column of (rows, F), from least to greatest, (F, size).

    The last is repeated.
    """
    found = np.quantile(values.double().cpu().numpy(), np.linspace(0, 1, n), axis=0)
    # Interpolated between equal values they may fall by a rounding error, or from 0.0 to -0.0.
    rising = torch.from_numpy(np.maximum.accumulate(found) + 0.0)
    return torch.cat([rising, rising[-1:].expand(size - n, -1)]).mT


def _filled(x: Tensor, knots: Tensor) -> Tensor:
    """How much of each interval between knots (F, Q) lies below x (B, F), (B, F, Q - 1).

    Of an interval without width half, where x lies on it.
    """
    low = knots[:, :-1]
    width, above = knots[:, 1:] - low, x.unsqueeze(-1) - low
    # Where a branch is not taken its gradient is multiplied by 0, so it must be finite there, too.
    share = (above / torch.where(width > 0, width, 1)).clamp(0, 1)
    return torch.where(width > 0, share, (above.sign() + 1) / 2)


def normal_quantile(share: Tensor) -> Tensor:
    """The number below which this share of a standard normal lies, within +-5.1993.

    To six digits, in operations that ONNX has.

    >>> normal_quantile(torch.tensor([0.0, 0.025, 0.5, 0.9]))
    tensor([-5.1993, -1.9600,  0.0000,  1.2816])
    """
    tail = torch.minimum(share, 1 - share).clamp_min(_LEAST)
    w = -(4 * tail * (1 - tail)).log()
    # The root of 0, which is not used, has no finite gradient.
    far = _polynomial(w.clamp_min(5).sqrt() - 3, _TAIL)
    size = torch.where(w < 5, _polynomial(w - 2.5, _CENTRAL), far)
    return 2**0.5 * (2 * share - 1) * size


def _polynomial(x: Tensor, coefficients: tuple[float, ...]) -> Tensor:
    value = torch.full_like(x, coefficients[0])
    for coefficient in coefficients[1:]:
        value = value * x + coefficient
    return value
