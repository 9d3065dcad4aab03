"""Tasks, their statistics, and blocks of tasks of one kind.

Shapes: ``T`` tasks, ``P`` output columns, ``n`` tasks of a block, ``...`` any leading dimensions
such as the models of a stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Annotated, Self, TypedDict, overload

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError, require_list, require_texts, require_type, shown
from coterie.schema import distinct, least, structure
from coterie.tasks._kind import KINDS, Kind, kind_named, unknown_kind

TaskFunction = Callable[[Tensor, Tensor], Tensor]
_UNITS = ("mean", "std")
_STATISTICS = ("pos_weight", *_UNITS, "observed_share", "loss_scale")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One prediction target.

    ``kind`` may be given by name. ``classes`` names the labels in the order of their codes
    (negative, positive for a binary task; empty for numbers). ``loss(outputs, targets)`` gets (...,
    B, width) and (..., B) of this task, missing targets as 0, and returns one value per example,
    (..., B); missing ones are dropped afterwards. ``metric(outputs, targets)`` gets the observed
    examples only and returns a number, higher is better. Neither is saved with a model.
    """

    name: str
    kind: Kind
    classes: tuple[str, ...] = ()
    loss: TaskFunction | None = None
    metric: TaskFunction | None = None

    def __post_init__(self) -> None:
        """Refuse what is no task."""
        require_type("name", self.name, str)
        object.__setattr__(self, "kind", kind_named(self.kind))
        object.__setattr__(self, "classes", require_texts("classes", self.classes))
        for name in ("loss", "metric"):
            if (function := getattr(self, name)) is not None and not callable(function):
                raise CoterieError(
                    f"`{name}` must be called with (outputs, targets); found {shown(function)}."
                )

    @property
    def width(self) -> int:
        """Number of output columns."""
        return self.kind.width(self.classes)


@dataclass(frozen=True, kw_only=True)
class Tasks(Sequence[Task]):
    """All tasks of a data set with what training needs to know of them, measured on the training split.

    All tensors have shape (T,): ``pos_weight`` = negatives / positives (1 where not binary or not
    balanced), ``mean`` and ``std`` = what numbers are shifted and divided by (0 and 1 elsewhere),
    ``observed_share`` = share of examples with a label, ``loss_scale`` = the loss of the best
    constant prediction where kinds are mixed, else 1. They are float32, but for ``mean`` and
    ``std``, which are float64: they turn predictions into the target's own units, of which float32
    holds seven digits only.
    """

    items: tuple[Task, ...]
    pos_weight: Tensor
    mean: Tensor
    std: Tensor
    observed_share: Tensor
    loss_scale: Tensor

    @classmethod
    def plain(cls, items: Sequence[Task]) -> Self:
        """Tasks without any statistics: nothing is balanced, shifted or scaled."""
        items = require_list("items", items, Task)
        one, size = torch.ones(len(items)), len(items)
        return cls(
            items=items,
            pos_weight=one,
            mean=torch.zeros(size, dtype=torch.float64),
            std=torch.ones(size, dtype=torch.float64),
            observed_share=one,
            loss_scale=one,
        )

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Task: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Task, ...]: ...
    def __getitem__(self, index: int | slice) -> Task | tuple[Task, ...]:
        return self.items[index]

    @property
    def names(self) -> tuple[str, ...]:
        """Task names, in column order."""
        return tuple(task.name for task in self.items)

    @cached_property
    def columns(self) -> tuple[slice, ...]:
        """Output columns of each task."""
        return _slices(task.width for task in self.items)

    @cached_property
    def prediction_columns(self) -> tuple[slice, ...]:
        """Columns of each task among the predictions of :class:`coterie.GroupedModel`."""
        return _slices(task.kind.n_predictions(task.classes) for task in self.items)

    @property
    def n_outputs(self) -> int:
        """Total number of output columns, P."""
        return self.columns[-1].stop

    def to(self, device: torch.device | str) -> Self:
        """Return the same tasks with their statistics on ``device``."""
        return replace(self, **{name: getattr(self, name).to(device) for name in _STATISTICS})

    def to_dict(self) -> dict[str, object]:
        """Everything but own losses and metrics, as plain JSON types."""
        items = [
            {"name": task.name, "kind": task.kind.value, "classes": task.classes}
            for task in self.items
        ]
        return {"items": items, **{name: getattr(self, name).tolist() for name in _STATISTICS}}

    @classmethod
    def from_dict(cls, saved: Mapping[str, object]) -> Self:
        """Rebuild what :meth:`to_dict` gave, also after a round trip through JSON.

        Raises:
            CoterieError: a field is missing, unknown or wrong, or they do not fit together; it is
                named.
        """
        found: _Saved = structure(saved, _Saved, "tasks")
        items = [Task(**{**task, "kind": kind_named(task["kind"])}) for task in found["items"]]
        distinct([task.name for task in items])
        for task in items:
            if not task.kind.fits(task.classes) or len(set(task.classes)) < len(task.classes):
                raise CoterieError(
                    f"`classes` of the {task.kind} task {task.name!r} do not fit: "
                    f"{list(task.classes)}."
                )
        for name in _STATISTICS:
            if len(found[name]) != len(items):
                raise CoterieError(
                    f"`tasks.{name}` must have {len(items)} numbers, one a task; found "
                    f"{len(found[name])}."
                )
        return cls(
            items=tuple(items), **{name: statistic(name, found[name]) for name in _STATISTICS}
        )

    def of_kind(self, kind: Kind) -> list[int]:
        """Positions of the tasks of one kind."""
        return [position for position, task in enumerate(self.items) if task.kind == kind]

    @cached_property
    def blocks(self) -> Blocks:
        """All tasks, kind by kind."""
        return Blocks.of(self, range(len(self)))

    @cached_property
    def fused(self) -> Blocks:
        """The tasks without a loss of their own, kind by kind.

        The others follow one by one in :attr:`own`.
        """
        return Blocks.of(
            self, [p for p, task in enumerate(self.items) if task.loss is None], last=self.own
        )

    @cached_property
    def own(self) -> list[int]:
        """Positions of the tasks with a loss of their own."""
        return [p for p, task in enumerate(self.items) if task.loss is not None]


