"""The verb ``plan``: what each method would take, told before anything long starts.

How that is known is said in :mod:`coterie.methods.timing`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import inf
from typing import Unpack

from coterie.bounds import check_counts as check_headroom
from coterie.data import Dataset
from coterie.errors import CoterieError, require_type, shown
from coterie.evaluation._compare import check_counts, check_probes
from coterie.evaluation._jobs import seeds_together
from coterie.evaluation._learning_curve import RIVAL as FOREST
from coterie.evaluation._learning_curve import read_shares
from coterie.evaluation._repetitions import read_repeats, read_seeds, seconds_of
from coterie.evaluation._sequential import read_until
from coterie.evaluation._unit import Plan as Comparing
from coterie.evaluation.arms import BASELINES
from coterie.evaluation.naming import named_methods
from coterie.evaluation.rivals import Rivals, suitable
from coterie.fitting import Model, make_config
from coterie.methods import TIMED_ROWS, TIMED_STEPS, Candidates, Groups, Method, Timing
from coterie.results import Cost
from coterie.statistics import PILOT
from coterie.training.config import TrainingSettings


@dataclass(frozen=True, kw_only=True)
class Workload:
    """What a method takes on one seed beyond the joint training, and what its grouped models take.

    Or what a rival takes, which has no grouped models, or the bound of the headroom on all seeds.

    ``trainings`` counts models trained only to measure, ``look_aheads`` steps tried from states of
    the joint training, and ``model_steps`` both in steps of one model. ``seconds`` and ``bytes``
    are estimated, the latter of models, gradients and activations, without the data and the
    libraries. ``grouped_seconds`` is the training of the K models, unless they were trained in
    finding the groups, and of the random groups beside them, ``fits`` says whether the method is
    within the budget, if there is one.

    Of a method that does not tell what it takes all of this is None, but for ``grouped_seconds``:
    it is unknown, not nothing.
    """

    method: str
    grouped_seconds: float = 0.0
    trainings: int | None = None
    look_aheads: int | None = None
    model_steps: float | None = None
    seconds: float | None = None
    bytes: float | None = None
    fits: bool | None = True


@dataclass(frozen=True, kw_only=True, repr=False)
class Plan:
    """The workloads of all methods, cheapest first, and what comparing them takes besides.

    ``shared_seconds`` is the joint, single-task and ensemble models of one unit, ``units`` the
    number of seeds and splits, ``step_seconds`` one step of one model in a stack. ``rivals`` are
    trained beside in every unit, the ``headroom`` is bounded once, before, and the ``curve`` is all
    trainings of a learning curve, after. ``picked`` names the
    methods that together stay within ``budget``; those of which it is unknown what they take are
    among them only where there is none.
    """

    workloads: tuple[Workload, ...]
    units: int
    step_seconds: float
    shared_seconds: float
    budget: float | None = None
    picked: tuple[str, ...] = ()
    rivals: tuple[Workload, ...] = ()
    headroom: Workload | None = None
    curve: Workload | None = None
    about: Mapping[str, float] = field(default_factory=dict)

    @property
    def unpriced(self) -> tuple[str, ...]:
        """Methods and rivals of which it is unknown what they take."""
        both = (*self.workloads, *self.rivals)
        return tuple(work.method for work in both if work.seconds is None)

    @property
    def seconds(self) -> float | None:
        """Estimated seconds of the whole comparison of what was picked.

        None if that has a part that is unknown.
        """
        trained = {*self.picked, *(work.method for work in self.rivals)}
        return None if trained.intersection(self.unpriced) else self.known_seconds

    @property
    def known_seconds(self) -> float:
        """Estimated seconds of the whole comparison of what was picked, without what is unknown."""
        chosen = [w for w in self.workloads if w.method in self.picked]
        once = sum(_seconds(work) for work in (self.headroom, self.curve) if work is not None)
        return once + self.units * (
            self.shared_seconds + sum(map(_seconds, (*chosen, *self.rivals)))
        )

    def to_dict(self) -> dict[str, object]:
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
    model: Model,
    data: Dataset,
    methods: Candidates = ("data_map", "lookahead", "gradtag"),
    *,
    n_groups: Groups = 2,
    seeds: int | Sequence[int] | None = None,
    within: float | None = None,
    time: str | float | None = None,
    repeats: int | None = None,
    draws: int = 3,
    budget: str | float | None = None,
    rivals: Rivals = "auto",
    headroom: tuple[int, int] | None = None,
    shares: Sequence[float] | None = None,
    **settings: Unpack[TrainingSettings],
) -> Plan:
    """Estimate what comparing ``methods`` takes, and pick those within a budget, cheapest first.

    Where no ``epochs`` are given, models are priced as if all trained to the limit of
    :class:`coterie.training.Limit`. Most stop long before, so this is an upper bound.

    Args:
        model: as for :func:`coterie.fit`.
        data: what :func:`coterie.load` returned.
        methods: as for :func:`coterie.compare`. What one of your own takes is unknown, unless it
            has ``trainings(n_tasks)``, the number of models that it trains to the end, as one
            stack, to measure.
        n_groups: number of groups of methods given by name.
        seeds: as for :func:`coterie.compare`.
        within: as for :func:`coterie.compare`. Priced is the pilot of 5 seeds: how many more are
            added nobody knows before.
        time: as for :func:`coterie.compare`.
        repeats: as for :func:`coterie.compare`.
        draws: random groupings per method.
        budget: seconds, or a text such as "90s", "30m" or "2h"; without one, everything is picked,
            with one no method that is unknown.
        rivals: as for :func:`coterie.compare`. All are trained whatever the budget, so that they
            count in it. What one of your own takes is unknown, unless it has a ``price``.
        headroom: (rows, seeds) of a :func:`coterie.headroom` that comes first; none if left out.
        shares: of a :func:`coterie.learning_curve` that comes last, with 3 seeds or ``seeds``; none
            if left out. Counted is that steps are fewer with fewer labels, not that groups may be
            others.
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
    until = read_until(seeds, within, time)
    fixed = len(read_seeds(3 if seeds is None else seeds))
    splits = read_repeats(repeats, data)
    units = (fixed if until is None else PILOT) * splits
    shares = None if shares is None else read_shares(shares)
    check_counts(draws, BASELINES)
    named = {
        method.label if name == "grouped" else name: method
        for name, method in named_methods(methods, data.tasks.names, n_groups).items()
    }
    check_probes(named, data, make_config(settings))
    competing, _ = suitable(rivals, data, model=model, settings=settings, baselines=BASELINES)
    if headroom is not None:
        require_type("headroom", headroom, tuple)
        if len(headroom) != 2:
            raise CoterieError(
                f"`headroom` must be (rows, seeds), such as (24, 2); found {shown(headroom)}."
            )
        check_headroom(*headroom, margin=1.0)
    timing = Timing(model=model, data=data, settings=settings)
    comparing = Comparing(model=model, methods=named, settings=settings)
    open_ended = make_config(settings).epochs is None
    several = sorted(
        (_workload(name, method, timing, draws) for name, method in named.items()),
        key=lambda work: inf if work.seconds is None else work.seconds,
    )
    ensemble = max(_groups(method, data) for method in named.values()) - 1
    shared = timing.training_seconds(1) + timing.training_seconds(len(data.tasks) + ensemble)
    first = _groups(next(iter(named.values())), data)
    beside = tuple(_priced(rival.name, rival.price(timing, first)) for rival in competing)
    before = None if headroom is None else _bounding(timing, *headroom)
    curve = None
    if shares is not None:
        forest = [work for work in beside if work.method == FOREST]
        each = shared + sum(map(_seconds, (*several, *forest)))
        curve = Workload(method="learning curve", seconds=fixed * splits * sum(shares) * each)
    left = None
    if limit is not None:
        once = sum(_seconds(work) for work in (before, curve) if work is not None)
        left = (limit - once) / units
    workloads, picked = _within(several, shared + sum(map(_seconds, beside)), left)
    return Plan(
        workloads=workloads,
        units=units,
        step_seconds=timing.step_seconds(TIMED_ROWS) / TIMED_ROWS,
        shared_seconds=shared,
        budget=limit,
        picked=picked,
        rivals=beside,
        headroom=before,
        curve=curve,
        about={
            "steps of one model": timing.n_steps,
            "timed steps": TIMED_STEPS,
            "seconds of one step alone": timing.alone,
            "seeds in one stack": float(seeds_together(comparing, data)),
            **({"most epochs": timing.most_epochs} if open_ended else {}),
            **({} if until is None else {"pilot": PILOT}),
            **({} if until is None or until.time is None else {"most seconds": until.time}),
        },
    )


