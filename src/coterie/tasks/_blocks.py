"""Blocks of tasks of one kind, which are computed together.

Shapes: ``T`` tasks, ``n`` tasks of a block, ``C`` output columns of the widest, ``...`` any leading
dimensions such as the models of a stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, overload

import torch
from torch import Tensor

from coterie.tasks._kind import KINDS, Kind

if TYPE_CHECKING:
    from coterie.tasks._tasks import Task, Tasks


def by_kind(tasks: Sequence[Task]) -> dict[Kind, list[int]]:
    """Positions of the tasks of each kind that there is, in the order of ``KINDS``.

    >>> from coterie.tasks import Task
    >>> kinds = {"a": "regression", "b": "binary", "c": "binary"}
    >>> by_kind([Task(name=name, kind=kind) for name, kind in kinds.items()])
    {'binary': [1, 2], 'regression': [0]}
    """
    found: dict[Kind, list[int]] = {}
    for position, task in enumerate(tasks):
        found.setdefault(task.kind, []).append(position)
    return {kind: found[kind] for kind in KINDS.values() if kind in found}


@dataclass(frozen=True, eq=False)
class Block:
    """Tasks of one kind as index tensors, made once: a step of training has no loop over tasks.

    They lie on the tasks' device. ``tasks`` (n,) are their positions, ``columns`` their output
    columns: (n,), or (n, C) where the kind is wide, padded to the widest task; ``padding`` (n, C)
    says where. ``pos_weight``, ``mean`` and ``std`` (n,) are theirs. ``everything`` is True if all
    T tasks are of this kind.
    """

    kind: Kind
    tasks: Tensor
    columns: Tensor
    padding: Tensor
    pos_weight: Tensor
    mean: Tensor
    std: Tensor
    everything: bool

    @classmethod
    def of(cls, tasks: Tasks, positions: Sequence[int], kind: Kind) -> Self:
        """The block of some tasks of one kind."""
        device = tasks.pos_weight.device
        starts = torch.tensor([tasks.columns[p].start for p in positions])
        widths = torch.tensor([tasks[p].width for p in positions])
        offsets = torch.arange(int(widths.max()))
        padding = offsets >= widths[:, None]
        columns = starts[:, None] + offsets.expand_as(padding).masked_fill(padding, 0)
        places = torch.tensor(positions, device=device)
        return cls(
            kind,
            places,
            (columns if kind.wide else starts).to(device),
            padding.to(device),
            tasks.pos_weight[places],
            tasks.mean[places],
            tasks.std[places],
            len(positions) == len(tasks),
        )

    def select(self, values: Tensor, dim: int = -1) -> Tensor:
        """Entries of these tasks of values with T along ``dim``."""
        return values if self.everything else values.index_select(dim, self.tasks)

    def outputs(self, outputs: Tensor) -> Tensor:
        """Outputs (..., n) of these tasks, or (..., n, C) where the kind is wide."""
        if self.kind.wide:
            return outputs[..., self.columns].masked_fill(self.padding, self.kind.padding)
        return outputs if self.everything else outputs.index_select(-1, self.columns)


@dataclass(frozen=True, eq=False)
class Blocks(Sequence[Block]):
    """Blocks of all kinds present, and how their results come back into the order of the tasks."""

    items: tuple[Block, ...]
    back: Tensor

    @classmethod
    def of(cls, tasks: Tasks, positions: Sequence[int], last: Sequence[int] = ()) -> Self:
        """Blocks of the tasks at ``positions``; the tasks ``last`` will follow behind them."""
        found = {
            kind: [positions[i] for i in mine]
            for kind, mine in by_kind([tasks[p] for p in positions]).items()
        }
        order = [p for mine in found.values() for p in mine] + list(last)
        with torch.inference_mode(False):  # made while validating, they serve training as well
            items = tuple(Block.of(tasks, mine, kind) for kind, mine in found.items())
            return cls(items, torch.tensor(order).argsort().to(tasks.pos_weight.device))

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Block: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Block, ...]: ...
    def __getitem__(self, index: int | slice) -> Block | tuple[Block, ...]:
        return self.items[index]

    def in_task_order(self, parts: Sequence[Tensor]) -> Tensor:
        """Concatenate (..., n) of each block, and of what follows, into (..., T)."""
        return (
            parts[0]
            if len(parts) == 1
            else torch.cat(list(parts), dim=-1).index_select(-1, self.back)
        )
