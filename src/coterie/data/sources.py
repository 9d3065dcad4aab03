"""Where data come from: every kind of source becomes the same :class:`Source`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from coterie.data.arrays import Survey, describe, from_arrays, target_frame
from coterie.data.cells import MISSING, Cells, read_cells, to_arrow
from coterie.data.columns import series
from coterie.data.csv_files import SEPARATOR
from coterie.data.metadata import (
    class_names,
    index_columns,
    metadata_of,
    named_labels,
    with_class_names,
)
from coterie.data.readers import concatenate, read_files, stacked_frames
from coterie.data.splits import PARTS
from coterie.errors import CoterieError, blame

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_KINDS = (
    "'digits', a path to a Parquet, CSV or Arrow file (or a list of them), a pandas frame, an "
    "Arrow table, a datasets.Dataset, "
    "{'train': one of these, 'test': another} (and 'validation'), a datasets.DatasetDict of such "
    "parts, "
    "{'inputs': X, 'targets': Y} or a map-style torch Dataset"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Raw data. ``frame`` holds all plain columns, indexed by row number.

    ``inputs`` are there if they are no columns of it.

    ``metadata`` comes from the Parquet schema, JSON decoded. ``images`` is a column of encoded
    images named ``image_column``. ``part`` (N,) is 0 for train, 1 for validation and 2 for test
    where the source comes in parts. ``ids`` (N,) names the examples, if the source does. ``read``
    says how each column was understood, ``labels`` which columns the source itself names as labels,
    ``index`` which ones it calls its index, ``notes`` what else was interpreted.
    """

    frame: pd.DataFrame
    metadata: Mapping[str, Any] = field(default_factory=dict)
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

    def take(self, positions: np.ndarray) -> Source:
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
    ``as_text``.
    """

    missing: tuple[str, ...] = MISSING
    encoding: str | None = None
    as_text: frozenset[str] = frozenset()


def read_source(
    source: Any,
    *,
    image_column: str | None = None,
    names: Sequence[str] | None = None,
    how: Reading | None = None,
) -> Source:
    """Recognise the kind of ``source`` and read it.

    Args:
        source: see :func:`coterie.data.load`.
        image_column: column of encoded images; found by its type (struct with ``bytes``) if not
            named.
        names: names of the tasks where the source has no columns (arrays, torch datasets).
        how: which cells are missing, and the like.

    Raises:
        CoterieError: unknown kind of source, unreadable file, lengths that do not match.

    >>> read_source({"inputs": [[1.0], [2.0]], "targets": [0, 1]}).frame
       target
    0       0
    1       1
    """
    import pandas as pd

    how = how or Reading()
    if isinstance(source, str) and source == "digits":
        from coterie.data.digits import digits

        inputs, columns = digits()
        found = Source(frame=pd.DataFrame(columns), inputs=inputs)
    elif isinstance(source, Mapping) and set(source) == {"inputs", "targets"}:
        inputs, frame = from_arrays(source["inputs"], source["targets"], names)
        found = replace(_from_frame(frame, None, how), inputs=inputs)
    elif isinstance(source, Mapping) and (
        not set(PARTS).isdisjoint(source) or _is_of_datasets(source)
    ):
        found = _from_parts(source, image_column, how)
    elif isinstance(source, pd.DataFrame):
        found = _from_frame(source, image_column, how)
    elif (table := _table(source, how)) is not None:
        found = _from_table(table, image_column, how)
    elif _is_map_style(source):
        found = _from_pairs(source, names)
    else:
        raise CoterieError(f"`source` must be {_KINDS}; found {describe(source)}.")
    if not len(found):
        raise CoterieError("`source` is empty: it has no rows.")
    return found


def _is_map_style(source: Any) -> bool:
    sized = hasattr(source, "__getitem__") and hasattr(source, "__len__")
    return sized and not isinstance(source, (Mapping, str, list, tuple, np.ndarray, Tensor))


def _is_of_datasets(source: Any) -> bool:
    return type(source).__module__.startswith("datasets.") and hasattr(source, "with_format")


def _table(source: Any, how: Reading) -> pa.Table | None:
    """What has columns as an Arrow table; None where it is something else.

    A frame keeps more than Arrow tables have.
    """
    import pyarrow as pa

    if isinstance(source, (str, Path, list, tuple)) and source:
        return read_files(source, how.encoding)
    if isinstance(source, pa.Table):
        return source
    if not _is_of_datasets(source):
        return None
    if (
        not hasattr(source, "__getitem__")
        or isinstance(source, Mapping)
        or not hasattr(source, "num_rows")
    ):
        raise CoterieError(
            "`source` must be a `datasets.Dataset` that lies on disk or in memory; found "
            f"{describe(source)}."
        )
    return cast(Any, source).with_format("arrow")[:]


def _from_parts(source: Mapping[Any, Any], image_column: str | None, how: Reading) -> Source:
    """Parts that come apart, each of one source: they are read as one, and keep their places."""
    import pandas as pd

    if not {"train", "test"} <= set(source) <= set(PARTS):
        found = ", ".join(map(repr, source))
        raise CoterieError(
            "`source` must have the parts 'train' and 'test', and perhaps 'validation'; found "
            f"{found or 'none'}."
        )
    parts = {name: source[name] for name in PARTS if name in source}
    if all(isinstance(each, pd.DataFrame) for each in parts.values()):
        pieces: dict[str, Any] = parts
    else:
        pieces = {name: _table(each, how) for name, each in parts.items()}
    for name, piece in pieces.items():
        if piece is None:
            raise CoterieError(
                f"`source`: {name!r} must be a path, an Arrow table or a datasets.Dataset, or all "
                "parts pandas frames; found "
                f"{describe(parts[name])}."
            )
        if not len(piece):
            raise CoterieError(f"`source`: {name!r} has no rows.")
    part = np.repeat(
        [PARTS.index(name) for name in pieces], [len(piece) for piece in pieces.values()]
    )
    columns = {
        name: [
            _flat_name(each)
            for each in getattr(piece, "column_names", getattr(piece, "columns", ()))
        ]
        for name, piece in pieces.items()
    }
    if pieces is parts:
        read = _from_frame(stacked_frames(parts), image_column, how)
    else:
        where = [
            str(each) if isinstance(each, (str, Path)) else repr(name)
            for name, each in parts.items()
        ]
        read = _from_table(concatenate(list(pieces.values()), where), image_column, how)
    return replace(read, part=part, notes=(*read.notes, *_absences(columns)))


def _absences(columns: Mapping[str, Sequence[str]]) -> list[str]:
    """Which part lacks a column that another has."""
    everywhere = dict.fromkeys(name for own in columns.values() for name in own)
    return [
        f"{part!r} has no column {name!r}: its cells are missing there."
        for part, own in columns.items()
        for name in everywhere
        if name not in own
    ]


def _from_table(table: pa.Table, image_column: str | None, how: Reading) -> Source:
    repeated = [name for name in table.column_names if table.column_names.count(name) > 1]
    if repeated:
        raise CoterieError(f"Column {repeated[0]!r} occurs more than once.")
    metadata = metadata_of(table.schema)
    separator = metadata.get(SEPARATOR, ",")
    found = _from_columns(
        {name: table.column(name) for name in table.column_names}, image_column, how, separator
    )
    classes = {name: class_names(metadata, name) for name in found.read}
    columns = {
        name: with_class_names(series(found.frame, name), names)
        for name, names in classes.items()
        if names
    }
    notes = [] if separator == "," else [f"Columns are separated by {separator!r}."]
    return replace(
        found,
        frame=found.frame.assign(**columns),
        metadata=metadata,
        labels=named_labels(metadata, table.column_names),
        index=index_columns(metadata),
        notes=(*notes, *found.notes),
    )


def _from_columns(
    columns: Mapping[str, pa.ChunkedArray | pd.Series],
    image_column: str | None,
    how: Reading,
    separator: str = ",",
) -> Source:
    """Columns of one length, as Arrow has them or, where it has no such cells, of a frame."""
    import pandas as pd
    import pyarrow as pa

    if image_column is not None and image_column not in columns:
        raise CoterieError(
            f"`image_column` {image_column!r} is no column; columns are "
            f"{', '.join(list(columns)[:20])}."
        )
    cells = {
        name: column for name, column in columns.items() if isinstance(column, pa.ChunkedArray)
    }
    structs = [
        name
        for name, each in cells.items()
        if pa.types.is_struct(each.type) and each.type.get_field_index("bytes") >= 0
    ]
    image_column = image_column or (structs[0] if structs else None)
    if image_column is not None and image_column not in cells:
        raise CoterieError(
            f"`image_column` {image_column!r} holds no encoded images: neither bytes nor structs "
            "with `bytes`."
        )
    read = {
        name: read_cells(
            each, missing=how.missing, as_text=name in how.as_text, decimal_comma=separator == ";"
        )
        for name, each in cells.items()
        if name != image_column
    }
    notes = []
    if others := ", ".join(repr(name) for name in structs if name != image_column):
        notes.append(
            f"Of the columns of images, {image_column!r} is read, {others} left out (see "
            "`image_column`)."
        )
    plain = {
        name: read[name].values if name in read else each
        for name, each in columns.items()
        if name != image_column
    }
    n_rows = len(next(iter(columns.values()), ()))
    return Source(
        frame=pd.DataFrame(plain, index=pd.RangeIndex(n_rows)),
        read=read,
        image_column=image_column,
        images=None if image_column is None else cells[image_column],
        notes=tuple(notes),
    )


def _from_frame(frame: pd.DataFrame, image_column: str | None, how: Reading) -> Source:
    import pandas as pd

    ids = (
        None
        if isinstance(frame.index, pd.RangeIndex) or not _is_unique(frame.index)
        else frame.index.to_numpy()
    )
    if ids is not None and isinstance(frame.index, pd.MultiIndex):
        ids = np.array([" ".join(map(str, each)) for each in frame.index], dtype=object)
    # What the index is called is known only if somebody named it; such a level may name groups or
    # times.
    names = [
        str(name) for name in frame.index.names if name is not None and name not in frame.columns
    ]
    levels = {
        name: frame.index.get_level_values(name) for name in frame.index.names if str(name) in names
    }
    columns = {
        _flat_name(name): frame.iloc[:, position] for position, name in enumerate(frame.columns)
    }
    if len(columns) < frame.shape[1]:
        flat = [_flat_name(name) for name in frame.columns]
        raise CoterieError(
            f"Column {next(name for name in flat if flat.count(name) > 1)!r} occurs more than once."
        )
    columns |= {str(name): pd.Series(values) for name, values in levels.items()}
    plain = {name: column.reset_index(drop=True).rename(name) for name, column in columns.items()}
    cells = {
        name: column if (arrow := to_arrow(column)) is None else arrow
        for name, column in plain.items()
    }
    return replace(_from_columns(cells, image_column, how), index=tuple(names), ids=ids)


def _is_unique(index: pd.Index) -> bool:
    try:
        return index.is_unique
    except TypeError:  # structures have no hash
        return False


def _flat_name(name: Any) -> str:
    """The name of a column; levels of a MultiIndex are joined by spaces."""
    return (
        " ".join(str(part) for part in name if str(part)) if isinstance(name, tuple) else str(name)
    )


def _from_pairs(pairs: Any, names: Sequence[str] | None) -> Source:
    """A map-style dataset of (input, target vector).

    Its targets are collected once, its inputs are read as needed.
    """
    if isinstance(pairs, torch.utils.data.TensorDataset) and len(pairs.tensors) == 2:
        inputs, frame = from_arrays(*pairs.tensors, names)
        return Source(frame=frame, inputs=inputs)
    vectors, survey = [], Survey()
    for position in range(len(pairs)):
        with blame(f"`source` fails to give example {position}"):
            pair = pairs[position]
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise CoterieError(
                f"A dataset must yield (input, target vector); example {position} is "
                f"{describe(pair)}."
            )
        survey.add(pair[0], position)
        vectors.append(_target_vector(pair[1], position))
        if len(vectors[-1]) != len(vectors[0]):
            raise CoterieError(
                f"Every example must have as many targets as the first, {len(vectors[0])}; "
                f"example {position} has {len(vectors[-1])}."
            )
    if not vectors:
        raise CoterieError("`source` is empty: it has no rows.")
    return Source(frame=target_frame(np.stack(vectors), names), inputs=pairs, notes=survey.notes())


def _target_vector(target: Any, position: int) -> np.ndarray:
    try:
        return np.asarray(target, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise CoterieError(
            "A dataset must yield (input, target vector) with numbers as targets; example "
            f"{position} has {target!r:.80}. "
            "Number the classes, or give a frame."
        ) from error
