"""Where data come from: every kind of source becomes the same :class:`Source`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import json

import numpy as np
import torch
import torch.utils.data
from torch import Tensor

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
    """

    frame: pd.DataFrame
    metadata: Mapping[str, Any] = field(default_factory=dict)
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
        return Source(
            frame=self.frame.iloc[positions], metadata=self.metadata, inputs=inputs,
            images=None if self.images is None else self.images.take(positions), image_column=self.image_column,
            part=None if self.part is None else self.part[positions], ids=None if self.ids is None else self.ids[positions],
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
    elif isinstance(source, (str, Path)) or (isinstance(source, (list, tuple)) and source):
        found = _from_table(_read_files(source), image_column)
    elif isinstance(source, Mapping) and set(source) == {"train", "test"}:
        tables = [_read_files(source[part]) for part in ("train", "test")]
        part = np.repeat([0, 2], [len(table) for table in tables])
        found = _from_table(_concatenate(tables, list(source.values())), image_column, part)
    elif isinstance(source, Mapping) and set(source) == {"inputs", "targets"}:
        found = _from_arrays(source["inputs"], source["targets"], names)
    elif isinstance(source, pd.DataFrame):
        found = _from_frame(source)
    elif type(source).__module__.startswith("datasets.") and hasattr(source, "with_format"):
        found = _from_table(source.with_format("arrow")[:], image_column)
    elif hasattr(source, "__getitem__") and hasattr(source, "__len__") and not isinstance(source, (Mapping, str, np.ndarray, Tensor)):
        found = _from_pairs(source, names)
    else:
        raise CoterieError(f"`source` must be {_KINDS}; found {_describe(source)}.")
    if not len(found):
        raise CoterieError("`source` is empty: it has no rows.")
    return found


def as_input(value: Any) -> Tensor:
    """Return one input as a tensor; a PIL image becomes (3, H, W) uint8."""
    if isinstance(value, Tensor):
        return value
    if hasattr(value, "convert"):
        return torch.from_numpy(np.asarray(value.convert("RGB")).transpose(2, 0, 1).copy())
    array = np.asarray(value)
    if array.dtype.kind not in "fiub":
        raise CoterieError(f"The inputs of a dataset must be tensors, arrays or PIL images; found {_describe(value)}.")
    tensor = torch.from_numpy(array)
    return tensor if tensor.dtype == torch.uint8 else tensor.float()


def _describe(value: Any) -> str:
    keys = f" with keys {sorted(map(str, value))}" if isinstance(value, Mapping) else ""
    return f"{type(value).__module__}.{type(value).__qualname__}{keys}".removeprefix("builtins.")


def _read_files(source: Any) -> pa.Table:
    paths = [source] if isinstance(source, (str, Path)) else list(source)
    for path in paths:
        if not isinstance(path, (str, Path)):
            raise CoterieError(f"A list of files must hold paths; found {_describe(path)}.")
    return _concatenate([_read_file(Path(path)) for path in paths], paths)


def _concatenate(tables: list[pa.Table], paths: Sequence[Any]) -> pa.Table:
    import pyarrow as pa

    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise CoterieError(f"{', '.join(map(str, paths))}: their columns do not fit together ({_first_line(error)}).") from error


def _read_file(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.feather
    import pyarrow.parquet

    if not path.is_file():
        raise CoterieError(f"`source`: there is no file {str(path)!r} (nor is that the name of a built-in set; 'digits' is).")
    kind = path.name.removesuffix(".gz").rsplit(".", 1)[-1].lower()
    try:
        if kind in ("parquet", "pq"):
            return pyarrow.parquet.read_table(path)
        if kind in ("csv", "tsv"):
            return pyarrow.csv.read_csv(
                path,
                parse_options=pyarrow.csv.ParseOptions(delimiter="\t" if kind == "tsv" else ","),
                convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True),
            )
        if kind in ("arrow", "feather", "ipc"):
            return _read_arrow(path)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OSError) as error:
        raise CoterieError(f"{str(path)!r} is no readable {kind} file ({_first_line(error)}).") from error
    raise CoterieError(f"{str(path)!r} must end in .parquet, .csv, .tsv or .arrow; found .{kind}.")


