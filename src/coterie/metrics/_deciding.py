"""The metric by which models of each task are compared.

Shapes: ``A`` models, ``n`` examples, ``P`` output columns, ``T`` tasks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError, shown
from coterie.metrics._influence import Influence
from coterie.metrics._metric import (
    Metric,
    Predictions,
    Role,
    metric_named,
    metrics_of,
)
from coterie.tasks import Kind, Task, TaskFunction, Tasks

Choice = str | TaskFunction
_MOST_BLOCKS = 40


@dataclass(frozen=True)
class Skill(Metric):
    """Another metric on the scale on which all agree: 0 is chance, 1 is perfect.

    A point of it is what matters in any metric.
    """

    metric: Metric
    margin: ClassVar[float | None] = 1.0
    is_skill: ClassVar[bool] = True

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of the metric, and that it is its skill."""
        return f"{self.metric.name} skill"

    @property
    def role(self) -> Role:  # type: ignore[override]
        """That of the metric."""
        return self.metric.role

    def suits(self, kind: Kind) -> bool:
        """As the metric."""
        return self.metric.is_for(kind)

    def of(self, found: Predictions) -> Tensor:
        """A linear function of the metric."""
        chance = self.metric.chance(found.priors)
        return (self.metric.of(found) - chance) / _room(chance)

    def influence(self, found: Predictions) -> Influence:
        """Those of the metric, stretched alike."""
        chance = self.metric.chance(found.priors)
        values, contributions = self.metric.influence(found)
        return (values - chance) / _room(chance), contributions / _room(chance)


@dataclass(frozen=True)
class Own(Metric):
    """A function of the user's, called with (outputs, targets) of one model. It is no skill.

    What examples contribute to it is told by leaving out blocks of them
    (:meth:`contributions`).
    """

    function: TaskFunction
    task: str
    role: ClassVar[Role] = "error"
    margin: ClassVar[float | None] = 1.0

    @property
    def name(self) -> str:  # type: ignore[override]
        """That of the function."""
        name = getattr(self.function, "__name__", "")
        return name if name.isidentifier() else "own metric"

    def suits(self, kind: Kind) -> bool:  # noqa: ARG002
        """Whoever gave it knows."""
        return True

    def of(self, found: Predictions) -> Tensor:
        """What it returns for each model.

        Raises:
            CoterieError: that is no number.
        """
        labels = found.labels.float()
        return torch.tensor(
            [self._number(self.function(each, labels)) for each in found.outputs],
            dtype=torch.float64,
            device=labels.device,
        )

    def contributions(
        self,
        outputs: Tensor,
        labels: Tensor,
        tasks: Tasks,
        position: int,
        groups: np.ndarray | None = None,
    ) -> np.ndarray:
        """What each example contributes, by a delete-a-group jackknife (Kott 2001), (A, n).

        Nothing is known of the function, so it is called again without each block of examples
        (:func:`blocks`), of unequal numbers of labels (Busing, Meijer and van der Leeden 1999).
        What a block contributes stands at its first labelled example: blocks then count as what was
        drawn, in sums of squares and degrees of freedom. Of ``groups`` of rows whole ones are left
        out, and the factor of their small number is left to who sums within them
        (:func:`coterie.statistics.interval`). NaN where the function is not defined without some
        block.
        """
        found, seen = np.zeros(outputs.shape[:2]), ~labels.isnan()
        block = blocks(len(labels), groups)
        used = np.unique(block[seen.cpu().numpy()])
        if len(used) < 2:
            return np.full_like(found, np.nan)
        whole = self.values(outputs, labels, tasks, position).cpu().numpy()
        pseudo, share = np.zeros((len(outputs), len(used))), np.zeros(len(used))
        for place, each in enumerate(used):
            kept = torch.from_numpy(block != each).to(labels.device)
            share[place] = ((~kept) & seen).sum() / seen.sum()
            without = self._without(outputs[:, kept], labels[kept], tasks, position)
            pseudo[:, place] = without + (whole - without) / share[place]
        middle = (pseudo * share).sum(1, keepdims=True)
        first = [np.flatnonzero(seen.cpu().numpy() & (block == each))[0] for each in used]
        found[:, first] = (pseudo - middle) / np.sqrt(len(used) * (1 / share - 1))
        n_groups = np.inf if groups is None else len(np.unique(groups))
        return found * np.sqrt(1 - 1 / n_groups)

    def _without(self, outputs: Tensor, labels: Tensor, tasks: Tasks, position: int) -> np.ndarray:
        """Values for some examples, NaN where the function has none: one class may be gone."""
        try:
            return self.values(outputs, labels, tasks, position).cpu().numpy()
        except (ArithmeticError, LookupError, ValueError):
            return np.full(len(outputs), np.nan)

    def _number(self, value: object) -> float:
        try:
            return float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError) as error:
            raise CoterieError(
                f"The metric of task {self.task!r} must return one number; found "
                f"{type(value).__name__}."
            ) from error


