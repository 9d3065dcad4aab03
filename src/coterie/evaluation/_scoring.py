"""A unit from its trained models: every arm and rival scored on the test part.

Shapes: ``A`` arms (each random draw counts), ``n`` test examples, ``T`` tasks, ``P`` output columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from coterie.data import Dataset
from coterie.evaluation._trainings import Trainings
from coterie.evaluation.metrics import all_metrics
from coterie.evaluation.recommending import NEVER_USED
from coterie.evaluation.rivals import Rival, TrainedRival, checked_outputs
from coterie.evaluation.rivals.networks import latency, network_outputs
from coterie.evaluation.units import ModelCost, Unit
from coterie.metrics import scores
from coterie.metrics.calibration import calibrations
from coterie.models import GroupedModel
from coterie.results import DataMap, Found, History
from coterie.results.tables import CHOSEN, SCORES


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
    takes = _latencies(trainings, test)
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
            cost={**cost, "latency": float(takes[trainings.places(each.rows)[0]].sum())},
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


def _latencies(trainings: Trainings, positions: Tensor) -> np.ndarray:
    """Seconds that 1,000 predictions of a model of each fit take, alike where architectures are."""
    data, settings = trainings.case.data, trainings.case.settings
    tasks, stacks = data.tasks, [each.stack for each in trainings.fits]
    architectures = [stack.architecture for stack in stacks]
    found: dict[int, float] = {}
    first = [architectures.index(each) for each in architectures]
    for at in dict.fromkeys(first):
        model = GroupedModel.from_stack(
            stacks[at].select([0]), np.ones((len(tasks), 1)), tasks, data.preprocessing
        )
        found[at] = latency(partial(network_outputs, model, data, settings), positions)
    return np.array([found[at] for at in first])


def score(
    trainings: Trainings,
    rivals: Sequence[tuple[Rival, TrainedRival]],
    found: dict[str, Found],
    split: int,
    seed: int,
    is_first: bool,
) -> Unit:
    """Score all arms and rivals on the test part, once."""
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
        # Their models are those of an arm by now.
        found={name: replace(each, trained=None) for name, each in found.items()},
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
            + sum(
                # A fit that came with groups is among those of the unit.
                each.cost.seconds - (0.0 if each.trained is None else each.trained.cost["seconds"])
                for name, each in found.items()
                if name != CHOSEN
            )
            + sum(each.cost["seconds"] for _, each in rivals)
        ),
    )


def _validation(outputs: Sequence[Tensor], data: Dataset) -> np.ndarray:
    """Mean over tasks of the deciding metric on the validation part, (A,)."""
    targets = data.targets[data.split.validation]
    return scores(torch.stack(list(outputs)), targets, data.tasks).nanmean(1).numpy()
