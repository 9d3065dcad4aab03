"""Units of a comparison: on a split, with one seed or several, all arms are trained and scored once.

They are two fits: the joint models that record, then every other row of W, of all seeds, as one
stack; one for each size where networks are of several. Of several methods, the one that is best on
validation is scored once more as "chosen", with its random draws: what choosing by validation gains.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypedDict

import numpy as np

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.evaluation._repetitions import Repetition, told
from coterie.evaluation._scoring import score
from coterie.evaluation._trainings import TrainedArm, Trainings
from coterie.evaluation.arms import (
    BASELINES,
    Arm,
    Lineup,
    StackRows,
    chosen_arms,
    line_up,
    stack_rows,
)
from coterie.evaluation.recommending import NEVER_USED
from coterie.evaluation.rivals import Rival, TrainedRival
from coterie.evaluation.units import Unit, unit_stage
from coterie.families import FamilyModel
from coterie.files import atomic
from coterie.fitting import Model, OneSeed, architecture_of, fit, fit_seeds, resized_settings
from coterie.methods import Case, Groups, Method
from coterie.metrics import scores
from coterie.models import GroupedModel
from coterie.results import Cost, Fit, Found
from coterie.results.tables import CHOSEN
from coterie.runs import CHECKPOINTS, Run
from coterie.texts import file_name
from coterie.training import Probe, Progress, within
from coterie.training.config import TrainingSettings

MODELS = "models"


class Recording(TypedDict, total=False):
    """What concerns the joint training only."""

    snapshots: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What every unit of a comparison does.

    Groups are found but not trained unless it ``trains_groups``. ``settings`` go to
    :func:`coterie.fit`, ``recording`` too but to the joint training only.
    """

    model: Model
    methods: Mapping[str, Method]
    draws: int = 3
    baselines: Sequence[str] = BASELINES
    rivals: Sequence[Rival] = ()
    trains_groups: bool = True
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    recording: Recording = field(default_factory=Recording)
    progress: Progress | None = None

    @property
    def asked(self) -> dict[str, Groups]:
        """The number of groups that each method was asked for."""
        return {name: method.n_models for name, method in self.methods.items()}


@dataclass(frozen=True, kw_only=True, eq=False)
class Finished:
    """A unit, and the stages of its run that it finished: their names, files and facts."""

    unit: Unit
    stages: Sequence[tuple[str, Sequence[Path], Mapping[str, object]]] = ()

    def enter(self, run: Run) -> None:
        """Enter the stages, from which on nothing is continued."""
        for stage, files, facts in self.stages:
            run.complete(stage, files, **facts)
        run.drop_checkpoint(Path(unit_stage(self.unit.split, self.unit.seed)).name)


def run_units(
    plan: Plan, data: Dataset, repetitions: Sequence[Repetition], folder: Path | None
) -> list[Finished]:
    """Train and score all arms with several seeds of a split, all seeds' networks as one stack.

    In the ``folder`` of a run, leave the files behind.
    """
    checkpoints = folder and checkpoints_of(repetitions, folder)
    parts = _Parts(plan.progress, repetitions, own=len(plan.methods), common=len(plan.rivals))
    cases = _joint_trainings(plan, data, repetitions, checkpoints, parts.begin("joint"))
    found = []
    for case, each in zip(cases, repetitions, strict=True):
        with noting(each):
            found.append(_find(plan, case, each, parts))
    trained = _train(plan, cases, found, repetitions, checkpoints, parts)
    trained = [_choose(plan, *each) for each in zip(trained, found, strict=True)]
    rivals = _train_rivals(plan, cases, trained, repetitions, parts)
    finished = []
    for each in zip(trained, found, rivals, repetitions, strict=True):
        with noting(each[-1]):
            finished.append(_finish(plan, *each, folder))
    return finished


def checkpoints_of(repetitions: Sequence[Repetition], folder: Path) -> Path:
    """Where what is trained together has its checkpoints, which no other stack has.

    In that of the last one, since they are dropped with the last stage.
    """
    last = folder / CHECKPOINTS / Path(repetitions[-1].stage).name
    if len(repetitions) == 1:
        return last
    return last / f"{Path(repetitions[0].stage).name}-of-{len(repetitions)}"


