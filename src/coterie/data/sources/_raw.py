"""What every kind of source gives, and how it is asked to read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import torch
import torch.utils.data
from torch import Tensor

from coterie.data.cells import MISSING, Cells

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa


@dataclass(frozen=True, kw_only=True, eq=False)
class RawData:
    """What was read. ``frame`` holds all plain columns, indexed by row number.

    ``inputs`` are there if they are no columns of it.

    ``metadata`` comes from the Parquet schema, JSON decoded. ``images`` is a column of encoded
    images named ``image_column``. ``part`` (N,) is 0 for train, 1 for validation and 2 for test
    where the source comes in parts. ``ids`` (N,) names the examples, if the source does. ``read``
    says how each column was understood, ``labels`` which columns the source itself names as labels,
    ``index`` which ones it calls its index, ``notes`` what else was interpreted.
    """

    frame: pd.DataFrame
    metadata: Mapping[str, object] = field(default_factory=dict)
    read: Mapping[str, Cells] = field(default_factory=dict)
    labels: frozenset[str] = frozenset()
    index: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    inputs: Tensor | torch.utils.data.Dataset | None = None
    images: pa.ChunkedArray | None = None
    image_column: str | None = None
    part: np.ndarray | None = None
    ids: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, positions: np.ndarray) -> RawData:
        """Return only the rows at these positions."""
        inputs = self.inputs
        if isinstance(inputs, Tensor):
            inputs = inputs[torch.from_numpy(positions)]
        elif inputs is not None:
            inputs = torch.utils.data.Subset(inputs, positions.tolist())
        return replace(
            self,
            frame=self.frame.iloc[positions],
            inputs=inputs,
            images=None if self.images is None else self.images.take(positions),
            part=None if self.part is None else self.part[positions],
            ids=None if self.ids is None else self.ids[positions],
        )


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How to read.

    Words for ``missing`` cells, ``encoding`` of CSV files (by its first bytes if None), columns
    ``as_text``, the ``image_column`` (found by its type, a struct with ``bytes``, if None), and
    ``names`` of the tasks where the source has no columns.
    """

    missing: tuple[str, ...] = MISSING
    encoding: str | None = None
    as_text: frozenset[str] = frozenset()
    image_column: str | None = None
    names: tuple[str, ...] | None = None
