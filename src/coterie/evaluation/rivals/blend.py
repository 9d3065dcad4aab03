"""Two arms, averaged.

Shapes: ``G`` weights of the grid, ``n`` examples, ``T`` tasks, ``P`` output columns.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from coterie.data import Dataset
from coterie.evaluation._trainings import TrainedArm, mixed
from coterie.evaluation.rivals.networks import network
from coterie.evaluation.rivals.rival import Rival, TrainedRival
from coterie.fitting import Model
from coterie.methods import Case, Timing
from coterie.results import Cost
from coterie.tasks import Tasks, example_losses
from coterie.training.config import TrainingSettings

if TYPE_CHECKING:
    from coterie.evaluation._trainings import Trainings

_ROUNDING = 1e-6


class Blend(Rival):
    """For each task w * joint + (1 - w) * the other's, in outputs, as soft groups are averaged.

    w is the one of 0, .05, ..., 1 with the least mean loss of the task on validation. Nothing is
    trained beside the two.
    """

    @abstractmethod
    def other(self, trainings: Trainings) -> TrainedArm:
        """What joint is averaged with."""

    def price(self, timing: Timing, n_groups: int) -> Cost:  # noqa: ARG002
        """Nothing is trained for it."""
        return Cost()

    def train(self, case: Case, trainings: Trainings, *, seed: int) -> TrainedRival:  # noqa: ARG002
        """Choose the weights."""
        joint, other, data = trainings.joint, self.other(trainings), case.data
        positions = data.split.validation
        one, second = trainings.predict([joint, other], positions)
        shares = best_shares(one, second, data.targets[positions], data.tasks)
        arm = mixed(self.name, [(joint, shares), (other, 1 - shares)])
        return network(
            trainings.grouped_model(arm), case, trainings.cost(arm), trainings.history(arm)
        )


class BlendGroups(Blend):
    """Joint with the groups, the chosen ones where there are several methods."""

    name = "blend"
    sentence = (
        "The joint model and the groups' models, *averaged* with a weight for each task that is "
        "best on validation. It takes and serves both."
    )

    def other(self, trainings: Trainings) -> TrainedArm:
        """The groups, or joint itself where none are trained."""
        return trainings.groups or trainings.joint


class BlendSingle(Blend):
    """Joint with single-task models."""

    name = "blend_single"
    sentence = (
        "The joint model and the tasks' own models, *averaged* with a weight for each task that is "
        "best on validation. It takes and serves both."
    )

    def other(self, trainings: Trainings) -> TrainedArm:
        """Each task's own model."""
        return trainings.of("single")[0]

    def suits(
        self,
        data: Dataset,  # noqa: ARG002
        *,
        model: Model,  # noqa: ARG002
        settings: TrainingSettings,  # noqa: ARG002
        baselines: Sequence[str],
    ) -> str | None:
        """Comparisons that train single-task models."""
        if "single" in baselines:
            return None
        return f"{self.name} is left out: single-task models are not trained."


def best_shares(one: Tensor, other: Tensor, targets: Tensor, tasks: Tasks) -> np.ndarray:
    """The share of the first in an average, for each task that of least mean loss, (T,).

    One of 0, .05, ..., 1; the larger one of two that are equally good, and 1 without a label.

    Args:
        one: outputs, (n, P).
        other: outputs, (n, P).
        targets: encoded labels, (n, T), NaN = missing.
        tasks: the tasks.

    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.REGRESSION)])
    >>> best_shares(torch.tensor([[1.0]]), torch.tensor([[2.0]]), torch.tensor([[1.25]]), tasks)
    array([0.75])
    """
    grid = np.linspace(1, 0, 21)
    losses = torch.stack(
        [example_losses(w * one + (1 - w) * other, targets, tasks).sum(0) for w in grid.tolist()]
    )
    least = losses.nan_to_num(nan=torch.inf).amin(0)
    # Of those that are equal but for rounding the first.
    best = (losses <= least + _ROUNDING * least.abs()).int().argmax(0)
    return grid[best.numpy()]
