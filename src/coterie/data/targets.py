"""From columns to tasks: kinds, codes and what training needs to know of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from coterie.data.columns import TargetColumn, plain_text, some, strange_cells
from coterie.errors import CoterieError
from coterie.tasks import KINDS, Kind, Task, TaskFunction, Tasks, by_kind, example_losses, statistic

if TYPE_CHECKING:
    import pandas as pd

SINGLE_ROUNDING = 1e-6
ROUNDING = 1e-12  # of the largest value; float64 carries 16 digits, and sums lose a few


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


def encode_column(
    column: pd.Series, kind: Kind | None = None, positive: str | None = None
) -> tuple[Task, np.ndarray]:
    """Infer the kind of a target unless given, and return its task and its codes or values, (N,) float64.

    Kinds are asked in the order of ``KINDS`` whether they recognise the column. Declared classes
    (ordered categories, names in the file) are binary if they are two, else multi-class, and keep
    their order, seen or not. Two distinct values: binary. Text, categories, or at most 20 whole
    numbers: multi-class, in ascending order. Else regression.

    Args:
        column: the target as :func:`coterie.data.cells.read_cells` understood it, indexed by row
            number.
        kind: overrides the inferred kind.
        positive: the positive class of a binary target.

    Raises:
        CoterieError: constant or empty column, dates, lists, text among numbers, infinite values,
            classes that do not suit the kind, a positive class that is none.

    >>> import pandas as pd
    >>> encode_column(pd.Series(["no", "yes", None], name="smiles"))
    (Task(name='smiles', kind='binary', classes=('no', 'yes'), loss=None, metric=None), array([ 0.,  1., nan]))
    """
    if strange := strange_cells(column):
        raise CoterieError(
            f"Target {str(column.name)!r} holds {strange}; it must hold numbers or classes."
        )
    cells = TargetColumn(column)
    name, n_distinct = cells.name, cells.n_distinct
    if n_distinct == 0:
        raise CoterieError(f"Target {name!r} has no label at all: every cell is missing.")
    if n_distinct == 1 or (not cells.stray.any() and constant(cells.numbers, column.dtype)):
        only = plain_text(column.dropna().iloc[0])
        raise CoterieError(f"Target {name!r} is constant: every label is {only!r}. Leave it out.")
    kind = kind or next(kind for kind in KINDS.values() if kind.recognises(cells))
    classes, values = kind.read(cells, positive if kind.has_positive else None)
    if positive is not None and not kind.has_positive:
        what = (
            f"has {len(classes)} classes; a binary target has two"
            if classes
            else f"is a {kind} target"
        )
        raise CoterieError(f"`positive` names a class of {name!r}, which {what}.")
    return Task(name=name, kind=kind, classes=classes), values


def constant(values: np.ndarray, dtype: Any = np.float64) -> bool:
    """Whether all values (NaN aside) are one number, but for rounding in the ``dtype`` they came in; whole numbers are exact.

    >>> constant(np.array([0.1, 0.1 + 1e-17, np.nan])), constant(np.array([10**15, 10**15 + 1.0]))
    (True, False)
    """
    known = values[np.isfinite(values)]
    if len(known) == 0 or len(known) < np.count_nonzero(~np.isnan(values)):
        return False
    with np.errstate(over="ignore"):  # from -1e308 to 1e308, say
        spread = float(known.max() - known.min())
    rounding = SINGLE_ROUNDING if dtype == np.float32 else ROUNDING
    return spread == 0 or (
        spread <= rounding * float(np.abs(known).max()) and bool((known % 1).any())
    )


def one_vs_rest(column: pd.Series) -> tuple[list[Task], np.ndarray]:
    """Return one binary task per class and labels (N, T), NaN where the class is missing.

    >>> import pandas as pd
    >>> tasks, values = one_vs_rest(pd.Series(["cat", "dog", "cow"], name="label"))
    >>> tasks[2].name, values[:, 2]
    ('dog', array([0., 1., 0.]))
    """
    whole, codes = encode_column(column, Kind.MULTICLASS)
    tasks = [Task(name=name, kind=Kind.BINARY, classes=("other", name)) for name in whole.classes]
    values = (codes[:, None] == np.arange(len(tasks))).astype(np.float64)
    values[np.isnan(codes)] = np.nan
    return tasks, values


def long_form(
    column: pd.Series, task_of: pd.Series, kind: Kind | None = None, positive: str | None = None
) -> Labels:
    """Spread one target over as many tasks as ``task_of`` has values.

    (N, T) with one label in each row.

    >>> import pandas as pd
    >>> labels = long_form(pd.Series([0, 1, 1], name="mine"), pd.Series([5, 5, 7], name="field"))
    >>> [task.name for task in labels.tasks], labels.values
    (['field 5', 'field 7'], array([[ 0., nan],
           [ 1., nan],
           [nan,  1.]]))
    """
    import pandas as pd

    task, values = encode_column(column, kind, positive)
    if strange_cells(task_of).startswith("lists"):
        raise CoterieError(
            f"`task_column` {str(task_of.name)!r} holds lists or structures; it must name tasks."
        )
    codes, names = pd.factorize(task_of, sort=True)
    if len(names) == 0:
        raise CoterieError(f"`task_column` {str(task_of.name)!r} is empty.")
    spread = np.full((len(values), len(names)), np.nan)
    rows = np.flatnonzero(codes >= 0)
    spread[rows, codes[rows]] = values[rows]
    tasks = tuple(replace(task, name=f"{task_of.name} {plain_text(name)}") for name in names)
    label = np.nan_to_num(values, nan=-1) if task.kind.has_classes else np.zeros(len(codes))
    strata = np.unique(np.stack([codes, label]), axis=1, return_inverse=True)[1].ravel()
    return Labels(tasks=tasks, values=spread, strata=strata)


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

    >>> two = {"kind": Kind.BINARY, "classes": ("0", "1")}
    >>> positive_classes([Task(name="a", **two), Task(name="b", **two)])
    ["'1' of a, b"]
    """
    found: dict[str, list[str]] = {}
    for task in tasks:
        if task.kind.has_positive and len(task.classes) == 2 and task.classes[1] != task.name:
            found.setdefault(task.classes[1], []).append(task.name)
    return [f"{value!r} of {some(names, 5)}" for value, names in found.items()]


