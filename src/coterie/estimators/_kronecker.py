"""Gradient features of linear, convolution and normalisation layers without any gradient of a weight (engine C).

The gradient of one cell's margin with respect to a weight is sum_tau delta_tau a_tau^T, with the layer's inputs a (the patches
of a convolution) and the margin's gradient delta with respect to its outputs, over positions tau. Samples do not interact in
evaluation mode, so one ordinary backward pass of sum_n h[n] gives delta for the whole batch, and a feature
b_i^T (sum_tau delta a^T) a_j = sum_tau (b_i . delta)(a_j . a) costs O(tau (d_in + d_out)).

The a_j and b_i are the leading eigenvectors of sum a a^T and sum delta delta^T over a sample of the training part, and the
features kept are those (layer, i, j) of the largest mean square there, as eigenvalue-corrected K-FAC ranks them (George et
al., NeurIPS 2018). They are orthonormal directions of the parameter space: with as many features as parameters nothing is lost.
A bias is the weight of an input that is always 1; scale and shift of a normalisation are one vector, delta = (sum_tau delta x,
sum_tau delta) with the normalised input x, of a layer whose only input is 1.

Shapes: ``B`` examples, ``K`` cells of an example, ``tau`` positions, ``r`` basis vectors, ``d`` features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coterie.estimators._layers import Layer, UnsupportedError, find_layers
from coterie.estimators._linearised import Linearised, cells
from coterie.estimators._margins import margins
from coterie.seeds import torch_generator

SMALLEST_RANK = 64
_DIRECT = 1024
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Basis:
    """Directions of one layer: ``right`` (d_in, r) and ``left`` (d_out, r'); ``chosen`` (d_l,) counts along (r', r)."""

    right: Tensor
    left: Tensor
    chosen: Tensor

    def contract(self, left: Tensor, right: Tensor) -> Tensor:
        """All sums over tau of left (B, tau, r') times right (B, tau, r), (B, r' r)."""
        return torch.einsum("bto,bti->boi", left, right).flatten(1)

    def select(self, left: Tensor, right: Tensor) -> Tensor:
        """The chosen ones of them, (B, d_l)."""
        if left.shape[1] > 1:
            return self.contract(left, right).index_select(1, self.chosen)
        rank = self.right.shape[1]
        rows, columns = self.chosen.div(rank, rounding_mode="floor"), self.chosen % rank
        return left[:, 0].index_select(1, rows) * right[:, 0].index_select(1, columns)


@dataclass(frozen=True, eq=False)
class KroneckerProjection:
    """Features from layer inputs and output gradients, in the bases that :meth:`fit` found."""

    linearised: Linearised
    layers: Sequence[Layer]
    bases: Sequence[Basis]

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        return sum(len(basis.chosen) for basis in self.bases)

    @classmethod
    def fit(
        cls, linearised: Linearised, sample: Callable[[], Iterator[Batch]], n_features: int, seed: int = 0
    ) -> KroneckerProjection:
        """Find the bases in two passes over a sample of (inputs, targets), and keep the ``n_features`` largest products.

        Raises:
            UnsupportedError: a shared parameter belongs to no layer that is known here.
        """
        layers = find_layers(linearised)
        rank = max(SMALLEST_RANK, int(2 * n_features**0.5))
        bases = _eigenbases(linearised, layers, sample(), rank, seed)
        everything = cls(linearised, layers, bases)
        energy = torch.cat([torch.zeros(len(basis.chosen)) for basis in bases]).to(bases[0].right.device)
        for inputs, targets in sample():
            for _, z in everything._passes(inputs, targets):
                energy += z.square().sum(0)
        kept = energy.argsort(descending=True, stable=True)[:n_features].sort().values
        split, start = [], 0
        for basis in bases:
            stop = start + len(basis.chosen)
            mine = kept[(kept >= start) & (kept < stop)] - start
            split.append(_trimmed(basis, mine))
            start = stop
        return cls(linearised, layers, split)

    def features(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, K, d) and outputs (B, P): one forward pass, and one backward pass for each of the K cells."""
        index, _ = cells(targets)
        outputs: list[Tensor] = []
        found = inputs.new_zeros(*index.shape, self.n_features, dtype=torch.float32)
        for number, z in self._passes(inputs, targets, outputs):
            found[:, number] = z
        return found, outputs[0]

    def project(self, gradients: Mapping[str, Tensor]) -> Tensor:
        """The explicit two-sided products (B, K, d) of gradients by parameter name."""
        parts = []
        for layer, basis in zip(self.layers, self.bases, strict=True):
            product = basis.left.T @ layer.matrix(gradients) @ basis.right
            parts.append(product.flatten(-2).index_select(-1, basis.chosen))
        return torch.cat(parts, dim=-1)

    def agrees(self, inputs: Tensor, targets: Tensor, tolerance: float = 1e-3) -> bool:
        """Whether a batch gives what its examples give one by one: no weight is used elsewhere, no example by another."""
        found, _ = self.features(inputs, targets)
        wanted = self.project(self.linearised.one_by_one(inputs, targets))
        return bool((found - wanted).norm() <= tolerance * wanted.norm() + 1e-12)

    def _passes(self, inputs: Tensor, targets: Tensor, outputs: list[Tensor] | None = None) -> Iterator[tuple[int, Tensor]]:
        """Yield the features (B, d) of every example's first, second, ... cell."""
        rights: list[list[Tensor]] = []
        for number, calls, deltas in _backward_passes(self.linearised, self.layers, inputs, targets, outputs):
            pairs = list(zip(self.layers, self.bases, calls, strict=True))
            if not rights:
                rights = [[layer.right(x, basis.right) for x, _ in mine] for layer, basis, mine in pairs]
            parts = []
            for (layer, basis, mine), own, right in zip(pairs, deltas, rights, strict=True):
                products = [
                    basis.select(layer.left(x, delta) @ basis.left, a)
                    for (x, _), delta, a in zip(mine, own, right, strict=True)
                ]
                parts.append(torch.stack(products).sum(0) if len(products) > 1 else products[0])
            yield number, torch.cat(parts, dim=1)


