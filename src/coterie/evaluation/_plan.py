"""The verb ``plan``: what each method would take, told before anything long starts.

Counts are exact; seconds and bytes are estimates from a few timed steps of the very models and probes on the very data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from statistics import median
from time import perf_counter
from typing import Any, Literal

import numpy as np
import torch

from coterie.data import Dataset, Split
from coterie.errors import CoterieError
from coterie.evaluation.measured import AffinityMethod, DifferentiableMethod, EstimatorMethod
from coterie.evaluation.methods import Candidate, Candidates, named_methods
from coterie.fitting import fit, make_config
from coterie.results import Fit, Grouping
from coterie.training import TrainingConfig

TIMED_STEPS, TIMED_ROWS = 6, 16
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Weights, gradients, two moments of Adam, the best epoch.
_COPIES = 5


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What a method takes on one seed beyond the joint training, and what its grouped models take.

    ``trainings`` counts models trained only to measure, ``look_aheads`` steps tried from states of the joint training, and
    ``model_steps`` both in steps of one model. ``seconds`` and ``bytes`` are estimated. ``grouped_seconds`` is the training of
    the K models, ``fits`` says whether it is within the budget, if there is one.
    """

    method: str
    trainings: int
    look_aheads: int
    model_steps: float
    seconds: float
    bytes: float
    grouped_seconds: float
    fits: bool = True


@dataclass(frozen=True, kw_only=True, repr=False)
class Plan:
    """The workloads of all methods, cheapest first, and what every comparison of them takes besides.

    ``shared_seconds`` is the joint training and the baselines of one unit, ``units`` the number of seeds and splits,
    ``step_seconds`` one step of one model in a stack. ``picked`` names the methods that together stay within ``budget``.
    """

    workloads: tuple[Workload, ...]
    units: int
    step_seconds: float
    shared_seconds: float
    budget: float | None = None
    picked: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """Estimated seconds of the whole comparison of what was picked."""
        chosen = [w for w in self.workloads if w.method in self.picked]
        return self.units * (self.shared_seconds + sum(w.seconds + w.grouped_seconds for w in chosen))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {**asdict(self), "seconds": self.seconds}

    def __repr__(self) -> str:
        return f"Plan({', '.join(self.picked) or 'nothing'}: about {self.seconds:.0f} s)"


def plan(
    model: Any,
    data: Dataset,
    methods: Candidates = ("data_map", "lookahead", "gradtag"),
    *,
    n_groups: int | Literal["auto"] = 2,
    seeds: int = 3,
    repeats: int = 1,
    draws: int = 3,
    budget: str | float | None = None,
    **settings: Any,
) -> Plan:
    """Estimate what comparing ``methods`` takes, and pick those that fit a time budget, cheapest first.

    Args:
        model: as for :func:`coterie.fit`.
        data: what :func:`coterie.load` returned.
        methods: as for :func:`coterie.compare`.
        n_groups: number of groups of methods given by name.
        seeds: number of seeds.
        repeats: number of splits.
        draws: random groupings per method.
        budget: seconds, or a text such as "90s", "30m" or "2h"; without one, everything is picked.
        **settings: of :func:`coterie.fit`.

    Raises:
        CoterieError: an argument is wrong, or the budget is not a time.

    >>> import coterie as ct
    >>> found = ct.plan("mlp", ct.load("digits"), ["data_map", "pairs"], epochs=2, model_options={"hidden": (8,)})
    >>> [(w.method, w.trainings) for w in found.workloads]
    [('data_map K=2 m=1.07', 0), ('pairs K=2', 105)]
    """
    limit = None if budget is None else seconds_of(budget)
    config = make_config(settings)
    named = {_name(name, m): m for name, m in named_methods(methods, data.tasks.names, n_groups).items()}
    timing = _Timing.measure(model, data, config, settings, named)
    workloads = sorted((timing.workload(name, method) for name, method in named.items()), key=lambda w: w.seconds)
    n_tasks, units = len(data.tasks), seeds * repeats
    random = sum(draws * timing.groups(m) for m in named.values())
    ensemble = max((timing.groups(m) for m in named.values()), default=1) - 1
    shared = timing.training_seconds(1) + timing.training_seconds(n_tasks + random + ensemble)
    picked, spent = [], shared
    for position, workload in enumerate(workloads):
        cost = workload.seconds + workload.grouped_seconds
        fits = limit is None or units * (spent + cost) <= limit
        workloads[position] = replace(workload, fits=fits)
        if fits:
            picked.append(workload.method)
            spent += cost
    return Plan(
        workloads=tuple(workloads), units=units, step_seconds=timing.in_stack, shared_seconds=shared, budget=limit,
        picked=tuple(picked),
        about={"steps of one model": timing.n_steps, "timed steps": TIMED_STEPS, "seconds of one step alone": timing.alone},
    )  # fmt: skip


