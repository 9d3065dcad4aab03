"""The full set of metrics of trained models."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import r2_score

import coterie as ct
from coterie.cli import main
from coterie.errors import CoterieError

SMALL = {"epochs": 2, "model_options": {"hidden": (8,)}}


@pytest.fixture(scope="module")
def digits():
    return ct.load("digits")


def test_fit_is_measured_model_by_model_where_it_was_trained(digits):
    rows = ct.evaluate(ct.fit("mlp", digits, np.eye(14)[[2, 10]], **SMALL), digits)
    assert {(row["model"], row["task"]) for row in rows} == {(0, "digit 2"), (1, "even")}
    assert len(rows) == 2 * 8


def test_primary_metric_agrees_with_the_scores(digits):
    result = ct.fit("mlp", digits, **SMALL)
    found = {
        row["task"]: row["value"] for row in ct.evaluate(result, digits) if row["metric"] == "AUROC"
    }
    np.testing.assert_allclose(
        [found[name] for name in digits.tasks.names], result.scores[0], atol=1e-6
    )


def test_grouped_model_of_one_joint_group_equals_its_only_member(digits):
    result = ct.fit("mlp", digits, **SMALL)
    model = ct.GroupedModel.from_stack(
        result.stack, np.ones((14, 1)), digits.tasks, digits.preprocessing
    )
    alone = [
        {k: v for k, v in row.items() if k != "model"}
        for row in ct.evaluate(result, digits, "test")
    ]
    for mine, theirs in zip(ct.evaluate(model, digits, "test"), alone, strict=True):
        assert mine["value"] == pytest.approx(theirs["value"], abs=1e-6)


def test_unknown_part(digits):
    with pytest.raises(CoterieError, match="`part` must be"):
        ct.evaluate(ct.fit("mlp", digits, epochs=1), digits, "holdout")


UNITS = {
    "near": (1e6, 1e-3),
    "far": (-4e9, 5.0),
    "tiny": (0.0, 1e-9),
    "large": (3e14, 1e13),
    "plain": (5.0, 2.0),
}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A file of five regressions of which float32 would lose most digits, and a class.

    Some labels are missing.
    """
    rng = np.random.default_rng(0)
    x = rng.normal(size=(240, 3)).astype(np.float32)
    frame = pd.DataFrame(x.astype(float), columns=list("abc"))
    for position, (name, (mean, std)) in enumerate(UNITS.items()):
        frame[name] = mean + std * (x[:, position % 3] + 0.1 * rng.normal(size=240))
        frame.loc[rng.random(240) < 0.2, name] = np.nan
    frame["warm"] = np.where(x[:, 0] > 0, "yes", "no")
    frame["part"] = np.repeat(["train", "validation", "test"], [120, 60, 60])
    path = tmp_path_factory.mktemp("measured") / "measured.csv"
    frame.to_csv(path, index=False)
    return path


def load_measured(path):
    return ct.load(
        str(path),
        targets=[*UNITS, "warm"],
        split_column="part",
        kinds=dict.fromkeys(UNITS, "regression"),
    )


def against_numpy(rows, predictions, frame, rel):
    """RMSE and R2 of the rows are those of predicted and true values by numpy and scikit-learn."""
    for name in UNITS:
        seen = frame[name].notna().to_numpy()
        said, truth = np.asarray(predictions[name])[seen], frame[name].to_numpy()[seen]
        found = {row["metric"]: row["value"] for row in rows if row["task"] == name}
        assert found["RMSE"] == pytest.approx(np.sqrt(np.mean((said - truth) ** 2)), rel=rel), name
        assert 1 - found["R2"] == pytest.approx(1 - r2_score(truth, said), rel=1e-5), name


def test_rmse_is_that_of_saved_predictions_and_the_file(measured, tmp_path):
    data, frame = load_measured(measured), pd.read_csv(measured, engine="pyarrow")
    fitted = ct.fit("mlp", data, epochs=15, lr=0.01, batch_size=32, model_options={"hidden": (16,)})
    model = ct.GroupedModel.from_stack(
        fitted.stack, np.ones((6, 1)), data.tasks, data.preprocessing
    )
    model.save(tmp_path / "model.safetensors")
    part = frame[frame["part"] == "test"]
    part.drop(columns=[*UNITS, "warm"]).to_csv(tmp_path / "new.csv", index=False)
    rows = ct.evaluate(model, data, "test")
    assert {row["value"] > 0.9 for row in rows if row["metric"] == "R2"} == {True}
    for name in ("predictions.csv", "predictions.parquet"):
        arguments = [
            "predict",
            tmp_path / "model.safetensors",
            "--data",
            tmp_path / "new.csv",
            "--out",
            tmp_path / name,
        ]
        assert main([str(argument) for argument in arguments]) == 0
        table = (
            pd.read_csv(tmp_path / name, engine="pyarrow")
            if name.endswith("csv")
            else pd.read_parquet(tmp_path / name)
        )
        against_numpy(rows, table, part, rel=1e-9)
    values = model.predict(data.inputs[data.split.test])
    assert values.dtype == torch.float64
    against_numpy(
        rows,
        {name: values[:, data.tasks.columns[t].start] for t, name in enumerate(UNITS)},
        part,
        rel=1e-9,
    )
    alone = [row for row in ct.evaluate(fitted, data, "test") if row["metric"] == "RMSE"]
    for mine, theirs in zip(alone, (row for row in rows if row["metric"] == "RMSE"), strict=True):
        assert mine["value"] == pytest.approx(theirs["value"], rel=1e-5)


def test_rmse_of_a_comparison_is_that_of_its_model(measured, tmp_path):
    data, frame = load_measured(measured), pd.read_csv(measured, engine="pyarrow")
    groups = ct.Grouping(
        tasks=data.tasks.names, membership=np.eye(2)[[0, 0, 0, 1, 1, 1]], method="halves"
    )
    settings = {
        "epochs": 4,
        "lr": 0.01,
        "batch_size": 32,
        "model_options": {"hidden": (8,)},
        "strategy": "loop",
    }
    run = tmp_path / "run"
    fewest = {"seeds": 1, "repeats": 1, "draws": 1, "baselines": (), "rivals": "none"}
    result = ct.compare("mlp", data, groups, run=run, save="grouped", **fewest, **settings)
    values = ct.GroupedModel.load(run / "model.safetensors").predict(data.inputs[data.split.test])
    rows = [row for row in result.scores_table.to_pylist() if row["arm"] == "grouped"]
    predictions = {name: values[:, data.tasks.columns[t].start] for t, name in enumerate(UNITS)}
    against_numpy(rows, predictions, frame[frame["part"] == "test"], rel=1e-5)


def test_targets_in_units_are_those_of_the_file_until_they_are_replaced(measured):
    data, frame = load_measured(measured), pd.read_csv(measured, engine="pyarrow")
    read = data.in_units(data.split.test)
    assert read.dtype == torch.float64
    part = frame[frame["part"] == "test"]
    for t, name in enumerate(UNITS):
        np.testing.assert_array_equal(read[:, t], part[name])
    np.testing.assert_array_equal(read[:, 5], part["warm"] == "yes")
    other = replace(data, targets=data.targets.flip(0))
    decoded = other.targets[data.split.test].double() * data.tasks.std + data.tasks.mean
    np.testing.assert_array_equal(other.in_units(data.split.test), decoded)
    np.testing.assert_array_equal(
        replace(data, values=None).in_units(data.split.test).isnan(), read.isnan()
    )
