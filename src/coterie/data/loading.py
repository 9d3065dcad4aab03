"""``load``: from any source to a :class:`Dataset` in five steps: read, limit, label, split, prepare."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import Tensor

from coterie.data.columns import plain_text
from coterie.data.dataset import Dataset, Split
from coterie.data.images import decode_images
from coterie.data.preprocessing import Preprocessing, finite_numbers, fit_images, fit_table
from coterie.data.sources import Source, as_input, read_source
from coterie.data.splits import assign_parts, check_fractions, given_parts
from coterie.data.tables import Features, choose_features
from coterie.data.targets import Labels, encode_column, long_form, measure, rare_tasks, with_functions
from coterie.data.targets import one_vs_rest as class_tasks
from coterie.errors import CoterieError
from coterie.seeds import numpy_generator
from coterie.tasks import Kind, TaskFunction

if TYPE_CHECKING:
    import pandas as pd

_MEASURED_EXAMPLES = 1000


def load(
    source: Any,
    *,
    targets: Sequence[str] | str | None = None,
    one_vs_rest: str | None = None,
    exclude: Sequence[str] | str = (),
    kinds: Mapping[str, str] | None = None,
    losses: Mapping[str, TaskFunction] | None = None,
    metrics: Mapping[str, TaskFunction] | None = None,
    task_column: str | None = None,
    target_column: str | None = None,
    image_column: str | None = None,
    group_column: str | None = None,
    split_column: str | None = None,
    split: Sequence[float] = (0.6, 0.2, 0.2),
    limit: int | None = None,
    rare: Literal["error", "drop"] = "error",
    balance: bool = True,
    seed: int = 0,
    names: Sequence[str] | None = None,
) -> Dataset:
    """Load data with many targets and make them ready to train on.

    Args:
        source: ``"digits"``; a path to a Parquet, CSV or Arrow file, or a list of paths; ``{"train": path, "test": path}``
            (validation is cut from train); ``{"inputs": X, "targets": Y}`` of arrays or tensors, taken as they are; a pandas
            frame; a ``datasets.Dataset``; a map-style torch dataset of (input, target vector), which is streamed.
        targets: target columns. By default what the Parquet schema metadata name, or all targets that came with the inputs.
        one_vs_rest: a column of classes that becomes one binary task per class.
        exclude: columns that are neither inputs nor targets.
        kinds: overrides the inferred kind ("binary", "multiclass", "regression") of a target.
        losses: own loss by task name, see :class:`coterie.tasks.Task`.
        metrics: own metric by task name.
        task_column: long form: each value of this column is a task, whose labels stand in ``target_column``.
        target_column: long form: the labels.
        image_column: column of encoded images, found by its type if not named.
        group_column: all rows of a group (a person, say) fall in one part.
        split_column: a column that says train, validation or test (or 0, 1, 2). Without validation, it is cut from train.
        split: fractions for training, validation and test.
        limit: use this many rows, chosen at random (of the training file where a test file is given).
        rare: what to do with a task of fewer than 5 positives or negatives in any part: "error", or "drop" it.
        balance: weigh positives of binary tasks by negatives / positives.
        seed: of the split and of ``limit``.
        names: names of the tasks where the source has no column names.

    Raises:
        CoterieError: anything about the source or the arguments that would make training meaningless.

    >>> load("digits", targets=["even", "random"])
    Dataset(1797 examples of shape (64,) x 2 tasks, Split(1078 train, 360 validation, 359 test))
    """
    fractions = check_fractions(split)
    if rare not in ("error", "drop"):
        raise CoterieError(f"`rare` must be 'error' or 'drop'; found {rare!r}.")
    raw = read_source(source, image_column=image_column, names=names)
    raw = _limited(raw, limit, seed)
    columns = _choose_columns(raw, targets, one_vs_rest, exclude, task_column, target_column, group_column, split_column)
    labels = _label(raw, columns, _checked_kinds(kinds, columns))
    labels = replace(labels, tasks=with_functions(labels.tasks, losses, metrics))
    stored, features = _inputs_of(raw, columns)
    recipe = _Recipe(
        stored=stored, features=features, labels=labels, fractions=fractions, rare=rare, balance=balance,
        groups=None if columns.group is None else _group_codes(raw.frame[columns.group]),
        given=_given_split(raw, columns), ids=_ids(raw, features), image_column=raw.image_column,
    )  # fmt: skip
    return _assemble(recipe, seed)


@dataclass(frozen=True, kw_only=True)
class _Columns:
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
        named = (self.one_vs_rest, self.task, self.target, self.group, self.split)
        return [*dict.fromkeys([*self.targets, *self.exclude, *(name for name in named if name is not None)])]

    @property
    def labelled(self) -> list[str]:
        """Columns that become tasks."""
        return [*self.targets, *(name for name in (self.one_vs_rest, self.target) if name is not None)]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Recipe:
    """All that is known before the split: what a resplit starts from. ``groups`` and ``given`` are codes, (N,)."""

    stored: Any
    features: Features | None
    labels: Labels
    fractions: tuple[float, float, float]
    rare: str
    balance: bool
    groups: np.ndarray | None
    given: np.ndarray | None
    ids: np.ndarray
    image_column: str | None


def _limited(raw: Source, limit: int | None, seed: int) -> Source:
    if limit is None:
        return raw
    if limit < 1:
        raise CoterieError(f"`limit` must be at least 1; found {limit}.")
    kept = np.arange(len(raw)) if raw.part is None else np.flatnonzero(raw.part == 0)
    chosen = np.sort(numpy_generator(seed, "limit").permutation(kept)[:limit])
    rest = [] if raw.part is None else np.flatnonzero(raw.part != 0)
    return raw.take(np.concatenate([chosen, rest]).astype(np.int64))


def _choose_columns(
    raw: Source,
    targets: Sequence[str] | str | None,
    one_vs_rest: str | None,
    exclude: Sequence[str] | str,
    task_column: str | None,
    target_column: str | None,
    group_column: str | None,
    split_column: str | None,
) -> _Columns:
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
    columns = _Columns(
        targets=_as_names(targets), one_vs_rest=one_vs_rest, task=task_column, target=target_column,
        group=group_column, split=split_column, exclude=_as_names(exclude),
    )  # fmt: skip
    if not columns.labelled:
        raise CoterieError(f"`targets` is needed: name target columns among {_some(raw.frame.columns)}.")
    if columns.task is not None and len(columns.labelled) > 1:
        raise CoterieError("`task_column` makes one task per value of one target: give neither `targets` nor `one_vs_rest` with it.")
    _check_columns(raw, columns)
    return columns


def _check_columns(raw: Source, columns: _Columns) -> None:
    for argument, names in (
        ("targets", columns.targets), ("one_vs_rest", [columns.one_vs_rest]), ("task_column", [columns.task]),
        ("target_column", [columns.target]), ("group_column", [columns.group]), ("split_column", [columns.split]),
        ("exclude", columns.exclude),
    ):  # fmt: skip
        for name in names:
            if name is not None and name not in raw.frame.columns:
                close = difflib.get_close_matches(name, [str(column) for column in raw.frame.columns])
                hint = f"Did you mean {' or '.join(map(repr, close))}?" if close else f"Columns are {_some(raw.frame.columns)}."
                raise CoterieError(f"`{argument}` names {name!r}, which is no column. {hint}")
    for position, name in enumerate(columns.labelled):
        if name in columns.labelled[:position]:
            raise CoterieError(f"`targets` names {name!r} twice.")
        if name in columns.exclude:
            raise CoterieError(f"Target {name!r} is also in `exclude`: take it out of one of the two.")
        if name in (columns.group, columns.split, columns.task):
            raise CoterieError(f"Target {name!r} is also the group, split or task column: it can be one thing only.")


def _checked_kinds(kinds: Mapping[str, str] | None, columns: _Columns) -> dict[str, Kind]:
    answer = {}
    for name, kind in (kinds or {}).items():
        if name not in columns.labelled:
            raise CoterieError(f"`kinds` names {name!r}, which is no target; targets are {_some(columns.labelled)}.")
        if kind not in list(Kind):
            raise CoterieError(f"`kinds` must be {', '.join(Kind)}; found {kind!r} for {name!r}.")
        answer[name] = Kind(kind)
    return answer


def _label(raw: Source, columns: _Columns, kinds: Mapping[str, Kind]) -> Labels:
    frame = raw.frame
    if columns.task is not None and columns.target is not None:
        return long_form(frame[columns.target], frame[columns.task], kinds.get(columns.target))
    pairs = [encode_column(frame[name], kinds.get(name), _class_names(raw, name)) for name in columns.targets]
    tasks, parts = [task for task, _ in pairs], [values[:, None] for _, values in pairs]
    if columns.one_vs_rest is not None:
        classes, values = class_tasks(frame[columns.one_vs_rest], _class_names(raw, columns.one_vs_rest))
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
    labels = [name for name in raw.frame.columns if name.endswith("label")]
    if column == "label" or labels == [column]:
        keys.append("names")
    for key in keys:
        names = raw.metadata.get(key)
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return names
    return ()


def _inputs_of(raw: Source, columns: _Columns) -> tuple[Any, Features | None]:
    """Inputs as they are stored: a tensor, a map-style dataset, or a frame with the roles of its columns."""
    if raw.inputs is not None:
        return raw.inputs, None
    if raw.images is not None:
        return decode_images(raw.images, raw.frame.index.to_numpy(), str(raw.image_column)), None
    features = choose_features(raw.frame.drop(columns=columns.not_inputs))
    if not features.numeric and not features.categorical:
        raise CoterieError("No column is left to be an input. " + " ".join(features.notes))
    for name in features.numeric:
        finite_numbers(raw.frame[name])
    return raw.frame[[*features.numeric, *features.categorical]], features


def _group_codes(column: pd.Series) -> np.ndarray:
    codes = column.factorize(use_na_sentinel=True)[0]
    # A row without a group is a group of its own.
    return np.where(codes < 0, codes.max() + 1 + np.arange(len(codes)), codes)


def _given_split(raw: Source, columns: _Columns) -> np.ndarray | None:
    if columns.split is None:
        return raw.part
    if raw.frame[columns.split].isna().any():
        raise CoterieError(f"`split_column` {columns.split!r} has empty cells: every row needs a part.")
    given = given_parts(raw.frame[columns.split].to_numpy(), columns.split)
    for part, name in ((0, "train"), (2, "test")):
        if not (given == part).any():
            raise CoterieError(f"`split_column` {columns.split!r} has no {name} rows.")
    return given


def _ids(raw: Source, features: Features | None) -> np.ndarray:
    if raw.ids is not None:
        return raw.ids
    if features is not None and len(features.ids) == 1:
        ids = raw.frame[features.ids[0]].to_numpy()
        return ids if ids.dtype.kind in "iu" else np.array([plain_text(value) for value in ids])
    return raw.frame.index.to_numpy()


def _assemble(recipe: _Recipe, seed: int) -> Dataset:
    """Split, then measure everything on the training part."""
    labels, notes = recipe.labels, list(recipe.features.notes if recipe.features else ())
    parts = _parts(recipe, seed)
    problems = rare_tasks(labels, parts)
    if any(problems):
        found = [f"{task.name!r} ({problem})" for task, problem in zip(labels.tasks, problems, strict=True) if problem]
        if recipe.rare == "error":
            raise CoterieError(f"Too rare for this split: {_some(found)}. Leave them out, or say rare='drop'.")
        if all(problems):
            raise CoterieError(f"Every task is too rare for this split: {_some(found)}.")
        labels = labels.keep(np.array([not problem for problem in problems]))
        notes.append(f"Dropped as too rare: {', '.join(found)}.")
    unlabelled = np.isnan(labels.values).all(1)
    if unlabelled.any():
        notes.append(f"{unlabelled.sum()} rows have no label and are not used.")
    positions = [torch.from_numpy(np.flatnonzero((parts == part) & ~unlabelled)) for part in range(3)]
    split = Split(train=positions[0], validation=positions[1], test=positions[2])
    tasks, targets = measure(labels, positions[0].numpy(), balance=recipe.balance)
    inputs, preprocessing = _prepare(recipe, positions[0])
    by_kind = {kind: [task.name for task in tasks if task.kind is kind] for kind in Kind}
    notes += [f"{len(found)} {kind} task{'s'[: len(found) > 1]}: {_some(found)}." for kind, found in by_kind.items() if found]
    fixed = recipe.given is not None and bool((recipe.given == 1).any())
    return Dataset(
        inputs=inputs, targets=targets, tasks=tasks, split=split, ids=recipe.ids, preprocessing=preprocessing,
        notes=tuple(notes), rebuild=None if fixed else partial(_assemble, recipe),
    )  # fmt: skip


def _parts(recipe: _Recipe, seed: int) -> np.ndarray:
    """Part of every example, (N,): -1 for those without any label."""
    generator = numpy_generator(seed, "split")
    labelled = ~np.isnan(recipe.labels.values).all(1)
    parts = np.full(len(labelled), -1, dtype=np.int8)
    chosen, fractions = labelled, np.array(recipe.fractions)
    if recipe.given is not None:
        parts[labelled] = recipe.given[labelled]
        if (recipe.given == 1).any():
            return parts
        chosen, fractions = labelled & (recipe.given == 0), fractions[:2] / fractions[:2].sum()
    pick = lambda codes: None if codes is None else codes[chosen]  # noqa: E731
    parts[chosen] = assign_parts(
        int(chosen.sum()), fractions, generator, strata=pick(recipe.labels.strata), groups=pick(recipe.groups)
    )
    empty = [name for part, name in enumerate(("training", "validation", "test")) if not (parts == part).any()]
    if empty:
        raise CoterieError(f"The {empty[0]} part is empty: {labelled.sum()} rows cannot be split by {recipe.fractions}.")
    return parts


def _prepare(recipe: _Recipe, train: Tensor) -> tuple[Tensor | torch.utils.data.Dataset, Preprocessing]:
    stored = recipe.stored
    if recipe.features is not None:
        preprocessing = fit_table(stored.iloc[train.numpy()], recipe.features.numeric, recipe.features.categorical)
        return preprocessing.table(stored), preprocessing
    if isinstance(stored, Tensor):
        if stored.dtype == torch.uint8:
            return stored, fit_images(stored, train, recipe.image_column)
        return stored, Preprocessing(input_shape=tuple(stored.shape[1:]))
    # A streamed set is not read whole for its means: an even sample of the training part stands for it.
    sample = train[:: max(1, len(train) // _MEASURED_EXAMPLES)]
    first = as_input(stored[int(sample[0])][0])
    if first.dtype != torch.uint8:
        return stored, Preprocessing(input_shape=tuple(first.shape))
    images = torch.stack([as_input(stored[int(position)][0]) for position in sample])
    return stored, fit_images(images, torch.arange(len(images)))


def _as_names(names: Sequence[str] | str | None) -> tuple[str, ...]:
    return () if names is None else (names,) if isinstance(names, str) else tuple(names)


def _some(names: Sequence[str], most: int = 20) -> str:
    shown = ", ".join(map(str, names[:most]))
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
