"""The chapter of groups: who is in them, and how much each has to say about each task."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from coterie.report.folding import FEW
from coterie.results.tables import CHOSEN
from coterie.wording import share

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord, Grouping

READ_AT = 2.0


@dataclass(frozen=True)
class Cell:
    """How much one group has to say about one task; ``own`` is the task's own group."""

    text: str
    percent: int
    own: bool


@dataclass(frozen=True)
class Row:
    """One task; the ``first`` begins another group than that of the task above."""

    task: str
    cells: list[Cell]
    first: bool


@dataclass(frozen=True)
class Reading:
    """A membership as a heat map, read in one way."""

    title: str
    rows: list[Row]


@dataclass(frozen=True)
class Groups:
    """The groups of one method by name, what they train ``besides``, and their heat maps."""

    name: str
    method: str
    groups: list[list[str]]
    besides: list[list[str]]
    folded: bool
    readings: list[Reading]


def task_order(comparison: ComparisonRecord) -> list[str]:
    """All task names, those of one group together (by the first grouping).

    The order of every chapter.
    """
    first = next((groupings[0] for groupings in comparison.groupings.values() if groupings), None)
    return [
        comparison.tasks[t]
        for t in (range(len(comparison.tasks)) if first is None else by_group(first))
    ]


def by_group(grouping: Grouping) -> list[int]:
    """Task positions: group after group, in each the surest first."""
    strength = _reading(grouping).max(1)
    return sorted(
        range(len(grouping.tasks)),
        key=lambda t: (grouping.labels[t], -round(float(strength[t]), 6), t),
    )


def memberships(comparison: ComparisonRecord) -> list[Groups]:
    """One entry per grouping but the choice, which is one of them.

    Its groups by name and its heat maps.

    Among several methods, hard groups need no heat map: it would repeat the names.
    """
    return [
        _groups(name, seeds[0], comparison)
        for name, seeds in comparison.groupings.items()
        if seeds and name != CHOSEN
    ]


def _groups(name: str, grouping: Grouping, comparison: ComparisonRecord) -> Groups:
    chosen = comparison.found.get(CHOSEN)
    is_drawn = grouping.n_groups > 1 and not (chosen and _is_listed(grouping))
    return Groups(
        name=name,
        method=grouping.method,
        groups=[list(names) for names in grouping.groups],
        besides=besides(grouping),
        folded=bool(chosen) and len(comparison.tasks) > FEW and name != chosen[0].chosen,
        readings=_readings(grouping) if is_drawn else [],
    )


def _is_listed(grouping: Grouping) -> bool:
    """Whether the list of its groups says all.

    Each task in one group only, without distances to the others.
    """
    return (
        grouping.distances is None
        and not any(besides(grouping))
        and bool(np.isin(grouping.membership, (0, 1)).all())
    )


def besides(grouping: Grouping) -> list[list[str]]:
    """Tasks that each group trains but serves less than another group does.

    Of groups that train only what they serve, none.

    >>> from coterie.results import Grouping
    >>> serves, trains = np.eye(2)[[0, 0, 1]], np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    >>> besides(Grouping(tasks=("a", "b", "c"), membership=serves, method="m", row_weights=trains))
    [[], ['b']]
    """
    if grouping.row_weights is None:
        return [[] for _ in range(grouping.n_groups)]
    return [
        [task for t, task in enumerate(grouping.tasks) if row[t] > 0 and grouping.labels[t] != k]
        for k, row in enumerate(grouping.row_weights)
    ]


def _reading(grouping: Grouping) -> np.ndarray:
    return grouping.membership if grouping.distances is None else grouping.membership_at(READ_AT)


def _readings(grouping: Grouping) -> list[Reading]:
    if grouping.row_weights is not None and any(besides(grouping)):
        return [_trained_and_served(grouping, grouping.row_weights.T)]
    trained = (
        "as it served in training"
        if grouping.fuzziness is None
        else f"as it served in training, m\u00a0=\u00a0{grouping.fuzziness:g}"
    )
    tables = {trained: np.asarray(grouping.membership)}
    if grouping.distances is not None and grouping.fuzziness != READ_AT:
        tables = {
            f"how near each task is to each group, m\u00a0=\u00a0{READ_AT:g}": _reading(grouping)
        } | tables
    return [
        _heat_map(
            title, grouping, table / table.max(), [[share(float(v)) for v in row] for row in table]
        )
        for title, table in tables.items()
    ]


def _trained_and_served(grouping: Grouping, weights: np.ndarray) -> Reading:
    """Groups that train more tasks than they serve; ``weights`` (T, K)."""
    own = np.arange(grouping.n_groups) == grouping.labels[:, None]
    plainly = bool(np.isin(weights, (0, 1)).all())
    texts = (
        np.where(weights == 0, "", np.where(own, "serves", "trains")).tolist()
        if plainly
        else [[share(float(weight)) for weight in row] for row in weights]
    )
    shades = np.where(own, 1.0, 0.45) * weights / weights.max()
    return _heat_map("what each group trains, and whom it serves", grouping, shades, texts)


def _heat_map(
    title: str, grouping: Grouping, shades: np.ndarray, texts: Sequence[Sequence[str]]
) -> Reading:
    """A heat map (T, K) with ``shades`` from 0 to 1, tasks in the order of their groups."""
    order, labels = by_group(grouping), grouping.labels.tolist()
    rows = []
    for before, t in zip([*order[:1], *order], order, strict=False):
        cells = [
            Cell(text, round(100 * float(shade)), own=k == labels[t])
            for k, (shade, text) in enumerate(zip(shades[t], texts[t], strict=True))
        ]
        rows.append(Row(grouping.tasks[t], cells, first=labels[t] != labels[before]))
    return Reading(title, rows)
