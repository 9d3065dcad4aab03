"""Row numbers and ids are no inputs, under whatever name; measurements are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.data import load
from coterie.data.row_numbers import (
    counts_rows,
    evenly_numbered,
    named_like_a_row_number,
    named_like_an_id,
)
from coterie.errors import CoterieError

N = 240
RNG = np.random.default_rng(0)
ORDER = RNG.permutation(N)


def table(**columns: Any) -> pd.DataFrame:
    generator = np.random.default_rng(1)
    return pd.DataFrame(
        {"a": generator.normal(size=N), "y": generator.integers(0, 2, N), **columns}
    )


NUMBERS = {
    "a counter": np.arange(N),
    "a counter as floats": np.arange(N) + 0.0,
    "a counter from 1000 in steps of 3": np.arange(N) * 3 + 1000,
    "a falling counter": np.arange(N)[::-1],
    "a counter with gaps": np.sort(RNG.choice(5000, N, replace=False)),
    "a counter with missing cells": np.where(np.arange(N) % 50 == 0, np.nan, np.arange(N)),
    "a counter that starts anew": np.tile(np.arange(N // 3), 3),
    "a repeated counter": np.repeat(np.arange(N // 4), 4),
    "a shuffled counter": ORDER,
    "a shuffled counter in steps": ORDER * 7 + 5,
    "a ramp": np.linspace(0, 1, N),
    "moments": np.cumsum(RNG.exponential(size=N)),
}
MEASUREMENTS = {
    "whole numbers": RNG.integers(0, 60, N),
    "prices": RNG.integers(100, 100_000, N),
    "a few levels in order": np.repeat([1, 2, 3], N // 3),
    "hours of the day": np.arange(N) % 24,
    "normal": RNG.normal(size=N),
    "sorted but with ties": np.sort(RNG.integers(18, 70, N)),
    "truth": RNG.random(N) < 0.5,
    "counts": RNG.poisson(3, N),
}


@pytest.mark.parametrize("what", NUMBERS)
@pytest.mark.parametrize("name", ["anything", "dose"])
def test_what_follows_the_row_number_is_left_out_and_can_be_kept(what: str, name: str) -> None:
    frame = table(**{name: NUMBERS[what]})
    data = load(frame, targets=["y"])
    assert data.preprocessing.feature_names == ("a",)
    assert any(
        note.startswith(f"Column '{name}' left out: it ") and "`keep`" in note
        for note in data.notes
    )
    kept = load(frame, targets=["y"], keep=name)
    assert kept.preprocessing.feature_names == ("a", name)


@pytest.mark.parametrize("what", MEASUREMENTS)
def test_measurements_stay(what: str) -> None:
    data = load(table(x=MEASUREMENTS[what]), targets=["y"])
    assert data.preprocessing.feature_names == ("a", "x")


@pytest.mark.parametrize(
    "name",
    [
        "id",
        "ID",
        "uid",
        "patientid",
        "Patient ID",
        "userId",
        "sample_no",
        "ID_number",
        "record number",
        "key",
    ],
)
def test_ids_by_name_in_any_order(name: str) -> None:
    values = RNG.choice(10**6, N, replace=False)
    for column in (
        values,
        values.astype(str),
        [f"{value:09d}" for value in values],
        np.where(values == values[3], np.nan, values),
    ):
        assert load(table(**{name: column}), targets=["y"]).preprocessing.feature_names == ("a",)
    assert (
        name
        in load(table(**{name: values}), targets=["y"], keep=[name]).preprocessing.feature_names
    )


def test_an_id_that_repeats_names_the_remedy() -> None:
    data = load(
        table(person_id=RNG.permutation(np.repeat(RNG.choice(10**6, 60, replace=False), 4))),
        targets=["y"],
    )
    assert data.preprocessing.feature_names == ("a",)
    assert any(
        "it is an id that repeats (`group_column` keeps its rows in one part" in note
        for note in data.notes
    )
    few = load(table(station_id=RNG.integers(1, 6, N)), targets=["y"])
    assert few.preprocessing.feature_names == ("a", "station_id")
    assert any(
        "'station_id' is used as a number although it is named like an id" in note
        for note in few.notes
    )


def test_indices_written_to_files(tmp_path: Path) -> None:
    half = [table().assign(a=np.random.default_rng(seed).normal(size=N)) for seed in (0, 1)]
    frames = {
        "plain": half[0],
        "shuffled": half[0].iloc[ORDER],
        "stacked": pd.concat(half),
        "dated": half[0].set_index(pd.date_range("2020", periods=N).rename("when")),
    }
    for name, frame in frames.items():
        frame.to_csv(tmp_path / f"{name}.csv")
        frame.to_parquet(tmp_path / f"{name}.parquet")
        frame.reset_index().to_parquet(tmp_path / f"{name}-column.parquet")
        for path in tmp_path.glob(f"{name}*"):
            assert load(path, targets=["y"]).preprocessing.feature_names == ("a",), path.name


def test_ranks_are_no_row_numbers() -> None:
    ranks = {f"rank {i}": np.random.default_rng(i).permutation(N) for i in range(4)}
    assert load(table(**ranks), targets=["y"]).preprocessing.feature_names == ("a", *ranks)


def test_what_cannot_be_kept_is_refused() -> None:
    for column, message in (
        (
            pd.date_range("2020", periods=N),
            "`keep` names 'z', which cannot be an input: it holds dates",
        ),
        ([[1]] * N, "`keep` names 'z', which cannot be an input: its cells are lists"),
        ([None] * N, "`keep` names 'z', which cannot be an input: it is empty"),
    ):
        with pytest.raises(CoterieError, match=message):
            load(table(z=column), targets=["y"], keep=["z"])
    with pytest.raises(CoterieError, match="`keep` names 'q', which is no column"):
        load(table(), targets=["y"], keep=["q"])
    with pytest.raises(CoterieError, match="`keep` names the target 'y'"):
        load(table(), targets=["y"], keep=["y"])
    text = load(table(z=[f"w{i}" for i in range(N)]), targets=["y"], keep=["z"])
    assert len(text.preprocessing.categorical[0].categories) == len(text.split.train)


def test_arrays_are_taken_as_they_are_but_row_numbers_are_said() -> None:
    inputs = np.column_stack([np.random.default_rng(0).normal(size=N), np.arange(N)])
    data = load({"inputs": inputs, "targets": np.arange(N) % 2})
    assert data.input_shape == (2,)
    assert "Column 1 of `inputs` may be a row number: it counts the rows." in data.notes


def test_the_largest_numbers_have_steps_too() -> None:
    """Warnings are errors here: their differences are beyond what a float can hold."""
    generator, largest = np.random.default_rng(0), np.finfo(float).max
    assert counts_rows(generator.permutation(np.linspace(-largest / 2, largest / 2, 40)) * 2) == ""
    assert counts_rows(np.linspace(-largest / 2, largest / 2, 40) * 2) == "it counts the rows"


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(-1000, 1000),
    step=st.integers(1, 50),
    n=st.integers(10, 300),
    seed=st.integers(0, 5),
    fall=st.booleans(),
)
def test_counters_of_any_start_and_step(
    start: int, step: int, n: int, seed: int, fall: bool
) -> None:
    values = (start + step * np.arange(n)).astype(float) * (-1 if fall else 1)
    assert counts_rows(values) == "it counts the rows"
    assert evenly_numbered(np.random.default_rng(seed).permutation(values))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(30, 300))
def test_noise_counts_nothing(seed: int, n: int) -> None:
    generator = np.random.default_rng(seed)
    for values in (
        generator.normal(size=n),
        generator.integers(0, 20, n).astype(float),
        generator.exponential(size=n),
    ):
        assert counts_rows(values) == ""


def test_names() -> None:
    for name in ("acid", "paid", "grid", "humid", "video", "width", "identity", "solid", "age"):
        assert not named_like_an_id(name)
    for name in ("borrow", "turnkey", "piano", "monkey", "level"):
        assert not named_like_a_row_number(name)
