"""The verb ``plan``: what each method would take, told before anything long starts.

Counts are exact, or upper bounds where tasks have their own examples; seconds and bytes are
estimates from a few timed steps of the very models and probes on the very data. They hold for a
machine that is as busy as it was then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from dataclasses import asdict, dataclass, field, replace
from math import ceil, inf
from statistics import median
from time import perf_counter
from typing import Any, Literal, Unpack

import numpy as np
import torch

from coterie.affinities import AffinityProbe
from coterie.data import Batches, Dataset, Split
from coterie.data.batches import supports
from coterie.errors import CoterieError, require_type
from coterie.estimators import GradTagScores
from coterie.evaluation._compare import check_counts, check_probes
from coterie.evaluation._repetitions import read_repeats, read_seeds
from coterie.evaluation.arms import BASELINES
from coterie.evaluation.measured import AffinityMethod, DifferentiableMethod, EstimatorMethod
from coterie.evaluation.methods import Candidate, Candidates, DataMapMethod
from coterie.evaluation.naming import named_methods
from coterie.fitting import fit, make_config
from coterie.identity import identity_or_name
from coterie.models.strategy import rows_that_fit, saved_bytes
from coterie.results import Fit, Grouping
from coterie.training import TrainingConfig
from coterie.training.config import TrainingSettings

TIMED_STEPS, TIMED_ROWS, TIMED_EXAMPLES = 6, 8, 64
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Weights, gradients, two moments of Adam, the best epoch.
_COPIES = 5
_PROBE_MEMORY = AffinityProbe.memory


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What a method takes on one seed beyond the joint training, and what its grouped models take.

    ``trainings`` counts models trained only to measure, ``look_aheads`` steps tried from states of
    the joint training, and ``model_steps`` both in steps of one model. ``seconds`` and ``bytes``
    are estimated, the latter of models, gradients and activations, without the data and the
    libraries. ``grouped_seconds`` is the training of the K models and of the random groups beside
    them, ``fits`` says whether the method is within the budget, if there is one.

    Of a method that does not tell what it takes all of this is None, but for ``grouped_seconds``:
    it is unknown, not nothing.
    """

    method: str
    trainings: int | None
    look_aheads: int | None
    model_steps: float | None
    seconds: float | None
    bytes: float | None
    grouped_seconds: float
    fits: bool | None = True


