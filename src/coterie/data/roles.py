"""Which column plays which part."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from coterie.data.columns import series, some
from coterie.data.sources import RawData
from coterie.data.splits import given_parts
from coterie.errors import CoterieError


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


def choose_columns(raw: RawData, asked: Columns, *, targets_given: bool = True) -> Columns:
    """Settle the columns from what the user asks for, the metadata and what came with the inputs.

    Raises:
        CoterieError: unknown, duplicate or contradictory columns.
    """
    says_nothing = asked.one_vs_rest is None and asked.task is None and asked.target is None
    columns = asked if targets_given or not says_nothing else _told(raw, asked)
    _refuse_contradictions(raw, columns)
    _require_known(raw, columns)
    _require_one_part_each(columns)
    _require_inputs(raw, columns)
    return columns


def _told(raw: RawData, asked: Columns) -> Columns:
    """The targets that the source itself names, or all that came with the inputs."""
    about = raw.metadata
    if isinstance(listed := about.get("targets"), list):
        return replace(asked, targets=tuple(map(str, listed)))
    task, target = about.get("task_column"), about.get("target")
    if isinstance(task, str) and isinstance(target, str):
        return replace(asked, task=task, target=target)
    if raw.inputs is not None:
        others = (asked.group, asked.split, asked.time, *asked.exclude)
        return replace(asked, targets=tuple(name for name in raw.frame if name not in others))
    return asked


def _refuse_contradictions(raw: RawData, columns: Columns) -> None:
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


def _require_known(raw: RawData, columns: Columns) -> None:
    """Refuse names of no column."""
    asked = {
        "targets": columns.targets,
        "one_vs_rest": (columns.one_vs_rest,),
        "task_column": (columns.task,),
        "target_column": (columns.target,),
        "group_column": (columns.group,),
        "split_column": (columns.split,),
        "time_column": (columns.time,),
        "exclude": columns.exclude,
        "keep": columns.keep,
    }
    for argument, names in asked.items():
        for name in names:
            if name is not None and name not in raw.frame.columns:
                known = [str(column) for column in raw.frame.columns]
                close = " or ".join(map(repr, difflib.get_close_matches(name, known)))
                hint = f"Did you mean {close}?" if close else f"Columns are {some(known)}."
                raise CoterieError(f"`{argument}` names {name!r}, which is no column. {hint}")


def _require_one_part_each(columns: Columns) -> None:
    """Refuse a target that is something else as well."""
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


def _require_inputs(raw: RawData, columns: Columns) -> None:
    """Refuse to keep what cannot be an input."""
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


def given_split(raw: RawData, columns: Columns) -> np.ndarray | None:
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
