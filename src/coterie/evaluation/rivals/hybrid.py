"""Joint for most tasks, other models for those that lose.

Shapes: ``A`` arms, ``n`` examples, ``T`` tasks, ``P`` output columns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from coterie.evaluation._trainings import mixed
from coterie.evaluation.rivals.networks import network
from coterie.evaluation.rivals.rival import Rival, TrainedRival
from coterie.methods import Case, Timing
from coterie.metrics import contributions, scores
from coterie.results import Cost
from coterie.tasks import Tasks

if TYPE_CHECKING:
    from coterie.evaluation._trainings import Trainings


class Hybrid(Rival):
    """For each task the arm that is best on validation, of joint, groups and single-task models.

    The one-standard-error rule (Breiman et al. 1984, section 3.4.3) favours joint: another arm
    serves a task only where its lead over joint exceeds the standard error of that lead.
    """

    name = "hybrid"
    sentence = (
        "For each task the model that is best on validation, of joint, groups and its own; *joint* "
        "where nothing leads it by more than a standard error. All had to be trained, those that "
        "serve are kept."
    )

    def price(self, timing: Timing, n_groups: int) -> Cost:  # noqa: ARG002
        """Nothing is trained for it."""
        return Cost()

    def train(self, case: Case, trainings: Trainings, *, seed: int) -> TrainedRival:  # noqa: ARG002
        """Nothing is trained; models are picked."""
        data, positions = case.data, case.data.split.validation
        groups = [] if trainings.groups is None else [trainings.groups]
        arms = [trainings.joint, *groups, *trainings.of("single")]
        picks = picked(trainings.predict(arms, positions), data.targets[positions], data.tasks)
        arm = mixed(self.name, [(each, picks == place) for place, each in enumerate(arms)])
        return network(
            trainings.grouped_model(arm), case, trainings.cost(arm), trainings.history(arm)
        )


def picked(outputs: Tensor, targets: Tensor, tasks: Tasks) -> np.ndarray:
    """The arm for each task, (T,): the best, or the first where that is within a standard error.

    The error is that of the paired difference over examples. Tasks without labels, and those where
    it is not known what an example contributes to the metric, are left with the first.

    Args:
        outputs: of the arms, (A, n, P).
        targets: encoded labels, (n, T), NaN = missing.
        tasks: the tasks.

    >>> import torch
    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.REGRESSION)])
    >>> labels = torch.arange(40.0)[:, None]
    >>> picked(torch.stack([labels - 5, labels - 1]), labels, tasks)
    array([1])
    """
    found, added = scores(outputs, targets, tasks).numpy(), contributions(outputs, targets, tasks)
    leads = np.nan_to_num(found - found[0], nan=-np.inf)
    errors = np.sqrt(((added - added[0]) ** 2).sum(1))
    best, each = leads.argmax(0), np.arange(len(tasks))
    return np.where(leads[best, each] > errors[best, each], best, 0)
