"""One unit of a comparison: on a split and a seed, all arms are trained and scored once.

A unit is two fits: the joint model that records, then every other row of W as one stack. Of several
methods, the one that is best on validation is scored once more as "chosen", with its random draws:
what choosing by validation gains.

Shapes: ``A`` arms (each random draw counts), ``n`` test examples, ``T`` tasks, ``R`` models, ``P``
output columns.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, cast

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from coterie.data import Dataset
from coterie.evaluation.arms import (
    BASELINES,
    Arm,
    Lineup,
    chosen_arms,
    combine,
    line_up,
    stack_rows,
)
from coterie.evaluation.metrics import all_metrics
from coterie.evaluation.units import ArmCost, Unit, unit_stage
from coterie.fitting import Model, fit
from coterie.methods import Case, Method
from coterie.metrics import scores
from coterie.models import GroupedModel, ModelStack
from coterie.results import DataMap, Fit, Found, History
from coterie.results.tables import CHOSEN, SCORES
from coterie.runs import CHECKPOINTS, Run
from coterie.training import Probe, Progress, predict
from coterie.training.config import TrainingSettings

_NUMBERS_AT_ONCE = 2**26
_CURVES = ("train_loss", "validation_loss", "validation_score")


class Recording(TypedDict, total=False):
    """What concerns the joint training only."""

    snapshots: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What every unit of a comparison does.

    ``settings`` go to :func:`coterie.fit`, ``recording`` too but to the joint training only.
    """

    model: Model
    methods: Mapping[str, Method]
    draws: int = 3
    baselines: Sequence[str] = BASELINES
    settings: TrainingSettings = field(default_factory=TrainingSettings)
    recording: Recording = field(default_factory=Recording)
    progress: Progress | None = None


@dataclass(frozen=True, kw_only=True)
class _Trained:
    """An arm with its ``rows`` (R,) among the models of all fits, and its cost."""

    arm: Arm
    rows: np.ndarray
    cost: ArmCost


@dataclass(frozen=True, kw_only=True)
class _Trainings:
    """The fits of a unit, whose models are numbered through; number 0 is the joint model."""

    plan: Plan
    data: Dataset
    fits: Sequence[Fit]

    def predict(self, arms: Sequence[_Trained], positions: Tensor) -> Tensor:
        """Logits of every arm, (A, n, P).

        The models' own (R, n, P) are held for some examples at a time.
        """
        tasks, settings = self.data.tasks, self.plan.settings
        run = partial(
            predict,
            device=settings.get("device", "auto"),
            precision=settings.get("precision", "fp32"),
        )
        n_models = sum(f.stack.n_models for f in self.fits)
        at_once = max(256, _NUMBERS_AT_ONCE // (n_models * tasks.n_outputs))
        parts = []
        for some in positions.split(at_once):
            members = torch.cat([run(f.stack, self.data, some) for f in self.fits])
            parts.append(
                torch.stack([combine(members[each.rows], each.arm.serves, tasks) for each in arms])
            )
        return torch.cat(parts, dim=1)

    def cost(self, arm: Arm, rows: np.ndarray, found: Found | None) -> ArmCost:
        """What the arm takes: rows share their stack's time and steps equally.

        Groups that were ``found`` pay for the joint training they were found on, and for what their
        method spent beyond it.
        """

        def per_row(what: str) -> np.ndarray:
            shares = [(f.stack.n_models, f.cost[what] / f.stack.n_models) for f in self.fits]
            return np.concatenate([np.full(n_models, share) for n_models, share in shares])

        paid = rows if found is None or 0 in rows else np.append(rows, 0)
        steps, seconds = (
            (0.0, 0.0) if found is None else (found.cost.model_steps, found.cost.seconds)
        )
        return {
            "arm": arm.name,
            "models": len(rows),
            "parameters": len(rows) * int(self.fits[0].cost["parameters"]),
            "model_steps": float(per_row("model_steps")[paid].sum() + steps),
            "seconds": float(per_row("seconds")[paid].sum() + seconds),
        }

    @property
    def history(self) -> History:
        """The curves of all models side by side."""
        several = [f.history for f in self.fits]
        joined = {
            name: np.concatenate([getattr(h, name) for h in several], axis=1) for name in _CURVES
        }
        best = np.concatenate([h.best_epoch for h in several])
        return replace(several[0], best_epoch=best, **joined)

    def grouped_model(self, trained: _Trained) -> GroupedModel:
        """The models of an arm as one that predicts all tasks."""
        stack = ModelStack.concatenate([f.stack for f in self.fits]).select(trained.rows.tolist())
        return GroupedModel.from_stack(
            stack, trained.arm.serves, self.data.tasks, self.data.preprocessing
        )


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
    keep_model: bool,
) -> Finished:
    """Train and score all arms; in the ``folder`` of a run, leave the files behind.

    With ``keep_model`` the first grouping's models are saved as the run's ``model.safetensors``.
    """
    stage = unit_stage(split, seed)
    checkpoints = None if folder is None else folder / CHECKPOINTS / Path(stage).name
    case = _joint_training(plan, data, train_seed, checkpoints)
    found = {name: method(case, seed=train_seed) for name, method in plan.methods.items()}
    trainings, arms = _train(case, plan, found, train_seed)
    if len(found) > 1:
        best = _best_on_validation(trainings, arms)
        found[CHOSEN] = replace(found[best], chosen=best)
        arms = [*arms, *_chosen(best, plan.methods, arms)]
    unit = _score(trainings, arms, found, split, seed)
    if folder is None:
        return Finished(unit=unit)
    facts = {"split": split, "seed": seed}
    strategies = [f.cost["strategy"] for f in trainings.fits]
    stages = [(stage, unit.save(folder / stage), {**facts, "strategies": strategies})]
    if keep_model:
        model = folder / "model.safetensors"
        trainings.grouped_model(arms[1]).calibrate(data).save(model)
        stages.insert(0, ("model", [model], {"grouping": arms[1].arm.name, **facts}))
    # What a continued run would read.
    return Finished(unit=Unit.load(folder / stage), stages=stages)


