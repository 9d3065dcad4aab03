"""The chapter of stability: how far the groups can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from coterie.drawing import figures
from coterie.report.svg import inline
from coterie.results.groupings import aligned_labels
from coterie.results.tables import CHOSEN
from coterie.wording import is_number, number, plain

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord, Grouping
    from coterie.schema import Details

BETWEEN = "adjusted Rand between repetitions"
_FEATURES = {
    "cells": "confidence and variability of each example",
    "centred": "confidence and variability of each example, less the task’s means",
    "density": "where a task's examples lie on its map, whichever they are",
    "points": "votes of all single points of the maps",
}


@dataclass(frozen=True)
class Fact:
    """A number with its name."""

    label: str
    text: str


@dataclass(frozen=True)
class Moved:
    """A task that changed its group, with its group on each repetition."""

    task: str
    groups: list[int]


@dataclass(frozen=True)
class Criterion:
    """How "auto" chose the number of groups."""

    svg: Markup
    chosen: int
    threshold: str


@dataclass(frozen=True)
class Stability:
    """What there is to know of one grouping; ``given`` groups were not found anew."""

    name: str
    given: bool
    chosen: bool
    facts: list[Fact]
    notes: list[str]
    moved: list[Moved]
    repetitions: int
    criterion: Criterion | None


def chapter(comparison: ComparisonRecord) -> list[Stability]:
    """Per grouping.

    Agreement figures, tasks that changed group between repetitions, how the number of groups was
    found.

    Only groups that each repetition found anew can be said to be the same again; others were given.
    """
    chapters = []
    for position, (name, seeds) in enumerate(comparison.groupings.items()):
        agreed = comparison.stability.get(name, {})
        given = len(seeds) > 1 and BETWEEN not in agreed
        own = name != CHOSEN  # what stands for the choice is told under its own name
        details = seeds[0].details if own else {}
        facts = [_fact(label, value) for label, value in agreed.items()]
        chapters.append(
            Stability(
                name=name,
                given=given,
                chosen=not own,
                facts=facts + _measured_by(details),
                notes=[str(note) for note in details.get("notes", ())],
                moved=[] if given or not own else moved_tasks(seeds),
                repetitions=len(seeds),
                criterion=_criterion(seeds[0], f"auto{position}") if own else None,
            )
        )
    return chapters


def _measured_by(details: Details) -> list[Fact]:
    rows = []
    if (features := details.get("features")) is not None:
        rows.append(_fact("tasks compared by", _FEATURES.get(features, features)))
    if is_number(share := details.get("difficulty_share")):
        rows.append(_fact("share of what tells groups apart that is difficulty", float(share)))
    if is_number(left_out := details.get("negative_share")):
        rows.append(_fact("share of distances that points cannot show, left out", abs(left_out)))
    return rows


def _fact(label: str, value: object) -> Fact:
    """A labelled number, or the mean and range of several."""
    many = (
        [v for v in value if is_number(v)]
        if isinstance(value, Sequence) and not isinstance(value, str)
        else []
    )
    if len(many) > 1:
        low, mean, high = (number(float(v), 2) for v in (min(many), np.mean(many), max(many)))
        text = f"mean {mean}, from {low} to {high} (n = {len(many)})"
    else:
        only = many[0] if many else value
        text = number(only, 2) if isinstance(only, float) else plain(only)
    return Fact(label.replace("_", " "), text)


def moved_tasks(seeds: Sequence[Grouping]) -> list[Moved]:
    """Tasks that are not in the same group on all seeds, with their group on each, from 1.

    Numbers are those of the groups of the first seed.
    """
    table = aligned_labels(seeds) + 1
    moved = np.flatnonzero((table != table[:, :1]).any(1))
    return [Moved(seeds[0].tasks[t], table[t].tolist()) for t in moved]


def _criterion(grouping: Grouping, name: str) -> Criterion | None:
    """How "auto" chose the number of groups; None where the number was given."""
    found = grouping.details.get("silhouette")
    if not found:
        return None
    choices, values = [int(k) for k in found], np.array(list(found.values()), dtype=float)
    least, chosen = grouping.details["least_silhouette"], grouping.n_groups
    axes = figures.criterion(choices, values, chosen, threshold=least, what="silhouette")
    alt = "Silhouette by number of groups: " + ", ".join(
        f"{k}: {number(float(v))}" for k, v in zip(choices, values, strict=True)
    )
    return Criterion(inline(axes, name=name, alt=alt), chosen, number(float(least), 2))
