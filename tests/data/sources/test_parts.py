"""Parts that come apart.

{"train": ..., "validation": ..., "test": ...} of files, tables, frames and data sets.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

import coterie as ct
from coterie.errors import CoterieError
from tests.data.sources.people import SIZES, frame


def as_csv(part: str, folder: Path) -> Any:
    frame(part).to_csv(folder / f"{part}.csv", index=False)
    return folder / f"{part}.csv"


KINDS: dict[str, Callable[[str, Path], Any]] = {
    "frames": lambda part, _: frame(part),
    "tables": lambda part, _: pa.Table.from_pandas(frame(part)),
    "data sets": lambda part, _: datasets.Dataset.from_pandas(frame(part)),
    "files": as_csv,
    "lists of files": lambda part, folder: [as_csv(part, folder)],
    "a file and a table": lambda part, folder: (
        as_csv(part, folder) if part == "train" else pa.Table.from_pandas(frame(part))
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parts", [("train", "test"), ("test", "validation", "train")])
def test_parts_are_read_as_one_table_with_a_split_column_is(
    kind: str, parts: tuple[str, ...], tmp_path: Path
) -> None:
    source = {part: KINDS[kind](part, tmp_path) for part in parts}
    data = ct.load(source, targets=["smokes", "grade"])
    order = [part for part in SIZES if part in parts]
    whole = pd.concat([frame(part).assign(part=part) for part in order], ignore_index=True)
    expected = ct.load(whole, targets=["smokes", "grade"], split_column="part")
    assert torch.equal(data.inputs, expected.inputs)
    assert torch.equal(data.targets.nan_to_num(-9), expected.targets.nan_to_num(-9))
    assert data.schema.difference(expected.schema) == ""
    assert data.preprocessing.feature_names == ("age", "site=01", "site=B")
    for name in ("train", "validation", "test"):
        assert torch.equal(getattr(data.split, name), getattr(expected.split, name))
    assert len(data.split.test) == SIZES["test"]
    assert len(data.split.train) == (SIZES["train"] if "validation" in parts else 45)


def test_a_dict_of_data_sets_keeps_classes_and_parts() -> None:
    names = datasets.Features(
        {"x": datasets.Value("float64"), "label": datasets.ClassLabel(names=["cat", "ant"])}
    )
    made = {
        part: datasets.Dataset.from_dict(
            {"x": np.arange(n) / 7.0 % 1, "label": np.arange(n) % 2}, features=names
        )
        for part, n in SIZES.items()
    }
    data = ct.load(datasets.DatasetDict(made), targets="label")
    assert data.tasks[0].classes == ("cat", "ant")
    assert [
        len(part) for part in (data.split.train, data.split.validation, data.split.test)
    ] == list(SIZES.values())
    assert ct.load(
        datasets.DatasetDict(made), targets="label", limit=20
    ).split.train.tolist() == list(range(20))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("train", "dev", "test"), "perhaps 'validation'; found 'train', 'dev', 'test'"),
        (
            ("train",),
            "must have the parts 'train' and 'test', and perhaps 'validation'; found 'train'",
        ),
        (("train", "validation"), "found 'train', 'validation'"),
        (("en", "de"), "found 'en', 'de'"),
        ((), "found none"),
    ],
)
def test_other_parts_are_named(parts: tuple[str, ...], message: str) -> None:
    made = datasets.DatasetDict(
        {part: datasets.Dataset.from_pandas(frame("train")) for part in parts}
    )
    with pytest.raises(CoterieError, match=message):
        ct.load(made, targets="grade")
    if "train" in parts:
        with pytest.raises(CoterieError, match=message):
            ct.load({part: frame("train") for part in parts}, targets="grade")


STREAM = datasets.Dataset.from_dict({"x": [1.0]}).to_iterable_dataset()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"test": 3},
            "`source`: 'train' must be a path .*, or all parts pandas frames; found "
            "pandas.*DataFrame",
        ),
        ({"train": 3, "test": 4}, "`source`: 'train' must be a path .*; found int"),
        ({"train": "", "test": ""}, "`source`: 'train' must be a path .*; found str"),
        ({"train": [], "test": []}, "`source`: 'train' must be a path .*; found list"),
        (
            {"test": pa.table({"age": [1.0]})},
            "`source`: 'train' must be a path .*, or all parts pandas frames; found pandas",
        ),
        (
            {"train": STREAM, "test": STREAM},
            "lies on disk or in memory; found datasets.iterable_dataset.IterableDataset",
        ),
        ({"test": frame("test")[:0]}, "`source`: 'test' has no rows"),
    ],
)
def test_parts_that_cannot_be_read_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(CoterieError, match=message):
        ct.load(
            {"train": frame("train"), "test": frame("test"), **change},
            targets="grade",
            kinds={"grade": "regression"},
        )


@pytest.mark.parametrize("kind", ["frames", "tables"])
def test_a_column_that_a_part_lacks_is_said(kind: str, tmp_path: Path) -> None:
    source = {"train": KINDS[kind]("train", tmp_path), "test": KINDS[kind]("test", tmp_path)}
    source["test"] = (
        source["test"].drop(columns="age")
        if kind == "frames"
        else source["test"].drop_columns("age")
    )
    notes = ct.load(source, targets="grade").notes
    assert "'test' has no column 'age': its cells are missing there." in notes


def test_what_would_have_no_effect_beside_parts_is_refused() -> None:
    parts = {part: frame(part).assign(part="train", when=np.arange(SIZES[part])) for part in SIZES}
    with pytest.raises(CoterieError, match="`split_column` and the parts of `source` both say"):
        ct.load(parts, targets="grade", split_column="part")
    with pytest.raises(CoterieError, match="`time_column` has nothing to split"):
        ct.load(parts, targets="grade", time_column="when")
    del parts["validation"]
    data = ct.load(parts, targets="grade", time_column="when")
    assert data.split.validation.tolist() == list(range(45, 60))
    with pytest.raises(CoterieError, match="resplit"):
        data.resplit(1)
