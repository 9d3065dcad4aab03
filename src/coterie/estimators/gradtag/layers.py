"""Layers whose per-sample gradients are sums of outer products.

What their inputs and output gradients look like.

Shapes: ``B`` examples, ``K`` cells of an example, ``tau`` positions, ``r`` basis vectors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coterie.estimators.gradtag.linearised import Linearised


class UnsupportedError(Exception):
    """A module with parameters that no layer here covers.

    The message says which, for a note to the user.
    """


@dataclass(frozen=True, eq=False)
class Layer:
    """A module of known form and the names of its trained parameters, None where it has none.

    Its per-sample gradient is a matrix (d_out, d_in), the sum over tau of :meth:`left` (B, tau,
    d_out) times :meth:`right` (B, tau, d_in); the last input is 1 where there is a bias.
    """

    name: str
    module: nn.Module
    weight: str | None
    bias: str | None

    @property
    def d_in(self) -> int:
        """Columns of the gradient."""
        raise NotImplementedError

    @property
    def d_out(self) -> int:
        """Rows of the gradient."""
        raise NotImplementedError

    def right(self, x: Tensor, basis: Tensor | None = None) -> Tensor:
        """Inputs (B, tau, d_in), or their products (B, tau, r) with a basis (d_in, r)."""
        raise NotImplementedError

    def left(self, x: Tensor, delta: Tensor) -> Tensor:
        """Output gradients (B, tau, d_out)."""
        raise NotImplementedError

    def matrix(self, gradients: Mapping[str, Tensor]) -> Tensor:
        """Explicit gradients by parameter name, (B, K, ...), as matrices (B, K, d_out, d_in)."""
        found = gradients[self.weight or ""].flatten(3)
        return (
            found
            if self.bias is None
            else torch.cat([found, gradients[self.bias].unsqueeze(-1)], dim=-1)
        )


class Linear(Layer):
    """``nn.Linear`` on (B, ..., d_in)."""

    module: nn.Linear

    @property
    def d_in(self) -> int:
        """Inputs, and one for the bias."""
        return self.module.in_features + (self.bias is not None)

    @property
    def d_out(self) -> int:
        """Outputs."""
        return self.module.out_features

    def right(self, x: Tensor, basis: Tensor | None = None) -> Tensor:
        """Inputs, positions flattened."""
        x = _positions_between(x)
        if basis is None:
            return x if self.bias is None else _with_one(x)
        products = x @ basis[: x.shape[-1]]
        return products if self.bias is None else products + basis[-1]

    def left(self, x: Tensor, delta: Tensor) -> Tensor:  # noqa: ARG002
        """Output gradients, positions flattened."""
        return _positions_between(delta)


class Convolution(Layer):
    """``nn.Conv2d`` without groups, padded with zeros.

    The positions are those of its output, the inputs its patches.
    """

    module: nn.Conv2d

    @property
    def d_in(self) -> int:
        """Size of a patch, and one for the bias."""
        return self.module.weight[0].numel() + (self.bias is not None)

    @property
    def d_out(self) -> int:
        """Output channels."""
        return self.module.out_channels

    def right(self, x: Tensor, basis: Tensor | None = None) -> Tensor:
        """Patches; their products with a basis are a convolution with its vectors for filters."""
        module = self.module
        geometry = {"dilation": module.dilation, "padding": module.padding, "stride": module.stride}
        if basis is None:
            patches = F.unfold(x, module.kernel_size, **geometry).mT  # type: ignore[arg-type]
            return patches if self.bias is None else _with_one(patches)
        filters = basis[: module.weight[0].numel()].T.unflatten(1, module.weight.shape[1:])
        products = F.conv2d(x, filters, **geometry).flatten(2).mT  # type: ignore[arg-type]
        return products if self.bias is None else products + basis[-1]

    def left(self, x: Tensor, delta: Tensor) -> Tensor:  # noqa: ARG002
        """Output gradients, one row a position."""
        return delta.flatten(2).mT


class Normalisation(Layer):
    """BatchNorm with running statistics or LayerNorm.

    The gradient of scale and shift is a vector, a matrix of one column.
    """

    module: nn.BatchNorm1d | nn.BatchNorm2d | nn.LayerNorm

    @property
    def d_in(self) -> int:
        """One."""
        return 1

    @property
    def d_out(self) -> int:
        """Scales and shifts."""
        return sum(
            getattr(self.module, own).numel()
            for own in ("weight", "bias")
            if getattr(self, own) is not None
        )

    def right(self, x: Tensor, basis: Tensor | None = None) -> Tensor:
        """One, or the basis itself."""
        return x.new_ones(len(x), 1, 1) if basis is None else basis.expand(len(x), 1, -1)

    def left(self, x: Tensor, delta: Tensor) -> Tensor:
        """Gradient of scale and shift, summed over positions, (B, 1, d_out)."""
        parts = [] if self.weight is None else [self._summed(delta * self._normalised(x))]
        return torch.cat(
            parts + ([] if self.bias is None else [self._summed(delta)]), dim=-1
        ).unsqueeze(1)

    def matrix(self, gradients: Mapping[str, Tensor]) -> Tensor:
        """Scales, then shifts, as one column."""
        return torch.cat(
            [gradients[name].flatten(2) for name in (self.weight, self.bias) if name], dim=-1
        ).unsqueeze(-1)

    def _summed(self, values: Tensor) -> Tensor:
        if isinstance(self.module, nn.LayerNorm):
            return values.reshape(len(values), -1, self.module.weight.numel()).sum(1)
        return values.flatten(2).sum(2) if values.dim() > 2 else values

    def _normalised(self, x: Tensor) -> Tensor:
        module = self.module
        if isinstance(module, nn.LayerNorm):
            return F.layer_norm(x, module.normalized_shape, None, None, module.eps)
        return F.batch_norm(
            x, module.running_mean, module.running_var, None, None, False, 0.0, module.eps
        )


def find_layers(linearised: Linearised) -> list[Layer]:
    """The layers that hold the shared parameters.

    Raises:
        UnsupportedError: some parameter belongs to another kind of module, or to two.
    """
    names = {id(parameter): name for name, parameter in linearised.shared.items()}
    layers, covered = [], []
    for path, module in linearised.model.encoder.named_modules():
        own = {
            key: names[id(p)] for key, p in module.named_parameters(recurse=False) if id(p) in names
        }
        if own:
            form = _form(module)
            if (
                form is None
                or set(own) - {"weight", "bias"}
                or (form is not Normalisation and "weight" not in own)
            ):
                raise UnsupportedError(f"{path or 'the encoder'} is a {type(module).__name__}")
            layers.append(form(path, module, own.get("weight"), own.get("bias")))
            covered += own.values()
    if len(set(covered)) < len(covered) or set(covered) != set(linearised.shared):
        raise UnsupportedError("parameters are shared between modules")
    return layers


def _form(module: nn.Module) -> type[Layer] | None:
    if isinstance(module, nn.Linear):
        return Linear
    if isinstance(module, nn.Conv2d):
        plain = (
            module.groups == 1
            and module.padding_mode == "zeros"
            and not isinstance(module.padding, str)
        )
        return Convolution if plain else None
    if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
        return Normalisation if module.track_running_stats else None
    return Normalisation if isinstance(module, nn.LayerNorm) else None


def _positions_between(values: Tensor) -> Tensor:
    return values.unsqueeze(1) if values.dim() == 2 else values.flatten(1, -2)


def _with_one(x: Tensor) -> Tensor:
    return torch.cat([x, torch.ones_like(x[..., :1])], dim=-1)
