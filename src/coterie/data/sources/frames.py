"""Pandas frames: their index may name the examples, and its levels are columns."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from coterie.data.cells import to_arrow
from coterie.data.sources._columns import from_columns, require_distinct
from coterie.data.sources._raw import RawData, Reading
from coterie.data.sources._source import Source

if TYPE_CHECKING:
    import pandas as pd


class Frame(Source):
    """A ``pandas.DataFrame``."""

    sentence = "a pandas frame"

    def accepts(self, source: object) -> bool:
        """A ``pandas.DataFrame``."""
        import pandas as pd

        return isinstance(source, pd.DataFrame)

    def read(self, source: pd.DataFrame, how: Reading) -> RawData:
        """Its columns, and the levels of its index that somebody named."""
        return from_frame(source, how)


def from_frame(frame: pd.DataFrame, how: Reading) -> RawData:
    """Understand the columns of a frame.

    Raises:
        CoterieError: a name occurs twice, or ``image_column`` is no column of images.
    """
    import pandas as pd

    # What the index is called is known only if somebody named it; such a level may name groups or
    # times.
    levels = {
        str(name): frame.index.get_level_values(name)
        for name in frame.index.names
        if name is not None and name not in frame.columns
    }
    flat = [flat_name(name) for name in frame.columns]
    require_distinct(flat)
    columns = {name: frame.iloc[:, position] for position, name in enumerate(flat)}
    columns |= {name: pd.Series(values) for name, values in levels.items()}
    plain = {name: column.reset_index(drop=True).rename(name) for name, column in columns.items()}
    cells = {
        name: column if (arrow := to_arrow(column)) is None else arrow
        for name, column in plain.items()
    }
    return replace(from_columns(cells, how), index=tuple(levels), ids=_ids(frame.index))


def flat_name(name: Hashable) -> str:
    """The name of a column; levels of a MultiIndex are joined by spaces."""
    if isinstance(name, tuple):
        return " ".join(str(part) for part in name if str(part))
    return str(name)


def _ids(index: pd.Index) -> np.ndarray | None:
    """What the index calls the examples, (N,).

    None where it counts them, or where one name occurs twice.
    """
    import pandas as pd

    if isinstance(index, pd.RangeIndex) or not _is_unique(index):
        return None
    if isinstance(index, pd.MultiIndex):
        return np.array([" ".join(map(str, each)) for each in index], dtype=object)
    return index.to_numpy()


def _is_unique(index: pd.Index) -> bool:
    try:
        return index.is_unique
    except TypeError:  # structures have no hash
        return False
