"""Several tables as one."""

from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pytest

import coterie as ct
from coterie.data import Dataset, load
from coterie.errors import CoterieError
from tests.data.sources.people import SIZES, frame

N = 240


def test_text_and_typed_files_can_be_joined(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "a": np.random.default_rng(0).normal(size=N),
            "t": np.arange(N) % 2,
            "on": np.arange(N) % 3 == 0,
        }
    )
    frame[:140].to_csv(tmp_path / "a.csv", index=False)
    frame[140:].to_parquet(tmp_path / "b.parquet", index=False)
    data: Dataset = load([tmp_path / "a.csv", tmp_path / "b.parquet"], targets=["t", "on"])
    assert [task.classes for task in data.tasks] == [("0", "1"), ("false", "true")]
    np.testing.assert_allclose(
        data.preprocessing.numeric[0].high, frame["a"][data.split.train.numpy()].max()
    )


def test_categories_of_frames_are_those_of_all_parts_and_ordered_ones_must_agree() -> None:
    def with_level(part: str, categories: list[str], *, ordered: bool) -> pd.DataFrame:
        cells = np.array(categories)[np.arange(SIZES[part]) % len(categories)]
        return frame(part).assign(level=pd.Categorical(cells, categories, ordered=ordered))

    parts = {
        "train": with_level("train", ["low", "high"], ordered=False),
        "test": with_level("test", ["mid", "low"], ordered=False),
    }
    data = ct.load(parts, targets="level")
    assert set(data.tasks[0].classes) == {"low", "mid", "high"}
    ordered = {
        "train": with_level("train", ["low", "high"], ordered=True),
        "test": with_level("test", ["high", "low"], ordered=True),
    }
    with pytest.raises(
        CoterieError, match="'level' must have the same ordered categories in every part"
    ):
        ct.load(ordered, targets="level")
    with pytest.raises(
        CoterieError,
        match=r"'level' must have the same classes everywhere; 'train' names them \['low', "
        r"'high'\]",
    ):
        ct.load(
            {part: pa.Table.from_pandas(frame) for part, frame in ordered.items()}, targets="level"
        )
    ordered["test"] = ordered["test"].assign(level=ordered["test"]["level"].astype(str))
    with pytest.raises(
        CoterieError, match="'level' must have the same ordered categories in every part"
    ):
        ct.load(ordered, targets="level")
    ordered["test"] = with_level("test", ["low", "high"], ordered=True)
    assert ct.load(ordered, targets="level").tasks[0].classes == ("low", "high")


def test_class_numbers_must_mean_the_same_everywhere() -> None:
    def numbered(names: list[str]) -> datasets.Dataset:
        features = datasets.Features(
            {"x": datasets.Value("float64"), "label": datasets.ClassLabel(names=names)}
        )
        return datasets.Dataset.from_dict(
            {"x": np.arange(40) / 7.0 % 1, "label": np.arange(40) % 2}, features=features
        )

    with pytest.raises(
        CoterieError,
        match=r"'label' must have the same classes everywhere; 'train' names them \['cat', 'ant'\]",
    ):
        ct.load(
            {"train": numbered(["cat", "ant"]), "test": numbered(["ant", "cat"])}, targets="label"
        )
