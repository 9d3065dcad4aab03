"""Grad-TAG: margins, features of three engines, the Newton step, and scores on real models."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

import coterie as ct
from coterie.errors import CoterieError
from coterie.estimators import GradTagScores, TrainedScores
from coterie.estimators.gradtag.features import Cells, DenseProjection
from coterie.estimators.gradtag.kronecker import KroneckerProjection
from coterie.estimators.gradtag.linearised import Linearised
from coterie.estimators.gradtag.margins import expansion, margins
from coterie.estimators.gradtag.newton import Moments, losses
from coterie.tasks import KINDS, Kind, Task, Tasks, example_losses

MIXED = Tasks.plain(
    [
        Task(name="yes", kind=Kind.BINARY),
        Task(name="which", kind=Kind.MULTICLASS, classes=("a", "b", "c")),
        Task(name="much", kind=Kind.REGRESSION),
    ]
)
ALL = 2**30


def table(n=160, missing=0.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 5, generator=generator)
    noise = torch.randn(n, 3, generator=generator)
    y = torch.stack(
        [
            (x[:, 0] + 0.3 * noise[:, 0] > 0).float(),
            (x[:, 0] - noise[:, 1] > 0).float(),
            x[:, 1] + noise[:, 2],
        ],
        1,
    )
    y[torch.rand(y.shape, generator=generator) < missing] = torch.nan
    return ct.load({"inputs": x, "targets": y})


@pytest.fixture(scope="module")
def data():
    return table()


@pytest.fixture(scope="module")
def joint(data):
    return ct.fit("mlp", data, epochs=3, batch_size=32, model_options={"hidden": (12, 8)})


@pytest.mark.parametrize("size", [0.1, 3.0, 60.0])
def test_margins_carry_the_loss(size):
    generator = torch.Generator().manual_seed(0)
    outputs = size * torch.randn(50, 5, generator=generator, dtype=torch.float64)
    targets = torch.stack(
        [torch.arange(50) % 2, torch.arange(50) % 3, torch.linspace(-2, 2, 50)], 1
    ).double()
    found = margins(outputs, targets, MIXED)
    parts = [expansion(task.kind, found[:, t], targets[:, t])[0] for t, task in enumerate(MIXED)]
    torch.testing.assert_close(
        torch.stack(parts, 1), example_losses(outputs, targets, MIXED), atol=1e-9, rtol=1e-9
    )


@pytest.mark.parametrize("kind", [kind for kind in KINDS.values() if kind.margin is not None])
def test_derivatives_of_the_loss(kind):
    margin = torch.linspace(-4, 4, 9, dtype=torch.float64, requires_grad=True)
    target = torch.full((9,), 0.5, dtype=torch.float64)
    value, slope, curvature = expansion(kind, margin, target)
    first = torch.autograd.grad(value.sum(), margin, create_graph=True)[0]
    torch.testing.assert_close(slope, first)
    torch.testing.assert_close(
        curvature,
        torch.autograd.functional.hessian(
            lambda m: expansion(kind, m, target)[0].sum(), margin
        ).diagonal(),
    )


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_engines_agree(model):
    digits = ct.load("digits", limit=700)
    options = {"hidden": (12,)} if model == "mlp" else {}
    linearised = Linearised.of(ct.fit(model, digits, epochs=1, model_options=options))
    positions = digits.split.train[:6]
    inputs, targets = (
        digits.preprocessing.normalise(digits.inputs[positions]),
        digits.targets[positions].clone(),
    )
    targets[0, 3] = torch.nan
    one_by_one = linearised.one_by_one(inputs, targets)
    for name, gradient in linearised.gradients(inputs, targets).items():
        torch.testing.assert_close(gradient, one_by_one[name], atol=1e-5, rtol=1e-4)
    dense = DenseProjection(linearised, 16)
    torch.testing.assert_close(
        dense.features(inputs, targets)[0], dense.project(one_by_one), atol=1e-4, rtol=1e-4
    )
    factorised = KroneckerProjection.fit(
        linearised, lambda: iter([(inputs, targets)]), n_features=40
    )
    torch.testing.assert_close(
        factorised.features(inputs, targets)[0],
        factorised.project(one_by_one),
        atol=1e-4,
        rtol=1e-4,
    )


def test_signs_are_orthogonal_on_average_and_drawn_by_block(joint):
    linearised = Linearised.of(joint)
    dense = DenseProjection(linearised, 20_000, seed=3)
    signs = dense.signs("encoder.0.weight", 0, 8).double()
    product = signs @ signs.T / 20_000
    assert (product - torch.eye(8)).abs().max() < 5 / 20_000**0.5
    assert torch.equal(
        DenseProjection(linearised, 20_000, seed=3).signs("encoder.0.weight", 0, 8).double(), signs
    )
    assert not torch.equal(dense.signs("encoder.0.weight", 1, 8).double(), signs)


def cells(kind, n=60, d=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)  # noqa: E731
    target = draw(n) if kind is Kind.REGRESSION else (draw(n) > 0).double()
    return Cells(
        kind, draw(n, d), draw(n), draw(n), target, torch.full((n,), 1 / n, dtype=torch.float64)
    )


def moments(parts):
    found = Moments.empty(len(parts), parts[0].z.shape[1], torch.device("cpu"))
    for task, mine in enumerate(parts):
        found.add(task, mine, len(mine.margin))
    return found


def test_one_step_is_exact_for_squared_loss():
    mine, ridge = cells(Kind.REGRESSION), 0.1
    step = moments([mine]).steps(torch.ones(1, 1, dtype=torch.float64), ridge, ALL)[0]
    # scikit-learn minimises the sum of squares + alpha |w|^2, we their mean + ridge / 2 |w|^2.
    alone = Ridge(alpha=ridge / 2 * len(mine.margin), fit_intercept=False).fit(
        mine.z, mine.target - mine.margin
    )
    np.testing.assert_allclose(step, alone.coef_, atol=1e-10)


def test_one_step_towards_a_logistic_regression_by_hand():
    """Without an offset its loss is log 2 everywhere, with slope -1/2 and curvature 1/4."""
    mine, ridge, n = cells(Kind.BINARY), 0.05, 60
    flat = dataclasses.replace(mine, margin=torch.zeros(n, dtype=torch.float64))
    step = moments([flat]).steps(torch.ones(1, 1, dtype=torch.float64), ridge, ALL)[0]
    hessian = mine.z.T @ mine.z / (4 * n) + ridge * torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(step, torch.linalg.solve(hessian, mine.z.mean(0) / 2))
    # So stiff that the step is short, it is the whole of scikit-learn's own: C = 1 / (ridge n).
    signs, ridge = torch.where(torch.arange(n) % 2 == 0, 1.0, -1.0).double(), 100.0
    step = moments([flat]).steps(torch.ones(1, 1, dtype=torch.float64), ridge, ALL)[0]
    fitted = LogisticRegression(C=1 / (ridge * n), fit_intercept=False, tol=1e-12, max_iter=1000)
    fitted.fit(mine.z * signs[:, None], signs > 0)
    np.testing.assert_allclose(step, fitted.coef_[0], rtol=1e-3)


def test_rows_are_independent_and_chunks_change_nothing():
    parts = [cells(Kind.BINARY, seed=1), cells(Kind.REGRESSION, seed=2), cells(Kind.BINARY, seed=3)]
    shares = torch.tensor([[1.0, 0, 0], [0.5, 0.5, 0], [0.2, 0.3, 0.5]], dtype=torch.float64)
    whole = moments(parts).steps(shares, 0.1, ALL)
    torch.testing.assert_close(moments(parts).steps(shares, 0.1, 1), whole)
    torch.testing.assert_close(moments(parts[:1]).steps(shares[:1, :1], 0.1, ALL)[0], whole[0])
    torch.testing.assert_close(
        losses(parts, whole, shares > 0, memory=1), losses(parts, whole, shares > 0), equal_nan=True
    )
    assert losses(parts, whole, shares > 0).isnan().tolist() == (shares == 0).tolist()


def test_a_huge_ridge_is_the_joint_model_itself(data, joint):
    rows = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    positions = data.split.validation
    outputs = ct.predict(joint.stack, data, positions)[0]
    from coterie.tasks import task_losses

    loss = task_losses(outputs, data.targets[positions], data.tasks).numpy()
    found = GradTagScores(ridge=1e9, n_features=64).fit(joint, data).predict(rows)
    np.testing.assert_allclose(found, np.where(rows > 0, -loss, np.nan), rtol=1e-4)
    scores = GradTagScores(ridge=1e9, n_features=64, measure="score").fit(joint, data).predict(rows)
    np.testing.assert_allclose(scores, np.where(rows > 0, joint.scores[0], np.nan), rtol=1e-4)


def test_a_row_feels_its_own_tasks_only(data, joint):
    estimator = GradTagScores(n_features=64).fit(joint, data)
    base = estimator.predict([[1, 0, 0], [2, 0, 0], [1, 1, 0]])
    np.testing.assert_allclose(base[0], base[1])
    assert base[0, 0] != base[2, 0]
    changed = dataclasses.replace(data, targets=data.targets.clone())
    changed.targets[:, 2] += 1
    again = GradTagScores(n_features=64).fit(joint, changed).predict([[1, 0, 0], [1, 1, 0]])
    np.testing.assert_allclose(again[:, :2], base[[0, 2]][:, :2], rtol=1e-3)


def test_dense_and_factorised_features_tell_the_same_story(data, joint):
    rows = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 1], [1, 1, 1]])
    dense = (
        GradTagScores(projection="dense", n_features=512, ridge=0.01).fit(joint, data).predict(rows)
    )
    factorised = GradTagScores(n_features=512, ridge=0.01).fit(joint, data).predict(rows)
    np.testing.assert_allclose(dense, factorised, rtol=0.1)


def test_missing_labels_are_rows_left_out():
    full, gaps = table(seed=1), table(missing=0.3, seed=1)
    for one in (full, gaps):
        fitted = ct.fit("mlp", one, epochs=2, batch_size=32, model_options={"hidden": (8,)})
        found = GradTagScores(n_features=32).fit(fitted, one).predict(np.eye(3))
        assert (np.isnan(found) == (np.eye(3) == 0)).all()


def test_cost_is_far_below_training(data, joint):
    estimator = GradTagScores(n_features=32).fit(joint, data)
    batches = (len(data.split.train) + len(data.split.validation)) / 32
    assert 0 < estimator.cost["model_steps"] < 4 * (1 + 2 * 3) / 3 * batches
    assert estimator.steps(data, 32) == pytest.approx(estimator.cost["model_steps"], rel=0.1)
    assert estimator.steps(data, 64) == estimator.steps(data, 32) / 2
    assert set(estimator.details) >= {"projection", "ridge"}
    with pytest.raises(CoterieError, match="fit"):
        GradTagScores().predict(np.eye(3))


def test_the_ridge_is_tuned_on_trained_rows(data, joint):
    settings = {
        "epochs": 3,
        "batch_size": 32,
        "model_options": {"hidden": (12, 8)},
        "strategy": "loop",
    }
    oracle = TrainedScores("mlp", data, measure="loss", **settings)
    rows = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1], [1, 1, 1]])
    estimator = GradTagScores(n_features=32).fit(joint, data).tune(oracle, rows, grid=(0.001, 0.1))
    assert estimator.chosen_ridge == max(estimator.tuned, key=estimator.tuned.get)
    assert estimator.cost["model_steps"] > oracle.cost["model_steps"]


def test_affinity_is_averaged_over_subsets(data, joint):
    found = GradTagScores(n_features=32).fit(joint, data).affinity(n_subsets=10, size=2)
    assert found.matrix.shape == (3, 3)
    assert (found.counts[~np.eye(3, dtype=bool)] == 1).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"projection": "sparse"}, "`projection` must be"),
        ({"n_features": 0}, "`n_features` must be a whole number"),
        ({"measure": "gain"}, "`measure` must be"),
        ({"n_features": "many"}, "`n_features` must be a whole number of at least 1; found 'many'"),
        ({"chunk": 1}, "`chunk` must be a whole number of at least 2; found 1"),
        ({"ridge": -1.0}, "`ridge` must be a positive, finite number; found -1.0"),
        ({"ridge": "small"}, "`ridge` must be a positive, finite number; found 'small'"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(CoterieError, match=message):
        GradTagScores(**settings)
