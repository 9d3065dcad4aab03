"""Kinds that are asked for go through everything.

Loading, training, maps, metrics, models, comparisons, the command line.
"""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

import coterie as ct
from coterie.cli import main
from coterie.estimators import GradTagScores
from coterie.models.export import export
from tests.tasks.own import column_of

N = 240
KINDS = ("ordinal", "count", "share")
TINY = {"epochs": 4, "batch_size": 32, "lr": 0.02, "model_options": {"hidden": (16,)}}
METRICS = {
    "ordinal": [
        "quadratic-weighted kappa",
        "accuracy",
        "balanced accuracy",
        "log-loss skill",
        "log loss",
        "Brier score",
        "MAE",
    ],
    "count": ["D2", "MAE"],
    "share": ["R2", "RMSE", "MAE"],
}


def table(gaps=True):
    """Four inputs, a target of each kind and a binary one.

    Every seventh label is missing, each time of another target.
    """
    inputs = column_of("share", N)[0]
    frame = pd.DataFrame(inputs, columns=list("wxyz")).assign(
        **{kind: column_of(kind, N)[1] for kind in KINDS}
    )
    frame["sign"] = np.where(inputs[:, 3] > 0, "plus", "minus")
    for position, kind in enumerate(KINDS if gaps else ()):
        frame.loc[position::7, kind] = None
    return frame


@pytest.fixture(scope="module")
def data():
    return ct.load(table(), targets=[*KINDS, "sign"], kinds={kind: kind for kind in KINDS})


@pytest.fixture(scope="module")
def joint(data):
    return ct.fit("mlp", data, record=True, strategy="vmap", **TINY)


@pytest.fixture(scope="module")
def model(data, joint):
    return ct.GroupedModel.from_stack(joint.stack, np.ones((4, 1)), data.tasks, data.preprocessing)


def test_they_are_loaded_as_asked(data):
    assert [task.kind for task in data.tasks] == [*KINDS, "binary"]
    assert data.tasks[0].classes == ("small", "middle", "large", "huge")
    assert data.tasks[1].classes == data.tasks[2].classes == ()
    for kind in KINDS:
        assert f"1 {kind} task: {kind}." in data.notes
    positions = torch.arange(N)
    np.testing.assert_array_equal(
        data.in_units(positions)[:, 1], table()["count"].to_numpy(dtype=float, na_value=np.nan)
    )
    assert (data.tasks.loss_scale > 0).all()
    again = data.resplit(1)
    assert again.tasks.items == data.tasks.items


def test_loop_and_vmap_agree_and_something_is_learnt(data, joint):
    weights = np.vstack([np.ones(4), np.eye(4)])
    loop, vmap = (
        ct.fit("mlp", data, weights, strategy=strategy, **TINY) for strategy in ("loop", "vmap")
    )
    np.testing.assert_allclose(loop.scores, vmap.scores, rtol=1e-3, atol=1e-3)
    longer = ct.fit("mlp", data, strategy="vmap", **{**TINY, "epochs": 60})
    assert (longer.history.train_loss[0] > longer.history.train_loss[-1]).all()
    rows = {(row["task"], row["metric"]): row["value"] for row in ct.evaluate(longer, data, "test")}
    assert all(rows[kind, METRICS[kind][0]] > 0.3 for kind in KINDS)


def test_the_data_map_holds_confidences(data, joint):
    confidence = joint.data_map.confidence
    recorded = data.targets[torch.isin(torch.arange(N), data.split.train)]
    assert joint.data_map.kinds == (*KINDS, "binary")
    assert np.array_equal(np.isnan(confidence), recorded.isnan().numpy())
    assert (confidence[~np.isnan(confidence)] >= 0).all()
    assert (confidence[~np.isnan(confidence)] <= 1).all()
    assert ct.group(joint.data_map, n_groups=2).membership.shape == (4, 2)


def test_every_metric_is_given(data, joint):
    rows = ct.evaluate(joint, data, "test")
    for kind in KINDS:
        mine = {row["metric"]: row["value"] for row in rows if row["task"] == kind}
        assert list(mine) == METRICS[kind]
        assert all(np.isfinite(value) for value in mine.values())


