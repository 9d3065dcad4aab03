"""The chapter of affinities: how much each task helps each other one, as each method measured it.

Shapes: ``U`` units (repetitions), ``T`` tasks; matrices are [source, target].
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.drawing import matrices
from coterie.report import methods
from coterie.report.svg import inline
from coterie.wording import rounded, share

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord, Grouping

_NAMED_PAIRS = 3
# Similarities, and gains that are below zero by construction for almost every pair: only their
# order tells something.
_ONLY_ORDER = ("transfer_gain", "data_map")
_READINGS = {
    "cosine": "Above 0 the two tasks pull the shared parameters the same way, below 0 against each other.",
    "lookahead": "Above 0 a step on the source lowers the target’s loss, below 0 it raises it.",
    "transfer_gain": "Compare values, not signs: above 0 would mean that half a step on the source is worth more to the target "
    "than half a step of its own, so nearly all are below.",
    "auxiliary_gain": "Above 0 the source’s step helps the target on validation examples besides its own, below 0 it harms.",
    "data_map": "The nearer two maps, the higher; the value has no zero to compare with.",
}


def chapter(comparison: ComparisonRecord) -> list[dict[str, Any]]:
    """One heat map per measured affinity, the mean over repetitions.

    Methods that share a measurement share the map.
    """
    return [
        _entry(names, comparison.groupings[names[0]], position)
        for position, names in enumerate(_measurements(comparison))
    ]


def _measurements(comparison: ComparisonRecord) -> list[list[str]]:
    """Names of the methods that have an affinity, those of equal ones together."""
    found: dict[str, list[str]] = {}
    for name in comparison.methods:
        shown = [grouping.details.get("affinity") for grouping in comparison.groupings[name]]
        if any(_is_drawn(each, comparison.groupings[name][0]) for each in shown):
            found.setdefault(repr(shown), []).append(name)
    return list(found.values())


def _is_drawn(affinity: Any, grouping: Grouping) -> bool:
    return (
        isinstance(affinity, Mapping)
        and len(affinity.get("matrix") or ()) == len(grouping.tasks) > 1
    )


def _entry(names: Sequence[str], seeds: Sequence[Grouping], position: int) -> dict[str, Any]:
    tasks, measure = seeds[0].tasks, _measure(seeds)
    matrix, repeated = _mean(seeds), _matrices(seeds)
    signed = measure not in _ONLY_ORDER
    figure = inline(
        matrices.heat_map(matrix, tasks, signed=signed),
        name=f"affinity{position}",
        alt=f"Affinity by {measure} between {len(tasks)} tasks, sources as rows and targets as "
        f"columns. {_said(matrix, tasks)}",
        keeps_size=True,
    )
    power = matrices.scale_of(matrices.off_diagonal(matrix))
    low, high = matrices.limits(matrix, signed=signed)
    return {
        "names": list(names),
        "measure": methods.AFFINITIES.get(measure, measure),
        "reading": _READINGS.get(measure, "Higher means that the source helps the target more."),
        "svg": figure,
        "signed": signed,
        "low": matrices.scaled(low, power),
        "high": ("+" if signed else "") + matrices.scaled(high, power),
        "cut": len(tasks) > matrices.MOST_VALUES,
        "power": str(-power).replace("-", "−") if power else "",
        "pairs": _pairs(matrix, tasks, power),
        "gaps": int(np.isnan(matrix[~np.eye(len(tasks), dtype=bool)]).sum()),
        "firmness": _firmness(repeated, seeds, power),
        "repetitions": len(seeds),
    }


def _measure(seeds: Sequence[Grouping]) -> str:
    return next(
        str(g.details["affinity"].get("method", g.method))
        for g in seeds
        if _is_drawn(g.details.get("affinity"), seeds[0])
    )


def _matrices(seeds: Sequence[Grouping], which: str = "matrix") -> np.ndarray:
    """The affinities (U, T, T), or their standard errors, of all repetitions that have one."""
    found = [
        g.details["affinity"].get(which) for g in seeds if _is_drawn(g.details.get("affinity"), g)
    ]
    return np.array(
        [each for each in found if each is not None], dtype=np.float64
    )  # None becomes NaN


def _mean(seeds: Sequence[Grouping]) -> np.ndarray:
    """Mean (T, T) over repetitions of what was measured on each."""
    with warnings.catch_warnings():
        # A pair may have been measured on no repetition.
        warnings.filterwarnings("ignore", message="Mean of empty slice")
        return np.nanmean(_matrices(seeds), axis=0)


def _ranked(matrix: np.ndarray, tasks: Sequence[str]) -> list[tuple[float, str]]:
    """All measured pairs from the highest to the lowest; of a symmetric matrix each pair once."""
    same = np.allclose(matrix, matrix.T, equal_nan=True)
    link = "\u2009–\u2009" if same else "\u2009→\u2009"
    away = (
        np.triu(np.ones_like(matrix, dtype=bool), 1) if same else ~np.eye(len(matrix), dtype=bool)
    )
    pairs = np.argwhere(away & np.isfinite(matrix))
    values = matrix[tuple(pairs.T)]
    order = np.argsort(-values, kind="stable")
    return [(float(values[i]), f"{tasks[pairs[i, 0]]}{link}{tasks[pairs[i, 1]]}") for i in order]


def _pairs(matrix: np.ndarray, tasks: Sequence[str], power: int) -> dict[str, list[str]]:
    """The highest and the lowest pairs in words, none of them twice."""
    ranked = _ranked(matrix, tasks)
    few = min(_NAMED_PAIRS, len(ranked) // 2)
    text = lambda pair: f"{pair[1]} ({matrices.scaled(pair[0], power)})"  # noqa: E731
    return {
        "highest": [text(pair) for pair in ranked[:few]],
        "lowest": [text(pair) for pair in ranked[::-1][:few]],
    }


def _said(matrix: np.ndarray, tasks: Sequence[str]) -> str:
    found = _pairs(matrix, tasks, 0)
    return (
        f"Highest: {', '.join(found['highest'])}. Lowest: {', '.join(found['lowest'])}."
        if found["highest"]
        else ""
    )


def _firmness(repeated: np.ndarray, seeds: Sequence[Grouping], power: int) -> str:
    """How far the values can be trusted.

    Rank correlation between repetitions, or the median standard error of one.
    """
    from scipy.stats import rankdata

    away = ~np.eye(repeated.shape[1], dtype=bool)
    known = repeated[:, away][:, np.isfinite(repeated[:, away]).all(axis=0)]
    if len(known) > 1 and known.shape[1] > 2 and (np.ptp(known, axis=1) > 0).all():
        correlations = np.corrcoef(rankdata(known, axis=1))[np.triu_indices(len(known), 1)]
        return f"Rank correlation of the pairs between repetitions: {share(float(correlations.mean()))} (mean)."
    errors = _matrices(seeds, "stderr")
    errors = errors[:, away][np.isfinite(errors[:, away])] if errors.ndim == 3 else np.empty(0)
    return (
        f"Median standard error of a value: {matrices.scaled(float(np.median(errors)), power)}."
        if len(errors)
        else ""
    )


def slim(details: Mapping[str, Any], *, again: bool) -> dict[str, Any]:
    """Details for the JSON twin.

    Affinities in four digits, or left out where another grouping has the same (``again``).
    """
    found = details.get("affinity")
    rest = {key: value for key, value in details.items() if key != "affinity"}
    if again or not isinstance(found, Mapping):
        return rest
    arrays = {
        key: rounded(np.array(value, dtype=np.float64))
        if key in ("matrix", "stderr") and value is not None
        else value
        for key, value in found.items()
    }
    return {**rest, "affinity": arrays}
