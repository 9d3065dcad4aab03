"""One joint network, as large as the groups' models together."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from inspect import Parameter, signature
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.evaluation.rivals.networks import fitted_seeds, network
from coterie.evaluation.rivals.rival import Rival, TrainedRival
from coterie.fitting import Model, OneSeed
from coterie.methods import Case, Timing
from coterie.models import Architecture, GroupedModel
from coterie.models.architecture import find_factory
from coterie.results import Cost, Fit
from coterie.training.config import TrainingSettings

if TYPE_CHECKING:
    from coterie.evaluation._trainings import Trainings

_STEPS = 64


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
        architecture = _architecture(model, data, settings)
        if widening(architecture) is not None:
            return None
        return f"{self.name} is left out: {_no_width(architecture)}"

    def price(self, timing: Timing, n_groups: int) -> Cost:
        """One model of that size; none beside joint for one group."""
        if n_groups == 1:
            return Cost()
        architecture = _architecture(timing.model, timing.data, timing.settings)
        options = widened(architecture, n_groups)
        return timing.with_settings({"model_options": options}).cost_of([1])

    def train(self, case: Case, trainings: Trainings, *, seed: int) -> TrainedRival:
        """One joint fit; the joint model itself where one group was found."""
        return self.train_seeds([case], [trainings], seeds=[seed])[0]

    def train_seeds(
        self, cases: Sequence[Case], trainings: Sequence[Trainings], *, seeds: Sequence[int]
    ) -> list[TrainedRival]:
        """One fit for each seed; those of equally many groups are as wide, and one stack."""
        found: dict[int, TrainedRival] = {}
        for n_models in sorted({its.n_groups for its in trainings}):
            alike = [at for at, its in enumerate(trainings) if its.n_groups == n_models]
            own = [cases[at] for at in alike]
            if n_models == 1:
                found |= {at: self._joint(cases[at], trainings[at]) for at in alike}
                continue
            architecture = _architecture(own[0].model, own[0].data, own[0].settings)
            fits = fitted_seeds(
                own,
                self.name,
                [OneSeed(seed=seeds[at]) for at in alike],
                settings={"model_options": widened(architecture, n_models)},
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


def _architecture(model: Model, data: Dataset, settings: TrainingSettings) -> Architecture:
    return Architecture.of(model, data.input_shape, data.tasks, settings.get("model_options", {}))


def _no_width(architecture: Architecture) -> str:
    return f"`model` {architecture.name!r} has no option `width` or `hidden` to be made wider by."


def widening(architecture: Architecture) -> Callable[[float], dict[str, Any]] | None:
    """The options that make an encoder so many times as wide; None if it has none for it.

    They are ``width``, a factor, or ``hidden``, the sizes of layers.

    >>> widening(Architecture("mlp", (8,), 3, {"dropout": 0.1}))(1.5)
    {'dropout': 0.1, 'hidden': (192, 192)}
    """
    options = dict(architecture.options)
    known = signature(find_factory(architecture.model)).parameters
    for name, wider in (("width", _times), ("hidden", _each_times)):
        usual = known[name].default if name in known else Parameter.empty
        now = options.get(name, usual)
        if name in known and now is not Parameter.empty and now:
            return partial(_with, options, name, now, wider)
    return None


def _with(
    options: Mapping[str, Any],
    name: str,
    now: Any,
    wider: Callable[[Any, float], object],
    factor: float,
) -> dict[str, Any]:
    return {**options, name: wider(now, factor)}


def _times(width: float, factor: float) -> float:
    return width * factor


def _each_times(hidden: Sequence[int], factor: float) -> tuple[int, ...]:
    return tuple(round(factor * size) for size in hidden)


def widened(architecture: Architecture, n_models: int) -> dict[str, Any]:
    """Options under which one model has about as many parameters as ``n_models`` have now.

    Raises:
        CoterieError: the encoder has no option for its width.

    >>> architecture = Architecture("mlp", (8,), 3, {"hidden": (16,)})
    >>> widened(architecture, 4)
    {'hidden': (65,)}
    """
    options = widening(architecture)
    if options is None:
        raise CoterieError(_no_width(architecture))

    def size(steps: int) -> int:
        return replace(architecture, options=options(steps / _STEPS)).n_parameters

    wanted = n_models * size(_STEPS)
    # Parameters grow at least as fast as widths, but for the biases of the head.
    above = bisect_left(range(_STEPS * (n_models + 1)), wanted, lo=_STEPS, key=size)
    return options(min((above - 1, above), key=lambda steps: abs(size(steps) - wanted)) / _STEPS)
