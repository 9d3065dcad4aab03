"""The tables of a comparison: gains of each arm over its references, and costs.

Shapes: ``U`` units, ``A`` arms, ``T`` tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from coterie.evaluation.metrics import finite
from coterie.evaluation.scores import ArmScores
from coterie.evaluation.units import ArmCost, Unit
from coterie.results.standings import mean_where_known
from coterie.results.tables import COSTS, GAINS, MEAN, Part
from coterie.statistics import Interval, Settle, holm, outcome, settle

FEWEST_ERRORS = 10


def gains_table(
    arms: ArmScores,
    pairs: Sequence[tuple[str, str]],
    tasks: Sequence[str],
    parts: Mapping[str, Part],
) -> pa.Table:
    """One row per pair of arms and task, and one for the mean over tasks.

    ``parts`` says what each arm is.

    Holm's correction is over the tasks of one pair. The mean stands for itself; but where several
    groupings are held against joint, their means have intervals that hold all at once.
    """
    corrected = several_groupings(arms, pairs, parts)
    rows: list[dict[str, object]] = []
    for name, reference in pairs:
        first, second = arms.arms.index(name), arms.arms.index(reference)
        found = arms.gains(first, second)
        if (mean := corrected.get((name, reference))) is not None:
            found = _with_last(found, mean)
        relative = _relative(arms, first, second)
        p_holm = np.append(holm(found.p[:-1]), found.p[-1])
        about = {
            "arm": name,
            **parts[name]._asdict(),
            "reference": reference,
            "reference_role": parts[reference].role,
        }
        for position, (task, metric) in enumerate(
            zip((*tasks, MEAN), (*arms.metrics, arms.metric), strict=True)
        ):
            values = _row(found[position], float(arms.margins[position]), arms.examples)
            values |= {
                "p_holm": finite(p_holm[position]),
                "relative_gain": finite(relative[position]),
            }
            rows.append({**about, "task": task, "metric": metric, **values})
    return pa.Table.from_pylist(rows, schema=GAINS)


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
            name: float(np.mean([cost.get(name, np.nan) for cost in costs]))
            for name in ("models", "parameters", "model_steps", "seconds", "latency")
        }
        for arm, costs in by_arm.items()
    ]
    return pa.Table.from_pylist(rows, schema=COSTS)


def relative_gain(
    error: np.ndarray, reference: np.ndarray, reference_wrong: np.ndarray
) -> np.ndarray:
    """(error_ref - error) / error_ref of each task, NaN below ten errors of the reference.

    ``reference_wrong`` counts the reference's wrong examples; NaN (every prediction is somewhat
    wrong) passes.

    >>> relative_gain(np.array([0.1, 0.1]), np.array([0.2, 0.2]), np.array([30.0, 9.0]))
    array([0.5, nan])
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        gain = np.where(reference > 0, (reference - error) / reference, np.nan)
    return np.where(reference_wrong < FEWEST_ERRORS, np.nan, gain)


def _row(found: Interval, margin: float, n_examples: int) -> dict[str, object]:
    """The columns of one pair and task; an interval may count groups of the test examples."""
    known = bool(np.isfinite(found.low) and np.isfinite(found.high))
    answer = outcome(found, margin) if known else None
    undecided = answer == "undecided"
    more = settle(found, margin).beyond(found, n_examples) if undecided else Settle(None, None)
    by_seeds = (found.seed_variance + found.interaction_variance) / found.seeds
    return {
        "gain": finite(found.mean),
        "low": finite(found.low),
        "high": finite(found.high),
        "p": finite(found.p),
        "training_se": finite(np.sqrt(by_seeds)),
        "examples_se": finite(np.sqrt(found.example_variance)),
        "margin": margin,
        "outcome": answer,
        "more_seeds": more.seeds,
        "more_examples": more.examples,
    }


def several_groupings(
    arms: ArmScores, pairs: Sequence[tuple[str, str]], parts: Mapping[str, Part]
) -> dict[tuple[str, str], Interval]:
    """Mean gains of groupings over joint that hold all at once, where there are several."""
    judged = [
        (name, other)
        for name, other in pairs
        if parts[name].role == "grouped" and parts[other].role == "joint"
    ]
    if len(judged) < 2:
        return {}
    places = [arms.arms.index(name) for name, _ in judged]
    found = arms.mean_gains(places, arms.arms.index(judged[0][1]))
    return {pair: found[place] for place, pair in enumerate(judged)}


def _with_last(found: Interval, mean: Interval) -> Interval:
    """The intervals of the tasks, and of the mean another one."""
    ends = {
        name: np.append(getattr(found, name)[:-1], getattr(mean, name))
        for name in ("low", "high", "p")
    }
    return replace(found, **ends)


def _relative(arms: ArmScores, first: int, second: int) -> np.ndarray:
    """Relative gains (T + 1,), last their mean; the error is 1 - deciding metric."""
    errors = np.where(np.isnan(arms.chance), np.nan, 1 - arms.scores)
    per_task = relative_gain(
        *(
            mean_where_known(values, 0)
            for values in (errors[:, first], errors[:, second], arms.wrong[:, second])
        )
    )
    return np.append(per_task, mean_where_known(per_task[arms.counted()], 0))
