"""One unit of a comparison: on a split and a seed, all arms are trained and scored once.

A unit is two fits: the joint model that records, then every other row of W as one stack. Of several
methods, the one that is best on validation is scored once more as "chosen", with its random draws:
what choosing by validation gains.

Shapes: ``A`` arms (each random draw counts), ``n`` test examples, ``T`` tasks, ``R`` models, ``P``
output columns.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from coterie.data import Dataset
from coterie.evaluation._configuration import architecture_of
from coterie.evaluation._trainings import TrainedArm, Trainings
from coterie.evaluation.arms import (
    BASELINES,
    Arm,
    Lineup,
    chosen_arms,
    line_up,
    stack_rows,
)
from coterie.evaluation.metrics import all_metrics
from coterie.evaluation.recommending import NEVER_USED
from coterie.evaluation.rivals import Rival, TrainedRival, checked_outputs
from coterie.evaluation.rivals.networks import latency, network_outputs
from coterie.evaluation.units import ModelCost, Unit, unit_stage
from coterie.families import FamilyModel
from coterie.files import atomic
from coterie.fitting import Model, fit
from coterie.methods import Case, Groups, Method
from coterie.metrics import scores
from coterie.metrics.calibration import calibrations
from coterie.models import GroupedModel
from coterie.results import Cost, DataMap, Fit, Found, History
from coterie.results.tables import CHOSEN, SCORES
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
        return {name: method.n_groups for name, method in self.methods.items()}


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


def run_unit(
    plan: Plan,
    data: Dataset,
    *,
    split: int,
    seed: int,
    train_seed: int,
    folder: Path | None,
    is_first: bool,
) -> Finished:
    """Train and score all arms; in the ``folder`` of a run, leave the files behind.

    The models of the first unit are what a user takes away: those of every arm that one might use
    are calibrated, and left in ``models/`` if they can be read back.
    """
    stage = unit_stage(split, seed)
    checkpoints = None if folder is None else folder / CHECKPOINTS / Path(stage).name
    parts = _Parts(plan.progress, 2 + len(plan.methods) + len(plan.rivals))
    case = _joint_training(plan, data, train_seed, checkpoints, parts.begin("joint"))
    found = {}
    for name, method in plan.methods.items():
        told = "finding groups" if len(plan.methods) == 1 else f"finding groups, {name}"
        searching = replace(case, progress=parts.begin(told))
        found[name] = method(searching, seed=train_seed)
    trainings = _train(case, plan, found, train_seed, parts)
    if len(found) > 1 and plan.trains_groups:
        best = _best_on_validation(trainings)
        found[CHOSEN] = replace(found[best], chosen=best)
        trainings = replace(trainings, arms=[*trainings.arms, *_chosen(best, plan, trainings)])
    rivals = []
    for each in plan.rivals:
        competing = replace(case, progress=parts.begin(each.name))
        rivals.append((each, each.train(competing, trainings, seed=train_seed)))
    unit = _score(trainings, rivals, found, split, seed, is_first)
    if folder is None:
        return Finished(unit=unit)
    facts = {"split": split, "seed": seed}
    strategies = [f.cost["strategy"] for f in trainings.fits]
    stages = [(stage, unit.save(folder / stage), {**facts, "strategies": strategies})]
    if is_first and architecture_of(plan.model, data).is_importable:
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
    """The parts that a unit is trained in, of which each is told by name as it begins."""

    def __init__(self, progress: Progress | None, of: int) -> None:
        self._progress, self._of, self._begun = progress, of, 0

    def begin(self, name: str) -> Progress | None:
        """Progress of the next part, which may have none to tell itself."""
        told = f"{name} ({self._begun + 1} of {self._of})"
        progress = within(self._progress, self._begun, self._of, told)
        self._begun += 1
        if progress is not None:
            progress(0, 1, "begins")
        return progress


def _joint_training(
    plan: Plan, data: Dataset, seed: int, checkpoints: Path | None, progress: Progress | None
) -> Case:
    probes = make_probes(plan.methods, seed=seed)
    watching = {"record": True, "probes": list(probes.values()), **plan.recording}
    return Case(
        model=plan.model,
        data=data,
        joint=_fit(
            plan, data, seed, checkpoints and checkpoints / "joint", None, progress, **watching
        ),
        settings=plan.settings,
        probes=probes,
        checkpoints=checkpoints,
    )


def _train(
    case: Case, plan: Plan, found: Mapping[str, Found], seed: int, parts: _Parts
) -> Trainings:
    """Train what all arms need but the joint model, which is trained already, as one stack."""
    lineup = Lineup(
        n_tasks=len(case.data.tasks),
        groupings={name: each.grouping for name, each in found.items()},
        asked=plan.asked,
        draws=plan.draws,
        seed=seed,
    )
    arms = line_up(lineup, plan.baselines, trains_groups=plan.trains_groups)
    rows, init, used = stack_rows(arms)
    fits = [case.joint]
    roles = ", ".join(dict.fromkeys(arm.role for arm in arms if arm.role != "joint"))
    progress = parts.begin(f"{len(rows) - 1} models of {roles or 'other arms'}")
    if len(rows) > 1:
        folder = case.checkpoints and case.checkpoints / "groups"
        fits.append(_fit(plan, case.data, seed, folder, rows[1:], progress, init=init[1:].tolist()))
    paying = {
        name: each.cost
        for name, each in found.items()
        if plan.methods[name].about.family != "given"
    }
    return Trainings(
        case=case,
        fits=fits,
        n_groups=next(iter(found.values())).grouping.n_groups,
        arms=[_paid(arm, own, paying.get(arm.name)) for arm, own in zip(arms, used, strict=True)],
    )


def _paid(arm: Arm, rows: np.ndarray, search: Cost | None) -> TrainedArm:
    """Groups that were found pay for the joint training they were found on, and for the search."""
    if search is None:
        return TrainedArm(arm=arm, rows=rows, paid=np.unique(rows))
    return TrainedArm(arm=arm, rows=rows, paid=np.union1d(rows, [0]), searches=(search,))


def _fit(
    plan: Plan,
    data: Dataset,
    seed: int,
    checkpoint: Path | None,
    weights: np.ndarray | None,
    progress: Progress | None,
    **options: Any,
) -> Fit:
    return fit(
        plan.model,
        data,
        weights,
        seed=seed,
        checkpoint=checkpoint,
        progress=progress,
        **plan.settings,
        **options,
    )


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


@dataclass(frozen=True, kw_only=True)
class _Scored:
    """What is scored: an arm or a rival, with its ``outputs`` (n, P) on the test part."""

    name: str
    role: str
    of: str | None = None
    draw: int = 0
    outputs: Tensor
    validation: Tensor
    cost: ModelCost
    history: History | None


def _scored(
    trainings: Trainings, rivals: Sequence[tuple[Rival, TrainedRival]]
) -> Iterator[_Scored]:
    arms, data = trainings.arms, trainings.case.data
    test, validation = data.split.test, data.split.validation
    # Nothing but the number of models tells arms of one architecture apart.
    joint = partial(
        network_outputs, trainings.grouped_model(trainings.joint), data, trainings.case.settings
    )
    per_model = latency(joint, test)
    for each, outputs, before in zip(
        arms, trainings.predict(arms, test), trainings.predict(arms, validation), strict=True
    ):
        cost = trainings.cost(each)
        yield _Scored(
            name=each.arm.name,
            role=each.arm.role,
            of=each.arm.of,
            draw=each.arm.draw,
            outputs=outputs,
            validation=before,
            cost={**cost, "latency": per_model * cost["models"]},
            history=trainings.history(each),
        )
    for rival, trained in rivals:
        yield _Scored(
            name=rival.name,
            role=rival.name,
            outputs=checked_outputs(rival, trained, test, data),
            validation=checked_outputs(rival, trained, validation, data),
            cost={**trained.cost, "latency": latency(trained.outputs, test)},
            history=trained.history,
        )


def _score(
    trainings: Trainings,
    rivals: Sequence[tuple[Rival, TrainedRival]],
    found: dict[str, Found],
    split: int,
    seed: int,
    is_first: bool,
) -> Unit:
    data = trainings.case.data
    tasks, test = data.tasks, data.split.test
    targets, units = data.targets[test], data.in_units(test)
    scored = list(_scored(trainings, rivals))
    records = [
        {
            "arm": each.name,
            "role": each.role,
            "of": each.of,
            "seed": seed,
            "split": split,
            "draw": each.draw,
            **row,
        }
        for each in scored
        for row in all_metrics(each.outputs, targets, tasks, units)
    ]
    predictions = torch.stack([each.outputs for each in scored])
    return Unit(
        split=split,
        seed=seed,
        arms=tuple((each.name, each.draw) for each in scored),
        primary=scores(predictions, targets, tasks).numpy(),
        outputs=predictions.numpy(),
        targets=targets.numpy(),
        positions=test.numpy(),
        scores=pa.Table.from_pylist(records, schema=SCORES),
        costs=[{"arm": each.name, **each.cost} for each in scored],
        found=found,
        histories={
            each.name: each.history
            for each in scored
            if each.draw == 0 and each.history is not None
        },
        data_map=cast(DataMap, trainings.fits[0].data_map),  # the joint training records
        overlap=len(test) / len(data.split.train),
        validation=_validation([each.validation for each in scored], data),
        calibrations={
            each.name: calibrations(each.validation, data.targets[data.split.validation], tasks)
            for each in scored
            if is_first and each.role not in NEVER_USED
        },
        seconds=float(
            sum(f.cost["seconds"] for f in trainings.fits)
            + sum(each.cost.seconds for name, each in found.items() if name != CHOSEN)
            + sum(each.cost["seconds"] for _, each in rivals)
        ),
    )


def _validation(outputs: Sequence[Tensor], data: Dataset) -> np.ndarray:
    """Mean over tasks of the deciding metric on the validation part, (A,)."""
    targets = data.targets[data.split.validation]
    return scores(torch.stack(list(outputs)), targets, data.tasks).nanmean(1).numpy()
