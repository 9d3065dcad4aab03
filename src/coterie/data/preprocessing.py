"""From raw columns or pixels to what a network reads: numbers fitted on the training part, kept as plain JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from torch import Tensor

from coterie.data.columns import as_numbers, as_text, first_row, series
from coterie.errors import CoterieError
from coterie.schema import distinct, structure

if TYPE_CHECKING:
    import pandas as pd

_CHUNK = 4096


@dataclass(frozen=True, kw_only=True)
class NumericColumn:
    """Missing values become ``fill`` (the median); then ``(value - mean) / scale``."""

    name: str
    fill: float
    mean: float
    scale: float


@dataclass(frozen=True, kw_only=True)
class CategoricalColumn:
    """Missing values become ``fill`` (the most frequent); one 0/1 input per category, all 0 for a category never seen."""

    name: str
    fill: str
    categories: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How raw data become inputs: of a table (``numeric``, ``categorical``), of images (``mean``, ``std``), or not at all.

    ``mean`` and ``std`` are per channel on the scale 0 to 1. ``input_shape`` is that of one example.
    """

    input_shape: tuple[int, ...]
    numeric: tuple[NumericColumn, ...] = ()
    categorical: tuple[CategoricalColumn, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    image_column: str | None = None

    @property
    def kind(self) -> str:
        """What it reads: "table", "images" or "arrays"."""
        return "table" if self.numeric or self.categorical else "images" if self.mean else "arrays"

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Name of each input of a table: a column, or ``column=category``."""
        numeric = tuple(column.name for column in self.numeric)
        return numeric + tuple(f"{column.name}={category}" for column in self.categorical for category in column.categories)

    def table(self, frame: pd.DataFrame) -> Tensor:
        """Turn a frame into inputs, (N, F) float32.

        Raises:
            CoterieError: a column is absent, holds text in place of numbers, or an infinite value.
        """
        absent = [column.name for column in (*self.numeric, *self.categorical) if column.name not in frame.columns]
        if absent:
            raise CoterieError(f"The table lacks the column {absent[0]!r} that the inputs were made of.")
        parts = []
        if self.numeric:
            values = np.stack([finite_numbers(series(frame, column.name)) for column in self.numeric], axis=1)
            fill, mean, scale = np.array([(c.fill, c.mean, c.scale) for c in self.numeric]).T
            parts.append((np.where(np.isnan(values), fill, values) - mean) / scale)
        for column in self.categorical:
            text = as_text(series(frame, column.name))
            text[series(frame, column.name).isna().to_numpy()] = column.fill
            parts.append(text[:, None] == np.array(column.categories, dtype=object))
        inputs = np.concatenate(parts, axis=1, dtype=np.float32, casting="unsafe")
        return torch.from_numpy(np.ascontiguousarray(inputs))

    def normalise(self, inputs: Tensor) -> Tensor:
        """Turn a batch of stored inputs into float32; uint8 images (..., C, H, W) are scaled per channel.

        >>> preprocessing = Preprocessing(input_shape=(1, 1, 1), mean=(0.5,), std=(0.25,))
        >>> preprocessing.normalise(torch.full((1, 1, 1, 1), 255, dtype=torch.uint8))
        tensor([[[[2.]]]])
        """
        if inputs.dtype != torch.uint8 or not self.mean:
            return inputs.float()
        return inputs.float().sub_(_per_channel(self.mean, inputs.device)).div_(_per_channel(self.std, inputs.device))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild what :meth:`to_dict` gave, also after a round trip through JSON.

        Raises:
            CoterieError: a field is missing, unknown or wrong, or they do not fit together; it is named.
        """
        found: Self = structure(saved, cls, "preprocessing")
        found._check()
        return found

    def _check(self) -> None:
        """Refuse what no input could be made with."""
        if not self.input_shape or min(self.input_shape) < 1:
            raise CoterieError(f"`preprocessing.input_shape` must be sizes of at least 1; found {list(self.input_shape)}.")
        columns = [column.name for column in (*self.numeric, *self.categorical)]
        if columns:
            distinct(columns, "preprocessing columns")
            if self.input_shape != (len(self.feature_names),):
                raise CoterieError(
                    f"`preprocessing.input_shape` must be [{len(self.feature_names)}], one input for each number and category; "
                    f"found {list(self.input_shape)}."
                )
        for column in self.categorical:
            distinct(column.categories, f"categories of {column.name}")
        if len(self.mean) != len(self.std) or (self.mean and len(self.mean) != self.input_shape[0]):
            raise CoterieError(
                f"`preprocessing.mean` and `std` must have one number for each of {self.input_shape[0]} channels."
            )
        scales = {
            **{column.name: column.scale for column in self.numeric},
            **{f"channel {i}": s for i, s in enumerate(self.std)},
        }
        if wrong := [name for name, scale in scales.items() if scale <= 0]:
            raise CoterieError(f"The scale of {wrong[0]!r} in `preprocessing` must be positive; found {scales[wrong[0]]}.")


@lru_cache(maxsize=64)
def _per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    """Kept, because copying to a device for every batch would make the host wait each time."""
    return torch.tensor(values, device=device)[:, None, None] * 255


def fit_table(frame: pd.DataFrame, numeric: Sequence[str], categorical: Sequence[str]) -> Preprocessing:
    """Measure medians, means, scales and categories on ``frame``, the training part.

    >>> import pandas as pd
    >>> fitted = fit_table(pd.DataFrame({"a": [1.0, 3.0, None]}), ["a"], [])
    >>> fitted.table(pd.DataFrame({"a": [2.0]}))
    tensor([[0.]])
    """
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric_columns: list[NumericColumn] = []
    if numeric:
        values = np.stack([finite_numbers(series(frame, name)) for name in numeric], axis=1)
        imputer: Any = SimpleImputer(strategy="median", keep_empty_features=True)
        scaler: Any = StandardScaler().fit(imputer.fit_transform(values))
        numbers = np.stack([imputer.statistics_, scaler.mean_, scaler.scale_], axis=1).tolist()
        numeric_columns = [
            NumericColumn(name=name, fill=fill, mean=mean, scale=scale)
            for name, (fill, mean, scale) in zip(numeric, numbers, strict=True)
        ]
    categorical_columns: list[CategoricalColumn] = []
    for name in categorical:
        column = series(frame, name).dropna()
        if len(column) == 0:
            continue
        text = as_text(column)[:, None]
        imputer = SimpleImputer(strategy="most_frequent").fit(text)
        encoder: Any = OneHotEncoder().fit(text)
        categories = tuple(str(category) for category in encoder.categories_[0])
        categorical_columns.append(CategoricalColumn(name=name, fill=str(imputer.statistics_[0]), categories=categories))
    width = len(numeric_columns) + sum(len(column.categories) for column in categorical_columns)
    return Preprocessing(input_shape=(width,), numeric=tuple(numeric_columns), categorical=tuple(categorical_columns))


def fit_images(images: Tensor, train: Tensor, image_column: str | None = None) -> Preprocessing:
    """Measure the mean and standard deviation of each channel on the training part of uint8 images (N, C, H, W)."""
    total, squares, pixels = 0.0, 0.0, 0
    for chunk in train.split(_CHUNK):
        values = images[chunk].flatten(2).double() / 255
        total = total + values.sum((0, 2))
        squares = squares + values.square().sum((0, 2))
        pixels += values.shape[0] * values.shape[2]
    mean = torch.as_tensor(total) / pixels
    std = (torch.as_tensor(squares) / pixels - mean.square()).clamp(min=0).sqrt()
    std = torch.where(std < 1e-6, 1.0, std)
    return Preprocessing(
        input_shape=tuple(images.shape[1:]), mean=tuple(mean.tolist()), std=tuple(std.tolist()), image_column=image_column
    )


def finite_numbers(column: pd.Series) -> np.ndarray:
    """Return a feature column as float64, NaN where missing; text and infinite values are named."""
    values, stray = as_numbers(column)
    if stray.any():
        row = first_row(column, stray)
        raise CoterieError(f"Column {column.name!r} must hold numbers; found {column.loc[row]!r} in row {row}.")
    if np.isinf(values).any():
        raise CoterieError(f"Column {column.name!r} holds an infinite value in row {first_row(column, np.isinf(values))}.")
    return values
