"""Random sources and arguments: read, or refused by a sentence.

What was read is a data set that can be trained on.
"""

from __future__ import annotations

import random
import shutil
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

import coterie as ct
from coterie.data import Dataset, load, read_inputs

from . import SEED, inputs
from .harness import Outcome, outcome
from .tables import arrays, csv_text, random_options, random_table, texts, write_file

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

SETTINGS: dict[str, Any] = {
    "epochs": 1,
    "batch_size": 32,
    "strategy": "loop",
    "device": "cpu",
    "model_options": {"hidden": (4,)},
}


class Pairs(torch.utils.data.Dataset):
    """A map-style data set."""

    def __init__(self, inputs: Any, targets: Any) -> None:
        self.inputs, self.targets = inputs, targets

    def __len__(self) -> int:
        return len(self.inputs) if hasattr(self.inputs, "__len__") else 5

    def __getitem__(self, position: int) -> tuple[Any, Any]:
        return self.inputs[position], self.targets[position]


def random_source(rng: random.Random, folder: Path) -> tuple[Any, list[str]]:
    """Any kind of source, and the names of its columns."""
    table = random_table(rng)
    kinds = {
        "file": 16,
        "frame": 6,
        "table": 3,
        "arrays": 3,
        "hub": 1,
        "parts": 1,
        "two files": 1,
        "files": 1,
        "pairs": 1,
        "none": 1,
    }
    (kind,) = rng.choices(list(kinds), list(kinds.values()))
    if kind == "file":
        return write_file(rng, table, folder), table.column_names
    if kind == "frame":
        frame = table.replace_schema_metadata().to_pandas(date_as_object=False)
        if rng.random() < 0.3:
            with suppress(NotImplementedError):  # pandas has no index of float16
                frame = frame.set_index(rng.choice(list(frame.columns)))
        if rng.random() < 0.3:
            frame = frame.convert_dtypes()
        return frame, table.column_names
    if kind == "hub":
        import datasets

        known = [name for name in table.column_names if not pa.types.is_map(table[name].type)]
        return datasets.Dataset(table.select(known).replace_schema_metadata()), table.column_names
    if kind == "parts":
        tables = [table, table if rng.random() < 0.7 else random_table(rng)]
        made = [each.replace_schema_metadata().to_pandas(date_as_object=False) for each in tables]
        return dict(
            zip(("train", "test"), rng.choice((tables, made, [tables[0], made[1]])), strict=True)
        ), table.column_names
    if kind in ("two files", "files"):
        paths = []
        for part in ("one", "two"):
            (folder / part).mkdir()
            paths.append(
                write_file(rng, table if rng.random() < 0.8 else random_table(rng), folder / part)
            )
        return (
            paths if kind == "files" else dict(zip(("train", "test"), paths, strict=True))
        ), table.column_names
    if kind in ("arrays", "pairs"):
        made = arrays(rng)
        return (Pairs(**made) if kind == "pairs" else made), []
    if kind == "none":
        odd = (
            None,
            3,
            "absent.csv",
            [],
            {},
            folder,
            b"x",
            "",
            {"train": 1, "test": 2},
            {"train": folder},
            [3],
            float("nan"),
        )
        return rng.choice(odd), []
    return table, table.column_names


def check(data: Dataset) -> None:
    """What holds of every data set, whatever it was made of."""
    parts = [part.numpy() for part in (data.split.train, data.split.validation, data.split.test)]
    used = np.concatenate(parts)
    assert len(np.unique(used)) == len(used) <= len(data)
    assert all(len(part) for part in parts)
    targets = data.targets.numpy()
    assert not np.isinf(targets).any()
    assert not np.isnan(targets[used]).all(1).any()
    for task, column in zip(data.tasks, targets.T, strict=True):
        known = column[~np.isnan(column)]
        if task.kind.has_classes:
            assert set(known) <= set(range(len(task.classes))), task
        assert len(np.unique(column[parts[0]][~np.isnan(column[parts[0]])])) > 1, task
    if isinstance(data.inputs, torch.Tensor) and data.inputs.is_floating_point():
        assert bool(torch.isfinite(data.inputs).all())
    assert all(isinstance(note, str) and note for note in data.notes)
    assert repr(data)


def use(read: Callable[[], Dataset], source: Any, deep: bool) -> str:
    """Read, check, train for an epoch, and read the same again with the schema of the model."""
    data = read()
    check(data)
    if not deep:
        return "loaded"
    fitted = ct.fit("mlp", data, **SETTINGS)
    rows = list(ct.evaluate(fitted, data, "test"))
    assert rows
    assert np.isfinite(
        [row["value"] for row in rows if row["metric"] in ("accuracy", "MAE")]
    ).all(), rows
    if not isinstance(source, dict):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ct.CoterieWarning)  # tells what new data hold
            new, ids = read_inputs(source, data.preprocessing)
        assert len(new) == len(ids)
    return "trained"


def said(found: Outcome, counts: Counter[str]) -> Outcome:
    counts[found.text if found.kind == "value" else found.kind] += 1
    return found


def test_any_source_is_read_or_refused_by_a_sentence(tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for number in range(inputs(1 / 3)):
        rng = random.Random(f"{SEED} {number}")
        folder = tmp_path / str(number)
        folder.mkdir()
        source, names = random_source(rng, folder)
        options = random_options(rng, names) if names and rng.random() < 0.95 else {}
        deep = rng.random() < 0.25
        found = said(
            outcome(lambda: use(lambda: load(source, **options), source, deep), 60),  # noqa: B023
            counts,
        )
        assert found.kind in ("value", "CoterieError"), (SEED, number, options, found.text)
        assert (
            found.kind == "value"
            or found.text.strip().endswith((".", ")", "?"))
            or "\n" not in found.text
        ), found.text
        shutil.rmtree(folder)
    print(f"seed {SEED}: {dict(counts)}")  # noqa: T201


def test_text_is_read_alike_from_csv_and_from_columns_of_text(tmp_path: Path) -> None:
    """The rule of cells is one; only what a file of text cannot hold may differ."""
    counts: Counter[str] = Counter()
    for number in range(inputs(1 / 6)):
        rng = random.Random(f"text {SEED} {number}")
        table = random_table(rng)
        plain = [
            name
            for name in table.column_names
            if not pa.types.is_nested(table[name].type) and name.strip() == name != ""
        ]
        as_text = pa.table(
            {name: pa.array(map(_bare, texts(table[name])), pa.string()) for name in plain}
        )
        path = tmp_path / "table.csv"
        path.write_text(csv_text(random.Random(0), as_text), encoding="utf-8", newline="")
        options = random_options(rng, plain or ["A"])
        options.pop("encoding", None)
        one, other = (
            outcome(lambda s=source: _shown(load(s, **options)))  # noqa: B023
            for source in (path, as_text)
        )
        counts[f"{one.kind}, {other.kind}"] += 1
        assert one.kind == other.kind, (SEED, number, options, one, other)
        assert one.kind == "CoterieError" or one.text == other.text, (SEED, number, options)
    print(f"seed {SEED}: {dict(counts)}")  # noqa: T201


def _bare(cell: str) -> str:
    """Without what ends a line or a file of text."""
    return cell.replace("\0", "0").replace("\r", "r").replace("\ufeff", "u")


def _shown(data: Dataset) -> str:
    parts = [part.tolist() for part in (data.split.train, data.split.validation, data.split.test)]
    return repr((data.tasks, data.notes, parts, data.inputs.tolist(), data.targets.tolist()))