@contextmanager
def noting(*repetitions: Repetition) -> Iterator[None]:
    """A context in which an error says in a note where it was."""
    try:
        yield
    except CoterieError as error:
        if not getattr(error, "__notes__", None):
            error.add_note(f"This was in {told(repetitions)}.")
        raise


def _find(plan: Plan, case: Case, repetition: Repetition, parts: _Parts) -> dict[str, Found]:
    """What each method finds on the joint training."""
    found = {}
    for name, method in plan.methods.items():
        what = "finding groups" if len(plan.methods) == 1 else f"finding groups, {name}"
        searching = replace(case, progress=parts.begin(what, repetition))
        found[name] = method(searching, seed=repetition.train_seed)
    return found


def _choose(plan: Plan, trainings: Trainings, found: dict[str, Found]) -> Trainings:
    """Of several methods, score the one that is best on validation once more."""
    if len(found) == 1 or not plan.trains_groups:
        return trainings
    best = _best_on_validation(trainings)
    found[CHOSEN] = replace(found[best], chosen=best)
    return replace(trainings, arms=[*trainings.arms, *_chosen(best, plan, trainings)])


def _train_rivals(
    plan: Plan,
    cases: Sequence[Case],
    trainings: Sequence[Trainings],
    repetitions: Sequence[Repetition],
    parts: _Parts,
) -> list[list[tuple[Rival, TrainedRival]]]:
    """The rivals of each repetition."""
    found: list[list[tuple[Rival, TrainedRival]]] = [[] for _ in cases]
    for rival in plan.rivals:
        progress = parts.begin(rival.name)
        trained = rival.train_seeds(
            [replace(case, progress=progress) for case in cases],
            trainings,
            seeds=[each.train_seed for each in repetitions],
        )
        for its, each in zip(found, trained, strict=True):
            its.append((rival, each))
    return found


def _finish(
    plan: Plan,
    trainings: Trainings,
    found: dict[str, Found],
    rivals: Sequence[tuple[Rival, TrainedRival]],
    repetition: Repetition,
    folder: Path | None,
) -> Finished:
    """Score everything and write it down."""
    case = trainings.case
    split, seed, stage = repetition.split, repetition.seed, repetition.stage
    unit = score(trainings, rivals, found, split, seed, repetition.is_first)
    if folder is None or repetition.is_kept:
        return Finished(unit=unit)
    facts = {"split": split, "seed": seed}
    strategies = [f.cost["strategy"] for f in trainings.fits]
    stages = [(stage, unit.save(folder / stage), {**facts, "strategies": strategies})]
    if repetition.is_first and architecture_of(plan.model, case.data).is_importable:
        stages.insert(0, (MODELS, _save_models(trainings, rivals, folder), facts))
    # What a continued run would read.
    return Finished(unit=Unit.load(folder / stage), stages=stages)


def model_file(folder: Path, arm: str) -> Path:
    """Where the run in ``folder`` has the models of an arm.

    >>> model_file(Path("runs/demo"), "ensemble (K=3)").name
    'ensemble-K=3-.safetensors'
    """
    return folder / MODELS / f"{file_name(arm)}.safetensors"


def _save_models(
    trainings: Trainings, rivals: Sequence[tuple[Rival, TrainedRival]], folder: Path
) -> list[Path]:
    """Write the models of all arms but the random ones, calibrated, and return the files."""
    (folder / MODELS).mkdir(exist_ok=True)
    models = {
        each.arm.name: partial(trainings.grouped_model, each)
        for each in trainings.arms
        if each.arm.role not in NEVER_USED
    } | {rival.name: trained.model for rival, trained in rivals}
    files = []
    for name, model in models.items():
        with atomic(file := model_file(folder, name)) as temporary:
            made = model()
            if isinstance(made, GroupedModel | FamilyModel):
                made = made.calibrate(trainings.case.data)
            made.save(temporary)
        files.append(file)
    return files


def make_probes(methods: Mapping[str, Method], *, seed: int) -> dict[Hashable, Probe]:
    """What the methods want to try while the joint model trains.

    By what they measure: equal measurements are shared.
    """
    measuring = {method.measurement: method for method in methods.values()}
    measuring.pop(None, None)
    probes = {measurement: method.probe(seed) for measurement, method in measuring.items()}
    return {measurement: probe for measurement, probe in probes.items() if probe is not None}


