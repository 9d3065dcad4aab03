"""Gradient features of the usual layers without any gradient of a weight (engine C).

Of linear, convolution and normalisation layers.

The gradient of one cell's margin with respect to a weight is sum_tau delta_tau a_tau^T, with the
layer's inputs a (the patches of a convolution) and the margin's gradient delta with respect to its
outputs, over positions tau. Samples do not interact in evaluation mode, so one ordinary backward
pass of sum_n h[n] gives delta for the whole batch, and a feature b_i^T (sum_tau delta a^T) a_j =
sum_tau (b_i . delta)(a_j . a) costs O(tau (d_in + d_out)).

The a_j and b_i are the leading eigenvectors of sum a a^T and sum delta delta^T over a sample of the
training part, and the features kept are those (layer, i, j) of the largest mean square there, as
eigenvalue-corrected K-FAC ranks them (George et al., NeurIPS 2018). They are orthonormal directions
of the parameter space: with as many features as parameters nothing is lost. A bias is the weight of
an input that is always 1; scale and shift of a normalisation are one vector, delta = (sum_tau delta
x, sum_tau delta) with the normalised input x, of a layer whose only input is 1.

Shapes: ``B`` examples, ``K`` cells of an example, ``tau`` positions, ``r`` basis vectors, ``d``
features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from coterie.estimators.gradtag.bases import Basis, eigenbases, rank_of
from coterie.estimators.gradtag.layers import Layer, find_layers
from coterie.estimators.gradtag.linearised import Linearised, cells
from coterie.estimators.gradtag.passes import Batch, backward_passes, forward_pass


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
        cls,
        linearised: Linearised,
        sample: Callable[[], Iterator[Batch]],
        n_features: int,
        seed: int = 0,
    ) -> KroneckerProjection:
        """Find the bases in passes over a sample of (inputs, targets).

        The ``n_features`` largest products are kept. One pass forward for the layers' inputs and
        one forward and back for their output gradients, four of either where some layer has more
        than 1,024, and one forward and back for the products.

        Raises:
            UnsupportedError: a shared parameter belongs to no layer that is known here.
        """
        layers, rank = find_layers(linearised), rank_of(n_features)
        bases = eigenbases(linearised, layers, sample, rank, seed)
        everything = cls(linearised, layers, bases)
        energy = torch.cat([torch.zeros(len(basis.chosen)) for basis in bases]).to(
            bases[0].right.device
        )
        for inputs, targets in sample():
            for _, z in everything._passes(inputs, targets):
                energy += z.square().sum(0)
        kept = energy.argsort(descending=True, stable=True)[:n_features].sort().values
        split, start = [], 0
        for basis in bases:
            stop = start + len(basis.chosen)
            mine = kept[(kept >= start) & (kept < stop)] - start
            split.append(basis.trimmed(mine))
            start = stop
        return cls(linearised, layers, split)

    def features(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, K, d) and outputs (B, P).

        One forward pass, and one backward pass for each of the K cells.
        """
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
        """Whether a batch gives what its examples give one by one.

        No weight is used elsewhere, no example by another.
        """
        found, _ = self.features(inputs, targets)
        wanted = self.project(self.linearised.one_by_one(inputs, targets))
        return bool((found - wanted).norm() <= tolerance * wanted.norm() + 1e-12)

    def _passes(
        self, inputs: Tensor, targets: Tensor, outputs: list[Tensor] | None = None
    ) -> Iterator[tuple[int, Tensor]]:
        """Yield the features (B, d) of every example's first, second, ... cell."""
        rights: list[list[Tensor]] = []
        for number, calls, deltas in backward_passes(
            self.linearised, self.layers, inputs, targets, outputs
        ):
            pairs = list(zip(self.layers, self.bases, calls, strict=True))
            if not rights:
                rights = [
                    [layer.right(x, basis.right) for x, _ in mine] for layer, basis, mine in pairs
                ]
            parts = []
            for (layer, basis, mine), own, right in zip(pairs, deltas, rights, strict=True):
                products = [
                    basis.select(layer.left(x, delta) @ basis.left, a)
                    for (x, _), delta, a in zip(mine, own, right, strict=True)
                ]
                parts.append(torch.stack(products).sum(0) if len(products) > 1 else products[0])
            yield number, torch.cat(parts, dim=1)


def bytes_of_sampling(linearised: Linearised, inputs: Tensor, n_features: int) -> float:
    """What one example takes when bases are found, beside activations and their gradients.

    Patches, and all products.

    Raises:
        UnsupportedError: as :meth:`KroneckerProjection.fit`.
    """
    layers, rank = find_layers(linearised), rank_of(n_features)
    with torch.no_grad():
        _, calls = forward_pass(linearised, layers, inputs)
    patches, products = [0], 0
    for layer, mine in zip(layers, calls, strict=True):
        right, left = min(rank, layer.d_in), min(rank, layer.d_out)
        for _, output in mine:
            positions = max(1, output[0].numel() // layer.d_out)
            patches.append(positions * layer.d_in)
            products += positions * (right + left) + 3 * right * left
    return 4 * (2 * max(patches) + products)