@dataclass(frozen=True, kw_only=True, repr=False)
class Plan:
    """The workloads of all methods, cheapest first, and what every comparison of them takes besides.

    ``shared_seconds`` is the joint, single-task and ensemble models of one unit, ``units`` the
    number of seeds and splits, ``step_seconds`` one step of one model in a stack. ``picked`` names
    the methods that together stay within ``budget``; those of which it is unknown what they take
    are among them only where there is none.
    """

    workloads: tuple[Workload, ...]
    units: int
    step_seconds: float
    shared_seconds: float
    budget: float | None = None
    picked: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Methods of which it is unknown what they take."""
        return tuple(work.method for work in self.workloads if work.seconds is None)

    @property
    def seconds(self) -> float | None:
        """Estimated seconds of the whole comparison of what was picked.

        None if that has a part that is unknown.
        """
        return None if any(name in self.picked for name in self.unpriced) else self.known_seconds

    @property
    def known_seconds(self) -> float:
        """Estimated seconds of the whole comparison of what was picked, without what is unknown."""
        chosen = [w for w in self.workloads if w.method in self.picked]
        return self.units * (
            self.shared_seconds + sum((w.seconds or 0.0) + w.grouped_seconds for w in chosen)
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            **asdict(self),
            "seconds": self.seconds,
            "known_seconds": self.known_seconds,
            "unpriced": self.unpriced,
        }

    def __repr__(self) -> str:
        unknown = f", without what is unknown: {', '.join(self.unpriced)}" if self.unpriced else ""
        return f"Plan({', '.join(self.picked) or 'nothing'}: about {self.known_seconds:.0f} s{unknown})"


def plan(
    model: Any,
    data: Dataset,
    methods: Candidates = ("data_map", "lookahead", "gradtag"),
    *,
    n_groups: int | Literal["auto"] = 2,
    seeds: int | Sequence[int] = 3,
    repeats: int | None = None,
    draws: int = 3,
    budget: str | float | None = None,
    **settings: Unpack[TrainingSettings],
) -> Plan:
    """Estimate what comparing ``methods`` takes, and pick those that fit a time budget, cheapest first.

    Args:
        model: as for :func:`coterie.fit`.
        data: what :func:`coterie.load` returned.
        methods: as for :func:`coterie.compare`. What one of your own takes is unknown, unless it
            has ``trainings(n_tasks)``, the number of models that it trains to the end, as one
            stack, to measure.
        n_groups: number of groups of methods given by name.
        seeds: as for :func:`coterie.compare`.
        repeats: as for :func:`coterie.compare`.
        draws: random groupings per method.
        budget: seconds, or a text such as "90s", "30m" or "2h"; without one, everything is picked,
            with one nothing unknown.
        **settings: of :func:`coterie.fit`.

    Raises:
        CoterieError: an argument is wrong, or the budget is not a time.

    >>> import coterie as ct
    >>> found = ct.plan("mlp", ct.load("digits"), ["data_map", "pairs"], epochs=2, model_options={"hidden": (8,)})
    >>> [(w.method, w.trainings) for w in found.workloads]
    [('data_map K=2 m=1.07', 0), ('pairs K=2', 105)]
    """
    require_type("data", data, Dataset)
    limit = None if budget is None else seconds_of(budget)
    units = len(read_seeds(seeds)) * read_repeats(repeats, data)
    check_counts(draws, BASELINES, bootstraps=1)
    config = make_config(settings)
    named = {
        _name(name, m): m for name, m in named_methods(methods, data.tasks.names, n_groups).items()
    }
    check_probes(named, data, config)
    timing = _Timing.measure(model, data, config, settings, named)
    workloads = sorted(
        (timing.workload(name, method, draws) for name, method in named.items()),
        key=lambda work: inf if work.seconds is None else work.seconds,
    )
    ensemble = max(timing.groups(method) for method in named.values()) - 1
    shared = timing.training_seconds(1) + timing.training_seconds(len(data.tasks) + ensemble)
    picked, spent = [], shared
    for position, workload in enumerate(workloads):
        cost = (workload.seconds or 0.0) + workload.grouped_seconds
        within = limit is None or units * (spent + cost) <= limit
        # What is unknown may still be known to be too much.
        workloads[position] = replace(
            workload, fits=None if workload.seconds is None and within else within
        )
        if within and (limit is None or workload.seconds is not None):
            picked.append(workload.method)
            spent += cost
    return Plan(
        workloads=tuple(workloads),
        units=units,
        step_seconds=timing.step_seconds(TIMED_ROWS) / TIMED_ROWS,
        shared_seconds=shared,
        budget=limit,
        picked=tuple(picked),
        about={
            "steps of one model": timing.n_steps,
            "timed steps": TIMED_STEPS,
            "seconds of one step alone": timing.alone,
        },
    )


def seconds_of(text: str | float) -> float:
    """Seconds of a time such as "90s", "30m", "1.5h" or a number of seconds.

    >>> seconds_of("30m"), seconds_of("1.5h"), seconds_of(20)
    (1800.0, 5400.0, 20.0)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([smhd]?)\s*", str(text))
    value = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if value <= 0:
        raise CoterieError(
            f"`budget` must be a positive time such as 90s, 30m or 2h; found {text!r}."
        )
    return value


