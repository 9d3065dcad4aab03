"""Every kind of source, and every kind of bad input."""

from __future__ import annotations

import io
from itertools import chain
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from coterie.data import Dataset, load, read_inputs
from coterie.errors import CoterieError
from coterie.tasks import Kind

N = 120


@pytest.fixture
def frame() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "id": np.arange(N) + 500,
            "age": generator.integers(20, 70, N),
            "height": generator.normal(size=N),
            "city": generator.choice(["Rome", "Oslo"], N),
            "smoker": np.arange(N) % 2,
            "grade": generator.choice(["a", "b", "c"], N),
            "income": np.where(np.arange(N) % 5 == 0, np.nan, generator.normal(3000, 500, N)),
        }
    )


def _parts(data: Dataset) -> list[list[int]]:
    return [part.tolist() for part in (data.split.train, data.split.validation, data.split.test)]


def _png(colour: int, size: tuple[int, int] = (5, 4)) -> dict[str, Any]:
    file = io.BytesIO()
    Image.new("RGB", size, (colour, 0, 255)).save(file, "png")
    return {"bytes": file.getvalue(), "path": None}


def _write_images(path: Path, n: int = 60, **changes: Any) -> Path:
    images = [_png(row) for row in range(n)]
    for row, image in changes.pop("images", {}).items():
        images[row] = image
    columns = {
        "photo": images,
        "label": [row % 2 for row in range(n)],
        "who": [row // 3 for row in range(n)],
    }
    table = pa.table(columns).replace_schema_metadata(
        {"photo": "x", "label_names": '["cat", "dog"]'}
    )
    pq.write_table(table, path)
    return path


TARGETS = ["smoker", "grade", "income"]


def test_a_frame_with_mixed_targets(frame: pd.DataFrame) -> None:
    data = load(frame, targets=TARGETS)
    assert data.inputs.shape == (N, 4)
    assert data.preprocessing.feature_names == ("age", "height", "city=Oslo", "city=Rome")
    assert [task.kind for task in data.tasks] == [Kind.BINARY, Kind.MULTICLASS, Kind.REGRESSION]
    assert data.ids.tolist() == frame["id"].tolist()
    assert data.inputs.is_contiguous()
    assert data.targets.is_contiguous()
    assert sorted(chain(*_parts(data))) == list(range(N))
    assert all(part == sorted(part) for part in _parts(data))
    train = data.inputs[data.split.train][:, :2]
    torch.testing.assert_close(train.mean(0), torch.zeros(2), atol=1e-5, rtol=0)
    income = data.targets[data.split.train, 2]
    assert income[~income.isnan()].mean().abs() < 1e-5
    assert torch.equal(data.targets[:, 2].isnan(), torch.arange(N) % 5 == 0)
    assert "Column 'id' left out: it numbers the rows." in data.notes
    assert "1 regression task: income." in data.notes


def test_files_frames_and_hub_sets_agree(frame: pd.DataFrame, tmp_path: Path) -> None:
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    pyarrow.feather.write_feather(frame, tmp_path / "t.arrow")
    hub = datasets.Dataset.from_pandas(frame)
    half = N // 2
    frame[:half].to_parquet(tmp_path / "a.parquet")
    frame[half:].to_parquet(tmp_path / "b.parquet", index=False)
    expected = load(frame, targets=TARGETS)
    sources = [
        tmp_path / "t.parquet",
        str(tmp_path / "t.csv"),
        tmp_path / "t.arrow",
        hub,
        hub.select(range(N)),
    ]
    for source in [*sources, [tmp_path / "a.parquet", tmp_path / "b.parquet"]]:
        assert load(source, targets=TARGETS).fingerprint() == expected.fingerprint()
    other = load(frame, targets=TARGETS, seed=1)
    assert other.fingerprint() != expected.fingerprint()
    assert expected.resplit(1).fingerprint() == other.fingerprint()


def test_arrays_and_tensors_are_taken_as_they_are() -> None:
    inputs, targets = (
        np.random.default_rng(0).normal(size=(N, 3)),
        np.stack([np.arange(N) % 2, np.arange(N) % 3 == 0], 1),
    )
    data = load({"inputs": inputs, "targets": targets}, names=["a", "b"])
    assert data.tasks.names == ("a", "b")
    np.testing.assert_allclose(data.inputs.numpy(), inputs, rtol=1e-6)
    same = load(
        torch.utils.data.TensorDataset(torch.tensor(inputs), torch.tensor(targets)),
        names=["a", "b"],
    )
    assert same.fingerprint() == data.fingerprint()
    one = load({"inputs": inputs, "targets": targets[:, 0]})
    assert one.tasks.names == ("target",)
    stratified = [
        one.targets[part].mean().item()
        for part in (one.split.train, one.split.validation, one.split.test)
    ]
    assert stratified == pytest.approx([0.5] * 3, abs=0.03)


def test_images_stay_bytes_and_groups_stay_whole(tmp_path: Path) -> None:
    data = load(_write_images(tmp_path / "i.parquet"), targets=["label"], group_column="who")
    assert isinstance(data.inputs, torch.Tensor)
    assert (data.inputs.dtype, data.input_shape) == (torch.uint8, (3, 4, 5))
    assert data.inputs[:, 0, 0, 0].tolist() == list(range(60))
    assert data.tasks[0].classes == ("cat", "dog")
    groups = [set((data.ids[part] // 3).tolist()) for part in _parts(data)]
    assert sum(map(len, groups)) == 20
    inputs, ids = read_inputs(tmp_path / "i.parquet", data.preprocessing)
    assert torch.equal(inputs, data.inputs)
    assert ids.tolist() == list(range(60))


def test_a_given_test_file_and_a_limit(tmp_path: Path) -> None:
    train, test = (
        _write_images(tmp_path / "train.parquet", 80),
        _write_images(tmp_path / "test.parquet", 30),
    )
    data = load({"train": train, "test": test}, one_vs_rest="label", limit=60)
    assert [len(part) for part in _parts(data)] == pytest.approx([45, 15, 30], abs=1)
    assert data.split.test.tolist() == list(range(60, 90))
    assert data.tasks.names == ("cat", "dog")
    assert data.resplit(5).split.test.tolist() == data.split.test.tolist()
    assert _parts(data.resplit(5)) != _parts(data)


def test_a_split_column(frame: pd.DataFrame) -> None:
    fold = np.repeat(["train", "valid", "test"], [80, 20, 20])
    data = load(frame.assign(fold=fold), targets=["smoker"], split_column="fold")
    assert _parts(data) == [list(range(80)), list(range(80, 100)), list(range(100, 120))]
    assert "fold" not in data.preprocessing.feature_names
    with pytest.raises(CoterieError, match="`resplit` needs a random split"):
        data.resplit(1)
    without = load(
        frame.assign(fold=np.where(fold == "test", 2, 0)), targets=["smoker"], split_column="fold"
    )
    assert [len(part) for part in _parts(without)] == pytest.approx([75, 25, 20], abs=1)


def test_long_form(frame: pd.DataFrame) -> None:
    data = load(frame, task_column="city", target_column="smoker", exclude=["income", "grade"])
    assert data.tasks.names == ("city Oslo", "city Rome")
    assert ((~data.targets.isnan()).sum(1) == 1).all()
    assert data.preprocessing.feature_names == ("age", "height")


def test_metadata_may_name_the_targets(frame: pd.DataFrame, tmp_path: Path) -> None:
    table = pa.Table.from_pandas(frame).replace_schema_metadata({"targets": '["smoker", "grade"]'})
    pq.write_table(table, tmp_path / "t.parquet")
    assert load(tmp_path / "t.parquet").tasks.names == ("smoker", "grade")


def test_rare_tasks_and_unlabelled_rows(frame: pd.DataFrame) -> None:
    frame = frame.assign(
        rare=np.arange(N) < 6, often=np.where(np.arange(N) < 20, np.nan, np.arange(N) % 2)
    )
    with pytest.raises(
        CoterieError, match=r"Too rare for this split: 'rare' \(\d positives in \w+\)"
    ):
        load(frame, targets=["rare", "often"])
    data = load(frame, targets=["rare", "often"], rare="drop")
    assert data.tasks.names == ("often",)
    assert min(chain(*_parts(data))) == 20
    assert any(note.startswith("Dropped as too rare: 'rare'") for note in data.notes)
    assert "20 rows have no label and are not used." in data.notes
    with pytest.raises(CoterieError, match="Every task is too rare"):
        load(frame, targets=["rare"], rare="drop", split=(0.9, 0.05, 0.05))


def test_own_losses_and_metrics(frame: pd.DataFrame) -> None:
    loss = lambda outputs, targets: (outputs[..., 0] - targets).abs()  # noqa: E731
    data = load(
        frame, targets=["income", "smoker"], losses={"income": loss}, metrics={"smoker": loss}
    )
    assert (data.tasks[0].loss, data.tasks[1].metric) == (loss, loss)
    with pytest.raises(CoterieError, match="`losses` names 'wealth', which is no task"):
        load(frame, targets=["income"], losses={"wealth": loss})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"targets": ["smokers"]},
            "`targets` names 'smokers', which is no column. Did you mean 'smoker'",
        ),
        ({"targets": ["smoker", "smoker"]}, "`targets` names 'smoker' twice"),
        ({"targets": ["smoker"], "exclude": ["smoker"]}, "'smoker' is also in `exclude`"),
        (
            {"targets": ["smoker"], "exclude": ["xyz"]},
            "`exclude` names 'xyz', which is no column. Columns are id, age",
        ),
        ({"targets": ["constant"]}, "'constant' is constant"),
        ({"targets": ["gone"]}, "'gone' has no label at all"),
        (
            {"targets": ["grade"], "kinds": {"grade": "regression"}},
            "'grade' must hold numbers; found the text '[abc]' in row 0",
        ),
        ({"targets": ["stray"]}, "'stray' must hold numbers; found the text 'much' in row 3"),
        (
            {"targets": ["smoker"], "kinds": {"grade": "binary"}},
            "`kinds` names 'grade', which is no target",
        ),
        (
            {"targets": ["smoker"], "kinds": {"smoker": "ranking"}},
            "`kinds` must be one of 'binary', 'multiclass', .*found 'ranking' for 'smoker'",
        ),
        (
            {"targets": ["late"], "split_column": "fold"},
            "'late' has no label in the training part|labels in train",
        ),
        ({"targets": ["smoker"], "split_column": "early"}, "'early' has no test rows"),
        (
            {"targets": ["smoker"], "exclude": []},
            "Column 'endless' holds an infinite value in row 7",
        ),
        ({}, "`targets` is needed"),
        ({"task_column": "city"}, "`task_column` and `target_column` go together"),
        (
            {"task_column": "city", "target_column": "smoker", "targets": ["grade"]},
            "give neither `targets` nor",
        ),
        ({"targets": ["smoker"], "limit": 0}, "`limit` must be at least 1"),
        ({"targets": ["smoker"], "rare": "keep"}, "`rare` must be one of 'error', 'drop'"),
        (
            {"targets": ["smoker"], "group_column": "smoker"},
            "'smoker' is also the group, split, time or task column",
        ),
        ({"targets": ["smoker"], "image_column": "photo"}, "`image_column` 'photo' is no column"),
    ],
)
def test_bad_arguments(
    frame: pd.DataFrame, tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    rows = np.arange(N)
    frame = frame.assign(
        constant=1,
        gone=np.nan,
        stray=np.where(rows == 3, "much", rows.astype(str)),
        late=np.where(rows < 80, np.nan, rows / 3),
        fold=np.repeat(["train", "val", "test"], [80, 20, 20]),
        early="train",
        endless=np.where(rows == 7, np.inf, rows / 3),
    )
    pq.write_table(pa.Table.from_pandas(frame), tmp_path / "t.parquet")
    with pytest.raises(CoterieError, match=message) as caught:
        load(tmp_path / "t.parquet", **{"exclude": ["endless"], **arguments})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("absent.parquet", "there is no file 'absent.parquet'"),
        (42, "`source` must be 'digits', .*; found int"),
        ({"x": [1]}, "found dict with keys \\['x'\\]"),
        ([], "`source` must be"),
        (pd.DataFrame({"a": [], "b": []}), "`source` is empty"),
        ({"inputs": np.ones((3, 2)), "targets": np.ones(4)}, "same length; found 3 and 4"),
        (
            {"inputs": [[1.0], [np.inf]], "targets": [0, 1]},
            "must be finite; found inf in row 1, column 0",
        ),
        ({"inputs": [["a"], ["b"]], "targets": [0, 1]}, "`inputs` must hold numbers"),
        ({"inputs": [1.0, 2.0], "targets": [0, 1]}, "must have shape \\(N, F\\)"),
        (
            {"inputs": np.zeros((2, 8, 8, 3), np.uint8), "targets": [0, 1]},
            "move the channels to the front",
        ),
        (pd.DataFrame([[1, 2], [0, 1]], columns=["a", "a"]), "Column 'a' occurs more than once"),
    ],
)
def test_bad_sources(source: Any, message: str) -> None:
    with pytest.raises(CoterieError, match=message):
        load(source, targets=None if isinstance(source, dict) else ["a"])


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (
            {"bytes": b"text", "path": None},
            "Row 7 of image column 'photo' is no readable image: found 4 bytes",
        ),
        (
            {"bytes": _png(0)["bytes"][:45], "path": None},
            "Row 7 of image column 'photo' is no readable image",
        ),
        (
            {"bytes": None, "path": None},
            "Row 7 of image column 'photo' is no readable image: found no value",
        ),
        (_png(0, (6, 6)), "row 0 is 5x4, row 7 is 6x6"),
    ],
)
def test_cells_that_are_no_images(tmp_path: Path, image: dict[str, Any], message: str) -> None:
    with pytest.raises(CoterieError, match=message):
        load(_write_images(tmp_path / "i.parquet", images={7: image}), targets=["label"])


