"""From columns to tasks and their labels: codes of classes, or numbers in units."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from coterie.data.columns import TargetColumn, constant, plain_text, strange_cells
from coterie.data.targets import Labels
from coterie.errors import CoterieError
from coterie.tasks import KINDS, Kind, Task

if TYPE_CHECKING:
    import pandas as pd


def encode_column(
    column: pd.Series, kind: Kind | None = None, positive: str | None = None
) -> tuple[Task, np.ndarray]:
    """Infer the kind of a target unless given; return its task and its labels.

    Labels (N,) are codes of classes or values in units, float64.

    Kinds are asked in the order of ``KINDS`` whether they recognise the column. Declared classes
    (ordered categories, names in the file) are binary if they are two, else multi-class, and keep
    their order, seen or not. Two distinct values: binary. Text, categories, or at most 20 whole
    numbers: multi-class, in ascending order. Else regression.

    Args:
        column: the target as :func:`coterie.data.cells.read_cells` understood it, indexed by row
            number.
        kind: overrides the inferred kind.
        positive: the positive class of a binary target.

    Raises:
        CoterieError: constant or empty column, dates, lists, text among numbers, infinite values,
            classes that do not suit the kind, a positive class that is none.

    >>> import pandas as pd
    >>> task, labels = encode_column(pd.Series(["no", "yes", None], name="smiles"))
    >>> task.kind, task.classes, labels
    ('binary', ('no', 'yes'), array([ 0.,  1., nan]))
    """
    if strange := strange_cells(column):
        raise CoterieError(
            f"Target {str(column.name)!r} holds {strange}; it must hold numbers or classes."
        )
    cells = TargetColumn(column)
    name, n_distinct = cells.name, cells.n_distinct
    if n_distinct == 0:
        raise CoterieError(f"Target {name!r} has no label at all: every cell is missing.")
    if n_distinct == 1 or (not cells.stray.any() and constant(cells.numbers, column.dtype)):
        only = plain_text(column.dropna().iloc[0])
        raise CoterieError(f"Target {name!r} is constant: every label is {only!r}. Leave it out.")
    kind = kind or next(kind for kind in KINDS.values() if kind.recognises(cells))
    classes, values = kind.read(cells, positive if kind.has_positive else None)
    if positive is not None and not kind.has_positive:
        what = (
            f"has {len(classes)} classes; a binary target has two"
            if classes
            else f"is a {kind} target"
        )
        raise CoterieError(f"`positive` names a class of {name!r}, which {what}.")
    return Task(name=name, kind=kind, classes=classes), values


def one_vs_rest(column: pd.Series) -> tuple[list[Task], np.ndarray]:
    """Return one binary task per class and labels (N, T), NaN where the class is missing.

    >>> import pandas as pd
    >>> tasks, values = one_vs_rest(pd.Series(["cat", "dog", "cow"], name="label"))
    >>> tasks[2].name, values[:, 2]
    ('dog', array([0., 1., 0.]))
    """
    whole, codes = encode_column(column, Kind.MULTICLASS)
    tasks = [Task(name=name, kind=Kind.BINARY, classes=("other", name)) for name in whole.classes]
    values = (codes[:, None] == np.arange(len(tasks))).astype(np.float64)
    values[np.isnan(codes)] = np.nan
    return tasks, values


def long_form(
    column: pd.Series, task_of: pd.Series, kind: Kind | None = None, positive: str | None = None
) -> Labels:
    """Spread one target over as many tasks as ``task_of`` has values.

    (N, T) with one label in each row.

    >>> import pandas as pd
    >>> labels = long_form(pd.Series([0, 1, 1], name="mine"), pd.Series([5, 5, 7], name="field"))
    >>> [task.name for task in labels.tasks], labels.values
    (['field 5', 'field 7'], array([[ 0., nan],
           [ 1., nan],
           [nan,  1.]]))
    """
    import pandas as pd

    task, values = encode_column(column, kind, positive)
    if strange_cells(task_of).startswith("lists"):
        raise CoterieError(
            f"`task_column` {str(task_of.name)!r} holds lists or structures; it must name tasks."
        )
    codes, names = pd.factorize(task_of, sort=True)
    if len(names) == 0:
        raise CoterieError(f"`task_column` {str(task_of.name)!r} is empty.")
    spread = np.full((len(values), len(names)), np.nan)
    rows = np.flatnonzero(codes >= 0)
    spread[rows, codes[rows]] = values[rows]
    tasks = tuple(replace(task, name=f"{task_of.name} {plain_text(name)}") for name in names)
    label = np.nan_to_num(values, nan=-1) if task.kind.has_classes else np.zeros(len(codes))
    strata = np.unique(np.stack([codes, label]), axis=1, return_inverse=True)[1].ravel()
    return Labels(tasks=tasks, values=spread, strata=strata)
