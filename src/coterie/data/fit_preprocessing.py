"""Preprocessing measured on the training part, by scikit-learn's own estimators."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from coterie.data.columns import as_numbers, as_text, constant, finite_numbers, series
from coterie.data.preprocessing import CategoricalColumn, NumericColumn, Preprocessing
from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pandas as pd

FEW = 2
NEARLY_ALL = 20
_CHUNK = 4096


def fit_table(
    frame: pd.DataFrame,
    numeric: Sequence[str],
    categorical: Sequence[str],
    *,
    keep: Collection[str] = (),
) -> tuple[Preprocessing, list[str]]:
    """Measure medians, means, scales and categories on ``frame``, the training part.

    Return notes on what is left out, too.

    A column that is empty there, constant, or the same in all but ``FEW`` rows, teaches nothing and
    is left out unless it is in ``keep``.

    Raises:
        CoterieError: no column is left.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"a": [1.0, 3.0, None], "b": [None] * 3})
    >>> fitted, notes = fit_table(frame, ["a", "b"], [])
    >>> fitted.table(pd.DataFrame({"a": [2.0]})), notes
    (tensor([[0.]]), ["Column 'b' left out: it is empty in the training part."])
    """
    idle = {
        name: reason
        for name in (*numeric, *categorical)
        if (reason := _teaches_nothing(series(frame, name), name in keep))
    }
    notes = [
        f"Column {name!r} left out: it is {reason} in the training part."
        for name, reason in idle.items()
    ]
    numbers = _numeric_columns(frame, [name for name in numeric if name not in idle])
    categories = [_categorical_column(series(frame, c)) for c in categorical if c not in idle]
    if not numbers and not categories:
        raise CoterieError("No column is left to be an input. " + " ".join(notes))
    width = len(numbers) + sum(len(column.categories) for column in categories)
    fitted = Preprocessing(
        input_shape=(width,), numeric=tuple(numbers), categorical=tuple(categories)
    )
    return fitted, notes


def _numeric_columns(frame: pd.DataFrame, names: Sequence[str]) -> list[NumericColumn]:
    """Median, mean, scale and range of each."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import StandardScaler

    if not names:
        return []
    values = np.stack([finite_numbers(series(frame, name)) for name in names], axis=1)
    imputer = SimpleImputer(strategy="median", keep_empty_features=True)
    scaler = StandardScaler().fit(imputer.fit_transform(values))
    low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
    measured = [imputer.statistics_, scaler.mean_, scaler.scale_, low, high]
    return [
        NumericColumn(name=name, fill=fill, mean=mean, scale=scale, low=low, high=high)
        for name, (fill, mean, scale, low, high) in zip(
            names, np.stack(measured, axis=1).tolist(), strict=True
        )
    ]


def _categorical_column(column: pd.Series) -> CategoricalColumn:
    """Its categories, and the most frequent."""
    from sklearn.impute import SimpleImputer

    text = as_text(column.dropna())
    imputer = SimpleImputer(strategy="most_frequent")
    imputer.fit(text[:, None])
    return CategoricalColumn(
        name=str(column.name),
        fill=str(np.asarray(imputer.statistics_)[0]),
        categories=tuple(sorted(set(text))),
    )


def _teaches_nothing(column: pd.Series, kept: bool) -> str:
    """Why a column cannot be learnt from.

    "empty", "constant", "the same in all but 2 rows", or "".
    """
    counts = column.value_counts()
    if len(counts) == 0:
        return "empty"
    if kept:
        return ""
    if len(counts) == 1:
        return "constant"
    others = int(counts.sum() - counts.iloc[0])
    if others <= FEW and counts.iloc[0] > FEW * NEARLY_ALL:
        return f"the same in all but {others} row{'s'[: others > 1]}"
    return (
        "constant but for rounding"
        if not as_numbers(column)[1].any() and constant(as_numbers(column)[0])
        else ""
    )


def fit_images(images: Tensor, train: Tensor, image_column: str | None = None) -> Preprocessing:
    """Measure the mean and standard deviation of each channel on the training part of images.

    They are (N, C, H, W), uint8 or int32.
    """
    bits = 8 if images.dtype == torch.uint8 else 16
    total, squares, pixels = 0.0, 0.0, 0
    for chunk in train.split(_CHUNK):
        values = images[chunk].flatten(2).double() / (2**bits - 1)
        total = total + values.sum((0, 2))
        squares = squares + values.square().sum((0, 2))
        pixels += values.shape[0] * values.shape[2]
    mean = torch.as_tensor(total) / pixels
    std = (torch.as_tensor(squares) / pixels - mean.square()).clamp(min=0).sqrt()
    std = torch.where(std < 1e-6, 1.0, std)
    return Preprocessing(
        input_shape=tuple(images.shape[1:]),
        mean=tuple(mean.tolist()),
        std=tuple(std.tolist()),
        image_column=image_column,
        image_bits=bits,
    )
