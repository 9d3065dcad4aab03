"""What a case computed, as named arrays and texts: kept in files, and compared to the last bit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Record:
    """``arrays`` by name, and ``texts`` by name: JSON types, whose numbers are kept exactly."""

    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    texts: dict[str, Any] = field(default_factory=dict)

    def save(self, folder: Path, name: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        np.savez(folder / f"{name}.npz", **self.arrays)
        (folder / f"{name}.json").write_text(json.dumps(self.texts, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path, name: str) -> Record:
        with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
        return cls(arrays, json.loads((folder / f"{name}.json").read_text(encoding="utf-8")))


def stored(folder: Path) -> list[str]:
    """The cases that a folder has."""
    return sorted(file.stem for file in folder.glob("*.npz"))


def differences(old: Record, new: Record) -> Iterator[str]:
    """A line for each array and text that is not the same to the last bit.

    NaN is NaN, and -0.0 is not 0.0.
    """
    for name in sorted(old.arrays.keys() | new.arrays.keys()):
        if name in old.arrays and name in new.arrays:
            found = _of_arrays(old.arrays[name], new.arrays[name])
        else:
            found = _present(name in old.arrays, "array")
        if found:
            yield f"{name}: {found}"
    for name in sorted(old.texts.keys() | new.texts.keys()):
        if name in old.texts and name in new.texts:
            yield from _of_texts(old.texts[name], new.texts[name], name)
        else:
            yield f"{name}: {_present(name in old.texts, 'text')}"


def _present(before: bool, what: str) -> str:
    return f"{what} is gone" if before else f"{what} is new"


def _of_arrays(old: np.ndarray, new: np.ndarray) -> str | None:
    if (old.dtype, old.shape) != (new.dtype, new.shape):
        return f"was {old.dtype} {old.shape}, is {new.dtype} {new.shape}"
    apart = old != new
    if old.dtype.kind == "f":
        apart = (apart | (np.signbit(old) != np.signbit(new))) & ~(np.isnan(old) & np.isnan(new))
    if not apart.any():
        return None
    first = tuple(int(i) for i in np.argwhere(apart)[0])
    size = ""
    if old.dtype.kind in "fiu":
        with np.errstate(invalid="ignore"):
            largest = np.nan_to_num(
                np.abs(new.astype(np.float64) - old.astype(np.float64))[apart], posinf=np.inf
            ).max()
        size = f", largest difference {largest:.3g}"
    place = f" at {list(first)}" if first else ""
    differ = f"{old.dtype} {old.shape}, {int(apart.sum())} differ{size}"
    return f"{differ}; first{place}: was {old[first]!r}, is {new[first]!r}"


def _of_texts(old: Any, new: Any, path: str) -> Iterator[str]:
    """Walks down to what differs; of a list, the first place only."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted(old.keys() | new.keys()):
            if key in old and key in new:
                yield from _of_texts(old[key], new[key], f"{path}/{key}")
            else:
                yield f"{path}/{key}: {_present(key in old, 'text')}"
    elif isinstance(old, list) and isinstance(new, list):
        if len(old) != len(new):
            yield f"{path}: had {len(old)} items, has {len(new)}"
        apart = [
            place
            for place, (a, b) in enumerate(zip(old, new, strict=False))
            if json.dumps(a) != json.dumps(b)
        ]
        if apart:
            yield from _of_texts(old[apart[0]], new[apart[0]], f"{path}/{apart[0]}")
        if len(apart) > 1:
            yield f"{path}: {len(apart)} of {len(old)} items differ"
    elif json.dumps(old) != json.dumps(new):
        if isinstance(old, str) and isinstance(new, str):
            old, new = _around_the_first_difference(old, new)
        yield f"{path}: was {old!r}, is {new!r}"


def _around_the_first_difference(old: str, new: str) -> tuple[str, str]:
    alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(old, new, strict=False)))
    part = slice(max(0, alike - 30), alike + 70)
    return old[part], new[part]
