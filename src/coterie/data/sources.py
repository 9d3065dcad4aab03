"""Where data come from: every kind of source becomes the same :class:`Source`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

from coterie.data.arrays import Survey, describe, from_arrays, target_frame
from coterie.data.readers import concatenate, read_files
from coterie.errors import CoterieError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

_KINDS = (
    "'digits', a path to a Parquet, CSV or Arrow file (or a list of them), {'train': path, 'test': path}, "
    "{'inputs': X, 'targets': Y}, a pandas frame, a datasets.Dataset or a map-style torch Dataset"
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Raw data. ``frame`` holds all plain columns, indexed by row number; ``inputs`` are there if they are no columns of it.

    ``metadata`` comes from the Parquet schema, JSON decoded. ``images`` is a column of encoded images named ``image_column``.
    ``part`` (N,) is 0 for train and 2 for test where files say so. ``ids`` (N,) names the examples, if the source does.
    ``notes`` are lines worth printing.
    """

    frame: pd.DataFrame
    metadata: Mapping[str, Any] = field(default_factory=dict)
    inputs: Tensor | torch.utils.data.Dataset | None = None
    images: pa.ChunkedArray | None = None
    image_column: str | None = None
    part: np.ndarray | None = None
    ids: np.ndarray | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, positions: np.ndarray) -> Source:
        """Return only the rows at these positions."""
        inputs = self.inputs
        if isinstance(inputs, Tensor):
            inputs = inputs[torch.from_numpy(positions)]
        elif inputs is not None:
            inputs = torch.utils.data.Subset(inputs, positions.tolist())
        return Source(
            frame=self.frame.iloc[positions], metadata=self.metadata, inputs=inputs,
            images=None if self.images is None else self.images.take(positions), image_column=self.image_column,
            part=None if self.part is None else self.part[positions], ids=None if self.ids is None else self.ids[positions],
            notes=self.notes,
        )  # fmt: skip


def read_source(source: Any, *, image_column: str | None = None, names: Sequence[str] | None = None) -> Source:
    """Recognise the kind of ``source`` and read it.

    Args:
        source: see :func:`coterie.data.load`.
        image_column: column of encoded images; found by its type (struct with ``bytes``) if not named.
        names: names of the tasks where the source has no columns (arrays, torch datasets).

    Raises:
        CoterieError: unknown kind of source, unreadable file, lengths that do not match.

    >>> read_source({"inputs": [[1.0], [2.0]], "targets": [0, 1]}).frame
       target
    0       0
    1       1
    """
    import pandas as pd

    if isinstance(source, str) and source == "digits":
        from coterie.data.digits import digits

        inputs, columns = digits()
        found = Source(frame=pd.DataFrame(columns), inputs=inputs)
    elif isinstance(source, (str, Path, list, tuple)) and source:
        found = _from_table(read_files(source), image_column)
    elif isinstance(source, Mapping) and set(source) == {"train", "test"}:
        tables = [read_files(source[part]) for part in ("train", "test")]
        part = np.repeat([0, 2], [len(table) for table in tables])
        found = _from_table(concatenate(tables, list(source.values())), image_column, part)
    elif isinstance(source, Mapping) and set(source) == {"inputs", "targets"}:
        inputs, frame = from_arrays(source["inputs"], source["targets"], names)
        found = Source(frame=frame, inputs=inputs)
    elif isinstance(source, pd.DataFrame):
        found = _from_frame(source)
    elif type(source).__module__.startswith("datasets.") and callable(arrow := getattr(source, "with_format", None)):
        found = _from_table(cast(Any, arrow("arrow"))[:], image_column)
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


def _from_table(table: pa.Table, image_column: str | None, part: np.ndarray | None = None) -> Source:
    import pandas as pd
    import pyarrow as pa

    repeated = [name for name in table.column_names if table.column_names.count(name) > 1]
    if repeated:
        raise CoterieError(f"Column {repeated[0]!r} occurs more than once.")
    if image_column is not None and image_column not in table.column_names:
        raise CoterieError(f"`image_column` {image_column!r} is no column; columns are {', '.join(table.column_names[:20])}.")
    structs = [f.name for f in table.schema if pa.types.is_struct(f.type) and f.type.get_field_index("bytes") >= 0]
    image_column = image_column or (structs[0] if structs else None)
    plain = table.drop_columns([image_column] if image_column else [])
    metadata = _metadata(table.schema)
    frame = plain.replace_schema_metadata(None).to_pandas()
    frame.index = pd.RangeIndex(len(table))
    images = table.column(image_column) if image_column else None
    others = ", ".join(repr(name) for name in structs if name != image_column)
    notes = (f"Of the columns of images, {image_column!r} is read, {others} left out (see `image_column`).",) if others else ()
    return Source(frame=frame, metadata=metadata, images=images, image_column=image_column, part=part, notes=notes)


def _metadata(schema: pa.Schema) -> dict[str, Any]:
    """Schema metadata with JSON decoded, and the class names that ``datasets`` writes, as COLUMN_names."""
    found: dict[str, Any] = {}
    for key, value in (schema.metadata or {}).items():
        text = value.decode("utf-8", "replace")
        try:
            found[key.decode()] = json.loads(text)
        except json.JSONDecodeError:
            found[key.decode()] = text
    hub = found.get("huggingface")
    features = hub.get("info", {}).get("features", {}) if isinstance(hub, dict) else {}
    for column, feature in features.items():
        if isinstance(feature, dict) and isinstance(feature.get("names"), list):
            found[f"{column}_names"] = feature["names"]
    return found


def _from_frame(frame: pd.DataFrame) -> Source:
    import pandas as pd

    ids = None if isinstance(frame.index, pd.RangeIndex) or not frame.index.is_unique else frame.index.to_numpy()
    frame = frame.reset_index(drop=True)
    frame.columns = [str(name) for name in frame.columns]
    if frame.columns.has_duplicates:
        raise CoterieError(f"Column {frame.columns[frame.columns.duplicated()][0]!r} occurs more than once.")
    return Source(frame=frame, ids=ids)


def _from_pairs(pairs: Any, names: Sequence[str] | None) -> Source:
    """A map-style dataset of (input, target vector): its targets are collected once, its inputs are read as needed."""
    if isinstance(pairs, torch.utils.data.TensorDataset) and len(pairs.tensors) == 2:
        inputs, frame = from_arrays(*pairs.tensors, names)
        return Source(frame=frame, inputs=inputs)
    vectors, survey = [], Survey()
    for position in range(len(pairs)):
        pair = pairs[position]
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise CoterieError(f"A dataset must yield (input, target vector); example {position} is {describe(pair)}.")
        survey.add(pair[0], position)
        vectors.append(np.asarray(pair[1], dtype=np.float64).reshape(-1))
        if len(vectors[-1]) != len(vectors[0]):
            raise CoterieError(
                f"Every example must have as many targets as the first, {len(vectors[0])}; "
                f"example {position} has {len(vectors[-1])}."
            )
    if not vectors:
        raise CoterieError("`source` is empty: it has no rows.")
    return Source(frame=target_frame(np.stack(vectors), names), inputs=pairs, notes=survey.notes())