class _Parts:
    """The parts that units are trained in, of which each is told by name as it begins.

    All ``repetitions`` have two and some more in ``common``, and each has some of its ``own``.
    """

    def __init__(
        self,
        progress: Progress | None,
        repetitions: Sequence[Repetition],
        *,
        own: int,
        common: int,
    ) -> None:
        self._progress, self._begun = progress, 0
        self._several, self._of = len(repetitions) > 1, 2 + common + len(repetitions) * own

    def begin(self, name: str, repetition: Repetition | None = None) -> Progress | None:
        """Progress of the next part, which may have none to tell itself."""
        whose = f"seed {repetition.seed}, " if self._several and repetition is not None else ""
        told = f"{whose}{name} ({self._begun + 1} of {self._of})"
        progress = within(self._progress, self._begun, self._of, told)
        self._begun += 1
        if progress is not None:
            progress(0, 1, "begins")
        return progress


def _joint_trainings(
    plan: Plan,
    data: Dataset,
    repetitions: Sequence[Repetition],
    checkpoints: Path | None,
    progress: Progress | None,
) -> list[Case]:
    """The joint models, which record; one that is probed is trained alone."""
    probes = make_probes(plan.methods, seed=repetitions[0].train_seed)
    folder = checkpoints and checkpoints / "joint"
    if probes:
        joint = fit(
            plan.model,
            data,
            seed=repetitions[0].train_seed,
            record=True,
            probes=list(probes.values()),
            checkpoint=folder,
            progress=progress,
            **plan.recording,
            **plan.settings,
        )
        fits = [joint]
    else:
        fits = fit_seeds(
            plan.model,
            data,
            [OneSeed(seed=each.train_seed) for each in repetitions],
            record=True,
            checkpoint=folder,
            progress=progress,
            **plan.recording,
            **plan.settings,
        )
    return [
        Case(
            model=plan.model,
            data=data,
            joint=joint,
            settings=plan.settings,
            probes=probes,
            checkpoints=checkpoints and checkpoints / f"seed-{each.seed}",
        )
        for joint, each in zip(fits, repetitions, strict=True)
    ]


def _train(
    plan: Plan,
    cases: Sequence[Case],
    found: Sequence[Mapping[str, Found]],
    repetitions: Sequence[Repetition],
    checkpoints: Path | None,
    parts: _Parts,
) -> list[Trainings]:
    """Train what all arms need but the joint models, which are trained already, as one stack."""
    lineups = [
        _lined_up(plan, case, its, each.train_seed)
        for case, its, each in zip(cases, found, repetitions, strict=True)
    ]
    roles = dict.fromkeys(
        arm.role
        for (arms, _), its in zip(lineups, found, strict=True)
        for arm in arms
        if arm.role != "joint" and not _is_brought(arm, its)
    )
    more = sum(len(rows.init) - 1 for _, rows in lineups)
    progress = parts.begin(f"{more} models of {', '.join(roles) or 'other arms'}")
    seeds = [each.train_seed for each in repetitions]
    others = _of_all_sizes(
        plan, cases[0].data, seeds, [rows for _, rows in lineups], checkpoints, progress
    )
    return [
        Trainings(
            case=case,
            fits=[
                case.joint,
                *fits,
                *(each.trained for each in its.values() if each.trained is not None),
            ],
            n_networks=next(iter(its.values())).grouping.n_networks,
            arms=_all_paid(plan, arms, rows, its),
        )
        for case, its, fits, (arms, rows) in zip(cases, found, others, lineups, strict=True)
    ]


