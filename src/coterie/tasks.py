"""Tasks: their kinds, losses and confidences, computed for all tasks at once.

Shapes: ``B`` examples of a batch, ``T`` tasks, ``P`` output columns (one for a binary or a regression
task, one per class for a multi-class task), ``...`` any leading dimensions such as the models of a stack.
Targets are encoded: 0 or 1, a class index, or a value standardised on the training split; NaN is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Annotated, Any, Self, TypedDict

import torch
import torch.nn.functional as F
from torch import Tensor

from coterie.errors import CoterieError, require_choice, require_list, require_texts, require_type, shown
from coterie.schema import distinct, least, structure

TaskFunction = Callable[[Tensor, Tensor], Tensor]
_UNITS = ("mean", "std")
_STATISTICS = ("pos_weight", *_UNITS, "observed_share", "loss_scale")


class Kind(StrEnum):
    """What a target is."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


@dataclass(frozen=True, kw_only=True)
class Task:
    """One prediction target.

    ``classes`` names the labels in the order of their codes (negative, positive for a binary task; empty for
    regression). ``loss(outputs, targets)`` gets (..., B, width) and (..., B) of this task, missing targets as 0,
    and returns one value per example, (..., B); missing ones are dropped afterwards. ``metric(outputs, targets)``
    gets the observed examples only and returns a number, higher is better. Neither is saved with a model.
    """

    name: str
    kind: Kind
    classes: tuple[str, ...] = ()
    loss: TaskFunction | None = None
    metric: TaskFunction | None = None

    def __post_init__(self) -> None:
        """Refuse what is no task."""
        require_type("name", self.name, str)
        require_choice("kind", self.kind, Kind)
        object.__setattr__(self, "kind", Kind(self.kind))
        object.__setattr__(self, "classes", require_texts("classes", self.classes))
        for name in ("loss", "metric"):
            if (function := getattr(self, name)) is not None and not callable(function):
                raise CoterieError(f"`{name}` must be called with (outputs, targets); found {shown(function)}.")

    @property
    def width(self) -> int:
        """Number of output columns."""
        return len(self.classes) if self.kind is Kind.MULTICLASS else 1


@dataclass(frozen=True, kw_only=True)
class Tasks(Sequence[Task]):
    """All tasks of a data set with what training needs to know of them, measured on the training split.

    All tensors have shape (T,): ``pos_weight`` = negatives / positives (1 where not binary or not balanced), ``mean`` and
    ``std`` of regression targets (0 and 1 elsewhere), ``observed_share`` = share of examples with a label, ``loss_scale`` =
    the loss of the best constant prediction where kinds are mixed, else 1. They are float32, but for ``mean`` and ``std``,
    which are float64: they turn predictions into the target's own units, of which float32 holds seven digits only.
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
            items=items, pos_weight=one, mean=torch.zeros(size, dtype=torch.float64),
            std=torch.ones(size, dtype=torch.float64), observed_share=one, loss_scale=one,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        return self.items[index]

    @property
    def names(self) -> tuple[str, ...]:
        """Task names, in column order."""
        return tuple(task.name for task in self.items)

    @cached_property
    def columns(self) -> tuple[slice, ...]:
        """Output columns of each task."""
        ends = accumulate((task.width for task in self.items), initial=0)
        return tuple(slice(start, stop) for start, stop in pairwise(ends))

    @property
    def n_outputs(self) -> int:
        """Total number of output columns, P."""
        return self.columns[-1].stop

    def to(self, device: torch.device | str) -> Self:
        """Return the same tasks with their statistics on ``device``."""
        return replace(self, **{name: getattr(self, name).to(device) for name in _STATISTICS})

    def to_dict(self) -> dict[str, Any]:
        """Everything but own losses and metrics, as plain JSON types."""
        items = [{"name": task.name, "kind": task.kind.value, "classes": task.classes} for task in self.items]
        return {"items": items, **{name: getattr(self, name).tolist() for name in _STATISTICS}}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild what :meth:`to_dict` gave, also after a round trip through JSON.

        Raises:
            CoterieError: a field is missing, unknown or wrong, or they do not fit together; it is named.
        """
        found: _Saved = structure(saved, _Saved, "tasks")
        items = [Task(**task) for task in found["items"]]
        distinct([task.name for task in items])
        for task in items:
            fitting = {Kind.BINARY: (0, 2), Kind.REGRESSION: (0,)}.get(task.kind)
            fits = len(task.classes) >= 2 if fitting is None else len(task.classes) in fitting
            if not fits or len(set(task.classes)) < len(task.classes):
                raise CoterieError(f"`classes` of the {task.kind} task {task.name!r} do not fit: {list(task.classes)}.")
        for name in _STATISTICS:
            if len(found[name]) != len(items):
                raise CoterieError(f"`tasks.{name}` must have {len(items)} numbers, one a task; found {len(found[name])}.")
        return cls(items=tuple(items), **{name: statistic(name, saved[name]) for name in _STATISTICS})

    def of_kind(self, kind: Kind) -> list[int]:
        """Positions of the tasks of one kind."""
        return [position for position, task in enumerate(self.items) if task.kind is kind]

    @cached_property
    def blocks(self) -> Blocks:
        """All tasks, kind by kind."""
        return Blocks.of(self, range(len(self)))

    @cached_property
    def fused(self) -> Blocks:
        """The tasks without a loss of their own, kind by kind; the others follow one by one in :attr:`own`."""
        return Blocks.of(self, [p for p, task in enumerate(self.items) if task.loss is None], last=self.own)

    @cached_property
    def own(self) -> list[int]:
        """Positions of the tasks with a loss of their own."""
        return [p for p, task in enumerate(self.items) if task.loss is not None]


