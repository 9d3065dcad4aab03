"""What goes into the BatchNorm layers of a model, beside what it met in training.

Layers are not hooked: whatever calls :func:`torch.nn.functional.batch_norm` is seen, be it a module
of torch's, a user's own or a functional call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Statistics(NamedTuple):
    """Mean and biased variance of a batch in each channel (C,), and those of training."""

    mean: Tensor
    variance: Tensor
    running_mean: Tensor
    running_variance: Tensor


class BatchNormStatistics(TorchFunctionMode):
    """A context in which forward passes note the statistics of what is normalised.

    Of layers with statistics of training, in the order of their calls; differentiable in the inputs.

    >>> layer = torch.nn.BatchNorm1d(2).eval()
    >>> with BatchNormStatistics() as noted:
    ...     _ = layer(torch.tensor([[0.0, 1.0], [2.0, 1.0]]))
    >>> noted.layers[0].mean, noted.layers[0].variance
    (tensor([1., 1.]), tensor([1., 0.]))
    """

    def __init__(self) -> None:
        super().__init__()
        self.layers: list[Statistics] = []

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func is F.batch_norm:
            self._note(*args, **kwargs)
        return func(*args, **kwargs)

    def _note(
        self,
        input: Tensor,  # noqa: A002 torch's name
        running_mean: Tensor | None,
        running_var: Tensor | None,
        *_: object,
        **__: object,
    ) -> None:
        if running_mean is None or running_var is None:
            return
        others = [dim for dim in range(input.dim()) if dim != 1]
        # Half precision holds too few digits for the sums.
        wide = input if input.dtype == torch.float64 else input.float()
        variance, mean = torch.var_mean(wide, others, correction=0)
        self.layers.append(Statistics(mean, variance, running_mean, running_var))


def distance(layers: Iterable[Statistics], first: float = 10.0) -> Tensor:
    """How far a batch is from training, R_BN: sum_l w_l (‖v_l - V_l‖ + ‖m_l - U_l‖).

    Plain Euclidean norms over channels of the difference of variances and of means; w is ``first``
    for the first layer and 1 for all others (SRe2L, Yin et al. 2023, eq. 9, as released; DELT).

    >>> layer = torch.nn.BatchNorm1d(1).eval()
    >>> with BatchNormStatistics() as noted:
    ...     _ = layer(torch.tensor([[0.0], [4.0]]))  # mean 2, variance 4 against 0 and 1
    >>> distance(noted.layers)
    tensor(50.)
    """
    terms = [
        torch.linalg.vector_norm(each.variance - each.running_variance)
        + torch.linalg.vector_norm(each.mean - each.running_mean)
        for each in layers
    ]
    return torch.stack(terms).sum() + (first - 1) * terms[0]
