"""Every kind of file that is read back, damaged or well-formed but wrong.

Read as ever, or refused by name.
"""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from contextlib import suppress
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from coterie.data.arrow_files import read_parquet, write_parquet
from coterie.files import read_arrays, read_json, write_arrays, write_json

from . import SEED, inputs
from .harness import outcome
from .specimens import Specimen, make

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

NAMES = (
    "affinity",
    "boosting",
    "checkpoint",
    "comparison",
    "data_map",
    "distilled",
    "distilling",
    "diversity",
    "fit",
    "forest",
    "grouping",
    "linear",
    "model",
    "post_training",
    "run",
    "scores",
    "selection",
    "unit",
)
# Wrong for any field: other types, other lengths, sizes that no machine holds.
WRONG = (
    None,
    True,
    -1,
    10**12,
    2**70,
    0.5,
    1e300,
    "",
    "text",
    "\ud800",
    [],
    [[]],
    {},
    [None],
    {"a": 1},
    [10**12] * 3,
)
COUNTS: Counter[str] = Counter()


@pytest.fixture(scope="module")
def specimens(tmp_path_factory):
    made = make(tmp_path_factory.mktemp("specimens"))
    assert set(made) == set(NAMES)
    good = {}
    for name, specimen in made.items():
        good[name] = outcome(
            lambda s=specimen, n=name: s.read(_copy(s, tmp_path_factory.mktemp("good") / n))
        )
        assert good[name].kind == "value", good[name]
    yield {name: (specimen, good[name].text) for name, specimen in made.items()}
    print(f"seed {SEED}: {dict(COUNTS)}")  # noqa: T201


def test_damaged_bytes_are_refused_or_make_no_difference(specimens, tmp_path):
    for number in range(inputs(1 / 6)):
        rng = random.Random(f"bytes {SEED} {number}")
        specimen, good = specimens[rng.choice(NAMES)]
        folder = _copy(specimen, tmp_path / str(number))
        file = folder / rng.choice(specimen.files)
        after = _damage(file, specimens, rng)
        if after is None:
            file.unlink()
        else:
            file.write_bytes(after)
        found = outcome(lambda: specimen.read(folder))  # noqa: B023
        shutil.rmtree(folder)
        COUNTS[f"bytes: {found.kind}"] += 1
        assert found.kind in ("value", "CoterieError"), (SEED, number, file.name, found.text)
        if found.kind == "value":
            assert found.text == good or after is None, (
                SEED,
                number,
                f"{file.name} was used although it is damaged",
            )
        elif after is not None:
            assert file.name in found.text, (SEED, number, found.text)


def _damage(file: Path, specimens: dict, rng: random.Random) -> bytes | None:
    """Bits turned, cut short, overwritten, shortened, emptied, exchanged for another file; None.

    The file is gone.
    """
    data = file.read_bytes()
    at = rng.randrange(len(data))
    how = rng.choice(("flip", "flip", "flip", "cut", "write", "drop", "empty", "swap", "gone"))
    if how == "flip":
        return data[:at] + bytes([data[at] ^ 1 << rng.randint(0, 7)]) + data[at + 1 :]
    if how == "cut":
        return data[:at]
    if how == "write":
        new = rng.randbytes(rng.randint(1, 16))
        return data[:at] + new + data[at + len(new) :]
    if how == "drop":
        return data[:at] + data[at + rng.randint(1, 64) :]
    if how == "swap":
        other = specimens[rng.choice(NAMES)][0]
        new = other.folder / rng.choice(other.files)
        return data if _same_kind(new, file) else new.read_bytes()
    return b"" if how == "empty" else None


def _same_kind(one: Path, other: Path) -> bool:
    """Files of one kind may be exchanged unseen: they say nothing of where they belong."""
    name, theirs = (
        path.name.rstrip("0123456789") for path in (one.with_suffix(""), other.with_suffix(""))
    )
    return one.suffix == other.suffix and (name == theirs or one.suffix == ".json")