def statistic(name: str, values: Any) -> Tensor:
    """One of the statistics of :class:`Tasks` as a tensor (T,) of the right type.

    >>> statistic("mean", [0.1]).dtype, statistic("pos_weight", [0.1]).dtype
    (torch.float64, torch.float32)
    """
    return torch.tensor(values, dtype=torch.float64 if name in _UNITS else torch.float32)


class _SavedTask(TypedDict):
    name: str
    kind: Kind
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

    ``tasks`` (n,) are their positions, ``columns`` their output columns: (n,), or (n, C) for multi-class tasks, padded to the
    widest task; ``padding`` (n, C) says where. ``everything`` is True if all T tasks are of this kind.
    """

    kind: Kind
    tasks: Tensor
    columns: Tensor
    padding: Tensor
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
        return cls(
            kind,
            torch.tensor(positions, device=device),
            (columns if kind is Kind.MULTICLASS else starts).to(device),
            padding.to(device),
            len(positions) == len(tasks),
        )

    def select(self, values: Tensor) -> Tensor:
        """Columns of these tasks of (..., T)."""
        return values if self.everything else values.index_select(-1, self.tasks)

    def outputs(self, outputs: Tensor) -> Tensor:
        """Outputs (..., n) of these tasks, or (..., n, C) of multi-class tasks, minus infinity where padded."""
        if self.kind is Kind.MULTICLASS:
            return outputs[..., self.columns].masked_fill(self.padding, -torch.inf)
        return outputs if self.everything else outputs.index_select(-1, self.columns)


@dataclass(frozen=True, eq=False)
class Blocks(Sequence[Block]):
    """Blocks of all kinds present, and how to bring their results back into the order of the tasks."""

    items: tuple[Block, ...]
    back: Tensor

    @classmethod
    def of(cls, tasks: Tasks, positions: Sequence[int], last: Sequence[int] = ()) -> Self:
        """Blocks of the tasks at ``positions``; the tasks ``last`` will follow behind them."""
        by_kind = {kind: [p for p in positions if tasks[p].kind is kind] for kind in Kind}
        order = [p for found in by_kind.values() for p in found] + list(last)
        items = tuple(Block.of(tasks, found, kind) for kind, found in by_kind.items() if found)
        return cls(items, torch.tensor(order).argsort().to(tasks.pos_weight.device))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        return self.items[index]

    def in_task_order(self, parts: Sequence[Tensor]) -> Tensor:
        """Concatenate (..., n) of each block, and of what follows, into (..., T)."""
        return parts[0] if len(parts) == 1 else torch.cat(list(parts), dim=-1).index_select(-1, self.back)


def example_losses(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """Loss of each example and task, (..., B, T): 0 where the label is missing.

    Binary: cross-entropy with ``pos_weight``; multi-class: cross-entropy; regression: squared error of the
    standardised target. Tasks of one kind are computed together.

    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.REGRESSION)])
    >>> example_losses(torch.tensor([[0.0, 1.0]]), torch.tensor([[1.0, 3.0]]), tasks)
    tensor([[0.6931, 4.0000]])
    """
    missing, known = targets.isnan(), targets.nan_to_num()
    parts = [_KIND_LOSS[block.kind](outputs, known, tasks, block) for block in tasks.fused]
    parts += [_own_loss(outputs, known, tasks, position).unsqueeze(-1) for position in tasks.own]
    return tasks.fused.in_task_order(parts).masked_fill(missing, 0.0)


def task_losses(outputs: Tensor, targets: Tensor, tasks: Tasks, share: Tensor | None = None) -> Tensor:
    """Batch loss of each task, (..., T): sum over observed cells / (B * the task's observed share in train).

    The divisor is a constant, so the expected loss does not depend on which labels a batch happens to hold. For batches of a
    *training*: the mean over the cells of some part of the data is :func:`mean_losses`.

    Args:
        outputs: (..., B, P).
        targets: (B, T) or (..., B, T).
        tasks: the tasks.
        share: observed share (..., T) among the examples that batches are drawn from, where these are not the training part.
    """
    losses = example_losses(outputs, targets, tasks)
    share = tasks.observed_share if share is None else share
    return losses.sum(-2) / (losses.shape[-2] * share * tasks.loss_scale)


def mean_losses(total: Tensor, n_cells: Tensor, tasks: Tasks) -> Tensor:
    """Loss of each task on a part of the data, (..., T): the mean over its observed cells; NaN where there are none.

    Args:
        total: sum over the part's examples of :func:`example_losses`, (..., T).
        n_cells: number of observed cells, (T,).
        tasks: the tasks, for ``loss_scale``.

    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY), Task(name="b", kind=Kind.BINARY)])
    >>> mean_losses(torch.tensor([3.0, 0.0]), torch.tensor([4, 0]), tasks)
    tensor([0.7500,    nan])
    """
    return total / (n_cells * tasks.loss_scale)


def confidence(logits: Tensor, targets: Tensor, task: Task | Tasks | Kind | str) -> Tensor:
    """Confidence of each cell in [0, 1], shape (..., B, T): how right the model is about the true label.

    Binary: 1 - abs(y - sigmoid(z)) (STG-MTL, section 1). Multi-class: softmax probability of the true class.
    Regression with residual r of the standardised target: exp(-r**2 / 2). NaN where the label is missing.

    Args:
        logits: outputs of the model, (..., B, P).
        targets: encoded labels, (..., B, T); for a single task (..., B) is accepted as well.
        task: all tasks, or one, or the kind that all T columns share (binary and regression only).

    >>> confidence(torch.tensor([[0.0], [2.0]]), torch.tensor([[1.0], [0.0]]), "binary")
    tensor([[0.5000],
            [0.1192]])
    """
    require_type("logits", logits, Tensor)
    require_type("targets", targets, Tensor)
    if isinstance(task, Task):
        if targets.dim() == logits.dim() - 1:
            targets = targets.unsqueeze(-1)
        tasks = Tasks.plain([task])
    elif isinstance(task, Tasks):
        tasks = task
    else:
        require_choice("task", task, Kind)
        kind = Kind(task)
        if kind is Kind.MULTICLASS:
            raise CoterieError("`task` must be a Task or Tasks for multi-class targets: the number of classes is needed.")
        tasks = Tasks.plain([Task(name=str(i), kind=kind) for i in range(targets.shape[-1])])
    known = targets.nan_to_num()
    parts = [_KIND_CONFIDENCE[block.kind](logits.float(), known, block) for block in tasks.blocks]
    return tasks.blocks.in_task_order(parts).masked_fill(targets.isnan(), torch.nan)


def _own_loss(outputs: Tensor, known: Tensor, tasks: Tasks, position: int) -> Tensor:
    task, shape = tasks[position], outputs.shape[:-1]
    value = task.loss(outputs[..., tasks.columns[position]], known[..., position].expand(shape))
    if value.shape != shape:
        raise CoterieError(
            f"The loss of task {task.name!r} must return one value per example, shape {tuple(shape)}; "
            f"found {tuple(value.shape)}. Use reduction='none'."
        )
    return value


def _log_probability_of_class(outputs: Tensor, known: Tensor, block: Block) -> Tensor:
    """(..., B, n): tasks padded to the widest, so that all are one softmax."""
    logits = block.outputs(outputs)
    true_class = block.select(known).long().expand(logits.shape[:-1]).unsqueeze(-1)
    return logits.log_softmax(-1).gather(-1, true_class).squeeze(-1)


def _binary_loss(outputs: Tensor, known: Tensor, tasks: Tasks, block: Block) -> Tensor:
    logits = block.outputs(outputs)
    labels, weight = block.select(known).expand_as(logits), block.select(tasks.pos_weight)
    return F.binary_cross_entropy_with_logits(logits, labels, pos_weight=weight, reduction="none")


def _multiclass_loss(outputs: Tensor, known: Tensor, tasks: Tasks, block: Block) -> Tensor:  # noqa: ARG001
    return -_log_probability_of_class(outputs, known, block)


def _regression_loss(outputs: Tensor, known: Tensor, tasks: Tasks, block: Block) -> Tensor:  # noqa: ARG001
    return (block.outputs(outputs) - block.select(known)).square()


def _binary_confidence(outputs: Tensor, known: Tensor, block: Block) -> Tensor:
    return 1 - (block.select(known) - block.outputs(outputs).sigmoid()).abs()


def _multiclass_confidence(outputs: Tensor, known: Tensor, block: Block) -> Tensor:
    return _log_probability_of_class(outputs, known, block).exp()


def _regression_confidence(outputs: Tensor, known: Tensor, block: Block) -> Tensor:
    return torch.exp(-(block.outputs(outputs) - block.select(known)).square() / 2)


_KIND_LOSS = {Kind.BINARY: _binary_loss, Kind.MULTICLASS: _multiclass_loss, Kind.REGRESSION: _regression_loss}
_KIND_CONFIDENCE = {
    Kind.BINARY: _binary_confidence,
    Kind.MULTICLASS: _multiclass_confidence,
    Kind.REGRESSION: _regression_confidence,
}
