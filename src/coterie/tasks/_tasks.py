"""Tasks, their statistics, and blocks of tasks of one kind.

Shapes: ``T`` tasks, ``P`` output columns, ``n`` tasks of a block, ``...`` any leading dimensions
such as the models of a stack.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate, pairwise
from typing import Annotated, NotRequired, Self, TypedDict, overload

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError, require_list, require_texts, require_type, shown
from coterie.schema import distinct, least, structure
from coterie.tasks._averages import Link
from coterie.tasks._blocks import Blocks
from coterie.tasks._kind import Kind, kind_named, unknown_kind

TaskFunction = Callable[[Tensor, Tensor], Tensor]
_UNITS = ("mean", "std")
_STATISTICS = ("pos_weight", *_UNITS, "observed_share", "loss_scale")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One prediction target.

    ``kind`` may be given by name. ``classes`` names the labels in the order of their codes
    (negative, positive for a binary task; empty for numbers). ``loss(outputs, targets)`` gets (...,
    B, width) and (..., B) of this task, missing targets as 0, and returns one value per example,
    (..., B); missing ones are dropped afterwards. ``metric`` is the one by which models of the task are
    compared, if it is not that of the kind: the name of one (:mod:`coterie.metrics`), or a function
    ``metric(outputs, targets)`` that gets the observed examples only, (n, width) and (n,), and
    returns a number, higher is better. Functions are not saved with a model.
    """

    name: str
    kind: Kind
    classes: tuple[str, ...] = ()
    loss: TaskFunction | None = None
    metric: str | TaskFunction | None = None

    def __post_init__(self) -> None:
        """Refuse what is no task."""
        require_type("name", self.name, str)
        object.__setattr__(self, "kind", kind_named(self.kind))
        object.__setattr__(self, "classes", require_texts("classes", self.classes))
        for name in ("loss", "metric"):
            given = getattr(self, name)
            if given is None or callable(given) or (name == "metric" and isinstance(given, str)):
                continue
            raise CoterieError(
                f"`{name}` must be called with (outputs, targets); found {shown(given)}."
            )

    @property
    def width(self) -> int:
        """Number of output columns."""
        return self.kind.width(self.classes)


@dataclass(frozen=True, kw_only=True)
class Tasks(Sequence[Task]):
    """All tasks of a data set, with what training needs to know of them.

    That is measured on the training split.

    All tensors have shape (T,): ``pos_weight`` = negatives / positives (1 where not binary or not
    balanced), ``mean`` and ``std`` = what numbers are shifted and divided by (0 and 1 elsewhere),
    ``observed_share`` = share of examples with a label, ``loss_scale`` = the loss of the best
    constant prediction where kinds are mixed, else 1. They are float32, but for ``mean`` and
    ``std``, which are float64: they turn predictions into the target's own units, of which float32
    holds seven digits only. ``priors`` has the share of each class among the training labels of
    each task, none of a number; it is empty where that was not measured.
    """

    items: tuple[Task, ...]
    pos_weight: Tensor
    mean: Tensor
    std: Tensor
    observed_share: Tensor
    loss_scale: Tensor
    priors: tuple[tuple[float, ...], ...] = ()

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

    @property
    def links(self) -> tuple[Link, ...]:
        """How outputs of each task become what may be averaged."""
        return tuple(Link(task.kind, task.width) for task in self.items)

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
        """Everything but own losses and functions that are metrics, as plain JSON types."""
        items = [
            {"name": task.name, "kind": task.kind.value, "classes": task.classes}
            | ({"metric": task.metric} if isinstance(task.metric, str) else {})
            for task in self.items
        ]
        statistics = {name: getattr(self, name).tolist() for name in _STATISTICS}
        priors = {"priors": self.priors} if self.priors else {}
        return {"items": items, **statistics, **priors}

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
        priors = found.get("priors", ())
        if priors and len(priors) != len(items):
            raise CoterieError(
                f"`tasks.priors` must have shares of {len(items)} tasks; found {len(priors)}."
            )
        return cls(
            items=tuple(items),
            priors=priors,
            **{name: statistic(name, found[name]) for name in _STATISTICS},
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
    metric: NotRequired[str]


class _Saved(TypedDict):
    items: list[_SavedTask]
    pos_weight: list[Annotated[float, least(0)]]
    mean: list[float]
    std: list[Annotated[float, least(0)]]
    observed_share: list[Annotated[float, least(0)]]
    loss_scale: list[Annotated[float, least(0)]]
    priors: NotRequired[tuple[tuple[Annotated[float, least(0)], ...], ...]]
