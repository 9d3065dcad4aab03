"""New data are read with the schema of the model, or refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import coterie as ct
from coterie.cli.predictions import new_examples
from coterie.data import read_inputs
from coterie.errors import CoterieError, CoterieWarning

N = 240
TINY = {"epochs": 1, "model_options": {"hidden": (4,)}}


def table(seed: int = 0, n: int = N) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "size": generator.normal(20, 4, n),
            "code": generator.choice(["01", "1", "x"], n),
            "on": generator.random(n) < 0.5,
            "grade": generator.choice(["low", "mid", "high"], n),
            "ill": generator.choice(["yes", "no"], n),
            "mass": generator.normal(1e6, 5, n),
        }
    )


TARGETS = ["grade", "ill", "mass"]


@pytest.fixture(scope="module")
def data() -> ct.Dataset:
    return ct.load(table(), targets=TARGETS)


@pytest.fixture(scope="module")
def fit(data: ct.Dataset) -> Any:
    return ct.fit("mlp", data, **TINY)


@pytest.fixture(scope="module")
def model(fit: Any, data: ct.Dataset) -> ct.GroupedModel:
    return ct.GroupedModel.from_stack(fit.stack, np.ones((3, 1)), data.tasks, data.preprocessing)


def test_the_same_file_is_read_as_in_training(
    data: ct.Dataset, fit: Any, model: ct.GroupedModel, tmp_path: Path
) -> None:
    table().to_csv(tmp_path / "t.csv", index=False)
    for source in (table(), tmp_path / "t.csv"):
        for like in (fit, model, data):
            same = ct.load(source, like=like)
            assert torch.equal(same.inputs, data.inputs)
            assert torch.equal(same.targets, data.targets)
            assert same.schema.difference(data.schema) == ""
            assert same.split.test.tolist() == list(range(N))
    for trained in (fit, model):
        rows = ct.evaluate(trained, ct.load(table(7), like=trained), "test")
        assert {row["task"] for row in rows} == set(TARGETS)
    with pytest.raises(CoterieError, match="`part` 'validation' of `data` is empty"):
        ct.evaluate(fit, ct.load(table(7), like=fit))


@pytest.mark.parametrize("text", [True, False])
def test_types_come_from_training_not_from_the_new_rows(
    data: ct.Dataset, model: ct.GroupedModel, text: bool, tmp_path: Path
) -> None:
    rows = table()
    # Looks like numbers, and like one class fewer.
    some = rows[(rows["code"] == "1") & rows["on"] & (rows["grade"] != "mid")]
    some.to_csv(tmp_path / "t.csv", index=False)
    some.to_parquet(tmp_path / "t.parquet")
    source = tmp_path / ("t.csv" if text else "t.parquet")
    read = ct.load(source, like=model)
    np.testing.assert_array_equal(
        read.inputs.numpy(), data.inputs[some.index.to_numpy().copy()].numpy()
    )
    np.testing.assert_array_equal(
        read.targets.numpy(), data.targets[some.index.to_numpy().copy()].numpy()
    )
    as_number = some.assign(code=1)
    assert torch.equal(ct.load(as_number, like=model).inputs, read.inputs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": "big"}, "Column 'size' must hold numbers; found 'big' in row 0"),
        (
            {"size": 1e300},
            "Column 'size' holds 1e\\+300 in row 0, which is beyond what float32 can hold",
        ),
        ({"size": np.inf}, "Column 'size' holds an infinite value in row 0"),
        (
            {"size": [[1]] * N},
            "Column 'size' holds lists or structures; training saw numbers or text",
        ),
        (
            {"grade": "top"},
            "Target 'grade' holds 'top' in row 0, which is no class of the model; its classes are "
            "high, low",
        ),
        ({"mass": "heavy"}, "Target 'mass' must hold numbers; found the text 'heavy' in row 0"),
        ({"mass": None, "grade": None, "ill": None}, "`source` has no label of any task"),
    ],
)
def test_files_that_do_not_fit_are_refused(
    model: ct.GroupedModel, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(CoterieError, match=message):
        ct.load(table().assign(**change), like=model)


def test_absent_columns_are_named(model: ct.GroupedModel) -> None:
    with pytest.raises(CoterieError, match="lacks the column 'size' that the inputs were made of"):
        ct.load(table().drop(columns="size"), like=model)
    with pytest.raises(
        CoterieError, match="`source` lacks the column 'ill'; columns are size, code"
    ):
        ct.load(table().drop(columns="ill"), like=model)
    with pytest.raises(
        CoterieError, match="`like` must be a Fit, a GroupedModel or a Dataset; found str"
    ):
        ct.load(table(), like="model")


def other_data(name: str) -> ct.Dataset:
    frame = table()
    if name == "other names":
        return ct.load(frame.rename(columns={"ill": "sick"}), targets=["grade", "sick", "mass"])
    if name == "fewer classes":
        return ct.load(frame[frame["grade"] != "mid"].reset_index(drop=True), targets=TARGETS)
    if name == "other positive":
        return ct.load(frame, targets=TARGETS, positive={"ill": "no"})
    if name == "other scaling":
        return ct.load(frame[frame["size"] > 20].reset_index(drop=True), targets=TARGETS)
    if name == "other units":
        return ct.load(frame.assign(mass=frame["mass"] / 1000), targets=TARGETS)
    if name == "other kind":
        return ct.load(frame, targets=TARGETS, kinds={"ill": "multiclass"})
    return ct.load(frame.drop(columns="on"), targets=TARGETS)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "other names",
            "its tasks are 'grade', 'sick', 'mass'; the model's are 'grade', 'ill', 'mass'",
        ),
        ("fewer classes", "task 'grade' is binary there, multiclass in the model"),
        (
            "other positive",
            "the classes of task 'ill' are 'yes', 'no'; the model's are 'no', 'yes'",
        ),
        ("other scaling", "is scaled otherwise|are scaled otherwise"),
        ("other units", "task 'mass' is scaled otherwise"),
        ("other kind", "task 'ill' is multiclass there, binary in the model"),
        ("other columns", "its inputs are 'size', 'code=01'"),
    ],
)
def test_data_that_were_prepared_otherwise_are_refused(
    fit: Any, model: ct.GroupedModel, name: str, message: str
) -> None:
    other = other_data(name)
    for trained in (fit, model):
        with pytest.raises(
            CoterieError,
            match=f"was not prepared as the model's own: .*({message}).*load\\(file, like=model\\)",
        ):
            ct.evaluate(trained, other, "test")
    with pytest.raises(CoterieError, match=message):
        ct.predict(fit.stack, other, other.split.test)


def test_a_saved_fit_keeps_its_schema(fit: Any, tmp_path: Path) -> None:
    fit.save(tmp_path)
    loaded = ct.Fit.load(tmp_path)
    assert loaded.schema.difference(fit.schema) == ""
    with pytest.raises(CoterieError, match="not prepared as the model's own"):
        ct.evaluate(loaded, other_data("other units"), "test")


def test_long_form_and_one_vs_rest_name_their_columns_again() -> None:
    frame = table().assign(site=np.arange(N) % 2)
    whole = ct.load(frame, task_column="site", target_column="ill", exclude=["grade", "mass"])
    again = ct.load(frame, like=whole, task_column="site", target_column="ill")
    np.testing.assert_array_equal(again.targets.numpy(), whole.targets.numpy())
    classes = ct.load(frame, one_vs_rest="grade", exclude=["ill", "mass", "site"])
    part = frame[frame["grade"] != "mid"].reset_index(drop=True)
    np.testing.assert_array_equal(
        ct.load(part, like=classes, one_vs_rest="grade").targets.numpy(),
        classes.targets[(frame["grade"] != "mid").to_numpy().copy()].numpy(),
    )


def test_predict_gives_back_the_sort_it_was_given(data: ct.Dataset, model: ct.GroupedModel) -> None:
    tensor = model.predict(data.inputs)
    array = model.predict(data.inputs.numpy())
    assert isinstance(array, np.ndarray)
    np.testing.assert_array_equal(array, tensor.numpy())
    frame = (
        table().set_index(pd.Index([f"r{i}" for i in range(N)], name="who")).drop(columns=TARGETS)
    )
    found = model.predict(frame)
    assert list(found.columns) == ["grade", "grade probability", "ill", "mass"]
    assert found.index.equals(frame.index)
    np.testing.assert_allclose(found["ill"], tensor[:, 3], rtol=1e-6)
    np.testing.assert_allclose(found["mass"], tensor[:, 4], rtol=1e-9)
    assert set(found["grade"]) <= {"low", "mid", "high"}
    with pytest.raises(
        CoterieError, match="must be a tensor, an array or a pandas frame; found list"
    ):
        model.predict([1.0])
    with pytest.raises(CoterieError, match="`inputs` must hold inputs of shape"):
        model.predict(np.zeros((2, 3)))


def test_what_training_did_not_see_is_named_and_counted(model: ct.GroupedModel) -> None:
    frame = table()[:20].assign(size=20.0, code=["q"] * 12 + ["1"] * 8)
    frame.loc[:4, "size"] = 2000.0
    with pytest.warns(CoterieWarning) as caught:
        model.predict(frame)
    said = [str(each.message) for each in caught]
    assert any(
        text.startswith("Column 'size': 5 of 20 values far outside the training range")
        for text in said
    )
    assert "Column 'code': 12 of 20 cells hold categories that training never saw: 'q'." in said


def test_the_words_for_missing_cells_are_those_of_training() -> None:
    frame = table().assign(site=np.random.default_rng(0).choice(["a", "NA", "none"], N))
    data = ct.load(frame, targets=["ill"], na=["none"], exclude=["grade", "mass"])
    again = ct.load(frame, like=data)
    assert torch.equal(again.inputs, data.inputs)
    assert "site=NA" in data.preprocessing.feature_names
    assert "site=none" not in data.preprocessing.feature_names


@pytest.mark.parametrize(("zero", "one"), [("0.0", "1.0"), ("0", "1e0"), ("+0", "1.")])
def test_classes_are_the_same_however_a_file_writes_them(
    zero: str, one: str, tmp_path: Path
) -> None:
    """pandas writes whole numbers beside a gap as 1.0, and truth values as True."""
    rng = np.random.default_rng(0)
    heads = rng.random(100) < 0.5
    frame = pd.DataFrame(
        {
            "x": rng.normal(size=100),
            "gap": np.where(heads, 1.0, 0.0),
            "truth": ~heads,
            "id": np.where(heads, "07", "08"),
        }
    )
    data = ct.load(frame, targets=["gap", "truth", "id"])
    assert [task.classes for task in data.tasks] == [("0", "1"), ("false", "true"), ("07", "08")]
    other = frame.assign(gap=np.where(heads, one, zero), truth=np.where(heads, "FALSE", "True"))
    other.to_csv(tmp_path / "other.csv", index=False)
    read = ct.load(tmp_path / "other.csv", like=data)
    assert read.targets.equal(data.targets)
    other.assign(id="7").to_csv(tmp_path / "other.csv", index=False)
    with pytest.raises(ct.CoterieError, match="'7' in row 0, which is no class"):
        ct.load(tmp_path / "other.csv", like=data)


@pytest.mark.parametrize(
    "change",
    [
        {"targets": "ill"},
        {"exclude": "mass"},
        {"keep": ["size"]},
        {"kinds": {"ill": "binary"}},
        {"positive": {"ill": "no"}},
        {"losses": {"ill": print}},
        {"metrics": {"ill": print}},
        {"image_column": "size"},
        {"group_column": "code"},
        {"split_column": "grade"},
        {"time_column": "mass"},
        {"allow_overlap": True},
        {"split": (0.5, 0.3, 0.2)},
        {"limit": 9},
        {"rare": "drop"},
        {"balance": False},
        {"seed": 1},
        {"names": ["a"]},
        {"na": []},
    ],
)
def test_what_the_model_decides_is_not_asked_again(
    data: ct.Dataset, change: dict[str, Any]
) -> None:
    (name,) = change
    with pytest.raises(
        CoterieError, match=f"`like` leaves no effect to `{name}`: the model's schema"
    ):
        ct.load(table(), like=data, **change)


def test_all_arguments_without_effect_are_named_at_once_and_their_defaults_are_not(
    data: ct.Dataset,
) -> None:
    with pytest.raises(CoterieError, match="no effect to `targets`, `split`, `limit`: "):
        ct.load(table(), like=data, limit=3, targets=["ill"], split=[0.8, 0.1, 0.1])
    same = ct.load(
        table(),
        like=data,
        exclude=[],
        split=[0.6, 0.2, 0.2],
        kinds={},
        balance=True,
        seed=0,
        rare="error",
    )
    assert torch.equal(same.targets, data.targets)


def test_what_new_inputs_hold_is_said_wherever_they_are_read(
    data: ct.Dataset, model: ct.GroupedModel, tmp_path: Path
) -> None:
    new = table(3, 40).assign(code=["NA", " x", "y", "y"] * 10)
    said = [
        "10 cells 'NA' read as missing in 'code'.",
        "Spaces around 10 cells dropped in 'code'.",
        "Column 'code': 20 of 40 cells hold categories that training never saw: 'y'.",
    ]
    assert [note for note in ct.load(new, like=model).notes if "'code'" in note] == said
    with pytest.warns(CoterieWarning) as caught:
        read_inputs(new, data.preprocessing)
    assert [str(each.message) for each in caught] == said
    with pytest.warns(CoterieWarning) as caught:
        model.predict(new)
    assert [str(each.message) for each in caught] == said
    new.to_csv(tmp_path / "new.csv", index=False)
    assert new_examples(tmp_path / "new.csv", model.schema)[2] == said
