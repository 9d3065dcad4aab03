"""Joint for most tasks, other models for those that lose.

Shapes: ``A`` arms, ``n`` examples, ``T`` tasks, ``P`` output columns, ``R`` resamples.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from coterie.evaluation._trainings import mixed
from coterie.evaluation.gains import bootstrap_scores
from coterie.evaluation.metrics import primary_scores
from coterie.evaluation.rivals.networks import network
from coterie.evaluation.rivals.rival import Rival, TrainedRival
from coterie.methods import Case
from coterie.metrics import outcomes
from coterie.tasks import Tasks

if TYPE_CHECKING:
    from coterie.evaluation._trainings import Trainings

_RESAMPLES = 200


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

    def train(self, case: Case, trainings: Trainings, *, seed: int) -> TrainedRival:
        """Nothing is trained; models are picked."""
        data, positions = case.data, case.data.split.validation
        arms = [trainings.joint, trainings.groups, *trainings.of("single")]
        picks = picked(
            trainings.predict(arms, positions), data.targets[positions], data.tasks, seed=seed
        )
        arm = mixed(self.name, [(each, picks == place) for place, each in enumerate(arms)])
        return network(
            trainings.grouped_model(arm), case, trainings.cost(arm), trainings.history(arm)
        )


def picked(outputs: Tensor, targets: Tensor, tasks: Tasks, *, seed: int) -> np.ndarray:
    """The arm for each task, (T,): the best, or the first where that is within a standard error.

    The error is that of the paired difference over examples, by the bootstrap. Tasks whose metric
    cannot be resampled, and those without labels, are left with the first.

    Args:
        outputs: of the arms, (A, n, P).
        targets: encoded labels, (n, T), NaN = missing.
        tasks: the tasks.
        seed: of the resamples.

    >>> from coterie.tasks import Kind, Task
    >>> tasks = Tasks.plain([Task(name="a", kind=Kind.REGRESSION)])
    >>> labels = torch.arange(40.0)[:, None]
    >>> picked(torch.stack([labels - 5, labels - 1]), labels, tasks, seed=0)
    array([1])
    """
    scores = torch.stack([primary_scores(each, targets, tasks) for each in outputs]).numpy()
    came = outcomes(outputs, targets, tasks)
    drawn = bootstrap_scores(came.numpy(), targets.numpy(), tasks, resamples=_RESAMPLES, seed=seed)
    leads = np.nan_to_num(scores - scores[0], nan=-np.inf)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of tasks that cannot be resampled
        errors = np.nanstd(drawn - drawn[:, :1], axis=0)
    best = leads.argmax(0)
    tasks_in_order = np.arange(len(tasks))
    leads, errors = leads[best, tasks_in_order], errors[best, tasks_in_order]
    return np.where(leads > errors, best, 0)