def test_well_formed_but_wrong_content_is_refused_by_name(specimens, tmp_path):
    spoil = {".json": _wrong_json, ".safetensors": _wrong_arrays, ".parquet": _wrong_table}
    for number in range(inputs(1 / 6)):
        rng = random.Random(f"content {SEED} {number}")
        specimen, _ = specimens[rng.choice(NAMES)]
        folder = _copy(specimen, tmp_path / str(number))
        file = folder / rng.choice(specimen.files)
        what = spoil[file.suffix](file, rng)
        found = outcome(lambda: specimen.read(folder))  # noqa: B023
        shutil.rmtree(folder)
        COUNTS[f"content: {found.kind}"] += 1
        assert found.kind in ("value", "CoterieError"), (SEED, number, file.name, what, found.text)
        if found.kind == "CoterieError":
            named = file.name in found.text or _speaks_of_other_file(found.text)
            assert named, (SEED, number, file.name, what, found.text)


def _speaks_of_other_file(text: str) -> bool:
    """Where two files do not fit together, either may be named."""
    return any(ending in text for ending in (".json", ".safetensors", ".parquet", "`", "Run "))


def _wrong_json(file: Path, rng: random.Random) -> str:
    value = read_json(file)
    what = _spoil(value, rng)
    text = json.dumps(value)
    file.write_text(text)
    if rng.random() < 0.5 and isinstance(value, dict):
        with suppress(ValueError):
            write_json(file, value)
    return what


def _wrong_arrays(file: Path, rng: random.Random) -> str:
    arrays, about = read_arrays(file)
    if rng.random() < 0.5:
        holder = {"about": about}
        what = _spoil(holder, rng)
        about = holder.get("about")
    else:
        name = rng.choice(sorted(arrays))
        how = rng.choice(
            ("gone", "renamed", "flat", "longer", "text", "whole", "negative", "nan", "inf", "huge")
        )
        what, array = f"{name} {how}", arrays.pop(name)
        changed = {
            "renamed": lambda: array,
            "flat": lambda: array.reshape(-1),
            "longer": lambda: np.tile(array.reshape(-1), 2),
            "text": lambda: np.frombuffer(b"text", np.uint8),
            "whole": lambda: np.zeros(array.shape, np.int64),
            "negative": lambda: -1 - np.abs(array.astype(np.float32)).astype(array.dtype),
            "nan": lambda: array * np.nan,
            "inf": lambda: np.full(array.shape, np.inf, np.float32),
            "huge": lambda: np.full_like(array, 2**30),
        }
        if how != "gone":
            with np.errstate(all="ignore"):
                arrays[f"{name}x" if how == "renamed" else name] = np.ascontiguousarray(
                    changed[how]()
                )
    write_arrays(file, arrays, about)
    return what


def _wrong_table(file: Path, rng: random.Random) -> str:
    table = read_parquet(file)
    name = rng.choice(table.column_names)
    at = table.column_names.index(name)
    how = rng.choice(("gone", "renamed", "null", "text", "no rows", "twice"))
    if how == "gone":
        table = table.drop_columns([name])
    elif how == "renamed":
        table = table.rename_columns(
            [f"{each}x" if each == name else each for each in table.column_names]
        )
    elif how == "no rows":
        table = table.slice(0, 0)
    elif how == "twice":
        table = table.append_column(f"{name}x", table[name])
    else:
        table = table.set_column(at, name, [[None if how == "null" else "text"] * len(table)])
    write_parquet(file, table)
    return f"{name} {how}"


def _spoil(value: object, rng: random.Random) -> str:
    """Delete, rename or mistype one entry of nested JSON, in place."""
    path: list[object] = []
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        key = rng.choice(keys)
        path.append(key)
        inner = value[key]
        if isinstance(inner, dict | list) and inner and (len(path) == 1 or rng.random() < 0.5):
            value = inner
            continue
        break
    how = rng.choice(("delete", "rename", "mistype", "mistype", "mistype"))
    if how == "delete":
        del value[key]
    elif how == "rename" and isinstance(value, dict):
        value[f"{key}x"] = value.pop(key)
    else:
        value[key] = deepcopy(rng.choice(WRONG))
        how = f"is {value[key]!r}"
    return f"{path} {how}"


def _copy(specimen: Specimen, to: Path) -> Path:
    return Path(shutil.copytree(specimen.folder, to))
