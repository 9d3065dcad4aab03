"""The joint model, tuned to each task."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from coterie.evaluation.rivals.networks import fitted, network
from coterie.evaluation.rivals.rival import Rival, TrainedRival
from coterie.methods import Case, Timing
from coterie.models import GroupedModel
from coterie.results import Cost
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
        data, n_tasks = case.data, len(case.data.tasks)
        found = fitted(
            case,
            self.name,
            seed=seed,
            settings={"lr": LR_SHARE * case.settings.get("lr", TrainingConfig().lr)},
            weights=np.eye(n_tasks),
            start=case.joint.stack.replicate(0, n_tasks),
        )
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