def _read_arrow(path: Path) -> pa.Table:
    """Read an Arrow file or, as ``datasets`` writes it, an Arrow stream."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        try:
            return pa.ipc.open_file(file).read_all()
        except pa.ArrowInvalid:
            file.seek(0)
            return pa.ipc.open_stream(file).read_all()


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0].rstrip(".") if str(error) else type(error).__name__


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
    return Source(frame=frame, metadata=metadata, images=images, image_column=image_column, part=part)


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


def _from_arrays(inputs: Any, targets: Any, names: Sequence[str] | None) -> Source:
    tensor = inputs.detach().cpu() if isinstance(inputs, Tensor) else _to_tensor(inputs)
    if tensor.dtype != torch.uint8 or tensor.dim() != 4:
        tensor = tensor.float()
    frame = _target_frame(targets, names)
    if tensor.dim() < 2:
        raise CoterieError(f"`inputs` must have shape (N, F) or (N, C, H, W); found {tuple(tensor.shape)}.")
    if len(tensor) != len(frame):
        raise CoterieError(f"`inputs` and `targets` must have the same length; found {len(tensor)} and {len(frame)}.")
    if tensor.dim() == 4 and tensor.shape[1] > 4 and tensor.shape[3] in (1, 3, 4):
        raise CoterieError(f"Images must have shape (N, C, H, W); found {tuple(tensor.shape)}: move the channels to the front.")
    if tensor.is_floating_point() and not (finite := tensor.isfinite()).all():
        place = (~finite).nonzero()[0].tolist()
        column = f"column {place[1]}" if tensor.dim() == 2 else f"position {tuple(place[1:])}"
        found = tensor[tuple(place)].item()
        raise CoterieError(f"`inputs` must be finite; found {found} in row {place[0]}, {column}.")
    return Source(frame=frame, inputs=tensor)


def _to_tensor(values: Any) -> Tensor:
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise CoterieError(f"`inputs` must hold numbers; found an array of type {array.dtype}.")
    return torch.from_numpy(np.ascontiguousarray(array))


def _target_frame(targets: Any, names: Sequence[str] | None) -> pd.DataFrame:
    import pandas as pd

    if isinstance(targets, pd.DataFrame):
        frame = targets.reset_index(drop=True)
    elif isinstance(targets, Mapping):
        frame = pd.DataFrame(targets)
    else:
        array = targets.detach().cpu().numpy() if isinstance(targets, Tensor) else np.asarray(targets)
        if array.ndim not in (1, 2):
            raise CoterieError(f"`targets` must have shape (N,) or (N, T); found {array.shape}.")
        frame = pd.DataFrame(array)
        frame.columns = ["target"] if frame.shape[1] == 1 else [f"task {i}" for i in range(frame.shape[1])]
    if names is not None:
        if len(names) != frame.shape[1]:
            raise CoterieError(f"`names` must name {frame.shape[1]} tasks; found {len(names)} names.")
        frame.columns = list(names)
    frame.columns = [str(name) for name in frame.columns]
    return frame


def _from_pairs(pairs: Any, names: Sequence[str] | None) -> Source:
    """A map-style dataset of (input, target vector): its targets are collected once, its inputs are read as needed."""
    if isinstance(pairs, torch.utils.data.TensorDataset) and len(pairs.tensors) == 2:
        return _from_arrays(pairs.tensors[0], pairs.tensors[1], names)
    vectors = []
    for position in range(len(pairs)):
        pair = pairs[position]
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise CoterieError(f"A dataset must yield (input, target vector); example {position} is {_describe(pair)}.")
        vectors.append(np.asarray(pair[1], dtype=np.float64).reshape(-1))
        if len(vectors[-1]) != len(vectors[0]):
            raise CoterieError(
                f"Every example must have as many targets as the first, {len(vectors[0])}; example {position} has {len(vectors[-1])}."
            )
    if not vectors:
        raise CoterieError("`source` is empty: it has no rows.")
    return Source(frame=_target_frame(np.stack(vectors), names), inputs=pairs)
