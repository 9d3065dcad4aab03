"""Gradient features of linear, convolution and normalisation layers without any gradient of a weight (engine C).

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

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from coterie.estimators._layers import Layer, UnsupportedError, find_layers
from coterie.estimators._linearised import Linearised, cells
from coterie.estimators._margins import margins
from coterie.seeds import torch_generator

SMALLEST_RANK = 64
_DIRECT, _MORE, _TURNS = 1024, 16, 4
Batch = tuple[Tensor, Tensor]


@dataclass(frozen=True, eq=False)
class Basis:
    """Directions of one layer: ``right`` (d_in, r) and ``left`` (d_out, r').

    ``chosen`` (d_l,) counts along (r', r).
    """

    right: Tensor
    left: Tensor
    chosen: Tensor

    def select(self, left: Tensor, right: Tensor) -> Tensor:
        """The chosen sums over tau of left (B, tau, r') times right (B, tau, r), (B, d_l)."""
        if left.shape[1] > 1:
            return torch.einsum("bto,bti->boi", left, right).flatten(1).index_select(1, self.chosen)
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
        cls,
        linearised: Linearised,
        sample: Callable[[], Iterator[Batch]],
        n_features: int,
        seed: int = 0,
    ) -> KroneckerProjection:
        """Find the bases in passes over a sample of (inputs, targets), and keep the ``n_features`` largest products.

        One pass forward for the layers' inputs and one forward and back for their output gradients,
        four of either where some layer has more than 1,024, and one forward and back for the
        products.

        Raises:
            UnsupportedError: a shared parameter belongs to no layer that is known here.
        """
        layers, rank = find_layers(linearised), _rank(n_features)
        bases = _eigenbases(linearised, layers, sample, rank, seed)
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
            split.append(_trimmed(basis, mine))
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
        for number, calls, deltas in _backward_passes(
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


Calls = list[tuple[Tensor, Tensor]]


def _backward_passes(
    linearised: Linearised,
    layers: Sequence[Layer],
    inputs: Tensor,
    targets: Tensor,
    outputs: list[Tensor] | None = None,
) -> Iterator[tuple[int, list[Calls], list[list[Tensor]]]]:
    """One forward pass, then for every example's k-th cell the output gradients of each call of each layer."""
    index, used = cells(targets)
    with torch.enable_grad():
        found, calls = _forward_pass(linearised, layers, inputs)
        margin = margins(found, targets, linearised.tasks).gather(1, index) * used
    if outputs is not None:
        outputs.append(found.detach())
    linearised.work.backwards += index.numel()
    flat = [output for mine in calls for _, output in mine]
    for number in range(index.shape[1]):
        last = number == index.shape[1] - 1
        each = iter(
            torch.autograd.grad(
                margin[:, number].sum(),
                flat,
                retain_graph=not last,
                allow_unused=True,
                materialize_grads=True,
            )
        )
        yield number, calls, [[next(each) for _ in mine] for mine in calls]


def _forward_pass(
    linearised: Linearised, layers: Sequence[Layer], inputs: Tensor
) -> tuple[Tensor, list[Calls]]:
    """The model's outputs and each layer's calls.

    Raises:
        UnsupportedError: a layer's parameters are used, but not by calling it.
    """
    with _recorded(layers) as calls:
        found = linearised.model(inputs)
    linearised.work.forwards += len(inputs)
    idle = [layer.name for layer, mine in zip(layers, calls, strict=True) if not mine]
    if idle:
        raise UnsupportedError(f"{idle[0]} is not called as a module")
    return found, calls


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

    handles = [
        layer.module.register_forward_hook(hook(mine))
        for layer, mine in zip(layers, calls, strict=True)
    ]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _rank(n_features: int) -> int:
    """Vectors of a basis."""
    return max(SMALLEST_RANK, int(2 * n_features**0.5))


def bytes_of_sampling(linearised: Linearised, inputs: Tensor, n_features: int) -> float:
    """What one example takes when bases are found, beside activations and their gradients.

    Patches, and all products.

    Raises:
        UnsupportedError: as :meth:`KroneckerProjection.fit`.
    """
    layers, rank = find_layers(linearised), _rank(n_features)
    with torch.no_grad():
        _, calls = _forward_pass(linearised, layers, inputs)
    patches, products = [0], 0
    for layer, mine in zip(layers, calls, strict=True):
        right, left = min(rank, layer.d_in), min(rank, layer.d_out)
        for _, output in mine:
            positions = max(1, output[0].numel() // layer.d_out)
            patches.append(positions * layer.d_in)
            products += positions * (right + left) + 3 * right * left
    return 4 * (2 * max(patches) + products)


def _eigenbases(
    linearised: Linearised,
    layers: Sequence[Layer],
    sample: Callable[[], Iterator[Batch]],
    rank: int,
    seed: int,
) -> list[Basis]:
    """Leading eigenvectors of sum a a^T and sum delta delta^T of each layer.

    All products of them are chosen.
    """
    device = linearised.tasks.pos_weight.device

    def inputs_of(due: Collection[int]) -> Iterator[tuple[int, Tensor]]:
        for inputs, _ in sample():
            with torch.no_grad():
                _, calls = _forward_pass(linearised, layers, inputs)
            for position in due:
                yield from ((position, layers[position].right(x)) for x, _ in calls[position])

    def output_gradients_of(due: Collection[int]) -> Iterator[tuple[int, Tensor]]:
        for inputs, targets in sample():
            for _, calls, deltas in _backward_passes(linearised, layers, inputs, targets):
                for position in due:
                    pairs = zip(calls[position], deltas[position], strict=True)
                    yield from (
                        (position, layers[position].left(x, delta)) for (x, _), delta in pairs
                    )

    def leading(
        name: str,
        sizes: Sequence[int],
        rows_of: Callable[[Collection[int]], Iterator[tuple[int, Tensor]]],
    ) -> list[Tensor]:
        generators = [torch_generator(seed, "basis", f"{layer.name} {name}") for layer in layers]
        sides = [
            Side.of(size, rank, generator, device)
            for size, generator in zip(sizes, generators, strict=True)
        ]
        due = list(range(len(sides)))
        for turn in range(_TURNS):
            for position in due if turn else ():
                sides[position].turn()
            for position, rows in rows_of(due):
                sides[position].add(rows)
            due = [position for position in due if sides[position].vectors is not None]
            if not due:
                break
        return [side.leading(rank) for side in sides]

    rights = leading("right", [layer.d_in for layer in layers], inputs_of)
    lefts = leading("left", [layer.d_out for layer in layers], output_gradients_of)
    return [
        Basis(a, b, torch.arange(a.shape[1] * b.shape[1], device=device))
        for a, b in zip(rights, lefts, strict=True)
    ]


@dataclass(eq=False)
class Side:
    """The sum S of outer products of rows (n,), or its products with some orthonormal ``vectors`` (n, v).

    Up to 1,024 entries S is kept itself. Beyond, it is never formed: the vectors are random and
    turned towards the leading ones with every pass over the rows (subspace iteration). Near is near
    enough, for any orthonormal basis is a valid one.
    """

    total: Tensor
    vectors: Tensor | None

    @classmethod
    def of(cls, size: int, rank: int, generator: torch.Generator, device: torch.device) -> Side:
        """Nothing seen yet, of rows of ``size`` entries of which ``rank`` vectors are wanted."""
        if size <= max(_DIRECT, 2 * rank):
            return cls(torch.zeros(size, size, device=device), None)
        vectors = torch.linalg.qr(torch.randn(size, rank + _MORE, generator=generator)).Q
        return cls(torch.zeros(size, rank + _MORE, device=device), vectors.to(device))

    def add(self, rows: Tensor) -> None:
        """Add rows (B, tau, n)."""
        flat = rows.flatten(0, 1)
        self.total.addmm_(flat.T, flat if self.vectors is None else flat @ self.vectors)

    def turn(self) -> None:
        """Go on with what the vectors became; all rows are to be added again."""
        if self.vectors is not None:
            self.vectors = torch.linalg.qr(self.total).Q
        self.total.zero_()

    def leading(self, rank: int) -> Tensor:
        """The ``rank`` leading eigenvectors as columns (n, r), orthonormal.

        All n if there are no more.
        """
        inside = self.total if self.vectors is None else self.vectors.T @ self.total
        found = (
            torch.linalg.eigh(inside.double()).eigenvectors.flip(1)[:, :rank].to(self.total.dtype)
        )
        return found if self.vectors is None else self.vectors @ found


def _trimmed(basis: Basis, chosen: Tensor) -> Basis:
    """The basis without vectors that no chosen product needs."""
    rank = basis.right.shape[1]
    rows, columns = chosen.div(rank, rounding_mode="floor"), chosen % rank
    n_rows, n_columns = (int(part.max()) + 1 if len(part) else 1 for part in (rows, columns))
    return Basis(basis.right[:, :n_columns], basis.left[:, :n_rows], rows * n_columns + columns)
