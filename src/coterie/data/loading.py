"""``load``: from any source to a :class:`Dataset` in five steps: read, limit, label, split, prepare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import Tensor

from coterie.data.arguments import check_arguments
from coterie.data.arrays import describe, input_tensor
from coterie.data.assembly import Recipe, assemble
from coterie.data.columns import plain_text, series, strange_cells
from coterie.data.dataset import Dataset
from coterie.data.images import decode_images
from coterie.data.preprocessing import Preprocessing, finite_numbers
from coterie.data.roles import Columns, checked_kinds, choose_columns, given_split, label
from coterie.data.sources import Source, read_source
from coterie.data.splits import check_fractions
from coterie.data.tables import Features, choose_features
from coterie.data.targets import with_functions
from coterie.errors import CoterieError
from coterie.seeds import numpy_generator
from coterie.tasks import TaskFunction

if TYPE_CHECKING:
    import pandas as pd


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
    Dataset(1797 examples of shape (1, 8, 8) x 2 tasks, Split(1078 train, 360 validation, 359 test))
    """
    check_arguments(locals())
    fractions = check_fractions(split)
    if rare not in ("error", "drop"):
        raise CoterieError(f"`rare` must be 'error' or 'drop'; found {rare!r}.")
    raw = read_source(source, image_column=image_column, names=names)
    raw = _limited(raw, limit, seed)
    columns = choose_columns(raw, targets, one_vs_rest, exclude, task_column, target_column, group_column, split_column)
    labels = label(raw, columns, checked_kinds(kinds, columns))
    labels = replace(labels, tasks=with_functions(labels.tasks, losses, metrics))
    stored, features = _inputs_of(raw, columns)
    recipe = Recipe(
        stored=stored, features=features, labels=labels, fractions=fractions, rare=rare, balance=balance,
        groups=None if columns.group is None else _group_codes(series(raw.frame, columns.group)),
        given=given_split(raw, columns), ids=_ids(raw, features), image_column=raw.image_column,
    )  # fmt: skip
    return assemble(recipe, seed)


def read_inputs(source: Any, preprocessing: Preprocessing) -> tuple[Tensor, np.ndarray]:
    """Read new examples for a trained model: inputs like ``Dataset.inputs``, and the ids of the examples.

    ``source`` is anything that :func:`load` takes except a torch dataset; target columns are not needed, and arrays may
    come as ``{"inputs": X}``.

    Raises:
        CoterieError: a column that the model reads is absent, or the shape of the inputs is not the model's.

    >>> data = load("digits")
    >>> inputs, ids = read_inputs({"inputs": np.zeros((1, 1, 8, 8))}, data.preprocessing)
    >>> inputs.shape
    torch.Size([1, 1, 8, 8])
    """
    if isinstance(source, Mapping) and set(source) == {"inputs"}:
        inputs = input_tensor(source["inputs"])
        ids = np.arange(len(inputs))
    else:
        raw = read_source(source, image_column=preprocessing.image_column)
        ids = raw.frame.index.to_numpy() if raw.ids is None else raw.ids
        if preprocessing.kind == "table":
            inputs = preprocessing.table(raw.frame)
        elif raw.images is not None:
            inputs = decode_images(raw.images, ids, str(raw.image_column))
        elif isinstance(raw.inputs, Tensor):
            inputs = raw.inputs
        else:
            raise CoterieError(f"`source` must hold inputs of shape {preprocessing.input_shape}; found {describe(source)}.")
    if tuple(inputs.shape[1:]) != tuple(preprocessing.input_shape):
        found = tuple(inputs.shape[1:])
        raise CoterieError(f"`source` must hold inputs of shape {preprocessing.input_shape}; found {found}.")
    return inputs, ids


def _limited(raw: Source, limit: int | None, seed: int) -> Source:
    if limit is None:
        return raw
    if limit < 1:
        raise CoterieError(f"`limit` must be at least 1; found {limit}.")
    kept = np.arange(len(raw)) if raw.part is None else np.flatnonzero(raw.part == 0)
    chosen = np.sort(numpy_generator(seed, "limit").permutation(kept)[:limit])
    rest = [] if raw.part is None else np.flatnonzero(raw.part != 0)
    return raw.take(np.concatenate([chosen, rest]).astype(np.int64))


def _inputs_of(raw: Source, columns: Columns) -> tuple[Any, Features | None]:
    """Inputs as they are stored: a tensor, a map-style dataset, or a frame with the roles of its columns."""
    if raw.inputs is not None:
        return raw.inputs, None
    if raw.images is not None:
        return decode_images(raw.images, raw.frame.index.to_numpy(), str(raw.image_column)), None
    features = choose_features(raw.frame.drop(columns=columns.not_inputs))
    if not features.numeric and not features.categorical:
        raise CoterieError("No column is left to be an input. " + " ".join(features.notes))
    for name in features.numeric:
        finite_numbers(series(raw.frame, name))
    return raw.frame[[*features.numeric, *features.categorical]], features


def _group_codes(column: pd.Series) -> np.ndarray:
    if strange_cells(column).startswith("lists"):
        raise CoterieError(f"`group_column` {str(column.name)!r} holds lists or structures; it must name groups.")
    codes = column.factorize(use_na_sentinel=True)[0]
    # A row without a group is a group of its own.
    return np.where(codes < 0, codes.max() + 1 + np.arange(len(codes)), codes)


def _ids(raw: Source, features: Features | None) -> np.ndarray:
    if raw.ids is not None:
        return raw.ids
    if features is not None and len(features.ids) == 1:
        ids = series(raw.frame, features.ids[0]).to_numpy()
        return ids if ids.dtype.kind in "iu" else np.array([plain_text(value) for value in ids])
    return raw.frame.index.to_numpy()
