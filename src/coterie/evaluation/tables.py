"""From units to the tables of a comparison: gains of each arm over its references, and costs.

Shapes: ``U`` units, ``A`` arms (random draws averaged), ``T`` tasks, ``R`` resamples.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import torch

from coterie.evaluation.gains import (
    bootstrap_interval,
    bootstrap_scores,
    relative_gain,
)
from coterie.evaluation.metrics import finite
from coterie.evaluation.units import ArmCost, Unit
from coterie.metrics import errors, example_statistics, metric_names
from coterie.results.standings import mean_where_known
from coterie.results.tables import COSTS, GAINS, MEAN, Part
from coterie.seeds import derive
from coterie.statistics import holm, nadeau_bengio
from coterie.tasks import Tasks


@dataclass(frozen=True, kw_only=True)
class ArmScores:
    """Primary metric of all arms, paired: ``scores``, ``errors``, ``wrong`` (U, A, T).

    ``resampled`` (R, A, T) means.

    ``splits`` (U,) is the split of each unit, ``overlap`` what :func:`coterie.statistics.nadeau_bengio` asks for.
    """

    arms: tuple[str, ...]
    scores: np.ndarray
    errors: np.ndarray
    wrong: np.ndarray
    resampled: np.ndarray
    splits: np.ndarray
    overlap: float


def arm_scores(units: Sequence[Unit], tasks: Tasks, *, bootstraps: int) -> ArmScores:
    """Put the units' scores side by side.

    Draws of a random arm are averaged, and resamples are shared by all units.
    """
    names = tuple(dict.fromkeys(name for name, _ in units[0].arms))
    own = [task.metric is not None for task in tasks]
    per_unit: dict[str, list[np.ndarray]] = {"scores": [], "errors": [], "wrong": []}
    total, count = (
        np.zeros((bootstraps, len(names), len(tasks))),
        np.zeros((bootstraps, len(names), len(tasks))),
    )
    for unit in units:
        share = _averages_draws(unit, names)
        targets = torch.from_numpy(unit.targets)
        sums = torch.stack(
            [
                example_statistics(torch.from_numpy(o).float(), targets, tasks).sum(0)
                for o in unit.outcomes
            ]
        )
        error, wrong = (value.numpy() for value in errors(sums, tasks))
        error[:, own], wrong[:, own] = np.nan, np.nan
        for name, values in (("scores", unit.primary), ("errors", error), ("wrong", wrong)):
            per_unit[name].append(share @ values)
        drawn = share @ bootstrap_scores(
            unit.outcomes,
            unit.targets,
            tasks,
            positions=unit.positions,
            resamples=bootstraps,
            seed=derive(0, "bootstrap"),
        )
        # A resample without one of the classes is undefined for every arm alike.
        total += np.nan_to_num(drawn)
        count += ~np.isnan(drawn)
    with np.errstate(invalid="ignore"):
        resampled = total / count
    splits = np.array([unit.split for unit in units])
    several_splits = len(set(splits.tolist())) > 1
    stacked = {name: np.stack(values) for name, values in per_unit.items()}
    overlap = float(np.mean([unit.overlap for unit in units])) if several_splits else 0.0
    return ArmScores(arms=names, resampled=resampled, splits=splits, overlap=overlap, **stacked)


def gains_table(
    arms: ArmScores, pairs: Sequence[tuple[str, str]], tasks: Tasks, parts: Mapping[str, Part]
) -> pa.Table:
    """One row per pair of arms and task, and one for the mean over tasks.

    ``parts`` says what each arm is.

    Holm's correction is over the tasks of one pair; the mean stands for itself.
    """
    metrics = metric_names(tasks)
    mean_metric = metrics[0] if len(set(metrics)) == 1 else "mixed"
    rows: list[dict[str, object]] = []
    for name, reference in pairs:
        columns = _pair(arms, arms.arms.index(name), arms.arms.index(reference))
        about = {
            "arm": name,
            **parts[name]._asdict(),
            "reference": reference,
            "reference_role": parts[reference].role,
        }
        for position, (task, metric) in enumerate(
            zip((*tasks.names, MEAN), (*metrics, mean_metric), strict=True)
        ):
            values = {column: finite(array[position]) for column, array in columns.items()}
            rows.append({**about, "task": task, "metric": metric, **values})
    return pa.Table.from_pylist(rows, schema=GAINS)


def _pair(arms: ArmScores, first: int, second: int) -> dict[str, np.ndarray]:
    """The columns of the gains table for one pair, each (T + 1,): the tasks and their mean."""
    differences = _points(arms.scores[:, first] - arms.scores[:, second])
    interval = nadeau_bengio(_repetitions(differences, arms.splits), overlap=arms.overlap)
    low, high = bootstrap_interval(_points(arms.resampled[:, first] - arms.resampled[:, second]))
    if (np.isnan(low) & ~np.isnan(interval.mean))[:-1].any():
        # A task with a metric of its own cannot be resampled, so the mean over all tasks cannot
        # either.
        low[-1] = high[-1] = np.nan
    relative = relative_gain(
        *(
            _over_units(a)
            for a in (arms.errors[:, first], arms.errors[:, second], arms.wrong[:, second])
        )
    )
    return {
        "gain": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "p": interval.p,
        "p_holm": np.append(holm(interval.p[:-1]), interval.p[-1]),
        "bootstrap_low": low,
        "bootstrap_high": high,
        "relative_gain": np.append(relative, _over_units(relative)),
    }


def _repetitions(differences: np.ndarray, splits: np.ndarray) -> np.ndarray:
    """What an interval is taken over, (U, T + 1): seeds on one split.

    With several splits, their means over seeds.

    Seeds of one split share its test examples, so they are not further independent repetitions.
    """
    different = np.unique(splits)
    if len(different) == 1:
        return differences
    return np.stack([mean_where_known(differences[splits == split], 0) for split in different])


def costs_table(units: Sequence[Unit], parts: Mapping[str, Part]) -> pa.Table:
    """What one repetition of each arm takes, on average over units and draws.

    ``parts`` says what each arm is.

    >>> costs_table([], {}).num_rows
    0
    """
    by_arm: dict[str, list[ArmCost]] = {}
    for unit in units:
        for cost in unit.costs:
            by_arm.setdefault(cost["arm"], []).append(cost)
    rows = [
        {"arm": arm, **parts[arm]._asdict()}
        | {
            name: float(np.mean([cost[name] for cost in costs]))
            for name in ("models", "parameters", "model_steps", "seconds")
        }
        for arm, costs in by_arm.items()
    ]
    return pa.Table.from_pylist(rows, schema=COSTS)


def _averages_draws(unit: Unit, names: Sequence[str]) -> np.ndarray:
    """Matrix (A, draws of all arms) that averages the draws of each arm."""
    same = np.array([[arm == name for arm, _ in unit.arms] for name in names], dtype=np.float64)
    return same / same.sum(1, keepdims=True)


def _points(differences: np.ndarray) -> np.ndarray:
    """In points, with the mean over tasks as last column: (..., T) to (..., T + 1)."""
    return 100 * np.concatenate(
        [differences, mean_where_known(differences, -1)[..., None]], axis=-1
    )


def _over_units(values: np.ndarray) -> np.ndarray:
    return mean_where_known(values, 0)
