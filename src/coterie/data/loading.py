"""``load``: from any source to a :class:`Dataset` in five steps.

Read, limit, label, split, prepare.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from inspect import signature
from typing import Literal

import numpy as np
from torch import Tensor

from coterie.data.arguments import check_arguments, refuse_with_like
from coterie.data.arrays import input_tensor
from coterie.data.assembly import assemble
from coterie.data.cells import MISSING
from coterie.data.dataset import Dataset
from coterie.data.labels import label
from coterie.data.like import load_like, new_inputs, read_like
from coterie.data.preprocessing import Preprocessing
from coterie.data.recipes import recipe_of
from coterie.data.roles import Columns, as_names, choose_columns
from coterie.data.schema import schema_of
from coterie.data.sources import RawData, Reading, read_source
from coterie.data.splits import check_fractions
from coterie.data.targets import with_functions
from coterie.errors import CoterieError, CoterieWarning, require_choice
from coterie.metrics import Choice
from coterie.seeds import numpy_generator
from coterie.tasks import TaskFunction


def load(
    source: object,
    *,
    targets: Sequence[str] | str | None = None,
    one_vs_rest: str | None = None,
    exclude: Sequence[str] | str = (),
    keep: Sequence[str] | str = (),
    kinds: Mapping[str, str] | None = None,
    positive: Mapping[str, object] | None = None,
    losses: Mapping[str, TaskFunction] | None = None,
    metrics: Mapping[str, Choice] | None = None,
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
    like: object = None,
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
        metrics: own metric, or the name of one of :mod:`coterie.metrics`, by task name.
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
    how = Reading(
        missing=MISSING if na is None else as_names(na),
        encoding=encoding,
        image_column=image_column,
        names=None if names is None else as_names(names),
    )
    if like is not None:
        refuse_with_like(locals(), _DEFAULTS)
        return load_like(source, schema_of(like), asked, how)
    raw = _limited(read_source(source, how), limit, seed)
    if raw.images is None and image_column is not None:
        raise CoterieError("`image_column` is for tables: `source` comes with its inputs.")
    columns = choose_columns(raw, asked, targets_given=targets is not None)
    labels = label(raw, columns, kinds, positive)
    labels = replace(labels, tasks=with_functions(labels.tasks, losses, metrics))
    recipe = recipe_of(raw, columns, labels, overlap=allow_overlap, missing=how.missing)
    return assemble(replace(recipe, fractions=fractions, rare=rare, balance=balance), seed)


def read_inputs(
    source: object, preprocessing: Preprocessing, *, encoding: str | None = None
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


def _limited(raw: RawData, limit: int | None, seed: int) -> RawData:
    if limit is None:
        return raw
    if limit < 1:
        raise CoterieError(f"`limit` must be at least 1; found {limit}.")
    kept = np.arange(len(raw)) if raw.part is None else np.flatnonzero(raw.part == 0)
    chosen = np.sort(numpy_generator(seed, "limit").permutation(kept)[:limit])
    rest = [] if raw.part is None else np.flatnonzero(raw.part != 0)
    return raw.take(np.concatenate([chosen, rest]).astype(np.int64))


_DEFAULTS = {name: each.default for name, each in signature(load).parameters.items()}
