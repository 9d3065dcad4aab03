"""One unit of a comparison.

A split and a seed, all arms trained and scored once on the test examples.

A unit is two fits: the joint model that records, then every other row of W as one stack. Of several
groupings, the one that is best on validation is scored once more as "chosen", with its random
draws: what choosing by validation gains.

Shapes: ``A`` arms (each random draw counts), ``n`` test examples, ``T`` tasks, ``R`` models, ``P``
output columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, TypedDict, cast

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from coterie import codec
from coterie.codec import ELSEWHERE, As, Layout, Size, to_parts, values_of
from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.evaluation.arms import (
    BASELINES,
    Arm,
    Lineup,
    chosen_arms,
    combine,
    line_up,
    stack_rows,
)
from coterie.evaluation.methods import Candidate, Case, file_name, find_groupings, make_probes
from coterie.evaluation.metrics import all_metrics, primary_scores
from coterie.files import read_arrays
from coterie.fitting import fit
from coterie.metrics import outcomes
from coterie.models import GroupedModel, ModelStack
from coterie.results import DataMap, Fit, Grouping, History
from coterie.results.histories import read_histories, write_histories
from coterie.results.tables import CHOSEN, SCORES, read_table, write_table
from coterie.runs import Run
from coterie.schema import OPEN, distinct, entries_of, within
from coterie.tasks import Tasks
from coterie.training import predict

_NUMBERS_AT_ONCE = 2**26
_FORMAT = codec.Format("unit of a comparison")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What every unit of a comparison does.

    ``settings`` go to :func:`coterie.fit`, ``recording`` too but to the joint training only.
    """

    model: Any
    methods: Mapping[str, Candidate]
    draws: int = 3
    baselines: Sequence[str] = BASELINES
    settings: Mapping[str, Any] = field(default_factory=dict)
    recording: Mapping[str, Any] = field(default_factory=dict)
    progress: Any = None


