"""Tasks and their labels, and what training needs to know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from coterie.data.columns import constant, some
from coterie.errors import CoterieError
from coterie.metrics import Choice
from coterie.tasks import Task, TaskFunction, Tasks, by_kind, example_losses, statistic


@dataclass(frozen=True, kw_only=True, eq=False)
class Labels:
    """Tasks and their labels.

    (N, T) float64 codes of classes or numbers in units, NaN where missing.

    ``strata`` (N,) keeps the shares of the parts equal within its values; None where a plain random
    split is right.
    """

    tasks: tuple[Task, ...]
    values: np.ndarray
    strata: np.ndarray | None = None

    def keep(self, mask: np.ndarray) -> Labels:
        """Return only the tasks under the mask (T,)."""
        tasks = tuple(task for task, kept in zip(self.tasks, mask, strict=True) if kept)
        return replace(self, tasks=tasks, values=self.values[:, mask])


def largest_task(labels: Labels) -> np.ndarray:
    """Positions of the examples that have a label of the task with most of them."""
    observed = ~np.isnan(labels.values)
    return np.flatnonzero(observed[:, int(observed.sum(0).argmax())])


def rare_tasks(labels: Labels, parts: np.ndarray, n_parts: int = 3) -> list[str]:
    """Return what is too rare in a part, by task, such as under 5 positives; "" where fine."""
    problems = [""] * len(labels.tasks)
    for part in range(n_parts):
        values, name = labels.values[parts == part], ("train", "validation", "test")[part]
        for kind, mine in by_kind(labels.tasks).items():
            for what, counts, least in kind.scarce(values[:, mine]):
                for i in np.flatnonzero(counts < least):
                    problems[mine[i]] = problems[mine[i]] or f"{counts[i]} {what} in {name}"
    return problems


def unseen_classes(labels: Labels, parts: np.ndarray) -> list[str]:
    """Name the classes that the other parts hold and the training part does not.

    No model can know them.
    """
    notes = []
    for position, task in enumerate(labels.tasks):
        if not task.kind.has_classes:
            continue
        column = labels.values[:, position]
        missing = np.setdiff1d(column[parts > 0], column[parts == 0])
        names = [repr(task.classes[int(code)]) for code in missing if not np.isnan(code)]
        if names:
            several = "es" if len(names) > 1 else ""
            count = int(np.isin(column[parts > 0], missing).sum())
            notes.append(
                f"Class{several} {some(names, 5)} of {task.name!r} not in the training part "
                f"({count} labels elsewhere)."
            )
    return notes


def task_notes(tasks: Sequence[Task]) -> list[str]:
    """Kinds of the tasks, and the positive class of those that are binary."""
    named = {
        kind: [tasks[position].name for position in mine] for kind, mine in by_kind(tasks).items()
    }
    notes = [
        f"{len(found)} {kind} task{'s'[: len(found) > 1]}: {some(found)}."
        for kind, found in named.items()
    ]
    return notes + [f"Positive class {said}." for said in positive_classes(tasks)]


def positive_classes(tasks: Sequence[Task]) -> list[str]:
    """The positive class of binary tasks, those that share one together.

    >>> two = {"kind": "binary", "classes": ("0", "1")}
    >>> positive_classes([Task(name="a", **two), Task(name="b", **two)])
    ["'1' of a, b"]
    """
    found: dict[str, list[str]] = {}
    for task in tasks:
        if task.kind.has_positive and len(task.classes) == 2 and task.classes[1] != task.name:
            found.setdefault(task.classes[1], []).append(task.name)
    return [f"{value!r} of {some(names, 5)}" for value, names in found.items()]


def measure(labels: Labels, train: np.ndarray, *, balance: bool = True) -> tuple[Tasks, Tensor]:
    """Measure the tasks' statistics on the positions ``train``; encode the targets, (N, T) float32.

    Numbers are brought to the scale of training. Where kinds are mixed, ``loss_scale`` is the loss
    of the best constant prediction.

    Raises:
        CoterieError: a target without labels in the training part, or that is constant there, or
            too large to compute with.
    """
    values, part = labels.values, labels.values[train]
    observed = ~np.isnan(part)
    for position, task in enumerate(labels.tasks):
        if not observed[:, position].any():
            raise CoterieError(f"Target {task.name!r} has no label in the training part.")
        if not task.kind.has_classes and constant(part[:, position]):
            raise CoterieError(f"Target {task.name!r} is constant in the training part.")
    mean, std, pos_weight = _scales(labels.tasks, part, balance=balance)
    with np.errstate(over="ignore", invalid="ignore"):  # what is lost is refused below
        # Rows must be contiguous: joined columns are not, and gathering a batch of 1,000 tasks from
        # them is 15 times slower.
        scaled = ((values - mean) / std).astype(np.float32, order="C")
    lost = (np.isinf(scaled) | ~np.isfinite(mean + std)) & ~np.isnan(values)
    for position in np.flatnonzero(lost.any(0)):
        largest = np.nanmax(np.abs(values[:, position]))
        raise CoterieError(
            f"Target {labels.tasks[position].name!r} holds values up to {largest:g} in size, which "
            "cannot be computed with beside the others; bring it to another scale."
        )
    targets = torch.from_numpy(scaled)
    tasks = replace(
        Tasks.plain(labels.tasks), mean=statistic("mean", mean), std=statistic("std", std)
    )
    return _counted(tasks, part, targets[train], pos_weight), targets


def remeasured(tasks: Tasks, targets: Tensor) -> Tasks:
    """The tasks with their statistics measured on another training part, (n, T) encoded targets.

    Units stay as they are, so that models of both parts predict alike. Where no binary task was
    balanced, none is.

    >>> tasks = Tasks.plain([Task(name="a", kind="binary")])
    >>> remeasured(tasks, torch.tensor([[0.0], [1.0], [1.0], [1.0]])).priors
    ((0.25, 0.75),)
    """
    part = targets.cpu().numpy().astype(np.float64)
    balance = bool((tasks.pos_weight != 1).any())
    _, _, pos_weight = _scales(tasks.items, part, balance=balance)
    return _counted(tasks, part, targets, pos_weight)


def _counted(tasks: Tasks, part: np.ndarray, targets: Tensor, pos_weight: np.ndarray) -> Tasks:
    """What is counted on the training part (n, T), whose encoded targets are ``targets``."""
    tasks = replace(
        tasks,
        pos_weight=statistic("pos_weight", pos_weight),
        observed_share=statistic("observed_share", (~np.isnan(part)).mean(0)),
        loss_scale=torch.ones(len(tasks)),
        priors=tuple(_shares(task, part[:, t]) for t, task in enumerate(tasks)),
    )
    if len({task.kind for task in tasks}) > 1:
        tasks = replace(tasks, loss_scale=constant_losses(tasks, targets))
    return tasks


def _shares(task: Task, values: np.ndarray) -> tuple[float, ...]:
    """Share of each class among the labels (n,) of a task; none of a number."""
    if not task.kind.has_classes:
        return ()
    known = values[~np.isnan(values)].astype(np.int64)
    counts = np.bincount(known, minlength=max(2, len(task.classes)))
    return tuple((counts / len(known)).tolist())


def _scales(
    tasks: Sequence[Task], part: np.ndarray, *, balance: bool
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, standard deviation and weight of positives, (T,) each, on the training part (n, T)."""
    mean, std, pos_weight = np.zeros(len(tasks)), np.ones(len(tasks)), np.ones(len(tasks))
    with np.errstate(over="ignore", invalid="ignore"):
        for kind, mine in by_kind(tasks).items():
            # Of all columns: sums over some of them are rounded otherwise.
            mean[mine], std[mine] = (measured[mine] for measured in kind.units(part))
            balanced = [position for position in mine if balance and tasks[position].loss is None]
            pos_weight[balanced] = kind.pos_weight(part)[balanced]
    return mean, std, pos_weight


