"""The chapter of affinities: how much each task helps each other one, as each method measured it.

Shapes: ``U`` units (repetitions), ``T`` tasks; matrices are [source, target].
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from coterie.drawing import matrices
from coterie.report.svg import inline
from coterie.results import Affinity
from coterie.results.standings import mean_where_known
from coterie.wording import share

if TYPE_CHECKING:
    from coterie.results import About, ComparisonRecord

_NAMED_PAIRS = 3


@dataclass(frozen=True)
class Pairs:
    """The highest and the lowest pairs of tasks, in words."""

    highest: list[str]
    lowest: list[str]


@dataclass(frozen=True)
class Map:
    """The heat map of one affinity; ``names`` are the methods that it was measured for.

    ``low`` and ``high`` are the ends of its colours, in units of ten to the ``power``; ``cut`` says
    that values may lie beyond, ``gaps`` how many pairs were never measured.
    """

    names: list[str]
    measure: str
    reading: str
    svg: Markup
    signed: bool
    low: str
    high: str
    cut: bool
    power: str
    pairs: Pairs
    gaps: int
    firmness: str
    repetitions: int


def chapter(comparison: ComparisonRecord) -> list[Map]:
    """One heat map per measured affinity, the mean over repetitions.

    Methods that share a measurement share the map.
    """
    return [
        _entry(names, comparison.about[names[0]], measured, position)
        for position, (names, measured) in enumerate(_measurements(comparison))
    ]


def _measurements(comparison: ComparisonRecord) -> list[tuple[list[str], list[Affinity]]]:
    """Names of the methods that have an affinity, those of equal ones together.

    And the affinity on each repetition.
    """
    found: list[tuple[list[str], list[Affinity]]] = []
    for name in comparison.methods:
        measured = [
            each.evidence for each in comparison.found[name] if isinstance(each.evidence, Affinity)
        ]
        if not measured:
            continue
        same = (names for names, known in found if _equal(known, measured))
        if (names := next(same, None)) is not None:
            names.append(name)
        else:
            found.append(([name], measured))
    return found


def _equal(one: Sequence[Affinity], other: Sequence[Affinity]) -> bool:
    return len(one) == len(other) and all(
        a.method == b.method
        and all(
            np.array_equal(
                np.asarray(getattr(a, which), dtype=np.float64),
                np.asarray(getattr(b, which), dtype=np.float64),
                equal_nan=True,
            )
            for which in ("matrix", "stderr")
        )
        for a, b in zip(one, other, strict=True)
    )


def _entry(names: Sequence[str], about: About, measured: Sequence[Affinity], position: int) -> Map:
    tasks, measure = measured[0].tasks, measured[0].method
    matrix, repeated = _mean(measured), _matrices(measured)
    signed = about.signed
    figure = inline(
        matrices.heat_map(matrix, tasks, signed=signed),
        name=f"affinity{position}",
        alt=f"Affinity by {measure} between {len(tasks)} tasks, sources as rows and targets as "
        f"columns. {_said(matrix, tasks)}",
        keeps_size=True,
    )
    power = matrices.scale_of(matrices.off_diagonal(matrix))
    low, high = matrices.limits(matrix, signed=signed)
    return Map(
        names=list(names),
        measure=about.measures,
        reading=about.reading,
        svg=figure,
        signed=signed,
        low=matrices.scaled(low, power),
        high=("+" if signed else "") + matrices.scaled(high, power),
        cut=len(tasks) > matrices.MOST_VALUES,
        power=str(-power).replace("-", "−") if power else "",
        pairs=_pairs(matrix, tasks, power),
        gaps=int(np.isnan(matrix[~np.eye(len(tasks), dtype=bool)]).sum()),
        firmness=_firmness(repeated, measured, power),
        repetitions=len(measured),
    )


def _matrices(measured: Sequence[Affinity], which: str = "matrix") -> np.ndarray:
    """The affinities (U, T, T), or their standard errors, of all repetitions that have one."""
    found = [getattr(each, which) for each in measured]
    return np.array([each for each in found if each is not None], dtype=np.float64)


def _mean(measured: Sequence[Affinity]) -> np.ndarray:
    """Mean (T, T) over repetitions of what was measured on each."""
    return mean_where_known(_matrices(measured), 0)


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


def _pairs(matrix: np.ndarray, tasks: Sequence[str], power: int) -> Pairs:
    """The highest and the lowest pairs in words, none of them twice."""
    ranked = _ranked(matrix, tasks)
    few = min(_NAMED_PAIRS, len(ranked) // 2)
    text = lambda pair: f"{pair[1]} ({matrices.scaled(pair[0], power)})"  # noqa: E731
    return Pairs(
        highest=[text(pair) for pair in ranked[:few]],
        lowest=[text(pair) for pair in ranked[::-1][:few]],
    )


def _said(matrix: np.ndarray, tasks: Sequence[str]) -> str:
    found = _pairs(matrix, tasks, 0)
    if not found.highest:
        return ""
    return f"Highest: {', '.join(found.highest)}. Lowest: {', '.join(found.lowest)}."


def _firmness(repeated: np.ndarray, measured: Sequence[Affinity], power: int) -> str:
    """How far the values can be trusted, and whether they moved while the model trained."""
    drifts = [drift for each in measured if (drift := each.details.get("drift")) is not None]
    moved = (
        f"Correlation of the pairs between the halves of a training: {share(float(np.mean(drifts)))}."
        if drifts
        else ""
    )
    return f"{_spread(repeated, measured, power)} {moved}".strip()


def _spread(repeated: np.ndarray, measured: Sequence[Affinity], power: int) -> str:
    """Rank correlation between repetitions, or the median standard error of one."""
    from scipy.stats import rankdata

    away = ~np.eye(repeated.shape[1], dtype=bool)
    known = repeated[:, away][:, np.isfinite(repeated[:, away]).all(axis=0)]
    if len(known) > 1 and known.shape[1] > 2 and (np.ptp(known, axis=1) > 0).all():
        correlations = np.corrcoef(rankdata(known, axis=1))[np.triu_indices(len(known), 1)]
        mean = share(float(correlations.mean()))
        return f"Rank correlation of the pairs between repetitions: {mean} (mean)."
    errors = _matrices(measured, "stderr")
    errors = errors[:, away][np.isfinite(errors[:, away])] if errors.ndim == 3 else np.empty(0)
    return (
        f"Median standard error of a value: {matrices.scaled(float(np.median(errors)), power)}."
        if len(errors)
        else ""
    )