class _Cost(TypedDict):
    arm: str
    models: float
    parameters: float
    model_steps: float
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one split and seed gave.

    ``arms`` names the A arms with their draws, ``primary`` (A, T) holds the metric by which tasks
    are compared, ``outcomes`` (A, n, T) what came of each test cell, ``targets`` (n, T) the labels,
    ``positions`` (n,) where the test examples stand in the data, ``costs`` one row per arm,
    ``histories`` by arm name (first draw), ``overlap`` test / train examples.
    """

    split: int
    seed: int
    arms: Annotated[tuple[tuple[str, int], ...], Size("A")]
    primary: Annotated[np.ndarray, Layout("f A T")]
    outcomes: Annotated[np.ndarray, Layout("fu A n T")]
    targets: Annotated[np.ndarray, Layout("f n T")]
    positions: Annotated[np.ndarray, Layout("iu n")]
    scores: Annotated[pa.Table, ELSEWHERE]
    costs: Annotated[list[dict[str, Any]], As(list[Annotated[_Cost, OPEN]])]
    groupings: Annotated[dict[str, Grouping], ELSEWHERE]
    histories: Annotated[dict[str, History], ELSEWHERE]
    data_map: Annotated[DataMap, ELSEWHERE]
    overlap: float

    def save(self, folder: Path) -> list[Path]:
        """Write the unit and return its files."""
        files = [folder / f"grouping-{file_name(name)}.json" for name in self.groupings]
        for file, grouping in zip(files, self.groupings.values(), strict=True):
            grouping.save(file)
        self.data_map.save(folder / "data_map.safetensors")
        write_table(folder / "scores.parquet", self.scores)
        arrays, about = to_parts(self)
        about["groupings"] = list(self.groupings)
        codec.write(folder / "statistics.safetensors", _FORMAT, about, arrays)
        write_histories(folder / "history.safetensors", self.histories)
        names = (
            "data_map.safetensors",
            "scores.parquet",
            "statistics.safetensors",
            "history.safetensors",
        )
        return [*files, *(folder / name for name in names)]

    @classmethod
    def load(cls, folder: Path) -> Unit:
        """Read what :meth:`save` wrote.

        Raises:
            CoterieError: a file is damaged, or the files do not fit together.
        """
        file = folder / "statistics.safetensors"
        arrays, about = codec.read(file, _FORMAT, read_arrays)
        data_map = DataMap.load(folder / "data_map.safetensors")
        with within(file, _FORMAT.name):
            about = entries_of(about, {"groupings": list[str]}, ["groupings"], closed=False)
            distinct(names := about.pop("groupings"), "groupings")
            parts = values_of(cls, arrays, about, T=len(data_map.tasks))
            if [cost["arm"] for cost in parts["costs"]] != [name for name, _ in parts["arms"]]:
                raise CoterieError("`costs` must have one row for each of `arms`, in order.")
        parts["groupings"] = {
            name: _of_tasks(folder / f"grouping-{file_name(name)}.json", data_map.tasks)
            for name in names
        }
        return cls(
            **parts,
            scores=read_table(
                folder / "scores.parquet", SCORES, tasks=data_map.tasks, groupings=names
            ),
            histories=read_histories(folder / "history.safetensors", len(data_map.tasks)),
            data_map=data_map,
        )


def _of_tasks(file: Path, tasks: tuple[str, ...]) -> Grouping:
    grouping = Grouping.load(file)
    if grouping.tasks != tasks:
        raise CoterieError(
            f"{file} groups other tasks than the data map beside it: {', '.join(grouping.tasks)}."
        )
    return grouping


def unit_stage(split: int, seed: int) -> str:
    """Name of a unit's stage in a run, which is also its folder.

    >>> unit_stage(0, 1)
    'units/split-0-seed-1'
    """
    return f"units/split-{split}-seed-{seed}"


def run_unit(
    plan: Plan,
    data: Dataset,
    *,
    split: int,
    seed: int,
    train_seed: int,
    run: Run | None,
    keep_model: bool,
) -> Unit:
    """Train and score all arms; in a run, leave the files behind and enter the stage.

    With ``keep_model`` the first grouping's models are saved as the run's ``model.safetensors``.
    """
    stage = unit_stage(split, seed)
    checkpoints = None if run is None else run.checkpoint(Path(stage).name)
    probes = make_probes(plan.methods, seed=train_seed)
    watching = {"record": True, "probes": list(probes.values()), **plan.recording}
    joint = _fit(plan, data, "joint", train_seed, checkpoints, None, **watching)
    case = Case(
        model=plan.model,
        data=data,
        joint=joint,
        settings=plan.settings,
        probes=probes,
        progress=plan.progress,
        checkpoints=checkpoints,
    )
    groupings = find_groupings(plan.methods, case, seed=train_seed)
    asked: dict[str, Any] = {
        name: getattr(method, "n_groups", "auto") for name, method in plan.methods.items()
    }
    lineup = Lineup(
        n_tasks=len(data.tasks), groupings=groupings, asked=asked, draws=plan.draws, seed=train_seed
    )
    arms = line_up(lineup, plan.baselines)
    rows, init, used = stack_rows(arms)
    # Row 0 is the joint model, which is trained already.
    others = (
        None
        if len(rows) == 1
        else _fit(plan, data, "groups", train_seed, checkpoints, rows[1:], init=init[1:].tolist())
    )
    fits = [joint] if others is None else [joint, others]
    costs = _costs(arms, used, fits, _measured(groupings, plan.methods))
    if len(groupings) > 1:
        best = _best_on_validation(fits, arms, used, data, plan)
        groupings[CHOSEN] = replace(
            groupings[best], details={**groupings[best].details, "chosen": best}
        )
        arms, used, costs = _with_chosen(best, plan.methods, arms, used, costs)
    predictions = _predict(fits, arms, used, data, data.split.test, plan.settings)
    unit = _score(predictions, arms, used, data, fits, groupings, costs, split=split, seed=seed)
    if run is not None and checkpoints is not None:
        files = unit.save(run.folder / stage)
        if keep_model:
            model = run.folder / "model.safetensors"
            _grouped_model(fits, arms[1], used[1], data).save(model)
            run.complete("model", [model], grouping=arms[1].name, split=split, seed=seed)
        run.complete(
            stage, files, split=split, seed=seed, strategies=[f.cost["strategy"] for f in fits]
        )
        run.drop_checkpoint(checkpoints.name)
        # What a continued run would read.
        unit = Unit.load(run.folder / stage)
    return unit


def _fit(
    plan: Plan,
    data: Dataset,
    part: str,
    seed: int,
    checkpoints: Path | None,
    weights: np.ndarray | None,
    **options: Any,
) -> Fit:
    folder = None if checkpoints is None else checkpoints / part
    return fit(
        plan.model,
        data,
        weights,
        seed=seed,
        checkpoint=folder,
        progress=plan.progress,
        **plan.settings,
        **options,
    )


def _predict(
    fits: Sequence[Fit],
    arms: Sequence[Arm],
    used: Sequence[np.ndarray],
    data: Dataset,
    positions: Tensor,
    settings: Mapping[str, Any],
) -> Tensor:
    """Logits of every arm, (A, n, P).

    The models' own logits (R, n, P) are held for some examples at a time.
    """
    options = {name: settings[name] for name in ("device", "precision") if name in settings}
    n_models = sum(f.stack.n_models for f in fits)
    at_once = max(256, _NUMBERS_AT_ONCE // (n_models * data.tasks.n_outputs))
    parts = []
    for some in positions.split(at_once):
        members = torch.cat([predict(f.stack, data, some, **options) for f in fits])
        parts.append(
            torch.stack(
                [
                    combine(members[rows], a.serves, data.tasks)
                    for a, rows in zip(arms, used, strict=True)
                ]
            )
        )
    return torch.cat(parts, dim=1)


def _best_on_validation(
    fits: Sequence[Fit], arms: Sequence[Arm], used: Sequence[np.ndarray], data: Dataset, plan: Plan
) -> str:
    """The grouping with the best mean primary metric on validation."""
    rivals = [(arm, rows) for arm, rows in zip(arms, used, strict=True) if arm.role == "grouped"]
    positions = data.split.validation
    outputs = _predict(
        fits,
        [arm for arm, _ in rivals],
        [rows for _, rows in rivals],
        data,
        positions,
        plan.settings,
    )
    targets = data.targets[positions]
    scores = [float(primary_scores(each, targets, data.tasks).nanmean()) for each in outputs]
    return rivals[int(np.argmax(np.nan_to_num(scores, nan=-np.inf)))][0].name


def _with_chosen(
    best: str,
    methods: Mapping[str, Candidate],
    arms: list[Arm],
    used: list[np.ndarray],
    costs: list[dict[str, Any]],
) -> tuple[list[Arm], list[np.ndarray], list[dict[str, Any]]]:
    """Add the arms of the chosen grouping under the name of the choice, which pays for all that were tried."""
    tried = [cost for arm, cost in zip(arms, costs, strict=True) if arm.role == "grouped"]
    # All methods of a unit share one joint training.
    again = max(0, sum(not isinstance(method, Grouping) for method in methods.values()) - 1)
    places, new_arms = zip(*chosen_arms(best, arms), strict=True)
    new_costs = [
        {**costs[place], "arm": arm.name} for place, arm in zip(places, new_arms, strict=True)
    ]
    for what in ("model_steps", "seconds"):
        new_costs[0][what] = sum(cost[what] for cost in tried) - again * costs[0][what]
    return [*arms, *new_arms], [*used, *(used[place] for place in places)], [*costs, *new_costs]


def _score(
    predictions: Tensor,
    arms: Sequence[Arm],
    used: Sequence[np.ndarray],
    data: Dataset,
    fits: Sequence[Fit],
    groupings: dict[str, Grouping],
    costs: list[dict[str, Any]],
    *,
    split: int,
    seed: int,
) -> Unit:
    targets, tasks, units = (
        data.targets[data.split.test],
        data.tasks,
        data.in_units(data.split.test),
    )
    records = [
        {
            "arm": arm.name,
            "role": arm.role,
            "of": arm.of,
            "seed": seed,
            "split": split,
            "draw": arm.draw,
            **row,
        }
        for arm, outputs in zip(arms, predictions, strict=True)
        for row in all_metrics(outputs, targets, tasks, units)
    ]
    curves = _join_histories([f.history for f in fits])
    return Unit(
        split=split,
        seed=seed,
        arms=tuple((arm.name, arm.draw) for arm in arms),
        primary=np.stack(
            [primary_scores(outputs, targets, tasks).numpy() for outputs in predictions]
        ),
        outcomes=_small(outcomes(predictions, targets, tasks), tasks),
        targets=targets.numpy(),
        positions=data.split.test.numpy(),
        scores=pa.Table.from_pylist(records, schema=SCORES),
        costs=costs,
        groupings=groupings,
        histories={
            a.name: _rows_of(curves, rows)
            for a, rows in zip(arms, used, strict=True)
            if a.draw == 0
        },
        data_map=cast(DataMap, fits[0].data_map),  # the joint training records
        overlap=len(data.split.test) / len(data.split.train),
    )


def _small(values: Tensor, tasks: Tasks) -> np.ndarray:
    """Hits and misses in one byte each; other outcomes keep float32."""
    return (
        values.to(torch.uint8).numpy() if all(task.kind.hits for task in tasks) else values.numpy()
    )


def _measured(
    groupings: Mapping[str, Grouping], methods: Mapping[str, Candidate]
) -> dict[str, Mapping[str, float]]:
    """What each method that found its grouping spent beyond the joint training."""
    return {
        name: g.details.get("cost", {})
        for name, g in groupings.items()
        if not isinstance(methods[name], Grouping)
    }


def _costs(
    arms: Sequence[Arm],
    used: Sequence[np.ndarray],
    fits: Sequence[Fit],
    measured: Mapping[str, Mapping[str, float]],
) -> list[dict[str, Any]]:
    return [
        _cost(arm, rows, fits, measured.get(arm.name)) for arm, rows in zip(arms, used, strict=True)
    ]


def _cost(
    arm: Arm, rows: np.ndarray, fits: Sequence[Fit], measured: Mapping[str, float] | None
) -> dict[str, Any]:
    """What the arm takes: rows share their stack's time and steps equally.

    Groups that were found pay for the joint training they were found on, and for what their method
    ``measured`` beyond it.
    """

    def per_row(what: str) -> np.ndarray:
        return np.concatenate(
            [np.full(f.stack.n_models, f.cost[what] / f.stack.n_models) for f in fits]
        )

    paid = rows if measured is None or 0 in rows else [*rows, 0]
    beyond = measured or {}
    return {
        "arm": arm.name,
        "models": len(rows),
        "parameters": len(rows) * int(fits[0].cost["parameters"]),
        "model_steps": float(per_row("model_steps")[paid].sum() + beyond.get("model_steps", 0.0)),
        "seconds": float(per_row("seconds")[paid].sum() + beyond.get("seconds", 0.0)),
    }


def _grouped_model(fits: Sequence[Fit], arm: Arm, rows: np.ndarray, data: Dataset) -> GroupedModel:
    stack = ModelStack.concatenate([f.stack for f in fits]).select(rows.tolist())
    return GroupedModel.from_stack(stack, arm.serves, data.tasks, data.preprocessing)


def _join_histories(histories: Sequence[History]) -> History:
    """The models of several fits side by side."""
    joined = {
        name: np.concatenate([getattr(h, name) for h in histories], axis=1)
        for name in ("train_loss", "validation_loss", "validation_score")
    }
    return replace(
        histories[0], best_epoch=np.concatenate([h.best_epoch for h in histories]), **joined
    )


def _rows_of(history: History, rows: np.ndarray) -> History:
    picked = {
        name: getattr(history, name)[:, rows]
        for name in ("train_loss", "validation_loss", "validation_score")
    }
    return replace(history, best_epoch=history.best_epoch[rows], **picked)
