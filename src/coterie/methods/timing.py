"""What a step takes on this machine, by a few that are timed, so that methods can be priced.

Counts are exact, or upper bounds where tasks have their own examples or models stop for want of
patience; seconds and bytes are
estimates from a few timed steps of the very models and probes on the very data. They hold for a
machine that is as busy as it was then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil
from statistics import median
from time import perf_counter
from typing import Any, TypeVar

import numpy as np
import torch

from coterie.affinities import AffinityProbe
from coterie.data import Dataset, Split, steps_an_epoch
from coterie.estimators import JointEstimator
from coterie.fitting import Model, fit, make_config
from coterie.identity import identity_or_name
from coterie.models.strategy import Workload, rows_that_fit
from coterie.results import Cost, Fit
from coterie.training import TrainingConfig, WeightsProvider
from coterie.training.config import TrainingSettings, spelled

TIMED_STEPS, TIMED_ROWS, TIMED_EXAMPLES = 6, 8, 64
# Weights, gradients, two moments of Adam, the best epoch.
_COPIES = 5
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Times a step of one model, of a stack, of a probe or of a search when a price asks for it.

    ``settings`` are those of :func:`coterie.fit`.
    """

    model: Model
    data: Dataset
    settings: TrainingSettings
    _known: dict[str, Any] = field(default_factory=dict, repr=False)

    def with_settings(self, settings: TrainingSettings) -> Timing:
        """The same of trainings with other settings; itself if there are none."""
        if not settings:
            return self
        own: TrainingSettings = {**spelled(self.settings), **spelled(settings)}
        return self._once(
            f"settings {json.dumps(identity_or_name(own), sort_keys=True)}",
            lambda: Timing(model=self.model, data=self.data, settings=own),
        )

    @cached_property
    def n_steps(self) -> int:
        """Steps of one training, at most."""
        return self._an_epoch * self.most_epochs

    @cached_property
    def steps_scored(self) -> float:
        """Steps of a training and of what scoring amounts to: a forward pass is a third of one."""
        split = self.data.split
        return self.n_steps * (1 + len(split.validation) / len(split.train) / 3)

    @property
    def alone(self) -> float:
        """Seconds of a step of one model."""
        return self._timed_stacks[0][1]

    @property
    def more(self) -> float:
        """Seconds that each further model of a stack adds to its step."""
        (_, alone), (_, stacked) = self._timed_stacks
        return max(0.0, (stacked - alone) / (TIMED_ROWS - 1))

    def step_seconds(self, n_models: float) -> float:
        """One step of a stack."""
        return self.alone + (n_models - 1) * self.more

    def training_seconds(self, n_models: float) -> float:
        """Training models to the end as a stack, and scoring them after every epoch."""
        return self.steps_scored * self.step_seconds(n_models)

    def stack_bytes(self, n_models: int) -> float:
        """Models, and the activations of those that run together, with their gradients."""
        together = min(n_models, self._chunk)
        return n_models * _COPIES * self._parameter_bytes + 2 * self._activations * together

    def cost_of(self, rounds: Sequence[int], *, share: float = 1.0, seconds: float = 0.0) -> Cost:
        """Models trained only to measure, as one stack in each of ``rounds``.

        For a ``share`` of the epochs, with ``seconds`` besides.
        """
        several, epochs = [n for n in rounds if n], self.most_epochs
        share = max(1, round(share * epochs)) / epochs
        return Cost(
            trainings=sum(several),
            model_steps=sum(several) * self.n_steps * share,
            seconds=sum(self.training_seconds(n) for n in several) * share + seconds,
            bytes=self.stack_bytes(max([1, *several])),
        )

    def cost_of_probe(self, probe: AffinityProbe) -> Cost:
        """What an affinity's measurements take while the joint model trains."""
        key = json.dumps(identity_or_name(replace(probe, every=2)))
        tried, steps, seconds = self._once(key, lambda: self._timed_probe(replace(probe, every=2)))
        measurements, needed = (self.n_steps - 1) // probe.every, self.stack_bytes(1)
        if tried:
            at_once = tried * (2 * self._activations + 4 * self._parameter_bytes)
            needed += len(self.data.tasks) * self._parameter_bytes + min(probe.memory, at_once)
        return Cost(
            look_aheads=round(tried * measurements),
            model_steps=steps * measurements,
            seconds=seconds * measurements,
            bytes=needed,
        )

    def cost_of_learning(self, provider: WeightsProvider) -> Cost:
        """What a training with weights of its own takes, and what these look at meanwhile."""
        key = json.dumps(identity_or_name(provider))
        n_rows, looks = provider.n_rows, 0
        seconds = self._once(key, lambda: self._timed(provider)[1])
        a_look, seconds_a_look = 0.0, 0.0
        if provider.every is not None:
            looks = (self.n_steps - 1) // provider.every
            a_look, looking = self._once(f"looks of {key}", lambda: self._timed_looks(provider))
            seconds_a_look = max(0.0, looking - seconds)
        return Cost(
            trainings=n_rows,
            model_steps=float(n_rows * self.n_steps + looks * a_look),
            seconds=self.n_steps * seconds + looks * seconds_a_look,
            bytes=self.stack_bytes(n_rows),
        )

    def cost_of_reading(self, estimator: JointEstimator, n_rows: int) -> Cost | None:
        """What an estimator on the joint model takes that is asked about so many rows.

        None where it does not tell by ``steps(data, batch_size)`` how many steps of one model that
        amounts to.
        """
        tell = getattr(estimator, "steps", None)
        if tell is None:
            return None
        steps = tell(self.data, self._config.batch_size)
        key = json.dumps(identity_or_name(estimator))
        start, each, a_row = self._once(key, lambda: self._timed_reading(estimator))
        return Cost(
            model_steps=steps,
            seconds=start + steps * each + n_rows * a_row,
            bytes=self.stack_bytes(1) + getattr(estimator, "memory", 0),
        )

    @cached_property
    def _config(self) -> TrainingConfig:
        return make_config(self.settings)

    @cached_property
    def _an_epoch(self) -> int:
        return steps_an_epoch(self.data, self._config.batch_size)

    @cached_property
    def most_epochs(self) -> int:
        """Epochs that one model may train."""
        return self._config.limit(self._an_epoch).epochs

    @cached_property
    def _small(self) -> Dataset:
        return shortened(self.data, TIMED_STEPS * self._config.batch_size, 64)

    @cached_property
    def _short(self) -> TrainingSettings:
        epochs = ceil(TIMED_STEPS / min(self._an_epoch, TIMED_STEPS))
        return {**self.settings, "epochs": epochs, "patience": None}

    @cached_property
    def _timed_stacks(self) -> tuple[tuple[Fit, float], tuple[Fit, float]]:
        n_tasks = len(self.data.tasks)
        return self._timed(np.ones((1, n_tasks))), self._timed(np.ones((TIMED_ROWS, n_tasks)))

    @cached_property
    def _work(self) -> Workload:
        return self._timed_stacks[0][0].stack.architecture.workload

    @property
    def _activations(self) -> float:
        """Bytes that one model keeps of a batch for the backward pass."""
        return self._work.saved * min(self._config.batch_size, len(self.data.split.train))

    @property
    def _chunk(self) -> int:
        (one, _), (several, _) = self._timed_stacks
        if several.cost["strategy"] == "loop":
            return 1
        size = min(self._config.batch_size, len(self.data.split.train))
        return rows_that_fit(self._work, 10**6, size, one.stack.device)

    @cached_property
    def _parameter_bytes(self) -> float:
        return 4.0 * self._timed_stacks[0][0].stack.n_parameters

    def _once(self, key: str, measure: Callable[[], T]) -> T:
        if key not in self._known:
            self._known[key] = measure()
        return self._known[key]

    def _timed(
        self, weights: np.ndarray | WeightsProvider, data: Dataset | None = None
    ) -> tuple[Fit, float]:
        """A short training and the median seconds of its steps; the first warm up."""
        marks = [perf_counter()]
        found = fit(
            self.model,
            self._small if data is None else data,
            weights,
            init="shared",
            progress=lambda *_: marks.append(perf_counter()),
            **self._short,
        )
        return found, float(median(np.diff(marks)[1:]))

    def _timed_looks(self, provider: WeightsProvider) -> tuple[float, float]:
        """Model steps of one look, and seconds of a step with it."""
        looking, batch_size = copy(provider), self._config.batch_size
        looking.every = 1
        # What scores a look may be the whole validation part.
        data = shortened(self.data, TIMED_STEPS * batch_size, len(self.data.split.validation))
        found, seconds = self._timed(looking, data)
        steps = sum(found.cost["steps"])
        looks = steps / provider.n_rows - 1
        return (found.cost["model_steps"] - steps) / looks, seconds

    def _timed_probe(self, probe: AffinityProbe) -> tuple[float, float, float]:
        """Look-aheads, model steps and seconds of one measurement, with as many examples to score."""
        size = self._config.batch_size
        scored = max(TIMED_EXAMPLES, getattr(probe, "batch_size", None) or size)
        small = shortened(self.data, TIMED_STEPS * size, scored)
        with torch.random.fork_rng():
            fit(self.model, small, probes=[probe], **self._short)
        measured = probe.affinity()
        n, own = measured.details["measurements"], measured.details["beyond_training"]
        return measured.details["lookaheads"] / n, own["model_steps"] / n, own["seconds"] / n

    def _timed_reading(self, estimator: JointEstimator) -> tuple[float, float, float]:
        """Seconds of an estimator on the joint model.

        To start, for what amounts to one step of one model, and for the scores of one row.
        """
        joint = self._timed_stacks[0][0]
        fits = [
            copy(estimator).fit(joint, shortened(self.data, n, n // 8))
            for n in (TIMED_EXAMPLES // 2, TIMED_EXAMPLES)
        ]
        half, whole = (fitted.cost for fitted in fits)
        more = whole["model_steps"] - half["model_steps"]
        each = max(0.0, whole["seconds"] - half["seconds"]) / more if more else 0.0
        started = perf_counter()
        fits[-1].predict(np.ones((TIMED_EXAMPLES, len(self.data.tasks))))
        a_row = (perf_counter() - started) / TIMED_EXAMPLES
        return max(0.0, whole["seconds"] - each * whole["model_steps"]), each, a_row


def shortened(data: Dataset, n_train: int, n_validation: int) -> Dataset:
    """The same data with the first labelled examples only, at most so many of each part."""
    parts = ((data.split.train, n_train), (data.split.validation, n_validation))
    train, validation = (at[(~data.targets[at].isnan()).any(1)][:n] for at, n in parts)
    test = data.split.test[:2]
    split = Split(train=train, validation=validation, test=test)
    return replace(data, split=split, rebuild=None, fewer=None)
