"""Families on data sets: outputs that mean what a network's do, of every kind and with gaps."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.special import log_softmax
from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import coterie as ct
from coterie.families import FAMILIES, fit, forest, suits
from coterie.seeds import derive
from coterie.tasks import KINDS
from coterie.tasks.multiclass import Multiclass

N = 300
MIXED = {"a": "binary", "b": "multiclass", "c": "regression", "d": "ordinal", "e": "count"}


@pytest.fixture(autouse=True)
def few(monkeypatch):
    monkeypatch.setattr(forest, "N_TREES", 30)


def frame(gaps=True):
    """A target of each kind that the inputs tell, some of whose labels are missing."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 4))
    found = pd.DataFrame(x, columns=list("wxyz")).assign(
        colour=np.where(x[:, 3] > 0, "red", "blue"),
        a=np.where(x[:, 0] + 0.3 * rng.normal(size=N) > 0.8, "yes", "no"),
        b=np.array(["k", "l", "m"])[np.digitize(x[:, 1], [-0.5, 0.5])],
        c=100 + 20 * x[:, 2] + rng.normal(size=N),
        d=np.digitize(x[:, 0] - x[:, 1], [-1, 0, 1]).astype(float),
        e=rng.poisson(np.exp(x[:, 3])).astype(float),
    )
    for position, name in enumerate(MIXED if gaps else ()):
        found.loc[position::7, name] = None
    return found


@pytest.fixture(scope="module")
def mixed():
    return ct.load(frame(), targets=list(MIXED), kinds=MIXED)


@pytest.fixture(scope="module")
def labels():
    """Three binary tasks, one of them rare, without gaps."""
    return ct.load(
        frame(gaps=False).assign(rare=lambda t: t["w"] > 1, other=lambda t: t["x"] > t["y"]),
        targets=["a", "rare", "other"],
    )


@pytest.mark.parametrize("name", FAMILIES)
def test_every_kind_is_learnt_with_gaps(name, mixed):
    model = fit(name, mixed)
    test = mixed.split.test
    assert model.outputs(mixed, test).shape == (len(test), mixed.tasks.n_outputs)
    found = {
        (row["task"], row["metric"]): row["value"] for row in ct.evaluate(model, mixed, "test")
    }
    assert found["a", "AUROC"] > 0.8
    assert found["b", "accuracy"] > 0.7
    assert found["c", "R2"] > 0.6
    assert found["d", "quadratic-weighted kappa"] > 0.5
    assert found["e", "D2"] > 0.2
    assert model.n_models == 5, "no two tasks have labels on the same rows"


@pytest.mark.parametrize("name", FAMILIES)
def test_predictions_undo_balancing_and_units(name, mixed):
    model, test = fit(name, mixed), mixed.split.test
    outputs, values = model.outputs(mixed, test), model.predict(mixed.inputs[test])
    tasks = mixed.tasks
    for position, (task, where) in enumerate(zip(tasks, tasks.prediction_columns, strict=True)):
        told = task.kind.predict(outputs[:, tasks.columns[position]], tasks, position)
        torch.testing.assert_close(values[:, where], told.double())
    assert tasks.pos_weight[0] > 2
    assert abs(float(values[:, 0].mean()) - 0.22) < 0.08, "balancing is taken back"
    torch.testing.assert_close(values[:, 1:4].sum(1), torch.ones(len(test), dtype=torch.float64))
    assert abs(float(values[:, 4].mean()) - 100) < 5


def test_outputs_are_those_of_the_library_on_the_labelled_rows_of_training(mixed):
    train, test = mixed.split.train.numpy(), mixed.split.test.numpy()
    inputs, labels = mixed.inputs.numpy(), mixed.targets.numpy()
    weight = np.log(mixed.tasks.pos_weight[0].item())
    known = train[~np.isnan(labels[train, 0])]
    boosted = HistGradientBoostingClassifier(early_stopping=False).fit(
        inputs[known], labels[known, 0]
    )
    found = fit("boosting", mixed).outputs(mixed, mixed.split.test)
    wanted = boosted.decision_function(inputs[test]) + weight
    np.testing.assert_allclose(found[:, 0], wanted, rtol=1e-5, atol=1e-5)

    known = train[~np.isnan(labels[train, 1])]
    scaler = StandardScaler().fit(inputs[known].astype(float))
    linear = LogisticRegression(max_iter=1000).fit(
        scaler.transform(inputs[known].astype(float)), labels[known, 1]
    )
    found = fit("linear", mixed).outputs(mixed, mixed.split.test)
    wanted = log_softmax(
        linear.decision_function(scaler.transform(inputs[test].astype(float))), axis=1
    )
    np.testing.assert_allclose(found[:, 1:4], wanted, rtol=1e-4, atol=1e-5)