def constant_losses(tasks: Tasks, targets: Tensor) -> Tensor:
    """Loss of the best constant prediction of each task, (T,), on encoded targets (n, T).

    ``loss_scale`` is not applied.

    >>> tasks = Tasks.plain([Task(name="a", kind="binary")])
    >>> constant_losses(tasks, torch.tensor([[0.0], [1.0]]))
    tensor([0.6931])
    """
    return torch.tensor(
        [
            _constant_loss(task, targets[:, t], float(tasks.pos_weight[t]))
            for t, task in enumerate(tasks)
        ]
    )


def _constant_loss(task: Task, targets: Tensor, pos_weight: float) -> float:
    """Mean loss on the training part of the constant output that is best for the kind's loss."""
    known = targets[~targets.isnan()]
    best = task.kind.constant(known, len(task.classes), pos_weight)
    one = replace(Tasks.plain([task]), pos_weight=torch.tensor([pos_weight]))
    loss = float(example_losses(best.expand(len(known), -1), known[:, None], one).mean())
    return loss if np.isfinite(loss) and loss > 0 else 1.0


def with_functions(
    tasks: Sequence[Task],
    losses: Mapping[str, TaskFunction] | None,
    metrics: Mapping[str, Choice] | None,
) -> tuple[Task, ...]:
    """Give tasks the user's own losses, and metrics or their names, by task name."""
    names = [task.name for task in tasks]
    for argument, functions in (("losses", losses), ("metrics", metrics)):
        unknown = [name for name in functions or {} if name not in names]
        if unknown:
            raise CoterieError(
                f"`{argument}` names {unknown[0]!r}, which is no task; tasks are "
                f"{', '.join(names[:20])}."
            )
    return tuple(
        replace(task, loss=(losses or {}).get(task.name), metric=(metrics or {}).get(task.name))
        for task in tasks
    )
