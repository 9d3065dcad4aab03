"""Batches for a stack of models.

Gathered, augmented and normalised once, for all examples of a batch together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from coterie.data.arrays import as_input, example
from coterie.data.augment import flip_and_crop
from coterie.data.dataset import Dataset
from coterie.errors import CoterieError
from coterie.seeds import torch_generator

RESIDENT_SHARE = 0.5
Weights = np.ndarray | Tensor | Sequence[Sequence[float]]


@dataclass(frozen=True, slots=True)
class Batch:
    """``inputs`` (..., B, *shape) and ``targets`` (..., B, T) on the device.

    ``position`` (B,) or (M, B), on the host, counts within the positions asked for.
    """

    position: Tensor
    inputs: Tensor
    targets: Tensor


class Batches:
    """Batches of one part of the data for a stack of M models.

    Inputs live on the device where they fit in half of its free memory (``resident``), else each
    batch is moved there. A shared last batch may be smaller, but never a single example, on which
    BatchNorm fails: that one joins the batch before.

    Args:
        data: what to read.
        positions: (n,) example positions that all models share, or one support (n_m,) per model.
            Supports need equal numbers of steps; model m walks a permutation of its own support
            that depends on (seed, support) only, wrapped round to fill the last batch.
        batch_size: examples per batch and model.
        seed: of the order and the augmentation; or one for each model, which then has batches of its
            own, those that it would have alone.
        device: where batches are delivered.
        augment: random flips and padded crops (images only).
        channels_last: memory format of 4-D inputs.
        workers: processes that read a map-style dataset.

    >>> from coterie.data import load
    >>> data = load("digits")
    >>> batches = Batches(data, data.split.train, batch_size=128, seed=0)
    >>> batches.n_steps, next(batches.epoch(0)).inputs.shape
    (9, torch.Size([128, 1, 8, 8]))
    """

    def __init__(
        self,
        data: Dataset,
        positions: Tensor | Sequence[Tensor],
        *,
        batch_size: int,
        seed: int | Sequence[int],
        device: torch.device | str = "cpu",
        augment: bool = False,
        channels_last: bool = False,
        workers: int = 0,
    ) -> None:
        if batch_size < 2:
            raise CoterieError(f"`batch_size` must be at least 2; found {batch_size}.")
        if augment and len(data.input_shape) != 3:
            raise CoterieError(
                f"`augment` is for images of shape (C, H, W); inputs have shape {data.input_shape}."
            )
        self.data, self.batch_size, self.augment = data, batch_size, augment
        self.device, self.channels_last, self.workers = torch.device(device), channels_last, workers
        self.common = isinstance(positions, Tensor)
        self.supports = [positions] if isinstance(positions, Tensor) else list(positions)
        self.shared = self.common and not isinstance(seed, Sequence)
        if augment and isinstance(seed, Sequence):
            raise CoterieError("`augment` needs one `seed` for all models.")
        self.seeds = list(seed) if isinstance(seed, Sequence) else [seed] * len(self.supports)
        self.n_steps = self._count_steps()
        rows = self.supports[0] if self.common else torch.cat(self.supports).unique()
        self.resident = self._fits(rows)
        self._inputs, self._input_table = data.inputs, _padded(self.supports)
        if self.resident and isinstance(data.inputs, Tensor):
            self._inputs, self._input_table = self._place(data.inputs, rows)
        self._targets, self._target_table = self._place(data.targets, rows)

    def of_rows(self, rows: Tensor) -> Batches:
        """The batches of some of the models, by their numbers: those that they had before."""
        if self.shared or len(rows) == len(self.seeds):
            return self
        some = copy(self)
        some.seeds = [self.seeds[row] for row in rows.tolist()]
        if self.common:
            return some
        some.supports = [self.supports[row] for row in rows.tolist()]
        for name in ("_input_table", "_target_table"):
            table = getattr(self, name)
            setattr(some, name, table[rows.to(table.device)])
        return some

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield the batches of one epoch, shuffled, and augmented if asked for."""
        if self.common:
            drawn = {seed: self._order(seed, len(self.supports[0]), epoch) for seed in self.seeds}
            orders = [drawn[seed] for seed in self.seeds]
            positions = self._chunks(orders[0] if self.shared else torch.stack(orders))
        else:
            orders = [
                self._order(seed, len(support), epoch)
                for seed, support in zip(self.seeds, self.supports, strict=True)
            ]
            steps = torch.arange(self.n_steps * self.batch_size)
            wrapped = torch.stack([order[steps % len(order)] for order in orders])
            positions = list(wrapped.split(self.batch_size, dim=1))
        return self._deliver(positions, epoch if self.augment else None)

    def _order(self, seed: int, n_examples: int, epoch: int) -> Tensor:
        return torch.randperm(n_examples, generator=torch_generator(seed, "order", epoch))

    def sample(self, step: int) -> Batch:
        """A random batch that depends on (seed, step) only, without augmentation."""
        order = torch.randperm(
            len(self.supports[0]), generator=torch_generator(self.seeds[0], "sample", step)
        )
        return next(iter(self._deliver([order[: self.batch_size]], None)))

    def ordered(self) -> Iterator[Batch]:
        """Yield every example once, in the order of the positions, without augmentation."""
        if not self.shared:
            raise CoterieError(
                "`ordered` needs positions that all models share; evaluate supports one by one."
            )
        return self._deliver(self._chunks(torch.arange(len(self.supports[0]))), None)

    def _count_steps(self) -> int:
        empty = [row for row, support in enumerate(self.supports) if len(support) == 0]
        if empty or not self.supports:
            raise CoterieError(
                "`positions` is empty."
                if self.common or not empty
                else f"Support {empty[0]} is empty."
            )
        steps = {-(-len(support) // self.batch_size) for support in self.supports}
        if len(steps) > 1:
            raise CoterieError(
                "Supports must give the same number of steps to be trained as one stack; found "
                f"{min(steps)} to {max(steps)}."
            )
        return len(self._chunks(self.supports[0])) if self.common else steps.pop()

    def _chunks(self, order: Tensor) -> list[Tensor]:
        """Parts of an order (..., n)."""
        chunks = list(order.split(self.batch_size, dim=-1))
        if len(chunks) > 1 and chunks[-1].shape[-1] == 1:
            chunks[-2:] = [torch.cat(chunks[-2:], dim=-1)]
        return chunks

    def _fits(self, rows: Tensor) -> bool:
        if not isinstance(self.data.inputs, Tensor):
            return False
        if self.device.type != "cuda":
            return True
        needed = len(rows) * self.data.inputs[0].numel() * self.data.inputs.element_size()
        return needed <= RESIDENT_SHARE * torch.cuda.mem_get_info(self.device)[0]

    def _place(self, values: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return values and the (1 or M, n) table of where in them each position is found.

        On a device only the rows asked for are kept; on the host the data set's own memory serves,
        uncopied.
        """
        if self.device.type == "cpu":
            return values, _padded(self.supports)
        local = (
            [torch.arange(len(rows))]
            if self.common
            else [torch.searchsorted(rows, s) for s in self.supports]
        )
        return values[rows].to(self.device), _padded(local).to(self.device)

    def _deliver(self, positions: list[Tensor], epoch: int | None) -> Iterator[Batch]:
        near = _split_like(positions, self.device)
        for step, (position, here, inputs) in enumerate(
            zip(positions, near, self._read(positions, near), strict=True)
        ):
            if epoch is not None:
                inputs = flip_and_crop(
                    inputs, torch_generator(self.seeds[0], "augment", epoch, step)
                )
            inputs = self.data.preprocessing.normalise(inputs)
            if self.channels_last and inputs.dim() >= 4:
                inputs = _channels_last(inputs)
            yield Batch(position, inputs, _gather(self._targets, self._target_table, here))

    def _read(self, positions: list[Tensor], near: list[Tensor]) -> Iterator[Tensor]:
        if not isinstance(self._inputs, Tensor):
            yield from self._read_examples(positions)
        elif self.resident:
            yield from (_gather(self._inputs, self._input_table, here) for here in near)
        else:
            for position in positions:
                inputs = _gather(self._inputs, self._input_table, position)
                yield inputs.pin_memory().to(self.device, non_blocking=True)

    def _read_examples(self, positions: list[Tensor]) -> Iterator[Tensor]:
        """Read a map-style dataset through a DataLoader that is told what makes a batch."""
        loader = torch.utils.data.DataLoader(
            _Inputs(self.data),
            batch_sampler=[
                _look_up(self._input_table, position).flatten().tolist() for position in positions
            ],
            num_workers=self.workers,
            pin_memory=self.device.type == "cuda",
            generator=torch.Generator(),  # its own, so that the global random state is left alone
        )
        try:
            for position, inputs in zip(positions, loader, strict=True):
                yield inputs.unflatten(0, position.shape).to(self.device, non_blocking=True)
        except CoterieError as error:  # that of a worker process begins with a traceback
            raise CoterieError(
                str(error).rpartition(f"{CoterieError.__name__}: ")[2].rstrip()
            ) from error


class _Inputs(torch.utils.data.Dataset):
    """The first half of each (input, target) pair of a streamed data set."""

    def __init__(self, data: Dataset) -> None:
        self.pairs = data.inputs
        self.preprocessing, self.ids = data.preprocessing, data.ids

    def __getitem__(self, index: int) -> Tensor:
        name = example(self.ids[index])
        inputs = as_input(self.pairs[index][0], name)
        self.preprocessing.require(inputs, name, batched=False)
        return inputs


def supports(data: Dataset, weights: Weights) -> Tensor | list[Tensor]:
    """Return the training positions that each row of loss weights (M, T) learns from.

    Examples with a label of positive weight.

    One (n,) tensor if every row learns from the whole training part, else a list of M. A row's
    batches then depend on its own support alone, whatever the other rows are (a list holds several,
    a single model or the same support M times).

    >>> from coterie.data import load
    >>> data = load("digits")
    >>> len(supports(data, torch.ones(1, 14)))
    1078
    """
    used = torch.as_tensor(weights) > 0
    if used.dim() != 2 or used.shape[1] != len(data.tasks):
        raise CoterieError(
            f"`weights` must have shape (M, {len(data.tasks)}); found {tuple(used.shape)}."
        )
    train = data.split.train
    observed = ~data.targets[train].isnan()
    if observed.all():
        if (idle := (~used.any(1)).nonzero().flatten()).numel():
            raise CoterieError(f"Row {idle[0]} of `weights` is zero everywhere: nothing to learn.")
        return train
    found = [train[observed[:, row].any(1)] for row in used]
    for row, support in enumerate(found):
        if not len(support):
            raise CoterieError(f"Row {row} of `weights` has no labelled training example.")
    return train if all(len(support) == len(train) for support in found) else found


def steps_an_epoch(data: Dataset, batch_size: int) -> int:
    """Optimiser steps that a joint training takes in an epoch.

    >>> from coterie.data import load
    >>> steps_an_epoch(load("digits"), 128)
    9
    """
    positions = supports(data, torch.ones(1, len(data.tasks)))
    return Batches(data, positions, batch_size=batch_size, seed=0).n_steps


def blocks(
    data: Dataset, weights: Weights, batch_size: int
) -> list[tuple[list[int], Tensor | list[Tensor]]]:
    """Sort the rows of ``weights`` into blocks that can be trained as one stack.

    (row numbers, positions for :class:`Batches`).

    Rows that learn from the whole training part share their batches; others are together when they
    take equally many steps.

    >>> from coterie.data import load
    >>> [rows for rows, _ in blocks(load("digits"), torch.eye(14)[:3], 128)]
    [[0, 1, 2]]
    """
    found = supports(data, weights)
    if isinstance(found, Tensor):
        return [(list(range(len(weights))), found)]
    whole = [row for row, support in enumerate(found) if len(support) == len(data.split.train)]
    answer: list[tuple[list[int], Tensor | list[Tensor]]] = (
        [(whole, data.split.train)] if whole else []
    )
    steps: dict[int, list[int]] = {}
    for row, support in enumerate(found):
        if row not in whole:
            steps.setdefault(-(-len(support) // batch_size), []).append(row)
    return answer + [(rows, [found[row] for row in rows]) for _, rows in sorted(steps.items())]


def _padded(supports: list[Tensor]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence(supports, batch_first=True)


def _look_up(table: Tensor, position: Tensor) -> Tensor:
    return table[0][position] if len(table) == 1 else table.gather(1, position)


def _gather(values: Tensor, table: Tensor, position: Tensor) -> Tensor:
    index = _look_up(table, position)
    return values.index_select(0, index.flatten()).unflatten(0, index.shape)


def _split_like(positions: list[Tensor], device: torch.device) -> list[Tensor]:
    """The same chunks on the device, moved there in one copy."""
    if device.type == "cpu":
        return positions
    return list(
        torch.cat(positions, dim=-1)
        .to(device)
        .split([chunk.shape[-1] for chunk in positions], dim=-1)
    )


def _channels_last(inputs: Tensor) -> Tensor:
    flat = inputs.flatten(0, -4).contiguous(memory_format=torch.channels_last)
    return flat.unflatten(0, inputs.shape[:-3])
