"""How the arms of a comparison stand.

Mean scores, regret, and what each method spent and proved to find its groups.

Works on what a comparison holds, tables of scores and groupings by method and repetition; a unit is
a seed and a split.
"""

from __future__ import annotations

import math
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, Self, TypedDict, TypeVar

import numpy as np
import pyarrow as pa

from coterie.results.found import Found
from coterie.results.selections import Selection
from coterie.wording import is_number

METHODS = pa.schema(
    [
        ("method", pa.string()),
        ("kind", pa.string()),
        ("candidates", pa.string()),
        ("model_steps", pa.float64()),
        ("seconds", pa.float64()),
        ("with_joint", pa.float64()),
        ("score", pa.float64()),
        ("regret", pa.float64()),
        ("regret_sd", pa.float64()),
        ("proven", pa.int64()),
        ("gap", pa.float64()),
        ("repetitions", pa.int64()),
    ]
)

U = TypeVar("U")


class Spread(NamedTuple):
    """A mean and the standard deviation about it, NaN where there are too few values."""

    mean: float
    sd: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Self:
        """Those of some values.

        >>> Spread.of([0.25, 0.75]).mean, Spread.of([0.5])
        (0.5, Spread(mean=0.5, sd=nan))
        """
        return cls(
            float(np.mean(values)) if values else math.nan,
            float(np.std(values, ddof=1)) if len(values) > 1 else math.nan,
        )


def mean_where_known(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean over an axis of what is not NaN, NaN where nothing is.

    >>> mean_where_known(np.array([[1.0, np.nan], [3.0, np.nan]]), 0).tolist()
    [2.0, nan]
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of an empty slice, of infinities
        return np.nanmean(values, axis=axis)


class Regret(TypedDict):
    """How good an arm is: its ``score``, and how far that lies below the best, in points."""

    score: float | None
    regret: float | None
    regret_sd: float | None


class Proof(TypedDict):
    """On how many of the ``repetitions`` groups are ``proven`` best, and the largest ``gap``."""

    proven: int | None
    gap: float | None
    repetitions: int


class MethodRow(Regret, Proof):
    """A row of :attr:`ComparisonRecord.methods_table`."""

    method: str
    kind: str
    candidates: str | None
    model_steps: float | None
    seconds: float | None
    with_joint: float | None


def task_scores(scores: pa.Table) -> dict[tuple[str, str, str], Spread]:
    """Mean and spread over seeds, splits and draws, by arm, task and metric.

    What is not defined is left out.
    """
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    columns = (scores.column(name).to_pylist() for name in ("arm", "task", "metric", "value"))
    for arm, task, metric, value in zip(*columns, strict=True):
        if is_number(value):
            found[arm, task, metric].append(value)
    return {key: Spread.of(values) for key, values in found.items()}


def run_means(
    scores: pa.Table, metrics: Mapping[str, str]
) -> dict[str, dict[tuple[int, int, int], float]]:
    """Mean over tasks of each task's metric, by arm and then by (seed, split, draw).

    What is not defined is left out.

    >>> run = {"arm": "joint", "seed": 0, "split": 0, "draw": 0, "metric": "r2"}
    >>> rows = [{**run, "task": t, "value": v}
    ...         for t, v in (("a", 0.25), ("b", 0.75), ("c", None))]
    >>> run_means(pa.Table.from_pylist(rows), dict.fromkeys("abc", "r2"))
    {'joint': {(0, 0, 0): 0.5}}
    """
    runs: dict[str, dict[tuple[int, int, int], list[float]]] = defaultdict(
        lambda: defaultdict(list)
    )
    names = ("arm", "seed", "split", "draw", "task", "metric", "value")
    for arm, seed, split, draw, task, name, value in zip(
        *(scores.column(n).to_pylist() for n in names), strict=True
    ):
        if name == metrics.get(task) and is_number(value):
            runs[arm][seed, split, draw].append(value)
    return {
        arm: {run: float(np.mean(values)) for run, values in found.items()}
        for arm, found in runs.items()
    }


def unit_means(runs: Mapping[tuple[int, int, int], float]) -> dict[tuple[int, int], float]:
    """Mean over draws, by (seed, split).

    >>> unit_means({(0, 0, 0): 0.25, (0, 0, 1): 0.75})
    {(0, 0): 0.5}
    """
    found: dict[tuple[int, int], list[float]] = {}
    for (seed, split, _), value in runs.items():
        found.setdefault((seed, split), []).append(value)
    return {unit: float(np.mean(values)) for unit, values in found.items()}


def regret(own: Mapping[U, float], best: Mapping[U, float], *, itself: bool = False) -> Regret:
    """Mean score over units, and the points by which it lies below the best on the same units.

    >>> regret({0: 0.5, 1: 0.75}, {0: 0.75, 1: 0.75})["regret"]
    12.5
    """
    lost = 100 * np.array([best[unit] - value for unit, value in own.items() if unit in best])
    return {
        "score": float(np.mean(list(own.values()))) if own else None,
        "regret": float(lost.mean()) if len(lost) else None,
        "regret_sd": float(lost.std(ddof=1)) if len(lost) > 1 and not itself else None,
    }


def spent(found: Sequence[Found], what: Literal["model_steps", "seconds"]) -> float:
    """What measuring took beyond the joint training, on average over units."""
    return float(np.mean([getattr(each.cost, what) for each in found]))


def candidates(found: Found) -> str | None:
    """From which rows a method selected; None of one that did not, or that does not say."""
    if not isinstance(found.evidence, Selection):
        return None
    told = found.evidence.details.get("candidates")
    return None if told is None else str(told)


def proof(found: Sequence[Found]) -> Proof:
    """On how many repetitions the groups are proven best by the method's own estimates."""
    selections = [each.evidence for each in found if isinstance(each.evidence, Selection)]
    gaps = [float(each.gap) for each in selections]
    return {
        "proven": sum(each.proven for each in selections) if selections else None,
        "gap": max(gaps) if gaps and all(map(is_number, gaps)) else None,
        "repetitions": len(found),
    }