@dataclass(frozen=True, kw_only=True)
class _Timing:
    """What was measured.

    Seconds of a step of one model ``alone`` and of each ``more`` model of its stack.

    ``probes`` holds look-aheads, model steps and seconds of one measurement, ``searches`` the
    seconds of a step of a learnt grouping, ``gradtag`` those of each Grad-TAG to start, for what
    amounts to a step, and for a row; ``activations`` are the bytes that a batch leaves for the
    backward pass, of ``chunk`` models at a time.
    """

    data: Dataset
    batch_size: int
    n_steps: int
    alone: float
    more: float
    parameters: float
    activations: float
    chunk: int
    probes: Mapping[Any, tuple[float, float, float]]
    searches: Mapping[str, float]
    gradtag: Mapping[str, tuple[float, float, float]]

    @classmethod
    def measure(
        cls,
        model: Any,
        data: Dataset,
        config: TrainingConfig,
        settings: Mapping[str, Any],
        methods: Mapping[str, Candidate],
    ) -> _Timing:
        """Time a few steps of one model, of a stack, of every probe and of every search."""
        found = supports(data, torch.ones(1, len(data.tasks)))
        an_epoch = Batches(data, found, batch_size=config.batch_size, seed=0).n_steps
        small = _shortened(data, TIMED_STEPS * config.batch_size, 64)
        settings = {**settings, "epochs": ceil(TIMED_STEPS / min(an_epoch, TIMED_STEPS))}
        one, alone = _timed(model, small, settings, np.ones((1, len(data.tasks))))
        several, stacked = _timed(model, small, settings, np.ones((TIMED_ROWS, len(data.tasks))))
        probes, searches, gradtag = {}, {}, {}
        for name, method in methods.items():
            if isinstance(method, AffinityMethod) and method.measurement not in probes:
                probes[method.measurement] = _timed_probe(method, model, small, settings)
            elif isinstance(method, DifferentiableMethod):
                searches[name] = _timed(model, small, settings, method.provider())[1]
            elif (scores := _gradtag(method)) is not None and _key(scores) not in gradtag:
                gradtag[_key(scores)] = _timed_gradtag(one, data, scores)
        kept = _activations(one, small, config.batch_size)
        return cls(
            data=data,
            batch_size=config.batch_size,
            n_steps=an_epoch * config.epochs,
            alone=alone,
            more=max(0.0, (stacked - alone) / (TIMED_ROWS - 1)),
            probes=probes,
            searches=searches,
            gradtag=gradtag,
            parameters=4.0 * one.stack.n_parameters,
            activations=kept,
            chunk=1
            if several.cost["strategy"] == "loop"
            else rows_that_fit(kept, one.stack.device, 10**6),
        )

    def step_seconds(self, n_models: float) -> float:
        """One step of a stack."""
        return self.alone + (n_models - 1) * self.more

    def training_seconds(self, n_models: float) -> float:
        """Training models from start to end as a stack, and scoring them on the validation part after every epoch."""
        return self.steps_scored * self.step_seconds(n_models)

    @property
    def steps_scored(self) -> float:
        """Steps of a training with those that scoring amounts to.

        A forward pass is a third of a step.
        """
        return self.n_steps * (1 + len(self.data.split.validation) / len(self.data.split.train) / 3)

    def stack_bytes(self, n_models: int) -> float:
        """Models, and the activations of those that run together, with their gradients."""
        return n_models * _COPIES * self.parameters + 2 * self.activations * min(
            n_models, self.chunk
        )

    def groups(self, method: Candidate) -> int:
        """Number of models that a method ends in; "auto" is counted as 3."""
        n_groups = (
            method.n_groups if isinstance(method, Grouping) else getattr(method, "n_groups", "auto")
        )
        return n_groups if isinstance(n_groups, int) else min(3, len(self.data.tasks))

    def workload(self, name: str, method: Candidate, draws: int) -> Workload:
        """What one method takes on one seed."""
        trainings, look_aheads, steps, seconds, needed = 0, 0, 0.0, 0.0, self.stack_bytes(1)
        grouped_seconds = self.steps_scored * self.more * self.groups(method) * (1 + draws)
        questions = _questions(method, len(self.data.tasks))
        if questions is None:
            return Workload(
                method=name,
                trainings=None,
                look_aheads=None,
                model_steps=None,
                seconds=None,
                bytes=None,
                grouped_seconds=grouped_seconds,
            )
        if isinstance(method, AffinityMethod):
            measurements = (self.n_steps - 1) // method.every
            tried, probe_steps, each = self.probes[method.measurement]
            look_aheads, steps, seconds = (
                round(tried * measurements),
                probe_steps * measurements,
                each * measurements,
            )
            if tried:
                needed += len(self.data.tasks) * self.parameters
                memory = (
                    _PROBE_MEMORY if isinstance(method.affinity, str) else method.affinity.memory
                )
                needed += min(memory, tried * (2 * self.activations + 4 * self.parameters))
        elif isinstance(method, DifferentiableMethod):
            trainings, steps = method.n_groups, float(method.n_groups * self.n_steps)
            seconds, needed = self.n_steps * self.searches[name], self.stack_bytes(method.n_groups)
        elif questions:
            share, own = 1.0, 0.0
            if isinstance(method, EstimatorMethod):
                share, own = method.share, method.own_seconds(len(self.data.tasks))
            trainings, steps = sum(questions), sum(questions) * self.n_steps * share
            seconds = sum(self.training_seconds(n) for n in questions if n) * share + own
            needed = self.stack_bytes(max(questions))
        elif isinstance(method, EstimatorMethod) and (scores := _gradtag(method)) is not None:
            steps = scores.steps(self.data, self.batch_size)
            start, each, a_row = self.gradtag[_key(scores)]
            seconds = start + steps * each + method.predictions(len(self.data.tasks)) * a_row
            needed += scores.memory
        return Workload(
            method=name,
            trainings=trainings,
            look_aheads=look_aheads,
            model_steps=steps,
            seconds=seconds,
            bytes=max(needed, self.stack_bytes(self.groups(method))),
            grouped_seconds=grouped_seconds,
        )


