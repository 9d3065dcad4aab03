"""Frames, their index and its levels."""

from __future__ import annotations

import numpy as np
import pandas as pd

import coterie as ct
from coterie.data import load
from tests.data.sources.people import SIZES, frame

N = 240


def test_frames_with_levels() -> None:
    generator = np.random.default_rng(0)
    columns = pd.MultiIndex.from_tuples([("size", "mean"), ("size", "sd"), ("t", "")])
    index = pd.MultiIndex.from_arrays(
        [np.repeat(list("pqrstu"), 40), np.tile(np.arange(40), 6)], names=["person", None]
    )
    frame = pd.DataFrame(
        np.column_stack([generator.normal(size=(N, 2)), np.arange(N) % 2]),
        columns=columns,
        index=index,
    )
    data = load(frame, targets=["t"])
    assert data.preprocessing.feature_names == ("size mean", "size sd")
    assert data.ids[:2].tolist() == ["p 0", "p 1"]
    assert any("'person' left out: it is the index" in note for note in data.notes)
    whole = load(frame, targets=["t"], group_column="person")
    people = [
        set(index.get_level_values(0)[part.numpy()])
        for part in (whole.split.train, whole.split.test)
    ]
    assert not people[0] & people[1]


def test_index_of_frames_names_the_examples() -> None:
    parts = {
        part: frame(part).set_index(
            pd.Index([f"{part} {i}" for i in range(SIZES[part])], name="who")
        )
        for part in SIZES
    }
    data = ct.load(parts, targets="grade", group_column="who")
    assert data.ids[data.split.test[0]] == "test 0"
    assert data.ids[data.split.validation[-1]] == "validation 29"
