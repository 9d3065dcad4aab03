"""One joint network, as large as the groups' models together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coterie.data import Dataset
from coterie.evaluation.rivals.networks import fitted_seeds, network
from coterie.evaluation.rivals.rival import Rival, TrainedRival
from coterie.fitting import Model, OneSeed, architecture_of, resized_settings
from coterie.methods import Case, Timing
from coterie.models import GroupedModel
from coterie.models.width import no_width, widening
from coterie.results import Cost, Fit
from coterie.training.config import TrainingSettings

if TYPE_CHECKING:
    from coterie.evaluation._trainings import Trainings


class Wide(Rival):
    """The joint model with wider layers, so that it has about the parameters of all groups'."""

    name = "wide"
    sentence = (
        "One model for all tasks together, with wider layers: about as many parameters as the "
        "groups' models have together. Only a gain over it shows that groups are more than *size*."
    )

    def suits(
        self,
        data: Dataset,
        *,
        model: Model,
        settings: TrainingSettings,
        baselines: Sequence[str],  # noqa: ARG002
    ) -> str | None:
        """Encoders with an option for their width."""
        architecture = architecture_of(model, data, settings)
        if widening(architecture) is not None:
            return None
        return f"{self.name} is left out: {no_width(architecture)}"

    def price(self, timing: Timing, n_groups: int) -> Cost:
        """One model of that size; none beside joint for one group."""
        if n_groups == 1:
            return Cost()
        wider = resized_settings(timing.model, timing.data, timing.settings, n_groups)
        return timing.with_settings(wider).cost_of([1])

    def train(self, case: Case, trainings: Trainings, *, seed: int) -> TrainedRival:
        """One joint fit; the joint model itself where one group was found."""
        return self.train_seeds([case], [trainings], seeds=[seed])[0]

    def train_seeds(
        self, cases: Sequence[Case], trainings: Sequence[Trainings], *, seeds: Sequence[int]
    ) -> list[TrainedRival]:
        """One fit for each seed; those of groups that amount to as much are one stack."""
        found: dict[int, TrainedRival] = {}
        for size in sorted({its.n_networks for its in trainings}):
            alike = [at for at, its in enumerate(trainings) if its.n_networks == size]
            own = [cases[at] for at in alike]
            if size == 1:
                found |= {at: self._joint(cases[at], trainings[at]) for at in alike}
                continue
            fits = fitted_seeds(
                own,
                self.name,
                [OneSeed(seed=seeds[at]) for at in alike],
                settings=resized_settings(own[0].model, own[0].data, own[0].settings, size),
            )
            found |= {
                at: self._made(case, each) for at, case, each in zip(alike, own, fits, strict=True)
            }
        return [found[at] for at in range(len(cases))]

    def _joint(self, case: Case, trainings: Trainings) -> TrainedRival:
        joint = trainings.joint
        return network(
            trainings.grouped_model(joint), case, trainings.cost(joint), case.joint.history
        )

    def _made(self, case: Case, found: Fit) -> TrainedRival:
        data = case.data
        model = GroupedModel.from_stack(
            found.stack, np.ones((len(data.tasks), 1)), data.tasks, data.preprocessing
        )
        return network(
            model,
            case,
            {
                "models": 1,
                "parameters": float(found.cost["parameters"]),
                "model_steps": float(found.cost["model_steps"]),
                "seconds": float(found.cost["seconds"]),
            },
            found.history,
        )