def deciding(tasks: Tasks) -> tuple[Metric, ...]:
    """The metric by which models of each task are compared, T of them, all higher is better.

    It is the task's own, or that of its kind. Where these differ from task to task they are brought
    to one scale, :class:`Skill`, so that a mean over tasks is one of like with like; a function of
    the user's stays as it is.

    Raises:
        CoterieError: a task asks for a metric that there is not, that its kind lacks, or by which
            models cannot be compared.

    >>> from coterie.tasks import Task
    >>> one, other = Task(name="a", kind="binary"), Task(name="b", kind="regression")
    >>> [metric.name for metric in deciding(Tasks.plain([one, one]))]
    ['AUROC', 'AUROC']
    >>> [metric.name for metric in deciding(Tasks.plain([one, other]))]
    ['AUROC skill', 'R2']
    """
    asked = [_asked(task) for task in tasks]
    if len({metric.name for metric in asked}) == 1:
        return tuple(asked)
    return tuple(
        metric if metric.is_skill or isinstance(metric, Own) else Skill(metric) for metric in asked
    )


def metric_names(tasks: Tasks) -> tuple[str, ...]:
    """Name of each task's deciding metric; a function goes by its name.

    >>> from coterie.tasks import Task
    >>> metric_names(Tasks.plain([Task(name="a", kind="regression")]))
    ('R2',)
    """
    return tuple(metric.name for metric in deciding(tasks))


def mean_name(names: Sequence[str]) -> str:
    """What the mean over tasks with these metrics is called.

    >>> mean_name(["AUROC", "AUROC"]), mean_name(["AUROC skill", "R2"])
    ('AUROC', 'skill')
    """
    return names[0] if len(set(names)) == 1 else "skill"


def with_metric(tasks: Tasks, metric: Choice | Mapping[str, Choice] | None) -> Tasks:
    """The tasks with other deciding metrics.

    Args:
        tasks: the tasks.
        metric: name of one, or a function, for all tasks, or for some by task name; None changes
            nothing.

    Raises:
        CoterieError: no such task or metric, one that a task's kind lacks, or one by which models
            cannot be compared.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind="binary"), Task(name="b", kind="binary")])
    >>> metric_names(with_metric(tasks, "balanced accuracy"))
    ('balanced accuracy', 'balanced accuracy')
    >>> with_metric(tasks, {"b": "R2"})
    Traceback (most recent call last):
    coterie.errors.CoterieError: `metric` of the binary task 'b' must be one of 'AUROC', ...
    """
    if metric is not None and not isinstance(metric, Mapping):
        metric = dict.fromkeys(tasks.names, metric)
    for name in metric or {}:
        if name not in tasks.names:
            raise CoterieError(
                f"`metric` names {name!r}, which is no task; tasks are "
                f"{', '.join(tasks.names[:20])}."
            )
    chosen = [replace(task, metric=(metric or {}).get(task.name, task.metric)) for task in tasks]
    found = replace(tasks, items=tuple(chosen))
    deciding(found)
    return found


def scores(outputs: Tensor, targets: Tensor, tasks: Tasks) -> Tensor:
    """Deciding metric of each model and task, (A, T) or (T,), float64.

    NaN where no label is observed, or where it is not defined, as AUROC of one class.

    Args:
        outputs: logits and standardised predictions, (A, n, P), or (n, P) of one model.
        targets: encoded labels, (n, T), NaN = missing.
        tasks: the tasks.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind="binary")])
    >>> scores(torch.tensor([[2.0], [1.0], [3.0]]), torch.tensor([[1.0], [0.0], [0.0]]), tasks)
    tensor([0.5000], dtype=torch.float64)
    """
    several = outputs if outputs.dim() == 3 else outputs.unsqueeze(0)
    found = [
        metric.values(several[..., tasks.columns[t]], targets[:, t], tasks, t)
        for t, metric in enumerate(deciding(tasks))
    ]
    together = torch.stack(found, dim=-1)
    return together if outputs.dim() == 3 else together[0]


