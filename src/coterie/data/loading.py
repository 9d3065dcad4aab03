"""``load``: from any source to a :class:`Dataset` in five steps.

Read, limit, label, split, prepare.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor

from coterie.data.arguments import check_arguments, refuse_with_like
from coterie.data.arrays import input_tensor
from coterie.data.assembly import Groups, Recipe, assemble
from coterie.data.cells import MISSING, reading_notes
from coterie.data.columns import plain_text, series, some, strange_cells
from coterie.data.dataset import Dataset
from coterie.data.images import decode_images
from coterie.data.leaks import equal_inputs, time_order_note, times_of
from coterie.data.like import load_like, new_inputs, read_like
from coterie.data.preprocessing import Preprocessing, finite_numbers
from coterie.data.roles import (
    Columns,
    as_names,
    checked_kinds,
    checked_positives,
    choose_columns,
    given_split,
    label,
)
from coterie.data.row_numbers import counts_rows
from coterie.data.schema import schema_of
from coterie.data.sources import Reading, Source, read_source
from coterie.data.splits import check_fractions
from coterie.data.tables import Features, choose_features
from coterie.data.targets import largest_task, with_functions
from coterie.errors import CoterieError, CoterieWarning, require_choice
from coterie.seeds import numpy_generator
from coterie.tasks import TaskFunction

if TYPE_CHECKING:
    import pandas as pd

_SCALED = 20.0  # images from 0 to 1, or standardised, stay within; levels of grey do not


def load(
    source: Any,
    *,
    targets: Sequence[str] | str | None = None,
    one_vs_rest: str | None = None,
    exclude: Sequence[str] | str = (),
    keep: Sequence[str] | str = (),
    kinds: Mapping[str, str] | None = None,
    positive: Mapping[str, Any] | None = None,
    losses: Mapping[str, TaskFunction] | None = None,
    metrics: Mapping[str, TaskFunction] | None = None,
    task_column: str | None = None,
    target_column: str | None = None,
    image_column: str | None = None,
    group_column: str | None = None,
    split_column: str | None = None,
    time_column: str | None = None,
    allow_overlap: bool = False,
    split: Sequence[float] = (0.6, 0.2, 0.2),
    limit: int | None = None,
    rare: Literal["error", "drop"] = "error",
    balance: bool = True,
    seed: int = 0,
    names: Sequence[str] | None = None,
    na: Sequence[str] | str | None = None,
    encoding: str | None = None,
    like: Any = None,
) -> Dataset:
    """Load data with many targets and make them ready to train on.

    Args:
        source: ``"digits"``; a path to a Parquet, CSV or Arrow file, or a list of paths;
            ``{"train": path, "test": path}`` (validation is cut from train); ``{"inputs": X,
            "targets": Y}`` of arrays or tensors, taken as they are (as images: (N, C, H, W) of
            uint8 or uint16); a pandas frame or Arrow table; a ``datasets.Dataset``; a map-style
            torch dataset of (input, target vector), which is streamed.
        targets: target columns. By default what the Parquet schema metadata name, or all targets
            that came with the inputs.
        one_vs_rest: a column of classes that becomes one binary task per class.
        exclude: columns that are neither inputs nor targets.
        keep: columns that are inputs although they look like a row number or an id, or the file
            names them as labels.
        kinds: overrides the inferred kind of a target: "binary", "multiclass", "regression",
            "ordinal", "count", or one of your own (:func:`coterie.tasks.register`).
        positive: the positive class of binary targets; by default the larger number, true, the
            second of declared classes, the one that the other denies (active of inactive), or the
            later in the alphabet.
        losses: own loss by task name, see :class:`coterie.tasks.Task`.
        metrics: own metric by task name.
        task_column: long form: each value of this column is a task, whose labels stand in
            ``target_column``.
        target_column: long form: the labels.
        image_column: column of encoded images, found by its type if not named.
        group_column: all rows of a group (a person, say) fall in one part. In long form without it,
            equal inputs do.
        split_column: a column that says train, validation or test (or 0, 1, 2). Without validation,
            it is cut from train.
        time_column: train on the earliest rows and test on the latest; numbers, dates or times.
        allow_overlap: groups may have rows in several parts of a given split.
        split: fractions for training, validation and test.
        limit: use this many rows, chosen at random (of the training file where a test file is
            given).
        rare: what to do with a task of fewer than 5 positives or negatives in any part: "error", or
            "drop" it.
        balance: weigh positives of binary tasks by negatives / positives.
        seed: of the split and of ``limit``.
        names: names of the tasks where the source has no column names.
        na: words that stand for a missing cell in text, in place of ``coterie.data.MISSING``; an
            empty cell always does.
        encoding: of CSV files; UTF-8, or UTF-16 with a byte order mark, unless given.
        like: a fit, a grouped model or a data set whose schema these data are read with (types,
            categories, classes, units, scaling); all examples are test examples. For long form and
            ``one_vs_rest``, name the columns again; arguments that would have no effect are
            refused.

    Raises:
        CoterieError: anything about the source or the arguments that would make training
            meaningless.

    >>> load("digits", targets=["even", "random"])
    Dataset(1797 examples of shape (1, 8, 8) x 2 tasks, Split(1078 train, 360 validation, 359 test))
    """
    check_arguments(locals())
    fractions = check_fractions(split)
    require_choice("rare", rare, ("error", "drop"))
    asked = Columns(
        targets=as_names(targets),
        one_vs_rest=one_vs_rest,
        task=task_column,
        target=target_column,
        group=group_column,
        split=split_column,
        time=time_column,
        exclude=as_names(exclude),
        keep=as_names(keep),
    )
    how = Reading(missing=MISSING if na is None else as_names(na), encoding=encoding)
    if like is not None:
        refuse_with_like(
            locals(), {name: each.default for name, each in signature(load).parameters.items()}
        )
        return load_like(source, schema_of(like), asked, how)
    raw = _limited(
        read_source(
            source,
            image_column=image_column,
            names=None if names is None else as_names(names),
            how=how,
        ),
        limit,
        seed,
    )
    if raw.images is None and image_column is not None:
        raise CoterieError("`image_column` is for tables: `source` comes with its inputs.")
    if names is not None and (raw.inputs is None or isinstance(source, str)):
        raise CoterieError(
            "`names` is for targets without names: the columns of `source` have theirs."
        )
    columns = choose_columns(raw, asked, targets_given=targets is not None)
    labels = label(
        raw, columns, checked_kinds(kinds, columns), checked_positives(positive, columns)
    )
    labels = replace(labels, tasks=with_functions(labels.tasks, losses, metrics))
    one_task = None if columns.task is None else largest_task(labels)
    stored, features, notes = _inputs_of(raw, columns, one_task)
    same, given = equal_inputs(stored, features), given_split(raw, columns)
    notes += reading_notes(
        raw.read, [name for name in raw.frame.columns if name not in columns.exclude]
    )
    if given is None and columns.time is None:
        notes += time_order_note(
            raw.frame.drop(columns=[*columns.exclude, *columns.labelled]), one_task
        )
    recipe = Recipe(
        stored=stored,
        features=features,
        labels=labels,
        fractions=fractions,
        rare=rare,
        balance=balance,
        groups=_groups(raw, columns, same, allow_overlap),
        given=given,
        same=same,
        keep=columns.keep,
        missing=how.missing,
        times=None if columns.time is None else times_of(series(raw.frame, columns.time)),
        ids=_ids(raw, features),
        image_column=raw.image_column,
        notes=(*notes, *_array_notes(stored)),
    )
    return assemble(recipe, seed)


def read_inputs(
    source: Any, preprocessing: Preprocessing, *, encoding: str | None = None
) -> tuple[Tensor, np.ndarray]:
    """Read new examples for a trained model.

    Inputs like ``Dataset.inputs``, and the ids of the examples.

    ``source`` is anything that :func:`load` takes except a torch dataset; target columns are not
    needed, and arrays may come as ``{"inputs": X}``. Types, categories and words for missing cells
    are those of training; what was interpreted, and what training did not see, is a
    :class:`coterie.CoterieWarning`.

    Raises:
        CoterieError: a column that the model reads is absent, or the shape of the inputs, or the
            depth of the images, is not the model's.

    >>> data = load("digits")
    >>> inputs, ids = read_inputs({"inputs": np.zeros((1, 1, 8, 8))}, data.preprocessing)
    >>> inputs.shape
    torch.Size([1, 1, 8, 8])
    """
    if isinstance(source, Mapping) and set(source) == {"inputs"}:
        inputs = input_tensor(source["inputs"])
        ids = np.arange(len(inputs))
        preprocessing.require(inputs, "`source`")
        return inputs, ids
    raw = read_like(source, preprocessing, encoding)
    inputs, notes = new_inputs(raw, preprocessing)
    for note in notes:
        warnings.warn(note, CoterieWarning, stacklevel=2)
    return inputs, raw.frame.index.to_numpy() if raw.ids is None else raw.ids


def _limited(raw: Source, limit: int | None, seed: int) -> Source:
    if limit is None:
        return raw
    if limit < 1:
        raise CoterieError(f"`limit` must be at least 1; found {limit}.")
    kept = np.arange(len(raw)) if raw.part is None else np.flatnonzero(raw.part == 0)
    chosen = np.sort(numpy_generator(seed, "limit").permutation(kept)[:limit])
    rest = [] if raw.part is None else np.flatnonzero(raw.part != 0)
    return raw.take(np.concatenate([chosen, rest]).astype(np.int64))


def _inputs_of(
    raw: Source, columns: Columns, sample: np.ndarray | None
) -> tuple[Any, Features | None, list[str]]:
    """Inputs as they are stored.

    A tensor, a map-style dataset, or a frame with the roles of its columns; and notes on them.
    """
    if raw.inputs is not None:
        return raw.inputs, None, list(raw.notes)
    if raw.images is not None:
        images, notes = decode_images(raw.images, raw.frame.index.to_numpy(), str(raw.image_column))
        if rest := [repr(name) for name in raw.frame.columns if name not in columns.not_inputs]:
            notes = (
                *notes,
                f"Left out, because the inputs are the images of {raw.image_column!r} alone: "
                f"{some(rest)}.",
            )
        return images, None, [*raw.notes, *notes]
    features = choose_features(
        raw.frame.drop(columns=columns.not_inputs),
        keep=columns.keep,
        index=raw.index,
        labels=raw.labels,
        sample=sample,
    )
    if not features.numeric and not features.categorical:
        raise CoterieError(" ".join(("No column is left to be an input.", *features.notes)))
    for name in features.numeric:
        finite_numbers(series(raw.frame, name))
    return raw.frame[[*features.numeric, *features.categorical]], features, list(raw.notes)


def _groups(raw: Source, columns: Columns, same: np.ndarray | None, overlap: bool) -> Groups | None:
    """What must stay together.

    The groups that the user names or, in long form, one example under several tasks.
    """
    if columns.group is not None:
        codes, names = _group_codes(series(raw.frame, columns.group))
        return Groups(
            codes=codes, names=names, what=f"groups of {columns.group!r}", overlap=overlap
        )
    if columns.task is None or same is None or len(np.unique(same)) == len(same):
        return None
    first = raw.frame.index.to_numpy()[np.unique(same, return_index=True)[1]]
    names = np.array([f"row {row}" for row in first], dtype=object)
    return Groups(codes=same, names=names, what="examples with equal inputs", overlap=overlap)


def _group_codes(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Group of each row, and the names of the groups; a row without a group is one of its own."""
    if strange_cells(column).startswith("lists"):
        raise CoterieError(
            f"`group_column` {str(column.name)!r} holds lists or structures; it must name groups."
        )
    codes, values = column.factorize(use_na_sentinel=True)
    alone = np.flatnonzero(codes < 0)
    codes = codes.astype(np.int64)
    codes[alone] = len(values) + np.arange(len(alone))
    return codes, np.array(
        [*map(plain_text, values), *(f"row {row}" for row in alone)], dtype=object
    )


def _array_notes(stored: Any) -> list[str]:
    """What is taken as it is, but said.

    Columns that follow the row number, and images that are not scaled.
    """
    if isinstance(stored, Tensor) and stored.dim() == 4 and stored.is_floating_point():
        low, high = (float(value) for value in stored.aminmax())
        if max(-low, high) <= _SCALED:
            return []
        return [
            f"Images of `inputs` are taken as they are, {low:g} to {high:g}, unscaled: only uint8 "
            "and uint16 are scaled."
        ]
    if not isinstance(stored, Tensor) or stored.dim() != 2:
        return []
    found = [
        (place, reason)
        for place, values in enumerate(stored.T.double().numpy())
        if (reason := counts_rows(values))
    ]
    return [
        f"Column {place} of `inputs` may be a row number: {reason}." for place, reason in found[:5]
    ]


def _ids(raw: Source, features: Features | None) -> np.ndarray:
    if raw.ids is not None:
        return raw.ids
    if features is not None and len(features.ids) == 1:
        ids = series(raw.frame, features.ids[0]).to_numpy()
        return ids if ids.dtype.kind in "iu" else np.array([plain_text(value) for value in ids])
    return raw.frame.index.to_numpy()
