"""Models that are no networks: linear ones, forests, boosted trees.

They are fitted on the encoded inputs of a data set, each task on its own labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from coterie import families
from coterie.data import Dataset
from coterie.evaluation.rivals.rival import Rival, TrainedRival
from coterie.fitting import Model
from coterie.methods import Case, Timing
from coterie.methods.timing import shortened
from coterie.results import Cost
from coterie.training.config import TrainingSettings

if TYPE_CHECKING:
    from coterie.evaluation._trainings import Trainings


TIMED_EXAMPLES = 500


class Family(Rival):
    """One of :mod:`coterie.families`, by its name there, at its defaults."""

    def suits(
        self,
        data: Dataset,
        *,
        model: Model,  # noqa: ARG002
        settings: TrainingSettings,  # noqa: ARG002
        baselines: Sequence[str],  # noqa: ARG002
    ) -> str | None:
        """Tables of some size."""
        return families.suits(self.name, data)

    def price(self, timing: Timing, n_groups: int) -> Cost:  # noqa: ARG002
        """By a fit on some examples; time grows about as their number.

        There are no steps, and its memory is not known.
        """
        some = shortened(timing.data, TIMED_EXAMPLES, 1)
        times = max(1.0, len(timing.data.split.train) / len(some.split.train))
        return Cost(trainings=1, seconds=times * families.fit(self.name, some).seconds)

    def train(self, case: Case, trainings: Trainings, *, seed: int) -> TrainedRival:  # noqa: ARG002
        """One fit; there are no steps to count."""
        found = families.fit(self.name, case.data, seed=seed)
        return TrainedRival(
            outputs=partial(found.outputs, case.data),
            model=lambda: found,
            cost={
                "models": found.n_models,
                "parameters": found.parameters,
                "model_steps": 0.0,
                "seconds": found.seconds,
            },
        )


class Linear(Family):
    """Regressions."""

    name = "linear"
    sentence = "A *linear* model of each task, on the same inputs."


class Forest(Family):
    """Extremely randomised trees."""

    name = "forest"
    sentence = "A forest of *randomised trees* (scikit-learn's ExtraTrees), on the same inputs."


class Boosting(Family):
    """Gradient boosting."""

    name = "boosting"
    sentence = (
        "*Boosted trees* of each task (scikit-learn's histogram gradient boosting), on the same "
        "inputs."
    )
