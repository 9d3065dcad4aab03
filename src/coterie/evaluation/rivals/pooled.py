"""One model for tasks with examples of their own, told which task it is about.

Shapes: ``N`` examples, ``F`` features, ``T`` tasks, ``L`` labels that are known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from coterie.data import Dataset, Preprocessing, Split
from coterie.evaluation.rivals.networks import fitted, network
from coterie.evaluation.rivals.rival import Rival, TrainedRival
from coterie.fitting import Model, architecture_of
from coterie.methods import Case, Timing
from coterie.models import GroupedModel, ModelStack, TaskModel
from coterie.models.architecture import find_factory
from coterie.models.copies import copied
from coterie.models.encoders import mlp
from coterie.results import Cost
from coterie.tasks import Kind, Task, Tasks
from coterie.training.config import TrainingSettings
from coterie.wording import plain

if TYPE_CHECKING:
    from coterie.evaluation._trainings import Trainings

_MOST_LABELS = 1.5
_KINDS = (Kind.BINARY, Kind.MULTICLASS, Kind.REGRESSION)


class Pooled(Rival):
    """Every label is an example of one task; inputs are those of its row and the task, one-hot.

    The task reaches the first layer as a bias, so that what is saved is the same network for each
    task, with that bias in the means of its first normalisation: the file holds T copies of what
    is one model. It is about tables in which a row has a label of one task, or few.
    """

    name = "pooled"
    sentence = (
        "One model of *all labels*, with the task as an input: where tasks have examples of their "
        "own, the cheapest way to use all of them for each task."
    )

    def suits(
        self,
        data: Dataset,
        *,
        model: Model,
        settings: TrainingSettings,
        baselines: Sequence[str],  # noqa: ARG002
    ) -> str | None:
        """Tables with few labels a row, of tasks that one output can stand for."""
        why = self._unsuited(data, model, settings)
        return None if why is None else f"{self.name} is left out: {why}"

    def _unsuited(self, data: Dataset, model: Model, settings: TrainingSettings) -> str | None:
        first, observed = data.tasks[0], ~data.targets[data.split.train].isnan()
        a_row = float(observed.sum() / max(1, int(observed.any(1).sum())))
        if a_row > _MOST_LABELS:
            return (
                f"a row has labels of {plain(round(a_row, 1))} tasks, and it is for at most {_MOST_LABELS} on "
                "average: tasks with examples of their own."
            )
        if not isinstance(data.inputs, Tensor) or data.inputs.dim() != 2:
            return "it reads rows of numbers."
        if find_factory(model) is not mlp or not settings.get("model_options", {}).get("hidden", 1):
            return "the task can only be told to `mlp` with at least one layer."
        if first.kind not in _KINDS or any(
            task.kind != first.kind or task.width != first.width for task in data.tasks
        ):
            return "tasks must all be binary, numbers, or of equally many classes."
        if any(task.loss is not None for task in data.tasks):
            return "a task has a loss of its own."
        return None

    def price(self, timing: Timing, n_groups: int) -> Cost:  # noqa: ARG002
        """One model of all labels."""
        together = pool(timing.data)
        return Timing(model=timing.model, data=together, settings=timing.settings).cost_of([1])

    def train(self, case: Case, trainings: Trainings, *, seed: int) -> TrainedRival:  # noqa: ARG002
        """One fit of one task."""
        data = case.data
        together = pool(data)
        found = fitted(case, self.name, seed=seed, data=together)
        return network(
            separated(found.stack, together.tasks, data, case),
            case,
            {
                "models": 1,
                "parameters": float(found.cost["parameters"]),
                "model_steps": float(found.cost["model_steps"]),
                "seconds": float(found.cost["seconds"]),
            },
        )


def pool(data: Dataset) -> Dataset:
    """All labels of a table as examples (L, F + T) of one task; parts stay parts.

    Numbers are standardised by task already. Binary labels are balanced together, if they are.
    """
    row, task = (~data.targets.isnan()).nonzero(as_tuple=True)
    n_tasks, first = len(data.tasks), data.tasks[0]
    inputs = torch.cat([cast(Tensor, data.inputs)[row], F.one_hot(task, n_tasks).float()], dim=1)
    targets = data.targets[row, task][:, None]
    split = Split(
        **{name: _of_rows(row, part, len(data)) for name, part in vars(data.split).items()}
    )
    tasks = Tasks.plain([Task(name="pooled", kind=first.kind, classes=first.classes)])
    if not (data.tasks.pos_weight == 1).all():
        balanced = first.kind.pos_weight(targets[split.train].numpy())
        tasks.pos_weight.copy_(torch.as_tensor(balanced))
    return Dataset(
        inputs=inputs,
        targets=targets,
        tasks=tasks,
        split=split,
        ids=np.arange(len(row)),
        preprocessing=Preprocessing(input_shape=(inputs.shape[1],)),
    )


def _of_rows(row: Tensor, part: Tensor, n_rows: int) -> Tensor:
    """Which labels stand in rows of a part."""
    inside = torch.zeros(n_rows, dtype=torch.bool)
    inside[part] = True
    return inside[row].nonzero().flatten()


def separated(stack: ModelStack, pooled: Tasks, data: Dataset, case: Case) -> GroupedModel:
    """The pooled model as one of all tasks: for each the same network, which is told the task."""
    whole, n_tasks = stack.model(0).cpu(), len(data.tasks)
    members = [_told(whole, task, n_tasks) for task in range(n_tasks)]
    for member, weight in zip(members, data.tasks.pos_weight, strict=True):
        # Each task's logit is balanced as its own positives ask.
        with torch.no_grad():
            member.head.bias.add_((weight / pooled.pos_weight[0]).log())
    return GroupedModel(
        members,
        np.eye(n_tasks),
        data.tasks.to("cpu"),
        architecture_of(case.model, data, case.settings),
        data.preprocessing,
        served=[(task,) for task in range(n_tasks)],
    ).eval()


def _told(whole: TaskModel, task: int, n_tasks: int) -> TaskModel:
    """A copy without the inputs that name the task, whose weights go into the first BatchNorm.

    BatchNorm subtracts its running mean, which a constant may as well be subtracted from.
    """
    model = copied(whole)
    first, norm, *_ = cast(nn.Sequential, model.encoder)
    linear, norm = cast(nn.Linear, first), cast(nn.BatchNorm1d, norm)
    n_inputs = linear.in_features - n_tasks
    with torch.no_grad():
        cast(Tensor, norm.running_mean).sub_(linear.weight[:, n_inputs + task])
        linear.weight = nn.Parameter(linear.weight[:, :n_inputs].clone())
    linear.in_features = n_inputs
    return model
