"""The verb ``compare``: does grouping pay, against what, and at which cost?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import product
from pathlib import Path
from typing import Unpack, cast

from coterie.affinities import check_measurable
from coterie.data import Dataset
from coterie.engines import Engine, LocalEngine, carried_out, require_engine
from coterie.errors import CoterieError, require_count, require_positive, require_type, shown
from coterie.evaluation._assembly import assemble
from coterie.evaluation._configuration import (
    configuration,
    shown_configuration,
)
from coterie.evaluation._jobs import UnitsJob, seeds_together
from coterie.evaluation._leaving import check_save, leave_model
from coterie.evaluation._repetitions import (
    MOST,
    Repetition,
    derived_seed,
    read_repeats,
    read_seeds,
    repeated_splits,
)
from coterie.evaluation._sequential import Trained, judged, read_until, train_until
from coterie.evaluation._unit import Plan, Recording, make_probes
from coterie.evaluation.arms import BASELINES
from coterie.evaluation.arms import baselines as known_baselines
from coterie.evaluation.comparison import Comparison
from coterie.evaluation.naming import named_methods
from coterie.evaluation.rivals import Rivals, suitable
from coterie.evaluation.units import Unit
from coterie.fitting import Model, architecture_of, check_snapshots, make_config
from coterie.identity import identity, identity_or_name
from coterie.methods import Candidates, Given, Groups, Method
from coterie.metrics import Choice
from coterie.models.architecture import find_factory
from coterie.models.width import no_width, widening
from coterie.results import Headroom
from coterie.results.tables import MEAN
from coterie.runs import Run
from coterie.training import Progress, TrainingConfig
from coterie.training.config import CompareSettings, TrainingSettings, renamed, retired, spelled

_OURS = ("weights", "init", "record", "observers", "probes", "checkpoint")
_RECORDING = ("snapshots",)
# Of a run: how its units are cut into jobs, which is settled before anything trains.
CUT = "cut"


def compare(
    model: Model,
    data: Dataset,
    methods: Candidates = "data_map",
    *,
    n_groups: Groups = "auto",
    seeds: int | Sequence[int] | None = None,
    seed: int = 0,
    within: float | None = None,
    time: str | float | None = None,
    repeats: int | None = None,
    draws: int = 3,
    baselines: Sequence[str] = BASELINES,
    metric: Choice | Mapping[str, Choice] | None = None,
    rivals: Rivals = "auto",
    headroom: Headroom | None = None,
    anyway: bool = False,
    margin: float | None = None,
    run: Run | str | Path | None = None,
    save: str | None = None,
    engine: Engine | None = None,
    progress: Progress | None = None,
    **options: Unpack[CompareSettings],
) -> Comparison:
    """Train the joint model, groupings and baselines, and compare them on the test part.

    All are trained on every split and seed.

    Each unit (split and seed) is two fits: the joint model, which records a data map, and all other
    models as one stack. All arms share code, epochs, optimiser, batches and, as far as they can,
    initialisation (:mod:`coterie.evaluation.arms`).

    Args:
        model: as for :func:`coterie.fit`.
        data: what :func:`coterie.load` returned.
        methods: a :class:`Grouping` (used as it is), a method or the name of one (finds one in
            every unit: "data_map", affinities such as "lookahead", score estimators such as
            "gradtag", "dmtg", or ``module:object`` of your own), several of them, or a mapping from
            name to one. A single one is called "grouped"; of several, the best on validation is
            scored once more as "chosen". For other settings than the usual ones give objects, such
            as ``Cluster(Lookahead(batch_size=256), by="spectral")``.
        n_groups: number of groups of methods that are given by name; score estimators need a
            number.
        seeds: 3 (by default) means 0, 1, 2; or the seeds themselves. A seed changes initialisation,
            batch order, dropout and the grouping.
        seed: the first of so many.
        within: instead of ``seeds``, add seeds until the intervals that decide
            (:mod:`coterie.evaluation.deciding`) reach at most so many points to either side: 5 at
            least, 100 at most, and no more where test examples alone keep them wider. The margin by
            default where there is a ``time``. A finding says why no more were added.
        time: add no seed that would not be done within so many seconds, or a text such as "20m" or
            "1h30m", of training; 3 seeds are always trained. In a ``run`` earlier trainings count,
            and more time or another ``within`` continues it.
        repeats: random splits, each trained with all seeds (units = repeats x seeds): 5 below 1,000
            examples, else 1. Split 0 is the data's own; one in which a task is too rare is drawn
            again.
        draws: random groupings of the same sizes per grouping and unit.
        baselines: which of "single", "random", "ensemble" to train besides joint; single-task
            models are one per task.
        rivals: what one would try instead of groups (:mod:`coterie.evaluation.rivals`): "none",
            "auto" (all that suit the data; why others are left out stands in the configuration),
            or a name, ``module:object`` of your own, a :class:`coterie.evaluation.Rival`, or
            several of these.
        headroom: what :func:`coterie.headroom` returned for these data. If no grouping can gain
            what is worth having, groups are found and shown but not trained.
        anyway: train them all the same.
        metric: by which arms are compared, as for :func:`coterie.fit`. Where tasks have different
            ones they are brought to one scale, on which 0 is chance and 1 is perfect.
        margin: the least gain that is worth having, in points, instead of that of the metric (AUROC
            .5, R2 and skills 1).
        run: a run directory; every finished unit stays there, and a stopped comparison continues.
            What is the same comparison is told by names and settings: a method, model, loss or
            metric of your own that has neither (a lambda, a closure) needs an attribute ``key`` of
            JSON types, such as ``mine.key = "first"``.
        save: the arm whose models are left in ``run`` as ``model.safetensors``, by default the
            recommended one: those of the first split and seed.
        engine: where the units are trained and scored, :class:`coterie.LocalEngine` by default.
        progress: called with (steps done, all steps, text).
        **options: settings of :func:`coterie.fit`: epochs, lr, batch_size, snapshots, ...

    Raises:
        CoterieError: an argument is wrong, or another process works in ``run``; said before
            anything is trained.

    >>> import coterie as ct
    >>> import numpy as np
    >>> data = ct.load("digits")
    >>> mine = ct.Grouping(tasks=data.tasks.names, membership=np.eye(2)[np.arange(14) // 7], method="halves")
    >>> small = {"epochs": 1, "model_options": {"hidden": (8,)}}
    >>> result = ct.compare("mlp", data, mine, seeds=2, draws=1, rivals="none", **small)
    >>> result.costs["arm"].tolist()
    ['joint', 'grouped', 'single', 'random (grouped)', 'ensemble (K=2)']
    """
    methods = renamed("groupings", "methods", options, methods)
    retired("bootstraps", options)
    find_factory(model)
    require_type("data", data, Dataset)
    data = data.with_metric(metric)
    if progress is not None and not callable(progress):
        raise CoterieError(
            "`progress` must be called with (steps done, all steps, text); found "
            f"{shown(progress)}."
        )
    if run is not None:
        require_type("run", run, Run, str, Path)
    require_engine(engine)
    require_type("anyway", anyway, bool)
    if save is not None:
        require_type("save", save, str)
        if run is None:
            raise CoterieError("`save` needs a `run`, the directory in which models are left.")
        architecture_of(model, data).require_importable()
    if headroom is not None:
        require_type("headroom", headroom, Headroom)
        if headroom.tasks != data.tasks.names:
            raise CoterieError("`headroom` must be of the tasks of `data`; it is of others.")
    if MEAN in data.tasks.names:
        raise CoterieError(
            f"`data` has a task called {MEAN!r}, which stands for the mean over tasks here; rename "
            "it."
        )
    named = named_methods(methods, data.tasks.names, n_groups)
    until = read_until(seeds, within, time)
    seeds = read_seeds(3 if seeds is None else seeds, seed)
    splits = read_repeats(repeats, data)
    check_counts(draws, baselines, margin)
    given = spelled(options)
    settings, recording = _split_options(given)
    check_probes(named, data, make_config(settings))
    check_sizes(named, model, data, settings)
    competing, left_out = suitable(
        rivals, data, model=model, settings=settings, baselines=baselines
    )
    plan = Plan(
        model=model,
        methods=named,
        draws=draws,
        baselines=baselines,
        rivals=competing,
        trains_groups=anyway or headroom is None or not headroom.below_margin,
        settings=settings,
        recording=recording,
    )
    check_save(
        save,
        named,
        data,
        baselines=baselines,
        rivals=[rival.name for rival in competing],
        trains_groups=plan.trains_groups,
    )
    tell = (
        identity if isinstance(run, (str, Path)) else lambda thing, _what: identity_or_name(thing)
    )
    config = configuration(
        tell,
        model,
        named,
        data,
        given,
        seeds=seeds if until is None else {"from": seed},
        repeats=splits,
        draws=draws,
        baselines=list(baselines),
        margin=margin,
    )
    if not plan.trains_groups:
        config["trains_groups"] = False
    if competing:
        config["rivals"] = {each.name: tell(each, f"`rivals`: {each.name!r}") for each in competing}
    if isinstance(run, (str, Path)):
        run = Run.open(run, config=config, fingerprint=data.fingerprint())
    engine = LocalEngine() if engine is None else engine
    parts = repeated_splits(data, splits)
    together = seeds_together(plan, parts[0])

    def train(some: Sequence[int], progress: Progress | None) -> list[Unit]:
        folder = None if run is None else run.folder
        jobs = _cut(plan, parts, some, folder, first=seeds[0], together=together)
        return list(_units(jobs, run, engine, progress))

    stop = None
    with nullcontext() if run is None else run.held():
        if run is not None and run.done(CUT):
            together = bool(run.about(CUT)["seeds_in_one_stack"])
        elif run is not None:
            run.complete(CUT, [], seeds_in_one_stack=together)
        if until is None:
            units = train(seeds, progress)
        else:
            judge = partial(judged, plan=plan, data=data, margin=margin, within=within)
            trained = Trained(train, first=seed, splits=splits, run=run)
            units, stop = train_until(until, trained, judge, progress)
    told = shown_configuration(config, model, data, named)
    if stop is not None:
        told |= {"seeds": list(range(seed, seed + stop.seeds)), "within": stop.seen.within}
        told["time"] = stop.until.time
    if left_out:
        told["rivals left out"] = dict(left_out)
    found = assemble(
        units,
        data,
        plan,
        told,
        margin=margin,
        left_out=left_out,
        headroom=headroom,
        save=save,
        stop=stop,
    )
    if run is not None:
        leave_model(run, found, save)
    return found


def _units(
    jobs: Sequence[UnitsJob], run: Run | None, engine: Engine, progress: Progress | None
) -> Iterator[Unit]:
    """Yield every unit, read back where it is finished."""
    stages = [each.stage for job in jobs for each in job.repetitions]
    done = {stage for stage in stages if run is not None and run.done(stage)}
    parts = [job.left(done) for job in jobs]
    left = [part for part in parts if part is not None]
    trained = carried_out(left, engine.units(left, progress))
    for job, part in zip(jobs, parts, strict=True):
        units = (
            {}
            if part is None
            else {
                each.stage: unit for each, unit in zip(part.repetitions, next(trained), strict=True)
            }
        )
        for each in job.repetitions:
            if run is not None and each.stage in done:
                yield Unit.load(run.folder / each.stage)
                continue
            if run is not None:
                units[each.stage].enter(run)
            yield units[each.stage].unit


def _cut(
    plan: Plan,
    splits: Sequence[Dataset],
    seeds: Sequence[int],
    folder: Path | None,
    *,
    first: int,
    together: bool,
) -> list[UnitsJob]:
    """The units as jobs: all seeds of a split ``together``, or each alone.

    The models of the ``first`` seed are what a user takes away.
    """
    parts = [list(seeds)] if together else [[seed] for seed in seeds]
    return [
        UnitsJob(
            plan=plan,
            data=data,
            repetitions=[
                Repetition(
                    split=split,
                    seed=seed,
                    train_seed=derived_seed(seed, split),
                    is_first=split == 0 and seed == first,
                )
                for seed in part
            ],
            folder=folder,
            number=split * len(seeds) + seeds.index(part[0]),
            of=len(splits) * len(seeds),
        )
        for (split, data), part in product(enumerate(splits), parts)
    ]


def check_probes(methods: Mapping[str, Method], data: Dataset, config: TrainingConfig) -> None:
    """Refuse a training on which a probe could not measure anything.

    Raises:
        CoterieError: naming the probe.
    """
    for probe in make_probes(methods, seed=0).values():
        check_measurable({getattr(probe, "name", type(probe).__name__): probe}, data, config)


def check_sizes(
    methods: Mapping[str, Method], model: Model, data: Dataset, settings: TrainingSettings
) -> None:
    """Refuse given groups with networks of several sizes of an encoder that has one.

    Raises:
        CoterieError: naming the groups.
    """
    architecture = architecture_of(model, data, settings)
    for name, method in methods.items():
        sized = isinstance(method, Given) and method.grouping.network_sizes is not None
        if sized and widening(architecture) is None:
            raise CoterieError(
                f"`methods`: {name!r} has networks of several sizes; {no_width(architecture)}"
            )


def check_counts(draws: int, baselines: Sequence[str], margin: float | None = None) -> None:
    """Refuse numbers and baselines that mean nothing.

    Raises:
        CoterieError: naming what was found.
    """
    require_count("draws", draws, MOST)
    if margin is not None:
        require_positive("margin", margin)
    listed = isinstance(baselines, Sequence) and not isinstance(baselines, str)
    if not listed or any(name not in known_baselines() for name in baselines):
        raise CoterieError(
            f"`baselines` must be a sequence of {', '.join(known_baselines())}; found "
            f"{shown(baselines)}."
        )


def _split_options(options: CompareSettings) -> tuple[TrainingSettings, Recording]:
    """Settings of every fit, and what concerns the recording only."""
    taken = [name for name in _OURS if name in options]
    if taken:
        raise CoterieError(f"`{taken[0]}` is set by compare itself.")
    settings = {name: value for name, value in options.items() if name not in _RECORDING}
    recording = {name: value for name, value in options.items() if name in _RECORDING}
    check_snapshots(options.get("snapshots", ()), make_config(settings).epochs)
    return cast(TrainingSettings, settings), cast(Recording, recording)
