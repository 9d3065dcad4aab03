"""What holds on every machine.

Names, shapes and types of all arrays, some values exactly, and some losses closely.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np

from tests.golden.records import Record
from tests.golden.registry import CASES, Case

FILE = Path(__file__).with_name("expected.json")
RELATIVE, ABSOLUTE = 1e-3, 1e-6
MOST_VALUES = 60


def facts(case: Case, record: Record) -> dict[str, Any]:
    """The part of a record that does not depend on the order in which numbers are added."""
    values = {**record.arrays, **record.texts}
    return {
        "arrays": {
            name: _kind(array)
            for name, array in record.arrays.items()
            if not _any(name, case.loose)
        },
        "exact": {name: _exact(value) for name, value in values.items() if _any(name, case.exact)},
        "close": {name: _close(value) for name, value in values.items() if _any(name, case.close)},
    }


def _exact(value: Any) -> Any:
    """Of many words those that differ, of many other values a digest."""
    if not isinstance(value, np.ndarray):
        return value
    if value.dtype.kind == "U":
        return list(dict.fromkeys(value.ravel().tolist()))
    return (
        value.tolist() if value.size <= MOST_VALUES else hashlib.sha256(value.tobytes()).hexdigest()
    )


def _close(value: Any) -> Any:
    """Of many values the means over the first axis."""
    array = np.asarray(value, dtype=np.float64)
    if array.size > MOST_VALUES:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # nothing but gaps
            array = np.nanmean(array, axis=0)
    return array.tolist()


def write(records: Mapping[str, Record], *, whole: bool) -> None:
    """Rewrite the file, or the cases given only."""
    kept = {} if whole else read()
    kept |= {name: facts(CASES[name], record) for name, record in records.items()}
    FILE.write_text(
        _lines({name: kept[name] for name in CASES if name in kept}, depth=3) + "\n",
        encoding="utf-8",
    )


def _lines(value: Any, depth: int) -> str:
    """JSON with a line for each name, so that changes can be read."""
    if depth == 0 or not value:
        return json.dumps(value)
    inner = ",\n".join(
        f"{json.dumps(key)}: {_lines(item, depth - 1)}" for key, item in value.items()
    )
    return "{\n" + inner + "\n}"


def read() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


def violations(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """A line for everything that should hold on every machine and does not."""
    for part in ("arrays", "exact", "close"):
        for name in sorted(before[part].keys() | now[part].keys()):
            old, new = before[part].get(name), now[part].get(name)
            if not (_alike(old, new) if part == "close" else json.dumps(old) == json.dumps(new)):
                yield f"{name}: was {old!s:.200}, is {new!s:.200}"


def _alike(old: Any, new: Any) -> bool:
    one, other = np.asarray(old, dtype=np.float64), np.asarray(new, dtype=np.float64)
    return one.shape == other.shape and np.allclose(
        one, other, rtol=RELATIVE, atol=ABSOLUTE, equal_nan=True
    )


def _kind(array: np.ndarray) -> str:
    """Type and shape; how long the longest text is does not matter."""
    return f"{'str' if array.dtype.kind == 'U' else array.dtype} {array.shape}"


def _any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