def measure(labels: Labels, train: np.ndarray, *, balance: bool = True) -> tuple[Tasks, Tensor]:
    """Measure the tasks' statistics on the positions ``train`` and return them with the encoded targets, (N, T) float32.

    Numbers are brought to the scale of training. Where kinds are mixed, ``loss_scale`` is the loss
    of the best constant prediction.

    Raises:
        CoterieError: a target without labels in the training part, or that is constant there, or
            too large to compute with.
    """
    values = labels.values
    part = values[train]
    observed = ~np.isnan(part)
    for position in np.flatnonzero(~observed.any(0)):
        raise CoterieError(
            f"Target {labels.tasks[position].name!r} has no label in the training part."
        )
    for position, task in enumerate(labels.tasks):
        if not task.kind.has_classes and constant(part[:, position]):
            raise CoterieError(f"Target {task.name!r} is constant in the training part.")
    mean, std, pos_weight = (
        np.zeros(len(labels.tasks)),
        np.ones(len(labels.tasks)),
        np.ones(len(labels.tasks)),
    )
    with np.errstate(over="ignore", invalid="ignore"):  # what is lost is refused below
        for kind, mine in by_kind(labels.tasks).items():
            # Of all columns: sums over some of them are rounded otherwise.
            mean[mine], std[mine] = (statistic[mine] for statistic in kind.units(part))
            balanced = [
                position for position in mine if balance and labels.tasks[position].loss is None
            ]
            pos_weight[balanced] = kind.pos_weight(part)[balanced]
        # Rows must be contiguous: joined columns are not, and gathering a batch of 1,000 tasks from
        # them is 15 times slower.
        scaled = ((values - mean) / std).astype(np.float32, order="C")
    lost = (np.isinf(scaled) | ~np.isfinite(mean + std)) & ~np.isnan(values)
    for position in np.flatnonzero(lost.any(0)):
        largest = np.nanmax(np.abs(values[:, position]))
        raise CoterieError(
            f"Target {labels.tasks[position].name!r} holds values up to {largest:g} in size, which "
            "cannot be computed with "
            "beside the others; bring it to another scale."
        )
    targets = torch.from_numpy(scaled)
    numbers = {
        "pos_weight": pos_weight,
        "mean": mean,
        "std": std,
        "observed_share": observed.mean(0),
    }
    statistics: dict[str, Any] = {name: statistic(name, value) for name, value in numbers.items()}
    mixed = len({task.kind for task in labels.tasks}) > 1
    tasks = Tasks(items=labels.tasks, loss_scale=torch.ones(len(labels.tasks)), **statistics)
    if mixed:
        tasks = replace(tasks, loss_scale=constant_losses(tasks, targets[train]))
    return tasks, targets


def constant_losses(tasks: Tasks, targets: Tensor) -> Tensor:
    """Loss of the best constant prediction of each task, (T,), on encoded targets (n, T).

    ``loss_scale`` is not applied.

    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.BINARY)])
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
    """Mean loss on the training part of the constant output that is best for the kind's own loss."""
    known = targets[~targets.isnan()]
    best = task.kind.constant(known, len(task.classes), pos_weight)
    one = replace(Tasks.plain([task]), pos_weight=torch.tensor([pos_weight]))
    loss = float(example_losses(best.expand(len(known), -1), known[:, None], one).mean())
    return loss if np.isfinite(loss) and loss > 0 else 1.0


def with_functions(
    tasks: Sequence[Task],
    losses: Mapping[str, TaskFunction] | None,
    metrics: Mapping[str, TaskFunction] | None,
) -> tuple[Task, ...]:
    """Give tasks the user's own losses and metrics, by task name."""
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
