"""Which column plays which part, and the tasks that the target columns make."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from coterie.data.columns import plain_text, series, some
from coterie.data.sources import Source
from coterie.data.splits import given_parts
from coterie.data.targets import Labels, encode_column, long_form, one_vs_rest
from coterie.errors import CoterieError
from coterie.tasks import Kind, kind_named, unknown_kind


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column plays which part."""

    targets: tuple[str, ...] = ()
    one_vs_rest: str | None = None
    task: str | None = None
    target: str | None = None
    group: str | None = None
    split: str | None = None
    time: str | None = None
    exclude: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()

    @property
    def not_inputs(self) -> list[str]:
        """Columns that have another part to play."""
        named = (self.one_vs_rest, self.task, self.target, self.group, self.split, self.time)
        found = dict.fromkeys(
            [*self.targets, *self.exclude, *(name for name in named if name is not None)]
        )
        return [name for name in found if name not in self.keep]

    @property
    def labelled(self) -> list[str]:
        """Columns that become tasks."""
        return [
            *self.targets,
            *(name for name in (self.one_vs_rest, self.target) if name is not None),
        ]


def choose_columns(raw: Source, asked: Columns, *, targets_given: bool = True) -> Columns:
    """Settle the columns from the arguments of ``load``, the schema metadata and what came with the inputs.

    Raises:
        CoterieError: unknown, duplicate or contradictory columns.
    """
    about, columns = raw.metadata, asked
    if (
        not targets_given
        and asked.one_vs_rest is None
        and asked.task is None
        and asked.target is None
    ):
        if isinstance(listed := about.get("targets"), list):
            columns = replace(asked, targets=tuple(map(str, listed)))
        elif isinstance(task := about.get("task_column"), str) and isinstance(
            target := about.get("target"), str
        ):
            columns = replace(asked, task=task, target=target)
        elif raw.inputs is not None:
            others = (asked.group, asked.split, asked.time, *asked.exclude)
            columns = replace(
                asked, targets=tuple(name for name in raw.frame.columns if name not in others)
            )
    if (columns.task is None) != (columns.target is None):
        raise CoterieError("`task_column` and `target_column` go together: name both or none.")
    if not columns.labelled:
        raise CoterieError(
            f"`targets` is needed: name target columns among {some(list(raw.frame.columns))}."
        )
    if columns.task is not None and len(columns.labelled) > 1:
        raise CoterieError(
            "`task_column` makes a task of each of its values: give neither `targets` nor "
            "`one_vs_rest` with it."
        )
    if columns.time is not None and columns.split is not None:
        raise CoterieError(
            "`time_column` and `split_column` both say which rows are tested: name one of them."
        )
    if raw.part is not None and columns.split is not None:
        raise CoterieError(
            "`split_column` and the parts of `source` both say which rows are tested: give one of "
            "them."
        )
    if raw.part is not None and columns.time is not None and (raw.part == 1).any():
        raise CoterieError(
            "`time_column` has nothing to split: `source` has all three parts. Leave it out."
        )
    _check_columns(raw, columns)
    return columns


def _check_columns(raw: Source, columns: Columns) -> None:
    for argument, names in (
        ("targets", columns.targets),
        ("one_vs_rest", [columns.one_vs_rest]),
        ("task_column", [columns.task]),
        ("target_column", [columns.target]),
        ("group_column", [columns.group]),
        ("split_column", [columns.split]),
        ("time_column", [columns.time]),
        ("exclude", columns.exclude),
        ("keep", columns.keep),
    ):
        for name in names:
            if name is not None and name not in raw.frame.columns:
                known = [str(column) for column in raw.frame.columns]
                close = difflib.get_close_matches(name, known)
                hint = (
                    f"Did you mean {' or '.join(map(repr, close))}?"
                    if close
                    else f"Columns are {some(known)}."
                )
                raise CoterieError(f"`{argument}` names {name!r}, which is no column. {hint}")
    for position, name in enumerate(columns.labelled):
        if name in columns.labelled[:position]:
            raise CoterieError(f"`targets` names {name!r} twice.")
        if name in columns.exclude:
            raise CoterieError(
                f"Target {name!r} is also in `exclude`: take it out of one of the two."
            )
        if name in (columns.group, columns.split, columns.task, columns.time):
            raise CoterieError(
                f"Target {name!r} is also the group, split, time or task column: it can be one "
                "thing only."
            )
        if name in columns.keep:
            raise CoterieError(f"`keep` names the target {name!r}, which cannot be an input.")
    if columns.keep and (raw.images is not None or raw.inputs is not None):
        alone = (
            "what came as `inputs`" if raw.images is None else f"the images of {raw.image_column!r}"
        )
        raise CoterieError(
            f"`keep` names {columns.keep[0]!r}, which cannot be an input: the inputs are {alone} "
            "alone."
        )
    for name in columns.keep:
        if name in (*columns.exclude, columns.split, columns.task):
            raise CoterieError(
                f"`keep` names {name!r}, which is excluded, or the split or task column: it can be "
                "one thing only."
            )