def _workload(name: str, method: Method, timing: Timing, draws: int) -> Workload:
    """What one method takes on one seed."""
    n_groups = _groups(method, timing.data)
    anew = draws + (not method.brings_models)
    grouped = timing.steps_scored * timing.more * n_groups * anew
    work = replace(_priced(name, cost := method.price(timing)), grouped_seconds=grouped)
    if cost is None:
        return work
    return replace(work, bytes=max(cost.bytes, timing.stack_bytes(n_groups)))


def _priced(name: str, cost: Cost | None) -> Workload:
    if cost is None:
        return Workload(method=name, fits=None)
    return Workload(
        method=name,
        trainings=cost.trainings,
        look_aheads=cost.look_aheads,
        model_steps=cost.model_steps,
        seconds=cost.seconds,
        bytes=cost.bytes or None,
    )


def _bounding(timing: Timing, rows: int, seeds: int) -> Workload:
    """The joint model, every task alone and random subsets: fewer where there are no more."""
    n_tasks = len(timing.data.tasks)
    subsets = min(rows, 2**n_tasks - n_tasks - 2)
    return _priced("headroom", timing.cost_of([1 + n_tasks + subsets] * seeds))


def _seconds(work: Workload) -> float:
    """All that is known of what it takes."""
    return (work.seconds or 0.0) + work.grouped_seconds


def _groups(method: Method, data: Dataset) -> int:
    """Number of models that a method ends in; "auto" is counted as 3."""
    return method.n_groups if isinstance(method.n_groups, int) else min(3, len(data.tasks))


def _within(
    workloads: Sequence[Workload], shared: float, limit: float | None
) -> tuple[tuple[Workload, ...], tuple[str, ...]]:
    """Which fit into the seconds of one unit, cheapest first, and the names of those picked."""
    told, picked, spent = [], [], shared
    for work in workloads:
        cost = _seconds(work)
        within = limit is None or spent + cost <= limit
        # What is unknown may still be known to be too much.
        told.append(replace(work, fits=None if work.seconds is None and within else within))
        if within and (limit is None or work.seconds is not None):
            picked.append(work.method)
            spent += cost
    return tuple(told), tuple(picked)