Calls = list[tuple[Tensor, Tensor]]


def _backward_passes(
    linearised: Linearised, layers: Sequence[Layer], inputs: Tensor, targets: Tensor, outputs: list[Tensor] | None = None
) -> Iterator[tuple[int, list[Calls], list[list[Tensor]]]]:
    """One forward pass, then for every example's k-th cell the output gradients of each call of each layer."""
    index, used = cells(targets)
    with _recorded(layers) as calls, torch.enable_grad():
        found = linearised.model(inputs)
        margin = margins(found, targets, linearised.tasks).gather(1, index) * used
    if outputs is not None:
        outputs.append(found.detach())
    idle = [layer.name for layer, mine in zip(layers, calls, strict=True) if not mine]
    if idle:
        raise UnsupportedError(f"{idle[0]} is not called as a module")
    flat = [output for mine in calls for _, output in mine]
    for number in range(index.shape[1]):
        last = number == index.shape[1] - 1
        each = iter(
            torch.autograd.grad(margin[:, number].sum(), flat, retain_graph=not last, allow_unused=True, materialize_grads=True)
        )
        yield number, calls, [[next(each) for _ in mine] for mine in calls]


@contextmanager
def _recorded(layers: Sequence[Layer]) -> Iterator[list[Calls]]:
    """Record (input, output) of every call of each layer."""
    calls: list[Calls] = [[] for _ in layers]

    def hook(mine: Calls) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], Tensor]:
        def record(module: nn.Module, args: tuple[Tensor, ...], output: Tensor) -> Tensor:  # noqa: ARG001
            if args:
                mine.append((args[0].detach(), output))
            return output.clone()  # what follows may work in place

        return record

    handles = [layer.module.register_forward_hook(hook(mine)) for layer, mine in zip(layers, calls, strict=True)]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _eigenbases(linearised: Linearised, layers: Sequence[Layer], sample: Iterator[Batch], rank: int, seed: int) -> list[Basis]:
    """Leading eigenvectors of sum a a^T and sum delta delta^T of each layer; all products of them are chosen."""
    device = linearised.tasks.pos_weight.device
    right = [torch.zeros(layer.d_in, layer.d_in, device=device) for layer in layers]
    left = [torch.zeros(layer.d_out, layer.d_out, device=device) for layer in layers]
    for inputs, targets in sample:
        for number, calls, deltas in _backward_passes(linearised, layers, inputs, targets):
            for layer, mine, own, a_sum, d_sum in zip(layers, calls, deltas, right, left, strict=True):
                for (x, _), delta in zip(mine, own, strict=True):
                    if number == 0:
                        _add_outer(a_sum, layer.right(x))
                    _add_outer(d_sum, layer.left(x, delta))
    found = []
    for layer, a_sum, d_sum in zip(layers, right, left, strict=True):
        a, b = (leading(total, rank, seed, f"{layer.name} {side}") for total, side in ((a_sum, "right"), (d_sum, "left")))
        found.append(Basis(a, b, torch.arange(a.shape[1] * b.shape[1], device=device)))
    return found


def leading(symmetric: Tensor, rank: int, seed: int, name: str) -> Tensor:
    """The ``rank`` leading eigenvectors of a positive semi-definite matrix (n, n), as columns (n, r), orthonormal.

    Beyond 1,024 rows by subspace iteration, for which near is near enough: any orthonormal basis is a valid one.
    """
    rank = min(rank, len(symmetric))
    if len(symmetric) <= max(_DIRECT, 2 * rank):
        return torch.linalg.eigh(symmetric.double()).eigenvectors.flip(1)[:, :rank].to(symmetric.dtype)
    basis = torch.randn(len(symmetric), rank + 16, generator=torch_generator(seed, "basis", name)).to(symmetric)
    for _ in range(6):
        basis = torch.linalg.qr(symmetric @ basis).Q
    inside = torch.linalg.eigh(basis.T @ symmetric @ basis).eigenvectors.flip(1)
    return basis @ inside[:, :rank]


def _add_outer(total: Tensor, rows: Tensor) -> None:
    flat = rows.flatten(0, 1)
    total.addmm_(flat.T, flat)


def _trimmed(basis: Basis, chosen: Tensor) -> Basis:
    """The basis without vectors that no chosen product needs."""
    rank = basis.right.shape[1]
    rows, columns = chosen.div(rank, rounding_mode="floor"), chosen % rank
    n_rows, n_columns = (int(part.max()) + 1 if len(part) else 1 for part in (rows, columns))
    return Basis(basis.right[:, :n_columns], basis.left[:, :n_rows], rows * n_columns + columns)
