"""The tasks that the target columns make, and their labels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from coterie.data.columns import plain_text, series, some
from coterie.data.encoding import encode_column, long_form, one_vs_rest
from coterie.data.roles import Columns
from coterie.data.sources import RawData
from coterie.data.targets import Labels
from coterie.errors import CoterieError
from coterie.tasks import Kind, Task, kind_named, unknown_kind


def label(
    raw: RawData,
    columns: Columns,
    kinds: Mapping[str, str] | None = None,
    positive: Mapping[str, object] | None = None,
) -> Labels:
    """Make tasks and labels of the target columns.

    Args:
        raw: what was read.
        columns: which of its columns are targets.
        kinds: overrides the inferred kinds, by target column.
        positive: the positive classes of binary targets, by target column.

    Raises:
        CoterieError: an argument names no target, or no kind; a column that cannot be a target; two
            tasks of one name.
    """
    frame, kind_of = raw.frame, _checked_kinds(kinds, columns)
    positive_of = _checked_positives(positive, columns)
    if columns.task is not None and (target := columns.target) is not None:
        column, task_of = series(frame, target), series(frame, columns.task)
        return long_form(column, task_of, kind_of.get(target), positive_of.get(target))
    tasks: list[Task] = []
    parts: list[np.ndarray] = []
    for name in columns.targets:
        task, values = encode_column(series(frame, name), kind_of.get(name), positive_of.get(name))
        tasks, parts = [*tasks, task], [*parts, values[:, None]]
    if columns.one_vs_rest is not None:
        classes, values = one_vs_rest(series(frame, columns.one_vs_rest))
        tasks, parts = tasks + classes, [*parts, values]
    names = [task.name for task in tasks]
    if twice := [name for name in names if names.count(name) > 1]:
        raise CoterieError(f"Two tasks are called {twice[0]!r}: rename a column or a class.")
    one_column = len(columns.labelled) == 1 and tasks[0].kind.has_classes
    return Labels(
        tasks=tuple(tasks),
        values=np.concatenate(parts, axis=1),
        strata=_classes(parts[0]) if one_column else None,
    )


def _classes(values: np.ndarray) -> np.ndarray:
    """Class of each example, (N,), -1 where missing; a split keeps the share of each.

    ``values`` are codes (N, 1), or one class against the rest (N, T).
    """
    if values.shape[1] == 1:
        return np.nan_to_num(values[:, 0], nan=-1)
    return np.where(np.isnan(values).any(1), -1, values.argmax(1))


def _checked_kinds(kinds: Mapping[str, str] | None, columns: Columns) -> dict[str, Kind]:
    """Check the kinds that override the inferred ones, by target column."""
    answer = {}
    for name, kind in (kinds or {}).items():
        if name not in columns.labelled:
            raise CoterieError(
                f"`kinds` names {name!r}, which is no target; targets are {some(columns.labelled)}."
            )
        if (right := unknown_kind(kind)) is not None:
            raise CoterieError(f"`kinds` must be {right}; found {kind!r} for {name!r}.")
        answer[name] = kind_named(kind)
    return answer


def _checked_positives(positive: Mapping[str, object] | None, columns: Columns) -> dict[str, str]:
    """Check the positive classes that the user names, by target column; as text."""
    for name in positive or {}:
        if name not in columns.labelled or name == columns.one_vs_rest:
            known = [column for column in columns.labelled if column != columns.one_vs_rest]
            raise CoterieError(
                f"`positive` names {name!r}, which is no target; targets are {some(known)}."
            )
    return {name: plain_text(value) for name, value in (positive or {}).items()}