def test_predictions_are_probabilities_rates_and_shares(data, model, tmp_path):
    frame = table().drop(columns=[*KINDS, "sign"])
    found = model.predict(frame)
    assert list(found.columns) == ["ordinal", "ordinal probability", "count", "share", "sign"]
    assert set(found["ordinal"]) <= {"small", "middle", "large", "huge"}
    values = model.predict(data.inputs)
    assert values.shape == (N, 4 + 1 + 1 + 1)
    torch.testing.assert_close(values[:, :4].sum(1), torch.ones(N).double(), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(found["ordinal probability"], values[:, :4].max(1).values, rtol=1e-6)
    assert (values[:, 4] > 0).all()
    assert ((values[:, 5] > 0) & (values[:, 5] < 1)).all()
    model.save(tmp_path / "m.safetensors")
    again = ct.GroupedModel.load(tmp_path / "m.safetensors")
    assert torch.equal(again.predict(data.inputs), values)
    assert [task.kind for task in again.tasks] == [*KINDS, "binary"]


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_models_that_agree_average_to_themselves(data, joint, model, average):
    stack = joint.stack.select([0, 0])
    both = ct.GroupedModel.from_stack(
        stack, np.full((4, 2), 0.5), data.tasks, data.preprocessing, average=average
    )
    torch.testing.assert_close(
        both.predict(data.inputs), model.predict(data.inputs), rtol=1e-4, atol=1e-5
    )
    torch.testing.assert_close(
        both.hard().predict(data.inputs), model.predict(data.inputs), rtol=1e-4, atol=1e-5
    )


def test_new_data_are_read_with_the_schema_of_the_model(data, model):
    few = table()[:30]
    few = few[few["ordinal"] != "middle"].assign(
        ordinal=lambda frame: frame["ordinal"].astype(object)
    )
    read = ct.load(few, like=model)
    np.testing.assert_array_equal(
        read.targets.numpy(), data.targets[few.index.to_numpy().copy()].numpy()
    )
    with pytest.raises(
        ct.CoterieError,
        match=r"'count' must hold whole numbers from 0 to be a count; found 0\.5 in row 0",
    ):
        ct.load(table().assign(count=0.5), like=model)
    with pytest.raises(
        ct.CoterieError,
        match="'tiny' in row 0, which is no class of the model; its classes are small, middle",
    ):
        ct.load(table().assign(ordinal="tiny"), like=model)


def test_a_comparison_scores_them_and_can_be_kept(data, tmp_path):
    groups = ct.Grouping(
        tasks=data.tasks.names, membership=np.eye(2)[[0, 1, 0, 1]], method="by hand"
    )
    result = ct.compare("mlp", data, groups, seeds=2, repeats=1, draws=1, strategy="loop", **TINY)
    assert result.kinds == (*KINDS, "binary")
    assert result.metric_names == (
        "quadratic-weighted kappa",
        "D2",
        "R2",
        "AUROC skill",
    )
    frame = result.scores
    for kind in KINDS:
        assert list(dict.fromkeys(frame["metric"][frame["task"] == kind])) == METRICS[kind]
    gains = result.gains
    assert set(KINDS) <= set(gains["task"])
    result.save(tmp_path)
    assert ct.Comparison.load(tmp_path).kinds == result.kinds
    page = result.report(tmp_path / "report.html").read_text(encoding="utf-8")
    assert "quadratic-weighted kappa" in page


def test_an_exported_program_predicts_the_same(model, tmp_path):
    about = export(model, tmp_path / "model.pt2")  # compares before it keeps the file
    meanings = [(column["task"], column.get("class")) for column in about["outputs"][0]["columns"]]
    sizes = [("ordinal", name) for name in ("small", "middle", "large", "huge")]
    assert meanings == [*sizes, ("count", None), ("share", None), ("sign", "plus")]
    assert about["outputs"][0]["shape"] == ["batch", 7]


# Evaluation mode is set, and left again.
@pytest.mark.filterwarnings("ignore:While compiling, we found certain side effects")
def test_both_tracers_follow_the_predictions(model):
    class Program(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, inputs):
            return self.model.predict(inputs)

    inputs = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    for strict in (False, True):
        traced = torch.export.export(
            Program(), (inputs,), dynamic_shapes=({0: torch.export.Dim("batch")},), strict=strict
        )
        torch.testing.assert_close(traced.module()(inputs[:3]), model.predict(inputs[:3]))


def test_gradtag_refuses_kinds_without_a_margin(data, joint):
    with pytest.raises(
        ct.CoterieError, match="task 'ordinal' is of kind ordinal, of which gradtag knows no margin"
    ):
        GradTagScores(n_features=16).fit(joint, data)


def test_the_command_line_reads_trains_and_predicts(tmp_path):
    frame = table(gaps=False).drop(columns="share")
    frame["ordinal"] = frame["ordinal"].cat.codes + 1
    frame.to_csv(tmp_path / "t.csv", index=False)
    run, out = tmp_path / "run", tmp_path / "predictions.parquet"
    kinds = ("--kind", "ordinal=ordinal", "count=count")
    train = (
        "--targets",
        "ordinal",
        "count",
        "sign",
        *kinds,
        "--epochs",
        "2",
        "--seeds",
        "2",
        "--repeats",
        "1",
        "--draws",
        "1",
    )
    assert (
        main(
            [
                "run",
                "--data",
                str(tmp_path / "t.csv"),
                *train,
                "--groups",
                "2",
                "--rivals",
                "none",
                "--quiet",
                "--out",
                str(run),
            ]
        )
        == 0
    )
    frame.drop(columns=["ordinal", "count", "sign"]).to_csv(tmp_path / "new.csv", index=False)
    assert main(["predict", str(run), "--data", str(tmp_path / "new.csv"), "--out", str(out)]) == 0
    rows = pq.read_table(out)
    assert rows.column_names == ["id", "ordinal", "ordinal probability", "count", "sign"]
    assert set(rows["ordinal"].to_pylist()) <= {"1", "2", "3", "4"}
    about = json.loads(out.with_name("predictions.parquet.json").read_text(encoding="utf-8"))[
        "tasks"
    ]
    assert about["ordinal"]["classes"] == ["1", "2", "3", "4"]
    assert about["count"] == {
        "kind": "count",
        "column": "count",
        "holds": "value in the target's units",
    }