def by_kind(tasks: Sequence[Task]) -> dict[Kind, list[int]]:
    """Positions of the tasks of each kind that there is, in the order of ``KINDS``.

    >>> by_kind([Task(name="a", kind=Kind.REGRESSION), Task(name="b", kind=Kind.BINARY), Task(name="c", kind=Kind.BINARY)])
    {'binary': [1, 2], 'regression': [0]}
    """
    found: dict[Kind, list[int]] = {}
    for position, task in enumerate(tasks):
        found.setdefault(task.kind, []).append(position)
    return {kind: found[kind] for kind in KINDS.values() if kind in found}


def _slices(widths: Iterable[int]) -> tuple[slice, ...]:
    return tuple(slice(start, stop) for start, stop in pairwise(accumulate(widths, initial=0)))


def statistic(name: str, values: np.ndarray | Sequence[float]) -> Tensor:
    """One of the statistics of :class:`Tasks` as a tensor (T,) of the right type.

    >>> statistic("mean", [0.1]).dtype, statistic("pos_weight", [0.1]).dtype
    (torch.float64, torch.float32)
    """
    return torch.tensor(values, dtype=torch.float64 if name in _UNITS else torch.float32)


class _SavedTask(TypedDict):
    name: str
    kind: Annotated[str, unknown_kind]
    classes: tuple[str, ...]


class _Saved(TypedDict):
    items: list[_SavedTask]
    pos_weight: list[Annotated[float, least(0)]]
    mean: list[float]
    std: list[Annotated[float, least(0)]]
    observed_share: list[Annotated[float, least(0)]]
    loss_scale: list[Annotated[float, least(0)]]


@dataclass(frozen=True, eq=False)
class Block:
    """Tasks of one kind as index tensors on the tasks' device, made once so that a step has no Python loop over tasks.

    ``tasks`` (n,) are their positions, ``columns`` their output columns: (n,), or (n, C) where the
    kind is wide, padded to the widest task; ``padding`` (n, C) says where. ``pos_weight``, ``mean``
    and ``std`` (n,) are theirs. ``everything`` is True if all T tasks are of this kind.
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
    """Blocks of all kinds present, and how to bring their results back into the order of the tasks."""

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