def make_probes(methods: Mapping[str, Method], *, seed: int) -> dict[Hashable, Probe]:
    """What the methods want to try while the joint model trains.

    By what they measure: equal measurements are shared.
    """
    measuring = {method.measurement: method for method in methods.values()}
    measuring.pop(None, None)
    probes = {measurement: method.probe(seed) for measurement, method in measuring.items()}
    return {measurement: probe for measurement, probe in probes.items() if probe is not None}


def _joint_training(plan: Plan, data: Dataset, seed: int, checkpoints: Path | None) -> Case:
    probes = make_probes(plan.methods, seed=seed)
    watching = {"record": True, "probes": list(probes.values()), **plan.recording}
    return Case(
        model=plan.model,
        data=data,
        joint=_fit(plan, data, seed, checkpoints and checkpoints / "joint", None, **watching),
        settings=plan.settings,
        probes=probes,
        progress=plan.progress,
        checkpoints=checkpoints,
    )


def _train(
    case: Case, plan: Plan, found: Mapping[str, Found], seed: int
) -> tuple[_Trainings, list[_Trained]]:
    """Train what all arms need but the joint model, which is trained already, as one stack."""
    lineup = Lineup(
        n_tasks=len(case.data.tasks),
        groupings={name: each.grouping for name, each in found.items()},
        asked={name: method.n_groups for name, method in plan.methods.items()},
        draws=plan.draws,
        seed=seed,
    )
    arms = line_up(lineup, plan.baselines)
    rows, init, used = stack_rows(arms)
    fits = [case.joint]
    if len(rows) > 1:
        folder = case.checkpoints and case.checkpoints / "groups"
        fits.append(_fit(plan, case.data, seed, folder, rows[1:], init=init[1:].tolist()))
    trainings = _Trainings(plan=plan, data=case.data, fits=fits)
    paying = {
        name: each for name, each in found.items() if plan.methods[name].about.family != "given"
    }
    return trainings, [
        _Trained(arm=arm, rows=own, cost=trainings.cost(arm, own, paying.get(arm.name)))
        for arm, own in zip(arms, used, strict=True)
    ]


def _fit(
    plan: Plan,
    data: Dataset,
    seed: int,
    checkpoint: Path | None,
    weights: np.ndarray | None,
    **options: Any,
) -> Fit:
    return fit(
        plan.model,
        data,
        weights,
        seed=seed,
        checkpoint=checkpoint,
        progress=plan.progress,
        **plan.settings,
        **options,
    )


def _best_on_validation(trainings: _Trainings, arms: Sequence[_Trained]) -> str:
    """The grouping with the best mean deciding metric on validation."""
    rivals = [each for each in arms if each.arm.role == "grouped"]
    data = trainings.data
    positions = data.split.validation
    targets = data.targets[positions]
    means = scores(trainings.predict(rivals, positions), targets, data.tasks).nanmean(1).numpy()
    return rivals[int(np.argmax(np.nan_to_num(means, nan=-np.inf)))].arm.name


def _chosen(best: str, methods: Mapping[str, Method], arms: Sequence[_Trained]) -> list[_Trained]:
    """The arms of the chosen grouping under the choice's name, which pays for all that was tried."""
    tried = [each.cost for each in arms if each.arm.role == "grouped"]
    # All methods of a unit share one joint training.
    again = max(0, sum(method.about.family != "given" for method in methods.values()) - 1)
    places, renamed = zip(*chosen_arms(best, [each.arm for each in arms]), strict=True)
    first, *others = [
        replace(arms[place], arm=arm, cost={**arms[place].cost, "arm": arm.name})
        for place, arm in zip(places, renamed, strict=True)
    ]
    joint = arms[0].cost
    for what in ("model_steps", "seconds"):
        first.cost[what] = sum(cost[what] for cost in tried) - again * joint[what]
    return [first, *others]


def _score(
    trainings: _Trainings,
    arms: Sequence[_Trained],
    found: dict[str, Found],
    split: int,
    seed: int,
) -> Unit:
    data, history = trainings.data, trainings.history
    tasks, test = data.tasks, data.split.test
    targets, units = data.targets[test], data.in_units(test)
    predictions = trainings.predict(arms, test)
    records = [
        {
            "arm": each.arm.name,
            "role": each.arm.role,
            "of": each.arm.of,
            "seed": seed,
            "split": split,
            "draw": each.arm.draw,
            **row,
        }
        for each, outputs in zip(arms, predictions, strict=True)
        for row in all_metrics(outputs, targets, tasks, units)
    ]
    return Unit(
        split=split,
        seed=seed,
        arms=tuple((each.arm.name, each.arm.draw) for each in arms),
        primary=scores(predictions, targets, tasks).numpy(),
        outputs=predictions.numpy(),
        targets=targets.numpy(),
        positions=test.numpy(),
        scores=pa.Table.from_pylist(records, schema=SCORES),
        costs=[each.cost for each in arms],
        found=found,
        histories={
            each.arm.name: _rows_of(history, each.rows) for each in arms if each.arm.draw == 0
        },
        data_map=cast(DataMap, trainings.fits[0].data_map),  # the joint training records
        overlap=len(test) / len(data.split.train),
    )


def _rows_of(history: History, rows: np.ndarray) -> History:
    picked = {name: getattr(history, name)[:, rows] for name in _CURVES}
    return replace(history, best_epoch=history.best_epoch[rows], **picked)
