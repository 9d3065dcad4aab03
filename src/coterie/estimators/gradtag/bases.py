"""Directions of a layer: the leading eigenvectors of what goes into it and of its output gradients.

Shapes: ``B`` examples, ``tau`` positions, ``r`` basis vectors.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from coterie.estimators.gradtag.layers import Layer
from coterie.estimators.gradtag.linearised import Linearised
from coterie.estimators.gradtag.passes import Batch, backward_passes, forward_pass
from coterie.seeds import torch_generator

SMALLEST_RANK = 64
_DIRECT, _MORE, _TURNS = 1024, 16, 4
Rows = Callable[[Collection[int]], Iterator[tuple[int, Tensor]]]


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

    def trimmed(self, chosen: Tensor) -> Basis:
        """With the products ``chosen`` only, without vectors that none of them needs."""
        rank = self.right.shape[1]
        rows, columns = chosen.div(rank, rounding_mode="floor"), chosen % rank
        n_rows, n_columns = (int(part.max()) + 1 if len(part) else 1 for part in (rows, columns))
        left, right = self.left[:, :n_rows], self.right[:, :n_columns]
        return Basis(right, left, rows * n_columns + columns)


def rank_of(n_features: int) -> int:
    """Vectors of a basis."""
    return max(SMALLEST_RANK, int(2 * n_features**0.5))


def eigenbases(
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
                _, calls = forward_pass(linearised, layers, inputs)
            for position in due:
                yield from ((position, layers[position].right(x)) for x, _ in calls[position])

    def output_gradients_of(due: Collection[int]) -> Iterator[tuple[int, Tensor]]:
        for inputs, targets in sample():
            for _, calls, deltas in backward_passes(linearised, layers, inputs, targets):
                for position in due:
                    pairs = zip(calls[position], deltas[position], strict=True)
                    yield from ((position, layers[position].left(x, d)) for (x, _), d in pairs)

    def empty(layer: Layer, size: int, name: str) -> Side:
        return Side.of(size, rank, torch_generator(seed, "basis", f"{layer.name} {name}"), device)

    rights = _leading([empty(layer, layer.d_in, "right") for layer in layers], inputs_of, rank)
    lefts = [empty(layer, layer.d_out, "left") for layer in layers]
    return [
        Basis(a, b, torch.arange(a.shape[1] * b.shape[1], device=device))
        for a, b in zip(rights, _leading(lefts, output_gradients_of, rank), strict=True)
    ]


def _leading(sides: Sequence[Side], rows_of: Rows, rank: int) -> list[Tensor]:
    """The leading eigenvectors of each side, whose rows come in as many passes as it needs."""
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


@dataclass(eq=False)
class Side:
    """The sum S of outer products of rows (n,), or its products with orthonormal vectors.

    These ``vectors`` are (n, v). Up to 1,024 entries S is kept itself. Beyond, it is never formed:
    the vectors are random and turned towards the leading ones with every pass over the rows
    (subspace iteration). Near is near enough, for any orthonormal basis is a valid one.
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