def seconds_of(text: str | float) -> float:
    """Seconds of a time such as "90s", "30m", "1.5h" or a number of seconds.

    >>> seconds_of("30m"), seconds_of("1.5h"), seconds_of(20)
    (1800.0, 5400.0, 20.0)
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?)\s*([smhd]?)\s*", str(text))
    value = float(match[1]) * _UNITS[match[2] or "s"] if match else 0.0
    if value <= 0:
        raise CoterieError(f"`budget` must be a positive time such as 90s, 30m or 2h; found {text!r}.")
    return value


@dataclass(frozen=True, kw_only=True)
class _Timing:
    """Measured seconds: one step ``alone``, one step of one model ``in_stack``, one measurement of each probe."""

    n_tasks: int
    n_examples: int
    batch_size: int
    n_steps: int
    alone: float
    in_stack: float
    model_bytes: float
    probes: Mapping[Any, tuple[float, float, float]]

    @classmethod
    def measure(
        cls, model: Any, data: Dataset, config: TrainingConfig, settings: Mapping[str, Any], methods: Mapping[str, Candidate]
    ) -> _Timing:
        """Time a few steps of one model, of a stack, and of every probe."""
        per_epoch = max(1, ceil(len(data.split.train) / config.batch_size))
        small = _shortened(data, config.batch_size)
        settings = {**settings, "epochs": 1}
        one, alone = _timed(model, small, settings, 1)
        _, stacked = _timed(model, small, settings, TIMED_ROWS)
        probes = {}
        for method in methods.values():
            if isinstance(method, AffinityMethod) and method.measurement not in probes:
                probes[method.measurement] = _timed_probe(method, model, small, settings)
        return cls(
            n_tasks=len(data.tasks), n_examples=len(data.split.train), batch_size=config.batch_size,
            n_steps=per_epoch * config.epochs, alone=alone, in_stack=stacked / TIMED_ROWS, probes=probes,
            model_bytes=4.0 * _COPIES * one.stack.n_parameters,
        )  # fmt: skip

    def training_seconds(self, n_models: float) -> float:
        """Training models from start to end, as a stack where there are several."""
        return n_models * self.n_steps * (self.alone if n_models == 1 else self.in_stack)

    def groups(self, method: Candidate) -> int:
        """Number of models that a method ends in; "auto" is counted as 3."""
        n_groups = method.n_groups if isinstance(method, Grouping) else getattr(method, "n_groups", "auto")
        return n_groups if isinstance(n_groups, int) else min(3, self.n_tasks)

    def workload(self, name: str, method: Candidate) -> Workload:
        """What one method takes on one seed."""
        trainings, look_aheads, steps, seconds, rows = 0, 0, 0.0, 0.0, 1
        if isinstance(method, AffinityMethod) and self.probes[method.measurement] != (0, 0, 0):
            measurements = (self.n_steps - 1) // method.every
            tried, probe_steps, each = self.probes[method.measurement]
            look_aheads, steps, seconds = round(tried * measurements), probe_steps * measurements, each * measurements
            rows = 1 + ceil(tried)
        elif isinstance(method, DifferentiableMethod):
            trainings, steps = method.n_groups, float(method.n_groups * self.n_steps)
            seconds, rows = steps * self.in_stack, method.n_groups
        elif isinstance(method, EstimatorMethod):
            trainings, steps = method.planned(self.n_tasks, self.n_steps, self.n_examples / self.batch_size)
            seconds, rows = steps * (self.in_stack if trainings else self.alone), max(trainings, 1)
        return Workload(
            method=name, trainings=trainings, look_aheads=look_aheads, model_steps=steps, seconds=seconds,
            bytes=self.model_bytes * max(rows, self.groups(method)),
            grouped_seconds=self.training_seconds(self.groups(method)),
        )  # fmt: skip


def _name(name: str, method: Candidate) -> str:
    return name if name != "grouped" else getattr(method, "label", name)


def _shortened(data: Dataset, batch_size: int) -> Dataset:
    """The same data with just enough training examples for the timed steps."""
    split = data.split
    return replace(
        data,
        split=Split(train=split.train[: TIMED_STEPS * batch_size], validation=split.validation[:64], test=split.test[:2]),
        rebuild=None,
    )


def _timed(model: Any, data: Dataset, settings: Mapping[str, Any], n_models: int) -> tuple[Fit, float]:
    """A short training and the median seconds of its steps; the first warm up."""
    marks = [perf_counter()]
    weights = np.ones((n_models, len(data.tasks)))
    found = fit(model, data, weights, init="shared", progress=lambda *_: marks.append(perf_counter()), **settings)
    gaps = np.diff(marks)[1:]
    return found, float(median(gaps)) if len(gaps) else float(marks[-1] - marks[0])


def _timed_probe(method: AffinityMethod, model: Any, data: Dataset, settings: Mapping[str, Any]) -> tuple[float, float, float]:
    """Look-aheads, model steps and seconds of one measurement."""
    probe = replace(method, every=1).probe(0)
    if probe is None:
        return (0, 0, 0)
    with torch.random.fork_rng():
        fit(model, data, probes=[probe], **settings)
    measured = probe.affinity()  # type: ignore[attr-defined]
    n, own = measured.details["measurements"], measured.details["beyond_training"]
    return measured.details["lookaheads"] / n, own["model_steps"] / n, own["seconds"] / n
