"""Parts that come apart, each of one source: they are read as one, and keep their places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from coterie.data.arrays import describe
from coterie.data.sources._columns import from_table
from coterie.data.sources._raw import RawData, Reading
from coterie.data.sources._source import SOURCES, Source, TableSource
from coterie.data.sources._stacking import stacked_frames, stacked_tables
from coterie.data.sources.frames import flat_name, from_frame
from coterie.data.sources.hub import is_of_datasets
from coterie.data.splits import PARTS
from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


class Parts(Source):
    """A mapping from the names of parts to a source of columns each."""

    sentence = (
        "{'train': one of these, 'test': another} (and 'validation'), a datasets.DatasetDict of "
        "such parts"
    )

    def accepts(self, source: object) -> bool:
        """A mapping that names a part, or one of ``datasets``, whatever it names."""
        return isinstance(source, Mapping) and (
            not set(PARTS).isdisjoint(source) or is_of_datasets(source)
        )

    def read(self, source: Mapping[str, object], how: Reading) -> RawData:
        """All parts as one table, so that a cell means the same in each.

        Raises:
            CoterieError: other parts than these, one that has no columns or no rows, or columns
                that do not fit together.
        """
        if not {"train", "test"} <= set(source) <= set(PARTS):
            found = ", ".join(map(repr, source))
            raise CoterieError(
                "`source` must have the parts 'train' and 'test', and perhaps 'validation'; found "
                f"{found or 'none'}."
            )
        parts = {name: source[name] for name in PARTS if name in source}
        frames = _all_frames(parts)
        raw, columns, sizes = _of_tables(parts, how) if frames is None else _of_frames(frames, how)
        part = np.repeat([PARTS.index(name) for name in parts], sizes)
        return replace(raw, part=part, notes=(*raw.notes, *_absences(columns)))


def _of_frames(
    frames: Mapping[str, pd.DataFrame], how: Reading
) -> tuple[RawData, dict[str, list[str]], list[int]]:
    """All of them as one, and the columns and the length of each."""
    _require_rows(frames)
    columns = {name: [flat_name(each) for each in frame] for name, frame in frames.items()}
    return from_frame(stacked_frames(frames), how), columns, list(map(len, frames.values()))


def _of_tables(
    parts: Mapping[str, object], how: Reading
) -> tuple[RawData, dict[str, list[str]], list[int]]:
    """The same of sources that have columns."""
    tables = {name: _table(each, name, how) for name, each in parts.items()}
    _require_rows(tables)
    columns = {name: list(table.column_names) for name, table in tables.items()}
    where = [
        str(each) if isinstance(each, str | Path) else repr(name) for name, each in parts.items()
    ]
    whole = stacked_tables(list(tables.values()), where)
    return from_table(whole, how), columns, list(map(len, tables.values()))


def _all_frames(parts: Mapping[str, object]) -> dict[str, pd.DataFrame] | None:
    import pandas as pd

    frames = {name: each for name, each in parts.items() if isinstance(each, pd.DataFrame)}
    return frames if len(frames) == len(parts) else None


def _table(part: object, name: str, how: Reading) -> pa.Table:
    kind = next((kind for kind in SOURCES if kind.accepts(part)), None)
    if isinstance(kind, TableSource):
        return kind.table(part, how)
    kinds = ", ".join(kind.sentence for kind in SOURCES if isinstance(kind, TableSource))
    raise CoterieError(
        f"`source`: {name!r} must be {kinds}, or all parts pandas frames; found {describe(part)}."
    )


def _require_rows(pieces: Mapping[str, pd.DataFrame] | Mapping[str, pa.Table]) -> None:
    for name, piece in pieces.items():
        if not len(piece):
            raise CoterieError(f"`source`: {name!r} has no rows.")


def _absences(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Which part lacks a column that another has."""
    everywhere = dict.fromkeys(name for own in columns.values() for name in own)
    return [
        f"{part!r} has no column {name!r}: its cells are missing there."
        for part, own in columns.items()
        for name in everywhere
        if name not in own
    ]
