"""Big maps on disk, read through memory maps and never loaded whole, and maps of half the size."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike
from safetensors import safe_open

from coterie.datamaps._welford import STATISTICS
from coterie.errors import CoterieError
from coterie.files import check_seal, explained, naming_damage, path_of, unsealed
from coterie.results import DataMap
from coterie.schema import Json

_DTYPES = {"F16": "<f2", "F32": "<f4", "F64": "<f8", "I64": "<i8", "I32": "<i4", "U8": "|u1"}


def open_map(path: str | Path, *, verify: bool = True) -> DataMap:
    """Open a saved map without loading it: its arrays are read-only views of the file.

    With ``verify`` the file is read through once to check its seal, about a second per gigabyte;
    nothing of it is held.

    Raises:
        CoterieError: the file is damaged or no data map.
    """
    return DataMap.open(path, partial(map_arrays, verify=verify))


def map_arrays(path: str | Path, *, verify: bool = True) -> tuple[dict[str, np.ndarray], Json]:
    """Read-only memory maps of the arrays of a safetensors file, and what its header says.

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
        about = unsealed(header.pop("__metadata__", {}).get("coterie", "null"))
        found = {}
        for name, entry in header.items():
            dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
            begin, end = entry["data_offsets"]
            found[name] = (
                np.memmap(path, dtype, "r", offset=8 + length + begin, shape=shape)
                if end > begin
                else np.empty(shape, dtype)
            )
        return found, about


def as_type(data_map: DataMap, dtype: DTypeLike) -> DataMap:
    """The same map with its statistics as ``dtype``, float16 or float32.

    float16 keeps 3 decimals, half the size. Counts are exact up to 2,048 epochs.

    Raises:
        CoterieError: another type.

    >>> from coterie.datamaps import DataMapRecorder
    >>> recorder = DataMapRecorder(2, 3)
    >>> as_type(recorder.data_map(), "float16").confidence.dtype
    dtype('float16')
    """
    dtype = np.dtype(dtype)
    if dtype not in (np.float16, np.float32):
        raise CoterieError(f"`dtype` must be float16 or float32; found {dtype}.")
    cast = [
        replace(s, earlier=(), **{n: getattr(s, n).astype(dtype) for n in STATISTICS})
        for s in data_map.snapshots
    ]
    return replace(cast[-1], earlier=tuple(cast[:-1]))
