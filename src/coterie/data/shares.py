"""A part of the labels: which examples stay when a share of a part is kept."""

from __future__ import annotations

from numbers import Real

import numpy as np

from coterie.data.splits import places
from coterie.data.targets import Labels
from coterie.errors import CoterieError, shown


def check_share(name: str, share: object) -> float:
    """Return a share as float.

    Raises:
        CoterieError: it does not lie above 0 and up to 1.

    >>> check_share("share", 1)
    1.0
    """
    if isinstance(share, bool) or not isinstance(share, Real) or not 0 < float(share) <= 1:
        raise CoterieError(f"`{name}` must lie above 0 and be at most 1; found {shown(share)}.")
    return float(share)


def kept_share(
    labels: Labels,
    share: float,
    generator: np.random.Generator,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Which examples of a part stay, (n,) bool, drawn at random.

    Shares are nested: what a smaller one keeps, a larger one keeps too, if the generators begin
    alike. Examples with the same labels (and the same gaps), numbers by the half in which they lie,
    keep their share together, so that every task does, also where each has examples of its own. One
    example of every class of a task, and of each half of its numbers, stays in any case.

    Args:
        labels: of the n examples of the part.
        share: above 0, at most 1.
        generator: tells which.
        groups: of the examples, (n,), that stay or go whole.

    >>> from coterie.tasks import Task
    >>> rare = np.array([[1.0]] + [[0.0]] * 9)
    >>> labels = Labels(tasks=(Task(name="a", kind="binary"),), values=rare)
    >>> np.flatnonzero(kept_share(labels, 0.2, np.random.default_rng(0))).tolist()
    [0, 4, 6]
    """
    cells = label_codes(labels)
    strata = np.unique(cells, axis=0, return_inverse=True)[1].ravel()
    place = places(len(cells), generator, strata=strata, groups=groups)
    kept = place < share
    order = np.argsort(place, kind="stable")
    for column in cells[order].T:
        values, first = np.unique(column, return_index=True)
        kept[order[first[values >= 0]]] = True
    if groups is None:
        return kept
    return np.isin(groups, groups[kept])


def label_codes(labels: Labels) -> np.ndarray:
    """Class of each label, of a number the half in which it lies, -1 where missing, (n, T) int64.

    >>> from coterie.tasks import Task
    >>> numbers = np.array([[3.0], [np.nan], [1.0], [8.0]])
    >>> label_codes(Labels(tasks=(Task(name="a", kind="regression"),), values=numbers)).ravel()
    array([ 0, -1,  0,  1])
    """
    values = labels.values
    cells = np.where(np.isnan(values), -1, values)
    for position, task in enumerate(labels.tasks):
        known = ~np.isnan(column := values[:, position])
        if not task.kind.has_classes and known.any():
            middle = np.median(column[known])
            # More than half of the values may be the largest one.
            above = column > middle if (column > middle).any() else column >= middle
            cells[:, position] = np.where(known, above, -1)
    return cells.astype(np.int64)
