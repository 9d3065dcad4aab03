"""Nothing stands on both sides of a split, and what gives an answer away is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.data import Dataset, load
from coterie.data.leaks import equal_inputs, shared_groups, time_order_note
from coterie.data.tables import Features, Table
from coterie.errors import CoterieError

N = 240


def parts_of(data: Dataset) -> list[np.ndarray]:
    return [part.numpy() for part in (data.split.train, data.split.validation, data.split.test)]


def overlaps(values: Any, data: Dataset) -> list[int]:
    """How many values stand in two parts, for each pair of parts."""
    found = [set(np.asarray(values)[part].tolist()) for part in parts_of(data)]
    return [len(found[a] & found[b]) for a, b in ((0, 1), (0, 2), (1, 2))]


def table(n: int = N, seed: int = 0, **columns: Any) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    plain = {
        "a": generator.normal(size=n),
        "b": generator.normal(size=n),
        "y": generator.integers(0, 2, n),
    }
    return pd.DataFrame({**plain, **columns})


def long_table(
    n: int, n_tasks: int, seed: int, share: float = 1.0
) -> tuple[pd.DataFrame, np.ndarray]:
    """The same examples under several tasks, and who each row is."""
    generator = np.random.default_rng(seed)
    inputs = pd.DataFrame(generator.normal(size=(n, 3)), columns=list("abc")).assign(
        word=generator.choice(["u", "v"], n)
    )
    inputs.loc[generator.random(n) < 0.2, "b"] = np.nan
    rows = [
        (task, who) for task in range(n_tasks) for who in range(n) if generator.random() < share
    ]
    task, who = map(np.array, zip(*rows, strict=True))
    frame = (
        inputs.iloc[who]
        .reset_index(drop=True)
        .assign(task=task, label=generator.integers(0, 2, len(who)))
    )
    order = generator.permutation(len(frame))
    return frame.iloc[order].reset_index(drop=True), who[order]


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 99), n_tasks=st.integers(2, 4), share=st.sampled_from([1.0, 0.6]))
def test_one_example_under_several_tasks_is_in_one_part(
    seed: int, n_tasks: int, share: float
) -> None:
    frame, who = long_table(400, n_tasks, seed, share)
    data = load(frame, task_column="task", target_column="label", seed=seed)
    for split in (data, data.resplit(seed + 1)):
        assert overlaps(who, split) == [0, 0, 0]
        assert np.array([len(part) for part in parts_of(split)]) / len(frame) == pytest.approx(
            [0.6, 0.2, 0.2], abs=0.05
        )


def test_long_form_from_files_and_images_holds_examples_together(tmp_path: Path) -> None:
    frame, who = long_table(120, 3, 5)
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    for path in (tmp_path / "t.csv", tmp_path / "t.parquet"):
        assert overlaps(who, load(path, task_column="task", target_column="label")) == [0, 0, 0]


def test_a_counter_that_starts_anew_for_every_task_is_no_input() -> None:
    frame, who = long_table(120, 3, 1)
    frame = frame.assign(who=who).sort_values(["task", "who"], ignore_index=True)
    number = frame.groupby("task").cumcount().to_numpy()
    data = load(
        frame.drop(columns="who").assign(number=number), task_column="task", target_column="label"
    )
    assert "number" not in data.preprocessing.feature_names
    assert overlaps(frame["who"], data) == [0, 0, 0]


def test_a_given_split_may_not_tear_examples_of_long_form_apart() -> None:
    frame, who = long_table(120, 3, 2)
    torn = frame.assign(
        part=np.random.default_rng(0).choice(["train", "validation", "test"], len(frame))
    )
    with pytest.raises(
        CoterieError, match=r"tears groups apart: \d+ examples with equal inputs .*'row \d+'"
    ):
        load(torn, task_column="task", target_column="label", split_column="part")
    whole = frame.assign(part=np.array(["train", "validation", "test"])[who % 3])
    assert overlaps(
        who, load(whole, task_column="task", target_column="label", split_column="part")
    ) == [0, 0, 0]


@pytest.mark.parametrize("kind", ["int", "str", "Int16", "category", "gaps"])
def test_groups_are_checked_against_a_given_split(kind: str, tmp_path: Path) -> None:
    person = pd.Series(np.repeat(np.arange(48), 5))
    column = person.where(person > 3).astype("Int64") if kind == "gaps" else person.astype(kind)
    part = np.random.default_rng(0).permutation(
        ["train"] * 144 + ["validation"] * 48 + ["test"] * 48
    )
    frame = table(person=column, part=part)
    with pytest.raises(
        CoterieError,
        match=r"tears groups apart: \d+ groups of 'person' have rows in train and "
        r"test.*allow_overlap",
    ):
        load(frame, targets=["y"], group_column="person", split_column="part")
    data = load(
        frame, targets=["y"], group_column="person", split_column="part", allow_overlap=True
    )
    assert any(
        note.startswith("Allowed overlap: ") and "groups of 'person'" in note for note in data.notes
    )
    tidy = frame.assign(
        part=np.array(["train", "train", "train", "validation", "test"])[person % 5]
    )
    assert load(tidy, targets=["y"], group_column="person", split_column="part")
    frame[:160].drop(columns="part").to_csv(tmp_path / "train.csv", index=False)
    frame[158:].drop(columns="part").to_csv(tmp_path / "test.csv", index=False)
    files = {"train": tmp_path / "train.csv", "test": tmp_path / "test.csv"}
    with pytest.raises(
        CoterieError, match="1 groups of 'person' have rows in train and test: '31'"
    ):
        load(files, targets=["y"], group_column="person", exclude=["a"])


def test_rows_without_a_label_tear_nothing() -> None:
    frame = table(
        person=np.repeat(np.arange(48), 5),
        part=np.repeat(["train", "validation", "test"], [150, 45, 45]),
    )
    frame.loc[240 - 1, "person"] = 0
    with pytest.raises(CoterieError, match="1 groups of 'person'"):
        load(frame, targets=["y"], group_column="person", split_column="part")
    frame["y"] = frame["y"].astype(float)
    frame.loc[240 - 1, "y"] = np.nan
    assert load(frame, targets=["y"], group_column="person", split_column="part")


def test_identical_rows_are_counted() -> None:
    frame = pd.concat([table(), table()[:40].assign(y=0)], ignore_index=True)
    data = load(frame, targets=["y"])
    train, _, test = ({tuple(row) for row in data.inputs[part].tolist()} for part in parts_of(data))
    expected = sum(tuple(row) in train for row in data.inputs[data.split.test].tolist())
    assert expected > 5
    assert any(
        note.startswith(f"{expected} of {len(data.split.test)} test examples have inputs identical")
        for note in data.notes
    )
    assert not any("identical" in note for note in load(table(), targets=["y"]).notes)
    pixels = np.random.default_rng(0).integers(0, 256, (200, 1, 4, 4), dtype=np.uint8)
    images = load({"inputs": np.concatenate([pixels, pixels]), "targets": np.arange(400) % 2})
    assert any("identical" in note for note in images.notes)
    assert len(test)


def test_equal_inputs_are_those_a_model_cannot_tell_apart() -> None:
    frame = pd.DataFrame(
        {"a": [0.1, 0.1 + 1e-12, -0.0, 0.0, np.nan, np.nan], "c": ["x", "x", None, None, "y", "z"]}
    )
    features = Features(numeric=("a",), categorical=("c",), notes=(), ids=())
    assert equal_inputs(Table(frame, features)).tolist() == [0, 0, 1, 1, 2, 3]
    assert equal_inputs(torch.tensor([[1, 2], [3, 4], [1, 2]])).tolist() == [0, 1, 0]


@given(groups=st.lists(st.integers(0, 6), min_size=1, max_size=40), seed=st.integers(0, 9))
def test_shared_groups_are_those_in_two_parts(groups: list[int], seed: int) -> None:
    codes, parts = np.array(groups), np.random.default_rng(seed).integers(-1, 3, len(groups))
    expected = [
        code
        for code in sorted(set(groups))
        if len({part for g, part in zip(groups, parts, strict=True) if g == code} - {-1}) > 1
    ]
    assert shared_groups(codes, parts)[0].tolist() == expected


@pytest.mark.parametrize(
    "times",
    [
        pd.date_range("2020-01-01", periods=N, freq="h"),
        pd.date_range("2020-01-01", periods=N, freq="h").strftime("%Y-%m-%d %H:%M"),
        pd.date_range("2020-01-01", periods=N, freq="D").date,
        np.arange(N) * 7 + 3,
        np.linspace(0, 1, N),
        pd.date_range("2020-01-01", periods=N, freq="h", tz="Europe/Oslo"),
    ],
)
def test_time_splits_by_time(times: Any) -> None:
    order = np.random.default_rng(3).permutation(N)
    frame = table(when=times).iloc[order].reset_index(drop=True)
    data = load(frame, targets=["y"], time_column="when")
    train, validation, test = (order[part] for part in parts_of(data))
    assert train.max() < validation.min()
    assert validation.max() < test.min()
    assert [len(train), len(validation), len(test)] == [144, 48, 48]
    assert data.preprocessing.feature_names == ("a", "b")
    assert data.rebuild is None


def test_one_time_is_in_one_part_and_bad_times_are_named() -> None:
    day = np.repeat(np.arange(12), 20)
    data = load(table(day=day), targets=["y"], time_column="day")
    assert overlaps(day, data) == [0, 0, 0]
    with pytest.raises(CoterieError, match="`time_column` 'day' is empty in row 3"):
        load(table(day=np.where(np.arange(N) == 3, np.nan, day)), targets=["y"], time_column="day")
    with pytest.raises(
        CoterieError, match="`time_column` 'day' must hold dates, times or numbers; found 'u'"
    ):
        load(table(day=["u", "v"] * 120), targets=["y"], time_column="day")
    with pytest.raises(CoterieError, match="both say which rows are tested"):
        load(table(day=day, part="train"), targets=["y"], time_column="day", split_column="part")
    person = np.arange(N) % 60
    with pytest.raises(CoterieError, match="tears groups apart"):
        load(table(day=day, person=person), targets=["y"], time_column="day", group_column="person")


def test_a_table_in_the_order_of_time_is_said() -> None:
    when = pd.date_range("2020-01-01", periods=N, freq="h")
    for column in (when, when.strftime("%d.%m.%Y %H:%M"), when[::-1]):
        notes = load(table(when=column), targets=["y"]).notes
        assert any(
            "ordered by 'when': a random split trains on the future" in note for note in notes
        )
    assert any(
        "ordered by 'year'" in note
        for note in load(table(year=np.repeat(np.arange(2000, 2012), 20)), targets=["y"]).notes
    )
    far = np.repeat([-1.7e308, -1.6e308, *np.linspace(1.5e308, 1.7e308, 18)], N // 20 + 1)[:N]
    assert any("ordered by 'time'" in n for n in time_order_note(pd.DataFrame({"time": far})))
    shuffled = when[np.random.default_rng(0).permutation(N)]
    assert not any("ordered by" in note for note in load(table(when=shuffled), targets=["y"]).notes)


def test_columns_that_the_file_names_as_labels_are_no_inputs(tmp_path: Path) -> None:
    frame = table().assign(z=lambda f: 1 - f["y"], kind=lambda f: f["y"])
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(
        arrow.replace_schema_metadata({"targets": '["y", "z"]', "kind_names": '["no", "yes"]'}),
        tmp_path / "t.parquet",
    )
    data = load(tmp_path / "t.parquet", targets=["y"])
    assert data.preprocessing.feature_names == ("a", "b")
    assert any(
        "names them as labels" in note
        and "'kind', 'z'" in note.replace("'z', 'kind'", "'kind', 'z'")
        for note in data.notes
    )
    kept = load(tmp_path / "t.parquet", targets=["y"], keep=["z", "kind"])
    assert kept.preprocessing.feature_names == ("a", "b", "z", "kind=no", "kind=yes")


def test_a_column_that_tells_the_answer_is_suspected() -> None:
    generator = np.random.default_rng(0)
    n = 600
    base = table(
        n, u=generator.integers(0, 2, n), r=generator.normal(size=n), c=generator.integers(0, 3, n)
    )
    frame = base.assign(
        copy=base["y"] * 3 + 1,
        word=np.where(base["y"] == 1, "ill", "well"),
        near=base["r"] * 2 + 5,
        klass=(base["c"] + 1) % 3 * 10,
        hint=base["y"] + generator.normal(size=n),
    )
    notes = [
        note for note in load(frame, targets=["y", "u", "r", "c"]).notes if "suspected leak" in note
    ]
    assert {(note.split("'")[1], note.split("'")[3]) for note in notes} == {
        ("copy", "y"),
        ("word", "y"),
        ("near", "r"),
        ("klass", "c"),
    }
    assert not any(
        "suspected leak" in note for note in load(base, targets=["y", "u", "r", "c"]).notes
    )