def contributions(
    outputs: Tensor, targets: Tensor, tasks: Tasks, groups: np.ndarray | None = None
) -> np.ndarray:
    """What each example contributes to the :func:`scores`, (A, n, T), float64.

    The variance of a score over samples of examples is the sum of their squares, that of a
    difference of models or a mean over tasks the same of the difference or mean of contributions. 0
    where there is no label, NaN where it is not known.

    Args:
        outputs: (A, n, P).
        targets: (n, T).
        tasks: the tasks.
        groups: of rows, (n,), if squares will be of sums within groups; as
            :func:`drawn_together` gives them.
    """
    return np.stack(
        [
            metric.contributions(outputs[..., tasks.columns[t]], targets[:, t], tasks, t, groups)
            for t, metric in enumerate(deciding(tasks))
        ],
        axis=-1,
    )


def drawn_together(
    tasks: Tasks, n_examples: int, groups: np.ndarray | None = None
) -> np.ndarray | None:
    """Which examples count as one draw in intervals, (n,); None where each is one.

    They are the groups of rows. Where a user's function decides some task, they are the blocks of
    its jackknife, in all tasks: only so is it known how tasks vary together in a mean.

    Args:
        tasks: whose deciding metrics are read.
        n_examples: n.
        groups: of rows, (n,).

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind="binary"), Task(name="b", kind="binary")])
    >>> drawn_together(tasks, 500) is None
    True
    >>> mixed = with_metric(tasks, {"a": lambda outputs, targets: 0.5})
    >>> len(np.unique(drawn_together(mixed, 500)))
    40
    """
    if any(isinstance(metric, Own) for metric in deciding(tasks)):
        return blocks(n_examples, groups)
    return groups


def blocks(n: int, groups: np.ndarray | None = None) -> np.ndarray:
    """At most 40 blocks of n examples, or of their groups (n,), that a jackknife leaves out, (n,).

    Drawn at random, of nearly equal numbers of examples or groups. They depend on nothing else, so
    that models, seeds and tasks have the same; blocks of blocks are these.

    >>> blocks(4, np.array(["a", "b", "a", "b"]))
    array([0, 1, 0, 1])
    """
    unit = np.arange(n) if groups is None else np.unique(groups, return_inverse=True)[1]
    n_units = unit.max(initial=-1) + 1
    return (np.random.default_rng(n_units).permutation(n_units) % _MOST_BLOCKS)[unit]


def n_wrong(outputs: Tensor, targets: Tensor, tasks: Tasks) -> np.ndarray:
    """Number of wrong classes of each model and task, (A, T); NaN of tasks with numbers.

    Of these every prediction is somewhat wrong.

    >>> from coterie.tasks import Task
    >>> tasks = Tasks.plain([Task(name="a", kind="binary")])
    >>> n_wrong(torch.tensor([[[2.0], [2.0]]]), torch.tensor([[1.0], [0.0]]), tasks)
    array([[1.]])
    """
    wrong = np.full((len(outputs), len(tasks)), math.nan)
    for t, task in enumerate(tasks):
        if task.kind.has_classes:
            found = Predictions.of(outputs[..., tasks.columns[t]], targets[:, t], tasks, t)
            wrong[:, t] = (1 - found.hits).sum(1).cpu().numpy()
    return wrong


def _asked(task: Task) -> Metric:
    if callable(task.metric):
        return Own(task.metric, task.name)
    if task.metric is None:
        return metric_named(task.kind.metric_name)
    possible = {each.name: each for each in metrics_of(task.kind) if each.margin is not None}
    if task.metric not in possible:
        raise CoterieError(
            f"`metric` of the {task.kind} task {task.name!r} must be one of "
            f"{', '.join(map(repr, possible))}, or a function; found {shown(task.metric)}."
        )
    return possible[task.metric]


def _room(chance: float) -> float:
    """Between chance and perfection; NaN without any."""
    return 1 - chance if chance < 1 else math.nan
