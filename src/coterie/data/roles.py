"""Which column plays which part, and the tasks that the target columns make."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coterie.data.columns import series, some
from coterie.data.sources import Source
from coterie.data.splits import given_parts
from coterie.data.targets import Labels, encode_column, long_form, one_vs_rest
from coterie.errors import CoterieError
from coterie.tasks import Kind


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column plays which part."""

    targets: tuple[str, ...]
    one_vs_rest: str | None
    task: str | None
    target: str | None
    group: str | None
    split: str | None
    exclude: tuple[str, ...]

    @property
    def not_inputs(self) -> list[str]:
        """Columns that have another part to play."""
        named = (self.one_vs_rest, self.task, self.target, self.group, self.split)
        return [*dict.fromkeys([*self.targets, *self.exclude, *(name for name in named if name is not None)])]

    @property
    def labelled(self) -> list[str]:
        """Columns that become tasks."""
        return [*self.targets, *(name for name in (self.one_vs_rest, self.target) if name is not None)]


def choose_columns(
    raw: Source,
    targets: Sequence[str] | str | None,
    one_vs_rest: str | None,
    exclude: Sequence[str] | str,
    task_column: str | None,
    target_column: str | None,
    group_column: str | None,
    split_column: str | None,
) -> Columns:
    """Settle the columns from the arguments of ``load``, the schema metadata and what came with the inputs.

    Raises:
        CoterieError: unknown, duplicate or contradictory columns.
    """
    about = raw.metadata
    if targets is None and one_vs_rest is None and task_column is None and target_column is None:
        if isinstance(about.get("targets"), list):
            targets = about["targets"]
        elif isinstance(about.get("task_column"), str) and isinstance(about.get("target"), str):
            task_column, target_column = about["task_column"], about["target"]
        elif raw.inputs is not None:
            targets = [name for name in raw.frame.columns if name not in (group_column, split_column)]
    if (task_column is None) != (target_column is None):
        raise CoterieError("`task_column` and `target_column` go together: name both or none.")
    columns = Columns(
        targets=_as_names(targets), one_vs_rest=one_vs_rest, task=task_column, target=target_column,
        group=group_column, split=split_column, exclude=_as_names(exclude),
    )  # fmt: skip
    if not columns.labelled:
        raise CoterieError(f"`targets` is needed: name target columns among {some(list(raw.frame.columns))}.")
    if columns.task is not None and len(columns.labelled) > 1:
        raise CoterieError(
            "`task_column` makes a task of each of its values: give neither `targets` nor `one_vs_rest` with it."
        )
    _check_columns(raw, columns)
    return columns


def _check_columns(raw: Source, columns: Columns) -> None:
    for argument, names in (
        ("targets", columns.targets), ("one_vs_rest", [columns.one_vs_rest]), ("task_column", [columns.task]),
        ("target_column", [columns.target]), ("group_column", [columns.group]), ("split_column", [columns.split]),
        ("exclude", columns.exclude),
    ):  # fmt: skip
        for name in names:
            if name is not None and name not in raw.frame.columns:
                known = [str(column) for column in raw.frame.columns]
                close = difflib.get_close_matches(name, known)
                hint = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"Columns are {some(known)}."
                raise CoterieError(f"`{argument}` names {name!r}, which is no column. {hint}")
    for position, name in enumerate(columns.labelled):
        if name in columns.labelled[:position]:
            raise CoterieError(f"`targets` names {name!r} twice.")
        if name in columns.exclude:
            raise CoterieError(f"Target {name!r} is also in `exclude`: take it out of one of the two.")
        if name in (columns.group, columns.split, columns.task):
            raise CoterieError(f"Target {name!r} is also the group, split or task column: it can be one thing only.")


def checked_kinds(kinds: Mapping[str, str] | None, columns: Columns) -> dict[str, Kind]:
    """Check the kinds that override the inferred ones, by target column."""
    answer = {}
    for name, kind in (kinds or {}).items():
        if name not in columns.labelled:
            raise CoterieError(f"`kinds` names {name!r}, which is no target; targets are {some(columns.labelled)}.")
        if kind not in list(Kind):
            raise CoterieError(f"`kinds` must be {', '.join(Kind)}; found {kind!r} for {name!r}.")
        answer[name] = Kind(kind)
    return answer


def label(raw: Source, columns: Columns, kinds: Mapping[str, Kind]) -> Labels:
    """Make tasks and labels of the target columns."""
    frame = raw.frame
    if columns.task is not None and columns.target is not None:
        return long_form(series(frame, columns.target), series(frame, columns.task), kinds.get(columns.target))
    pairs = [encode_column(series(frame, name), kinds.get(name), _class_names(raw, name)) for name in columns.targets]
    tasks, parts = [task for task, _ in pairs], [values[:, None] for _, values in pairs]
    if columns.one_vs_rest is not None:
        classes, values = one_vs_rest(series(frame, columns.one_vs_rest), _class_names(raw, columns.one_vs_rest))
        tasks, parts = tasks + classes, [*parts, values]
    names = [task.name for task in tasks]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise CoterieError(f"Two tasks are called {twice[0]!r}: rename a column or a class.")
    strata = None
    if tasks[0].kind is not Kind.REGRESSION and len(columns.labelled) == 1 and (len(tasks) == 1 or columns.one_vs_rest):
        # One-vs-rest tasks are one column of classes: a stratified split keeps every class's share.
        codes = parts[0][:, 0] if len(tasks) == 1 else np.where(np.isnan(parts[0]).any(1), -1, parts[0].argmax(1))
        strata = np.nan_to_num(codes, nan=-1)
    return Labels(tasks=tuple(tasks), values=np.concatenate(parts, axis=1), strata=strata)


def _class_names(raw: Source, column: str) -> Sequence[str]:
    """Names of the classes of a column from the metadata: COLUMN_names, fine_names for fine_label, names."""
    keys = [f"{column}_names", f"{column.removesuffix('label').rstrip('_')}_names"]
    if column == "label":
        keys.append("names")
    for key in keys:
        names = raw.metadata.get(key)
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names
    return ()


def given_split(raw: Source, columns: Columns) -> np.ndarray | None:
    """Part of each example where the data say so, (N,): 0, 1 or 2; None where the split is ours to draw."""
    if columns.split is None:
        return raw.part
    if series(raw.frame, columns.split).isna().any():
        raise CoterieError(f"`split_column` {columns.split!r} has empty cells: every row needs a part.")
    given = given_parts(series(raw.frame, columns.split).to_numpy(), columns.split)
    for part, name in ((0, "train"), (2, "test")):
        if not (given == part).any():
            raise CoterieError(f"`split_column` {columns.split!r} has no {name} rows.")
    return given


def _as_names(names: Sequence[str] | str | None) -> tuple[str, ...]:
    return () if names is None else (names,) if isinstance(names, str) else tuple(names)