def test_new_inputs_must_fit(frame: pd.DataFrame) -> None:
    data = load(frame, targets=["smoker"], exclude=["income", "grade"])
    inputs, _ = read_inputs(frame.drop(columns="smoker"), data.preprocessing)
    assert torch.equal(inputs, data.inputs)
    with pytest.raises(CoterieError, match="lacks the column 'age'"):
        read_inputs(frame.drop(columns="age"), data.preprocessing)
    with pytest.raises(CoterieError, match=r"inputs of shape \(1, 8, 8\); found \(3,\)"):
        read_inputs({"inputs": np.zeros((2, 3))}, load("digits").preprocessing)


def test_many_small_classes_fill_every_part() -> None:
    data = load(
        {
            "inputs": np.random.default_rng(0).normal(size=(60, 2)),
            "targets": np.repeat(np.arange(20), 3),
        }
    )
    assert [len(part) for part in (data.split.train, data.split.validation, data.split.test)] == [
        36,
        12,
        12,
    ]
    assert len(data.targets[data.split.train].unique()) == 20


def test_groups_must_be_plain(frame: pd.DataFrame) -> None:
    nested = frame.assign(person=[[i] for i in range(len(frame))])
    with pytest.raises(CoterieError, match="`group_column` 'person' holds lists or structures"):
        load(nested, targets=TARGETS, group_column="person")


@pytest.mark.parametrize("huge", [1e307, -1e200, 1e60])
@pytest.mark.parametrize("where", ["everywhere", "test"])
def test_targets_too_large_to_compute_with_are_refused(huge: float, where: str) -> None:
    rng = np.random.default_rng(0)
    part = np.repeat(["train", "validation", "test"], 40)
    values = rng.normal(size=120)
    chosen = rng.random(120) < 0.5 if where == "everywhere" else part == "test"
    values[chosen] *= huge
    frame = pd.DataFrame({"x": rng.normal(size=120), "y": values, "part": part})
    # A float64 squares it, and float32 holds what is standardised.
    if abs(huge) == 1e60 and where == "everywhere":
        assert load(frame, targets="y", split_column="part").targets.isfinite().all()
        return
    with pytest.raises(
        CoterieError,
        match=r"Target 'y' holds values up to .* in size, which cannot be computed with",
    ):
        load(frame, targets="y", split_column="part")
