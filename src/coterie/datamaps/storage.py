"""Big maps on disk.

Safetensors files written piece by piece and read through memory maps, never loaded whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import safe_open

from coterie.datamaps._welford import STATISTICS
from coterie.errors import CoterieError
from coterie.files import (
    allocate,
    atomic,
    check_seal,
    explained,
    naming_damage,
    path_of,
    seal,
    sealed_text,
    unsealed,
)
from coterie.results import DataMap

_DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "|u1"}
_CODES = {np.dtype(text): code for code, text in _DTYPES.items()}
_CHUNK_CELLS = 1 << 22


@contextmanager
def create_arrays(
    path: str | Path, layout: Mapping[str, tuple[np.dtype, tuple[int, ...]]], about: Any = None
) -> Iterator[dict[str, np.ndarray]]:
    """Yield writable memory maps of named arrays that become one safetensors file, whole or not at all.

    ``layout`` gives dtype and shape of each array; ``about`` (JSON types) goes to the header.
    """
    header: dict[str, Any] = {"__metadata__": {"coterie": sealed_text(about)}}
    end = 0
    for name, (dtype, shape) in layout.items():
        size = prod(shape) * dtype.itemsize
        header[name] = {
            "dtype": _CODES[dtype],
            "shape": list(shape),
            "data_offsets": [end, end + size],
        }
        end += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)  # the format asks for aligned data
    with atomic(path) as temporary:
        with temporary.open("wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            allocate(file, 8 + len(text) + end)
        arrays = _views(temporary, header, 8 + len(text), "r+")
        yield arrays
        for array in arrays.values():
            if isinstance(array, np.memmap):
                array.flush()
        seal(temporary)


def map_arrays(
    path: str | Path, mode: Literal["r", "c"] = "r", *, verify: bool = True
) -> tuple[dict[str, np.ndarray], Any]:
    """Memory maps of the arrays of a safetensors file and what its header says.

    ``mode`` as in :class:`numpy.memmap`.

    With ``verify`` the file is read through once to check its seal, about a second per gigabyte;
    nothing of it is held.

    Raises:
        CoterieError: the file is damaged.
    """
    path = path_of(path)
    with naming_damage(path), explained(path, "read"):
        if verify:
            check_seal(path)
        # Refuses a header that does not describe the file: sizes, offsets, gaps.
        with safe_open(path, framework="numpy"):
            pass
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        about = unsealed(header.get("__metadata__", {}).get("coterie", "null"))
        return _views(path, header, 8 + length, mode), about


@contextmanager
def write_map(
    path: str | Path,
    shape: tuple[int, int],
    *,
    tasks: Sequence[str],
    kinds: Sequence[str],
    ids: np.ndarray,
    epochs: Sequence[int],
    dtype: Any = np.float32,
) -> Iterator[dict[str, np.ndarray]]:
    """Yield memory maps "EPOCH/confidence", ... of shape (N, T) to fill.

    The file is what :meth:`DataMap.save` writes.
    """
    layout = {
        f"{epoch}/{name}": (np.dtype(dtype), shape) for epoch in epochs for name in STATISTICS
    }
    about = DataMap.header(tasks, kinds, epochs)
    if ids.dtype.kind in "iu":
        layout["ids"] = (np.dtype(np.int64), ids.shape)
    else:
        about["ids"] = [str(i) for i in ids]
    with create_arrays(path, layout, about) as arrays:
        if "ids" in arrays:
            arrays["ids"][:] = ids
        yield arrays


def open_map(path: str | Path, *, verify: bool = True) -> DataMap:
    """Open a saved map without loading it: its arrays are read-only views of the file.

    With ``verify`` the file is read through once to check its seal, about a second per gigabyte;
    nothing of it is held.

    Raises:
        CoterieError: the file is damaged or no data map.
    """
    return DataMap.open(path, partial(map_arrays, verify=verify))


def as_type(data_map: DataMap, dtype: Any, path: str | Path | None = None) -> DataMap:
    """The same map with its statistics as ``dtype``, float16 or float32.

    With ``path`` written there and memory-mapped.

    float16 keeps 3 decimals, half the size. Counts are exact up to 2,048 epochs.

    >>> from coterie.datamaps import DataMapRecorder
    >>> recorder = DataMapRecorder(2, 3)
    >>> as_type(recorder.data_map(), "float16").confidence.dtype
    dtype('float16')
    """
    dtype = np.dtype(dtype)
    if dtype not in (np.float16, np.float32):
        raise CoterieError(f"`dtype` must be float16 or float32; found {dtype}.")
    if path is None:
        cast = [
            replace(s, earlier=(), **{n: getattr(s, n).astype(dtype) for n in STATISTICS})
            for s in data_map.snapshots
        ]
        return replace(cast[-1], earlier=tuple(cast[:-1]))
    n, t = data_map.confidence.shape
    step = max(1, _CHUNK_CELLS // t)
    epochs = [s.epoch for s in data_map.snapshots]
    with write_map(
        path,
        (n, t),
        tasks=data_map.tasks,
        kinds=data_map.kinds,
        ids=data_map.ids,
        epochs=epochs,
        dtype=dtype,
    ) as arrays:
        for snapshot in data_map.snapshots:
            for name in STATISTICS:
                for start in range(0, n, step):
                    rows = slice(start, start + step)
                    arrays[f"{snapshot.epoch}/{name}"][rows] = getattr(snapshot, name)[rows]
    return open_map(path, verify=False)


def _views(path: Path, header: Mapping[str, Any], start: int, mode: Any) -> dict[str, np.ndarray]:
    views = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
        begin, end = entry["data_offsets"]
        if end - begin != prod(shape) * dtype.itemsize:
            raise ValueError(f"array {name!r} has the wrong size")
        offset = start + begin
        views[name] = (
            np.memmap(path, dtype, mode, offset=offset, shape=shape)
            if end > begin
            else np.empty(shape, dtype)
        )
    return views
