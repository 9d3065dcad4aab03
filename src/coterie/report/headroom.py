"""The chapter of headroom: what any grouping can gain at most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from coterie.wording import number, unbroken

if TYPE_CHECKING:
    from coterie.results import Headroom


@dataclass(frozen=True)
class Row:
    """A task's scores, and standard deviations of them between subsets and between seeds."""

    task: str
    joint: str
    single: str
    subsets: str
    seeds: str


@dataclass(frozen=True)
class Chapter:
    """The bound in words and numbers, and what each task's scores vary by, in points."""

    sentence: str
    bound: str
    estimate: str
    overlapping: str
    margin: str
    n_groups: int
    trained: int
    seeds: int
    rows: list[Row]


def chapter(found: Headroom) -> Chapter:
    """What there is to tell of the headroom."""
    n_seeds, n_rows, _ = found.scores.shape
    spreads = np.sqrt([found.subset_variance, found.seed_variance])
    columns = np.stack([found.joint, found.single, *spreads], axis=1)
    return Chapter(
        sentence=unbroken(found.sentence),
        bound=number(found.bound, 2),
        estimate=number(found.estimate, 2),
        overlapping=number(found.overlapping_bound, 2),
        margin=number(found.margin, 1),
        n_groups=found.n_groups,
        trained=n_rows,
        seeds=n_seeds,
        rows=[
            Row(task, *(number(float(value), 1) for value in values))
            for task, values in zip(found.tasks, columns, strict=True)
        ],
    )
