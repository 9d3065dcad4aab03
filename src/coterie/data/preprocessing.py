"""From raw columns or pixels to what a network reads.

Numbers fitted on the training part, kept as plain JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Self

import numpy as np
import torch
from torch import Tensor

from coterie.data.cells import MISSING
from coterie.data.columns import as_text, finite_numbers, series, some, strange_cells
from coterie.errors import CoterieError
from coterie.schema import distinct, structure

if TYPE_CHECKING:
    import pandas as pd

FAR = 2.0
_DEPTHS = {
    torch.uint8: "8-bit images (uint8)",
    torch.int32: "16-bit images (int32)",
    torch.float32: "numbers (float32)",
}


@dataclass(frozen=True, kw_only=True)
class NumericColumn:
    """Missing values become ``fill`` (the median); then ``(value - mean) / scale``.

    Training saw ``low`` to ``high``.
    """

    name: str
    fill: float
    mean: float
    scale: float
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True, kw_only=True)
class CategoricalColumn:
    """Missing values become ``fill`` (the most frequent).

    One 0/1 input per category, all 0 for a category never seen.
    """

    name: str
    fill: str
    categories: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How raw data become inputs.

    Of a table (``numeric``, ``categorical``), of images (``mean``, ``std``), or not at all.

    ``mean`` and ``std`` are per channel on the scale 0 to 1. ``input_shape`` is that of one
    example. ``missing`` are the words that stand for a missing cell. ``image_bits`` is the depth of
    a channel: 8 (images are stored as uint8) or 16 (as int32, levels 0 to 65535).
    """

    input_shape: tuple[int, ...]
    numeric: tuple[NumericColumn, ...] = ()
    categorical: tuple[CategoricalColumn, ...] = ()
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    image_column: str | None = None
    missing: tuple[str, ...] = MISSING
    image_bits: int = 8

    @property
    def kind(self) -> str:
        """What it reads: "table", "images" or "arrays"."""
        return "table" if self.numeric or self.categorical else "images" if self.mean else "arrays"

    @property
    def dtype(self) -> torch.dtype:
        """Type of stored inputs."""
        return (
            torch.float32
            if self.kind != "images"
            else torch.uint8
            if self.image_bits == 8
            else torch.int32
        )

    def require(self, inputs: Tensor, what: str, *, batched: bool = True) -> None:
        """Refuse stored inputs of another shape or depth than those that this was fitted on.

        >>> eight_bit = Preprocessing(input_shape=(1, 2, 2), mean=(0.5,), std=(0.25,))
        >>> eight_bit.require(torch.zeros(9, 1, 2, 2, dtype=torch.int32), "`source`")
        Traceback (most recent call last):
        ...
        coterie.errors.CoterieError: `source` must hold 8-bit images (uint8) like those trained on;
        found 16-bit images (int32).
        """
        self.require_shape(inputs, what, batched=batched)
        self._require_depth(inputs, what)

    def require_shape(self, inputs: Tensor, what: str, *, batched: bool = True) -> None:
        """Refuse inputs of another shape."""
        shape = tuple(inputs.shape[batched:])
        if shape != tuple(self.input_shape) or inputs.dim() < batched:
            raise CoterieError(
                f"{what} must hold inputs of shape {tuple(self.input_shape)}; found {shape}."
            )

    def _require_depth(self, inputs: Tensor, what: str) -> None:
        if inputs.dtype != self.dtype:
            found = _DEPTHS.get(inputs.dtype, inputs.dtype)
            raise CoterieError(
                f"{what} must hold {_DEPTHS[self.dtype]} like those trained on; found {found}."
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of a table that are read."""
        return tuple(column.name for column in (*self.numeric, *self.categorical))

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Name of each input of a table: a column, or ``column=category``."""
        numeric = tuple(column.name for column in self.numeric)
        return numeric + tuple(
            f"{column.name}={category}"
            for column in self.categorical
            for category in column.categories
        )

    def table(self, frame: pd.DataFrame) -> Tensor:
        """Turn a frame into inputs, (N, F) float32.

        Raises:
            CoterieError: a column is absent, holds text in place of numbers, or an infinite value.
        """
        parts = []
        if self.numeric:
            values = np.stack(
                [finite_numbers(self._column(frame, column.name)) for column in self.numeric],
                axis=1,
            )
            fill, mean, scale = np.array([(c.fill, c.mean, c.scale) for c in self.numeric]).T
            parts.append((np.where(np.isnan(values), fill, values) - mean) / scale)
            self._require_float32(values, parts[0], frame)
        for column in self.categorical:
            text = as_text(self._column(frame, column.name))
            text[series(frame, column.name).isna().to_numpy()] = column.fill
            parts.append(text[:, None] == np.array(column.categories, dtype=object))
        inputs = np.concatenate(parts, axis=1, dtype=np.float32, casting="unsafe")
        return torch.from_numpy(np.ascontiguousarray(inputs))

    def surprises(self, frame: pd.DataFrame) -> list[str]:
        """What training did not see.

        Categories, and values further outside its range than ``FAR`` times its width.

        >>> import pandas as pd
        >>> from coterie.data.fit_preprocessing import fit_table
        >>> fitted, _ = fit_table(pd.DataFrame({"a": [1.0, 2.0, 4.0]}), ["a"], [])
        >>> fitted.surprises(pd.DataFrame({"a": [3.0, 1000.0]}))
        ["Column 'a': 1 of 2 values far outside the training range (1 to 4), such as 1000."]
        """
        notes = []
        for column in self.numeric:
            values = finite_numbers(self._column(frame, column.name))
            reach = FAR * (column.high - column.low)
            far = (values < column.low - reach) | (values > column.high + reach)
            if np.isfinite(reach) and far.any():
                notes.append(
                    f"Column {column.name!r}: {far.sum()} of {len(values)} values far outside the "
                    f"training range ({column.low:g} to {column.high:g}), such as "
                    f"{values[far][0]:g}."
                )
        for column in self.categorical:
            cells = self._column(frame, column.name)
            known = as_text(cells)[cells.notna().to_numpy()]
            unseen = known[~np.isin(known.astype(str), np.array(column.categories, dtype=str))]
            if len(unseen):
                names = list(dict.fromkeys(unseen.tolist()))
                notes.append(
                    f"Column {column.name!r}: {len(unseen)} of {len(cells)} cells hold categories "
                    f"that training never saw: {some([repr(name) for name in names], 5)}."
                )
        return notes

    def _column(self, frame: pd.DataFrame, name: str) -> pd.Series:
        if name not in frame.columns:
            raise CoterieError(f"The table lacks the column {name!r} that the inputs were made of.")
        if strange := strange_cells(series(frame, name)):
            raise CoterieError(f"Column {name!r} holds {strange}; training saw numbers or text.")
        return series(frame, name)

    def _require_float32(self, values: np.ndarray, scaled: np.ndarray, frame: pd.DataFrame) -> None:
        beyond = ~(np.abs(scaled) <= np.finfo(np.float32).max)
        if beyond.any():
            row, place = np.argwhere(beyond)[0]
            raise CoterieError(
                f"Column {self.numeric[place].name!r} holds {values[row, place]:g} in row "
                f"{frame.index[row]}: scaled as in training, that is beyond what float32 can hold. "
                "Mend the cell, or leave the column out."
            )

    def normalise(self, inputs: Tensor) -> Tensor:
        """Turn a batch of stored inputs into float32; images (..., C, H, W) are scaled per channel.

        Floating-point images are taken as scaled already; whole numbers of another depth are
        refused.

        >>> preprocessing = Preprocessing(input_shape=(1, 1, 1), mean=(0.5,), std=(0.25,))
        >>> preprocessing.normalise(torch.full((1, 1, 1, 1), 255, dtype=torch.uint8))
        tensor([[[[2.]]]])
        """
        if not self.mean or inputs.is_floating_point():
            return inputs.float()
        self._require_depth(inputs, "`inputs`")
        # What a tracer would leave in the cache is no tensor.
        made = _per_channel.__wrapped__ if torch.compiler.is_compiling() else _per_channel
        white = 2**self.image_bits - 1
        mean, std = (
            made(self.mean, white, inputs.device),
            made(self.std, white, inputs.device),
        )
        return inputs.float().sub_(mean).div_(std)

    def stored(self, inputs: Tensor) -> Tensor:
        """Turn what :meth:`normalise` gives back into stored inputs, whole numbers rounded.

        Images are cut to the levels that there are.

        >>> preprocessing = Preprocessing(input_shape=(1, 1, 2), mean=(0.5,), std=(0.25,))
        >>> preprocessing.stored(torch.tensor([[[[-2.0, 9.0]]]]))
        tensor([[[[  0, 255]]]], dtype=torch.uint8)
        """
        if not self.mean:
            return inputs.float()
        white = 2**self.image_bits - 1
        mean, std = (_per_channel(each, white, inputs.device) for each in (self.mean, self.std))
        return (inputs * std + mean).round().clamp(0, white).to(self.dtype)

    def to_dict(self) -> dict[str, object]:
        """Everything as plain JSON types."""
        return asdict(self)

    @classmethod
    def from_dict(cls, saved: Mapping[str, object]) -> Self:
        """Rebuild what :meth:`to_dict` gave, also after a round trip through JSON.

        Raises:
            CoterieError: a field is missing, unknown or wrong, or they do not fit together; it is
                named.
        """
        found: Self = structure(saved, cls, "preprocessing")
        found._check()
        return found

    def _check(self) -> None:
        """Refuse what no input could be made with."""
        if not self.input_shape or min(self.input_shape) < 1:
            raise CoterieError(
                "`preprocessing.input_shape` must be sizes of at least 1; found "
                f"{list(self.input_shape)}."
            )
        if self.columns:
            distinct(self.columns, "preprocessing columns")
            if self.input_shape != (len(self.feature_names),):
                raise CoterieError(
                    f"`preprocessing.input_shape` must be [{len(self.feature_names)}], one input "
                    f"for each number and category; found {list(self.input_shape)}."
                )
        for column in self.categorical:
            distinct(column.categories, f"categories of {column.name}")
        if len(self.mean) != len(self.std) or (self.mean and len(self.mean) != self.input_shape[0]):
            raise CoterieError(
                "`preprocessing.mean` and `std` must have one number for each of "
                f"{self.input_shape[0]} channels."
            )
        scales = {
            **{column.name: column.scale for column in self.numeric},
            **{f"channel {i}": s for i, s in enumerate(self.std)},
        }
        if wrong := [name for name, scale in scales.items() if scale <= 0]:
            raise CoterieError(
                f"The scale of {wrong[0]!r} in `preprocessing` must be positive; found "
                f"{scales[wrong[0]]}."
            )


@lru_cache(maxsize=64)
def _per_channel(values: tuple[float, ...], white: int, device: torch.device) -> Tensor:
    """Kept, because copying to a device for every batch would make the host wait each time."""
    return torch.tensor(values, device=device)[:, None, None] * white