def _name(name: str, method: Candidate) -> str:
    return name if name != "grouped" else getattr(method, "label", name)


def _questions(method: Candidate, n_tasks: int) -> list[int] | None:
    """How many models measuring trains to the end, stack by stack; None where nobody knows."""
    if isinstance(method, EstimatorMethod):
        return (
            None
            if method.on_joint_model and _gradtag(method) is None
            else method.questions(n_tasks)
        )
    if isinstance(method, Grouping | DataMapMethod | AffinityMethod | DifferentiableMethod):
        return []
    trainings: Callable[[int], int] | None = getattr(method, "trainings", None)
    return None if trainings is None else [trainings(n_tasks)]


def _gradtag(method: Candidate) -> GradTagScores | None:
    found = (
        method.unfitted() if isinstance(method, EstimatorMethod) and method.on_joint_model else None
    )
    return found if isinstance(found, GradTagScores) else None


def _key(scores: GradTagScores) -> str:
    return json.dumps(identity_or_name(scores))


def _shortened(data: Dataset, n_train: int, n_validation: int) -> Dataset:
    """The same data with the first labelled examples only."""
    parts = ((data.split.train, n_train), (data.split.validation, n_validation))
    train, validation = (at[(~data.targets[at].isnan()).any(1)][:n] for at, n in parts)
    return replace(
        data,
        split=Split(train=train, validation=validation, test=data.split.test[:2]),
        rebuild=None,
    )


def _timed(
    model: Any, data: Dataset, settings: Mapping[str, Any], weights: Any
) -> tuple[Fit, float]:
    """A short training and the median seconds of its steps; the first warm up."""
    marks = [perf_counter()]
    found = fit(
        model,
        data,
        weights,
        init="shared",
        progress=lambda *_: marks.append(perf_counter()),
        **settings,
    )
    return found, float(median(np.diff(marks)[1:]))


def _timed_probe(
    method: AffinityMethod, model: Any, data: Dataset, settings: Mapping[str, Any]
) -> tuple[float, float, float]:
    """Look-aheads, model steps and seconds of one measurement."""
    probe = replace(method, every=2).probe(0)
    if probe is None:
        return (0, 0, 0)
    with torch.random.fork_rng():
        fit(model, data, probes=[probe], **settings)
    measured = probe.affinity()  # type: ignore[attr-defined]
    n, own = measured.details["measurements"], measured.details["beyond_training"]
    return measured.details["lookaheads"] / n, own["model_steps"] / n, own["seconds"] / n


def _timed_gradtag(joint: Fit, data: Dataset, scores: GradTagScores) -> tuple[float, float, float]:
    """Seconds of Grad-TAG.

    To start, for what amounts to one step of one model, and for the scores of one row.
    """
    fits = [
        copy(scores).fit(joint, _shortened(data, n, n // 8))
        for n in (TIMED_EXAMPLES // 2, TIMED_EXAMPLES)
    ]
    half, whole = (fitted.cost for fitted in fits)
    more = whole["model_steps"] - half["model_steps"]
    each = max(0.0, whole["seconds"] - half["seconds"]) / more if more else 0.0
    started = perf_counter()
    fits[-1].predict(np.ones((TIMED_EXAMPLES, len(data.tasks))))
    a_row = (perf_counter() - started) / TIMED_EXAMPLES
    return max(0.0, whole["seconds"] - each * whole["model_steps"]), each, a_row


def _activations(joint: Fit, data: Dataset, batch_size: int) -> int:
    """Bytes that one model keeps of a batch for the backward pass."""
    positions = data.split.train[:batch_size]
    batch = next(
        Batches(data, positions, batch_size=batch_size, seed=0, device=joint.stack.device).ordered()
    )
    return saved_bytes(lambda: joint.stack.model(0).train()(batch.inputs))