def _of_all_sizes(
    plan: Plan,
    data: Dataset,
    seeds: Sequence[int],
    wanted: Sequence[StackRows],
    checkpoints: Path | None,
    progress: Progress | None,
) -> list[list[Fit]]:
    """The fits of each seed's rows but the joint model's, one for each size of network."""
    every = np.unique(np.concatenate([rows.sizes[1:] for rows in wanted]))
    sizes: list[float] = sorted(every.tolist(), key=lambda size: (size != 1, size))
    found: list[list[Fit]] = [[] for _ in seeds]
    for number, size in enumerate(sizes):
        name, here = "groups" if size == 1 else f"groups-{size}", progress
        if len(sizes) > 1:
            here = within(progress, number, len(sizes), f"networks of size {size:g}")
        of_size = [1 + np.flatnonzero(rows.sizes[1:] == size) for rows in wanted]
        parts = {
            at: OneSeed(seed=seeds[at], weights=rows.weights[own], init=rows.init[own].tolist())
            for at, (rows, own) in enumerate(zip(wanted, of_size, strict=True))
            if len(own)
        }
        fits = fit_seeds(
            plan.model,
            data,
            list(parts.values()),
            checkpoint=checkpoints and checkpoints / name,
            progress=here,
            **resized_settings(plan.model, data, plan.settings, size),
        )
        for at, each in zip(parts, fits, strict=True):
            found[at].append(each)
    return found


def _lined_up(
    plan: Plan, case: Case, found: Mapping[str, Found], seed: int
) -> tuple[Sequence[Arm], StackRows]:
    """The arms of a unit, and the rows that they need."""
    lineup = Lineup(
        n_tasks=len(case.data.tasks),
        groupings={name: each.grouping for name, each in found.items()},
        asked=plan.asked,
        draws=plan.draws,
        seed=seed,
    )
    arms = line_up(lineup, plan.baselines, trains_groups=plan.trains_groups)
    return arms, stack_rows([arm for arm in arms if not _is_brought(arm, found)])


def _is_brought(arm: Arm, found: Mapping[str, Found]) -> bool:
    """Whether its models came with the groups."""
    return arm.role == "grouped" and found[arm.name].trained is not None


def _all_paid(
    plan: Plan, arms: Sequence[Arm], rows: StackRows, found: Mapping[str, Found]
) -> list[TrainedArm]:
    """All arms with their rows: those of the stack, then those that came with groups."""
    used, n_models = iter(rows.used), len(rows.init)
    brought = {}
    for name, each in found.items():
        if each.trained is not None:
            brought[name] = n_models + np.arange(each.grouping.n_groups)
            n_models += each.grouping.n_groups
    paying = {
        name: each.cost
        for name, each in found.items()
        if plan.methods[name].about.family != "given"
    }
    return [
        _searched(plan, arm, brought[arm.name], found[arm.name])
        if _is_brought(arm, found)
        else _paid(arm, next(used), paying.get(arm.name))
        for arm in arms
    ]


def _searched(plan: Plan, arm: Arm, rows: np.ndarray, found: Found) -> TrainedArm:
    """Groups that came with models: those with a task serve, the search has paid for all."""
    serving = rows[found.grouping.membership.any(0)]
    joint = np.zeros(int(plan.methods[arm.name].reads_joint), dtype=int)
    return TrainedArm(arm=arm, rows=serving, paid=joint, searches=(found.cost,))


def _paid(arm: Arm, rows: np.ndarray, search: Cost | None) -> TrainedArm:
    """Groups that were found pay for the joint training they were found on, and for the search."""
    if search is None:
        return TrainedArm(arm=arm, rows=rows, paid=np.unique(rows))
    return TrainedArm(arm=arm, rows=rows, paid=np.union1d(rows, [0]), searches=(search,))


def _best_on_validation(trainings: Trainings) -> str:
    """The grouping with the best mean deciding metric on validation."""
    candidates = trainings.of("grouped")
    data = trainings.case.data
    positions = data.split.validation
    targets = data.targets[positions]
    means = scores(trainings.predict(candidates, positions), targets, data.tasks).nanmean(1).numpy()
    return candidates[int(np.argmax(np.nan_to_num(means, nan=-np.inf)))].arm.name


def _chosen(best: str, plan: Plan, trainings: Trainings) -> list[TrainedArm]:
    """The arms of the chosen grouping under the choice's name, which pays for all that was tried."""
    tried = trainings.of("grouped")
    first, *others = [
        replace(trainings.arms[place], arm=arm)
        for place, arm in chosen_arms(best, [each.arm for each in trainings.arms], plan.asked)
    ]
    paid = np.unique(np.concatenate([each.paid for each in tried]))
    searches = tuple(search for each in tried for search in each.searches)
    return [replace(first, paid=paid, searches=searches), *others]
