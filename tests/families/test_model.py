"""A fitted family in a file: read as it was written, or refused, without scikit-learn."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

import coterie as ct
from coterie.cli import main
from coterie.families import FAMILIES, FamilyModel, fit, forest, load_model
from coterie.families.model import Reading
from coterie.files import read_arrays, write_arrays

N = 200


def table(n=N, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    return pd.DataFrame(x, columns=list("xyz")).assign(
        colour=np.where(rng.random(n) < 0.5, "red", "blue"),
        sick=np.where(x[:, 0] + 0.3 * rng.normal(size=n) > 0, "yes", "no"),
        sort=np.array(["k", "l", "m"])[np.digitize(x[:, 1], [-0.5, 0.5])],
        size=100 + 20 * x[:, 2],
    )


@pytest.fixture(scope="module")
def data():
    return ct.load(table(), targets=["sick", "sort", "size"])


def network_of(data):
    stack = ct.fit("mlp", data, epochs=1, model_options={"hidden": (4,)}).stack
    return ct.GroupedModel.from_stack(stack, np.ones((3, 1)), data.tasks, data.preprocessing)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(forest, "N_TREES", 20)
        return fit(request.param, data)


def test_saved_and_loaded_is_the_same(model, data, tmp_path):
    model.save(tmp_path / "model")
    again = FamilyModel.load(tmp_path / "model")
    assert repr(again) == repr(model)
    assert (again.seconds, again.readings, again.link) == (
        model.seconds,
        model.readings,
        model.link,
    )
    assert torch.equal(again.outputs(data), model.outputs(data))
    assert type(load_model(tmp_path / "model")) is FamilyModel


def test_nothing_of_scikit_learn_is_needed_to_predict(data, tmp_path):
    model = fit("boosting", data)
    model.save(tmp_path / "model")
    np.save(tmp_path / "inputs.npy", data.inputs.numpy())
    code = (
        "import sys, numpy as np\nsys.modules['sklearn'] = None\n"
        "from coterie.families import FamilyModel\n"
        f"model = FamilyModel.load({str(tmp_path / 'model')!r})\n"
        f"found = model.predict(np.load({str(tmp_path / 'inputs.npy')!r}))\n"
        f"np.save({str(tmp_path / 'found.npy')!r}, found)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    wanted = model.predict(data.inputs).numpy()
    np.testing.assert_array_equal(np.load(tmp_path / "found.npy"), wanted)


def test_predictions_come_in_the_sort_that_was_given(model, data):
    new = table(7, seed=1).drop(columns=["sick", "sort", "size"]).set_axis(range(10, 17))
    found = model.predict(new)
    assert list(found) == ["sick", "sort", "sort probability", "size"]
    assert list(found.index) == list(range(10, 17))
    inputs = data.preprocessing.table(new)
    values = model.predict(inputs)
    np.testing.assert_array_equal(model.predict(inputs.numpy()), values.numpy())
    np.testing.assert_allclose(found["sick"], values[:, 0], rtol=1e-6)
    np.testing.assert_allclose(found["size"], values[:, 4])
    names = np.array(data.tasks[1].classes)[values[:, 1:4].argmax(1)]
    assert list(found["sort"]) == list(names)


def test_columns_are_those_of_a_grouped_model(model, data):
    network = network_of(data)
    new = table(5, seed=2)
    one, other = model.predict(new), network.predict(new)
    assert list(one) == list(other)
    assert list(one.dtypes) == list(other.dtypes)


def test_surprises_are_warned_of(model):
    with pytest.warns(ct.CoterieWarning, match="categories that training never saw: 'green'"):
        model.predict(table(3).assign(colour="green"))


def test_the_command_line_takes_it(model, data, tmp_path, capsys):
    model.save(tmp_path / "model.safetensors")
    table(9, seed=3).to_csv(tmp_path / "new.csv", index=False)
    out = tmp_path / "out.parquet"
    asked = [str(tmp_path / "model.safetensors"), "--data", str(tmp_path / "new.csv")]
    assert main(["predict", *asked, "--out", str(out)]) == 0
    found, wanted = pd.read_parquet(out), model.predict(table(9, seed=3))
    pd.testing.assert_frame_equal(found.drop(columns="id"), wanted)
    out = str(tmp_path / "program.pt2")
    assert main(["export", str(tmp_path / "model.safetensors"), "--out", out]) == 2
    assert "Only networks can be exported" in capsys.readouterr().err


def test_it_reads_new_labelled_data(model):
    other = ct.load(table(60, seed=5), like=model)
    rows = ct.evaluate(model, other, "test")
    assert {row["task"]: row["value"] for row in rows if row["metric"] == "AUROC"}["sick"] > 0.8


def test_inputs_that_are_others_are_refused(model, data):
    with pytest.raises(ct.CoterieError, match=r"`inputs` must hold inputs of shape \(5,\)"):
        model.outputs(torch.zeros(2, 4))
    with pytest.raises(ct.CoterieError, match=r"`inputs` must be a Tensor"):
        model.outputs("x.csv")
    with pytest.raises(ct.CoterieError, match="tasks"):
        model.outputs(ct.load(table(), targets=["sick", "sort"]))


CHANGES = {
    "readings": (
        lambda m: {"readings": m.readings[:2]},
        "`readings` must be 3, one a task; found 2",
    ),
    "far": (
        lambda m: {"readings": (replace(m.readings[0], first=99), *m.readings[1:])},
        "`readings` of task 'sick' must lie within",
    ),
    "unknown class": (
        lambda m: {"readings": (Reading(first=0, classes=(0, 2), n_labels=1), *m.readings[1:])},
        "`readings` of task 'sick' must have rising codes of its 2 classes; found \\[0, 2\\]",
    ),
    "falling": (
        lambda m: {"readings": (Reading(first=0, classes=(1, 0), n_labels=1), *m.readings[1:])},
        "must have rising codes",
    ),
    "no class": (
        lambda m: {"readings": (Reading(first=0, classes=(), n_labels=1), *m.readings[1:])},
        "must have rising codes",
    ),
    "classes of a number": (
        lambda m: {"readings": (*m.readings[:2], replace(m.readings[2], classes=(0, 1)))},
        "task 'size' must have rising codes of its 0 classes",
    ),
    "numbers": (
        lambda m: (
            {"trees": {f"x{k}": v for k, v in m.trees.items()}, "linear": {}}
            if m.trees
            else {"linear": {f"x{k}": v for k, v in m.linear.items()}}
        ),
        "Predictors must be named 0 to",
    ),
    "features": (
        lambda m: {
            "preprocessing": ct.load(
                {"inputs": [[i] for i in range(60)], "targets": [i % 2 for i in range(60)]}
            ).preprocessing
        },
        "Array `(feature|coefficient)` must",
    ),
    "images": (
        lambda m: {"preprocessing": ct.load("digits").preprocessing},
        "`preprocessing` must give rows of numbers",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_parts_that_do_not_fit_are_refused(change, model):
    made, message = CHANGES[change]
    with pytest.raises(ct.CoterieError, match=message):
        replace(model, **made(model))


def test_a_damaged_file_is_named(model, tmp_path):
    path = tmp_path / "model"
    model.save(path)
    content = bytearray(path.read_bytes())
    content[-5] ^= 4
    path.write_bytes(content)
    with pytest.raises(ct.CoterieError, match=r"model is damaged: its bytes are not those"):
        load_model(path)


@pytest.mark.parametrize("how", ["link", "family", "gone", "unknown", "way back"])
def test_a_file_that_holds_something_else_is_refused_by_name(how, model, tmp_path):
    path = tmp_path / "model"
    model.save(path)
    arrays, about = read_arrays(path)
    first = min(arrays)
    if how == "link":
        about["link"] = "probit"
    elif how == "family":
        about["family"] = 3
    elif how == "gone":
        del arrays[first]
    elif how == "unknown":
        arrays["trees/0/more"] = np.zeros(3)
    elif model.trees:
        arrays["trees/0/left"] = np.zeros_like(arrays["trees/0/left"])
    else:
        arrays["linear/0/intercept"] = np.array([np.nan])
    write_arrays(path, arrays, about)
    with pytest.raises(ct.CoterieError, match="model is not a valid family model: "):
        load_model(path)


def test_other_files_are_told_apart(data, tmp_path):
    network = network_of(data)
    network.save(tmp_path / "network")
    assert type(load_model(tmp_path / "network")) is ct.GroupedModel
    with pytest.raises(ct.CoterieError, match="holds a grouped model, not a family model"):
        FamilyModel.load(tmp_path / "network")
    with pytest.raises(ct.CoterieError, match="nowhere"):
        load_model(tmp_path / "nowhere")


def test_numbers_that_lead_nowhere_are_no_predictions(data, tmp_path):
    model = fit("linear", data)
    large = {
        key: replace(each, coefficient=each.coefficient * 1e300)
        for key, each in model.linear.items()
    }
    replace(model, linear=large).save(tmp_path / "model")
    inputs = torch.tensor([[1e30, -1e30, 1e30, 0, 0], [1, 1, 1, 0, 1]])
    found = FamilyModel.load(tmp_path / "model").predict(inputs)
    assert not found[0, 4].isfinite()
    assert found[:, :4].nan_to_num(0.5).ge(0).all()
    assert found[:, :4].nan_to_num(0.5).le(1).all()


def test_it_is_calibrated_on_validation_and_stays_so_in_a_file(model, data, tmp_path):
    def loss(model):
        inputs, truth = (each[data.split.validation] for each in (data.inputs, data.targets))
        found = model.predict(inputs)
        sick, sort = (found[:, data.tasks.prediction_columns[t]].double() for t in (0, 1))
        shares = [torch.cat([1 - sick, sick], 1), sort]
        of_truth = [p.gather(1, truth[:, t : t + 1].long()) for t, p in enumerate(shares)]
        return np.array([-each.log().mean() for each in of_truth])

    calibrated = model.calibrate(data, rule="half")
    assert model.calibration == ()
    assert [each is None for each in calibrated.calibration] == [False, False, True]
    assert calibrated.calibration[0].threshold == 0.5
    # The prior may cost a little where probabilities were right.
    assert (loss(calibrated) <= loss(model) + 1e-3).all()
    if model.family == "forest":
        assert (loss(calibrated) < loss(model) - 1e-3).any()
    inputs = data.inputs[data.split.test]
    size = data.tasks.prediction_columns[2]
    assert torch.equal(calibrated.predict(inputs)[:, size], model.predict(inputs)[:, size])
    assert torch.equal(calibrated.outputs(inputs), model.outputs(inputs))
    calibrated.save(tmp_path / "model")
    again = FamilyModel.load(tmp_path / "model")
    assert again.calibration == calibrated.calibration
    assert torch.equal(again.predict(inputs), calibrated.predict(inputs))


def test_files_from_before_there_was_a_calibration_are_read(model, data, tmp_path):
    model.save(tmp_path / "model")
    arrays, about = read_arrays(tmp_path / "model")
    del about["calibration"]
    write_arrays(tmp_path / "earlier", arrays, about)
    inputs = data.inputs[data.split.test]
    assert torch.equal(
        FamilyModel.load(tmp_path / "earlier").predict(inputs), model.predict(inputs)
    )


def test_a_calibration_of_other_tasks_is_refused(model, data):
    with pytest.raises(ct.CoterieError, match="`calibration` must have one entry for each of 3"):
        replace(model, calibration=model.calibrate(data).calibration[:2])
