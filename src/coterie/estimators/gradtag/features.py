"""Per-cell gradient features.

Projections of each margin's gradient on the shared parameters, z = P^T g.

Two projections share one interface. :class:`DenseProjection` is the published one, random signs
over all parameters, and takes any module.
:class:`coterie.estimators.gradtag.kronecker.KroneckerProjection` never forms a gradient and takes
the usual layers.

Shapes: ``B`` examples, ``K`` cells of an example, ``p`` shared parameters, ``d`` features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Protocol

import torch
from torch import Tensor

from coterie.data import Batches, Dataset
from coterie.estimators.gradtag.linearised import Linearised, cells
from coterie.estimators.gradtag.margins import balance, margins
from coterie.models.strategy import saved_bytes
from coterie.seeds import torch_generator
from coterie.tasks import Kind

LARGEST_CHUNK = 1024
_BLOCK = 4096
# Signs are kept between batches where they take at most this part of the memory.
_KEPT = 4


class Projection(Protocol):
    """Maps the gradients of a model's margins to d features a cell."""

    @property
    def linearised(self) -> Linearised:
        """What is projected."""
        ...

    @property
    def n_features(self) -> int:
        """Number of features, d."""
        ...

    def features(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, K, d) of every cell, 0 where there is none, and outputs (B, P)."""
        ...

    def project(self, gradients: Mapping[str, Tensor]) -> Tensor:
        """The features (B, K, d) of gradients that are given by parameter name, (B, K, ...)."""
        ...


@dataclass(eq=False)
class DenseProjection:
    """P of random signs over sqrt(d) (engine A).

    E[P P^T] = 1: inner products are kept in expectation. P is never held as one (p, d) matrix: it
    comes in blocks of 4,096 entries of one parameter, each from a generator of its own, so that a
    block does not depend on the others, on the chunks or on the device. Blocks are kept as int8 if
    they all take at most a quarter of ``memory`` bytes, else drawn again for every chunk.
    """

    linearised: Linearised
    n_features: int
    seed: int = 0
    memory: int = 2**28
    _kept: dict[tuple[str, int], Tensor] = field(init=False, repr=False, default_factory=dict)

    def features(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, K, d) and outputs (B, P), a few examples at a time.

        Their gradients take at most ``memory`` bytes.
        """
        with torch.no_grad():
            outputs = self.linearised.model(inputs)
        index, _ = cells(targets)
        self.linearised.work.forwards += len(inputs)
        self.linearised.work.backwards += index.numel()
        found = outputs.new_zeros(*index.shape, self.n_features)
        n_rows = max(1, self.memory // (8 * self.linearised.n_parameters * index.shape[1]))
        for start in range(0, len(inputs), n_rows):
            part = slice(start, start + n_rows)
            projected = self.project(self.linearised.gradients(inputs[part], targets[part]))
            found[part, : projected.shape[1]] = projected
        return found, outputs

    def project(self, gradients: Mapping[str, Tensor]) -> Tensor:
        """The features (B, K, d) of explicit gradients, block by block of each parameter."""
        first = next(iter(gradients.values()))
        found = first.new_zeros(*first.shape[:2], self.n_features)
        for name, gradient in gradients.items():
            for number, block in enumerate(gradient.flatten(2).split(_BLOCK, dim=2)):
                found += block @ self.signs(name, number, block.shape[2]).to(block)
        return found / self.n_features**0.5

    def signs(self, name: str, number: int, rows: int) -> Tensor:
        """Block ``number`` of a parameter's part of P times sqrt(d), (rows, d), int8."""
        key = (name, number)
        if key in self._kept:
            return self._kept[key]
        generator = torch_generator(self.seed, "projection", name, number)
        signs = (
            torch.randint(0, 2, (rows, self.n_features), dtype=torch.int8, generator=generator)
            .mul_(2)
            .sub_(1)
        )
        if self.linearised.n_parameters * self.n_features <= self.memory // _KEPT:
            self._kept[key] = signs.to(self.linearised.tasks.pos_weight.device)
        return signs


@dataclass(frozen=True, eq=False)
class Cells:
    """Observed cells of one task.

    Features ``z`` (n, d), ``outputs`` (n, w), ``margin``, ``target`` and ``weight`` (n,).

    The task's loss is the sum over cells of weight times loss: the weight holds balance, scale and
    1 / n.
    """

    kind: Kind
    z: Tensor
    outputs: Tensor
    margin: Tensor
    target: Tensor
    weight: Tensor

    @staticmethod
    def joined(parts: Sequence[Cells]) -> Cells | None:
        """All cells of several batches of a task; None without any."""
        if not parts:
            return None
        names = [f.name for f in fields(Cells) if f.name != "kind"]
        return Cells(
            parts[0].kind, *(torch.cat([getattr(part, name) for part in parts]) for name in names)
        )


def extract(
    projection: Projection, data: Dataset, positions: Tensor, divisor: Tensor, chunk: int
) -> Iterator[dict[int, Cells]]:
    """Yield, batch by batch, its cells by task.

    Args:
        projection: gives the features.
        data: the data set.
        positions: (N,) example positions.
        divisor: (T,), of the sum over a task's cells that makes its loss.
        chunk: examples at a time, see :func:`examples_that_fit`.
    """
    tasks, device = projection.linearised.tasks, projection.linearised.tasks.pos_weight.device
    for batch in Batches(data, positions, batch_size=chunk, seed=0, device=device).ordered():
        z, outputs = projection.features(batch.inputs, batch.targets)
        index, used = cells(batch.targets)
        margin = margins(outputs, batch.targets, tasks)
        weight = balance(batch.targets, tasks) / divisor.to(device)
        found = {}
        for task in range(len(tasks)):
            mine = (index == task) & used
            rows = mine.any(1)
            if rows.any():
                columns = [values[rows, task] for values in (margin, batch.targets, weight)]
                own = outputs[rows][:, tasks.columns[task]]
                found[task] = Cells(tasks[task].kind, z[mine], own, *columns)
        yield found


def examples_that_fit(linearised: Linearised, data: Dataset, beside: float, memory: int) -> int:
    """Examples that take ``memory`` bytes.

    Activations, their gradients and projections, and ``beside`` bytes of each.
    """
    inputs = torch.zeros(2, *data.input_shape, device=linearised.tasks.pos_weight.device)
    kept = saved_bytes(lambda: linearised.model(inputs)) / 2
    return int(min(LARGEST_CHUNK, max(2, memory // (4 * kept + beside))))