def checked_kinds(kinds: Mapping[str, str] | None, columns: Columns) -> dict[str, Kind]:
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


def checked_positives(positive: Mapping[str, Any] | None, columns: Columns) -> dict[str, str]:
    """Check the positive classes that the user names, by target column; as text."""
    for name in positive or {}:
        if name not in columns.labelled or name == columns.one_vs_rest:
            known = [column for column in columns.labelled if column != columns.one_vs_rest]
            raise CoterieError(
                f"`positive` names {name!r}, which is no target; targets are {some(known)}."
            )
    return {name: plain_text(value) for name, value in (positive or {}).items()}


def label(
    raw: Source,
    columns: Columns,
    kinds: Mapping[str, Kind],
    positive: Mapping[str, str] | None = None,
) -> Labels:
    """Make tasks and labels of the target columns."""
    frame, positive = raw.frame, positive or {}
    if columns.task is not None and columns.target is not None:
        target = columns.target
        return long_form(
            series(frame, target),
            series(frame, columns.task),
            kinds.get(target),
            positive.get(target),
        )
    pairs = [
        encode_column(series(frame, name), kinds.get(name), positive.get(name))
        for name in columns.targets
    ]
    tasks, parts = [task for task, _ in pairs], [values[:, None] for _, values in pairs]
    if columns.one_vs_rest is not None:
        classes, values = one_vs_rest(series(frame, columns.one_vs_rest))
        tasks, parts = tasks + classes, [*parts, values]
    names = [task.name for task in tasks]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise CoterieError(f"Two tasks are called {twice[0]!r}: rename a column or a class.")
    strata = None
    if (
        tasks[0].kind.has_classes
        and len(columns.labelled) == 1
        and (len(tasks) == 1 or columns.one_vs_rest)
    ):
        # One-vs-rest tasks are one column of classes: a stratified split keeps every class's share.
        codes = (
            parts[0][:, 0]
            if len(tasks) == 1
            else np.where(np.isnan(parts[0]).any(1), -1, parts[0].argmax(1))
        )
        strata = np.nan_to_num(codes, nan=-1)
    return Labels(tasks=tuple(tasks), values=np.concatenate(parts, axis=1), strata=strata)


def given_split(raw: Source, columns: Columns) -> np.ndarray | None:
    """Part of each example where the data say so, (N,): 0, 1 or 2.

    None where the split is ours to draw.
    """
    if columns.split is None:
        return raw.part
    if series(raw.frame, columns.split).isna().any():
        raise CoterieError(
            f"`split_column` {columns.split!r} has empty cells: every row needs a part."
        )
    given = given_parts(series(raw.frame, columns.split).to_numpy(), columns.split)
    for part, name in ((0, "train"), (2, "test")):
        if not (given == part).any():
            raise CoterieError(f"`split_column` {columns.split!r} has no {name} rows.")
    return given


def as_names(names: Sequence[str] | str | None) -> tuple[str, ...]:
    """Names as a tuple of text, as columns are called; one may be given as it is."""
    if names is None:
        return ()
    return (
        (str(names),)
        if isinstance(names, str) or not isinstance(names, Iterable)
        else tuple(map(str, names))
    )