def test_a_forest_is_shared_where_labels_are_on_the_same_rows(labels):
    model, test = fit("forest", labels, seed=4), labels.split.test
    assert (model.n_models, fit("boosting", labels).n_models) == (1, 3)
    train = labels.split.train
    theirs = ExtraTreesClassifier(30, random_state=derive(4, "forest", 0) % 2**32).fit(
        labels.inputs[train].numpy(), labels.targets[train].numpy()
    )
    for t, votes in enumerate(theirs.predict_proba(labels.inputs[test].numpy())):
        share = float(labels.targets[train, t].mean())
        chance = (30 * votes[:, 1] + share) / 31
        wanted = np.log(chance / (1 - chance)) + np.log(labels.tasks.pos_weight[t].item())
        np.testing.assert_allclose(model.outputs(labels, test)[:, t], wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", FAMILIES)
def test_only_labels_of_the_training_part_are_read(name, labels):
    other = labels.targets.clone()
    other[labels.split.test] = 1 - other[labels.split.test]
    other[labels.split.validation] = float("nan")
    changed = ct.Dataset(**{**vars(labels), "targets": other})
    one, two = (fit(name, data).outputs(labels.inputs) for data in (labels, changed))
    assert torch.equal(one, two)


def test_a_seed_is_the_forest(labels):
    one, same, other = (fit("forest", labels, seed=s).outputs(labels.inputs) for s in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("name", FAMILIES)
def test_classes_that_training_lacks_are_unlikely_and_constants_are_constant(name, labels):
    targets = labels.targets.clone()
    targets[labels.split.train, 1] = 0
    data = ct.Dataset(**{**vars(labels), "targets": targets})
    model, n = fit(name, data), len(labels.split.train)
    wanted = np.log(1 / (n + 1)) + labels.tasks.pos_weight[1].log()
    found = model.outputs(data, data.split.test)
    torch.testing.assert_close(found[:, 1], wanted.float().expand(len(found)))
    assert found[:, 0].unique().numel() > 5
    targets[labels.split.train] = 1
    assert fit(name, ct.Dataset(**{**vars(labels), "targets": targets})).n_models == 0


def test_an_absent_class_in_between(mixed):
    targets = mixed.targets.clone()
    targets[targets[:, 1] == 1, 1] = float("nan")
    data = ct.Dataset(**{**vars(mixed), "targets": targets})
    n = int((~targets[data.split.train, 1].isnan()).sum())
    for name in FAMILIES:
        shares = fit(name, data).outputs(data, data.split.test)[:, 1:4].double().exp()
        torch.testing.assert_close(shares.sum(1), torch.ones(len(shares), dtype=torch.float64))
        np.testing.assert_allclose(shares[:, 1], 1 / (n + 3), rtol=1e-5)


def test_what_does_not_suit_is_said(labels, monkeypatch):
    images = ct.load("digits")
    with pytest.raises(ct.CoterieError, match=r"`data`: linear is left out: it reads rows of num"):
        fit("linear", images)
    streamed = ct.Dataset(
        **{**vars(labels), "inputs": torch.utils.data.TensorDataset(labels.inputs)}
    )
    assert "streamed" in str(suits("forest", streamed))
    assert all(suits(name, labels) is None for name in FAMILIES)
    monkeypatch.setattr(FAMILIES["forest"], "most_labels", 500)
    assert suits("forest", labels) == (
        "forest is left out: 540 labels to train on are more than it can keep, 500."
    )
    monkeypatch.setattr(FAMILIES["boosting"], "most_cells", 3000)
    assert suits("boosting", labels) == (
        f"boosting is left out: 540 labels x {labels.input_shape[0]} features would take it long; "
        "the most is 3,000."
    )
    with pytest.raises(ct.CoterieError, match="`name` must be one of 'forest', 'boosting', 'lin"):
        fit("woods", labels)
    with pytest.raises(ct.CoterieError, match="`seed` must be a whole number"):
        fit("linear", labels, seed=-1)


def test_kinds_that_say_nothing_of_estimates_are_left_out(monkeypatch):
    kind = type("Own", (Multiclass,), {"name": "own", "estimand": None})()
    monkeypatch.setitem(KINDS, "own", kind)
    data = ct.load(frame(gaps=False), targets=["b", "a"], kinds={"b": "own"})
    assert suits("linear", data) == "linear is left out: it cannot express what a own target is."
