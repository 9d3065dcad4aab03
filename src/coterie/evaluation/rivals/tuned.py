"""The joint model, tuned to each task."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coterie.evaluation.rivals.networks import fitted_seeds, network
from coterie.evaluation.rivals.rival import Rival, TrainedRival
from coterie.fitting import OneSeed
from coterie.methods import Case, Timing
from coterie.models import GroupedModel
from coterie.results import Cost, Fit
from coterie.training import TrainingConfig

if TYPE_CHECKING:
    from coterie.evaluation._trainings import Trainings

LR_SHARE = 0.1
"""What copies learn at, as a share of the learning rate of the joint training."""


class Tuned(Rival):
    """A copy of the joint model for each task, trained on from there by the task's own loss.

    As many epochs as the others at a tenth of the learning rate, the usual choice where a model is
    to be adapted and not trained anew; the optimiser starts afresh.
    """

    name = "tuned"
    sentence = (
        "The joint model, copied for each task and *trained on* by that task's loss alone, at a "
        "tenth of the learning rate."
    )

    def price(self, timing: Timing, n_groups: int) -> Cost:  # noqa: ARG002
        """T models, as one stack."""
        return timing.cost_of([len(timing.data.tasks)])

    def train(self, case: Case, trainings: Trainings, *, seed: int) -> TrainedRival:
        """One fit of T rows, all from the state that the joint model kept."""
        return self.train_seeds([case], [trainings], seeds=[seed])[0]

    def train_seeds(
        self, cases: Sequence[Case], trainings: Sequence[Trainings], *, seeds: Sequence[int]
    ) -> list[TrainedRival]:
        """One fit of T rows for each seed."""
        n_tasks = len(cases[0].data.tasks)
        parts = [
            OneSeed(
                seed=seed, weights=np.eye(n_tasks), start=case.joint.stack.replicate(0, n_tasks)
            )
            for case, seed in zip(cases, seeds, strict=True)
        ]
        rate = LR_SHARE * cases[0].settings.get("lr", TrainingConfig().lr)
        fits = fitted_seeds(cases, self.name, parts, settings={"lr": rate})
        return [self._made(*each) for each in zip(cases, trainings, fits, strict=True)]

    def _made(self, case: Case, trainings: Trainings, found: Fit) -> TrainedRival:
        data, n_tasks = case.data, len(case.data.tasks)
        model = GroupedModel.from_stack(
            found.stack, np.eye(n_tasks), data.tasks, data.preprocessing
        )
        joint = trainings.cost(trainings.joint)
        return network(
            model,
            case,
            {
                "models": n_tasks,
                "parameters": n_tasks * float(found.cost["parameters"]),
                "model_steps": joint["model_steps"] + float(found.cost["model_steps"]),
                "seconds": joint["seconds"] + float(found.cost["seconds"]),
            },
            found.history,
        )
