"""From features to scores.

Whole estimates against true Newton steps of the model, and what they must not depend on.
"""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn
from torch.func import functional_call, grad, jacrev

import coterie as ct
from coterie.data.dataset import Split
from coterie.errors import CoterieError
from coterie.estimators import GradTagScores, TrainedScores
from coterie.estimators.gradtag.newton import Moments
from coterie.metrics import scores, with_metric
from coterie.tasks import Kind, task_losses

SETTINGS = {"epochs": 2, "batch_size": 32}
ROWS = np.array([[1, 0, 0], [1, 1, 0], [1, 2, 1]], dtype=float)


def table(kinds, n=120, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5)).astype(np.float32)
    raw = x[:, :3] + 0.5 * rng.normal(size=(n, 3))
    read = {
        "binary": lambda v: v > 0.3,
        "multiclass": lambda v: np.digitize(v, [-0.5, 0.5]),
        "regression": lambda v: v,
    }
    y = np.stack([read[kind](raw[:, t]) for t, kind in enumerate(kinds)], axis=1).astype(np.float32)
    names = ["target"] if len(kinds) == 1 else [f"task {t}" for t in range(len(kinds))]
    return ct.load({"inputs": x, "targets": y}, kinds=dict(zip(names, kinds, strict=True)))


def linear(shape):
    return nn.Linear(shape[0], 4)


def unit(estimator):
    """The mean squared norm of the features, to which the ridge is relative."""
    return estimator._model.moments.energy.mean().item()


def refitted(joint, data, row, ridge):
    """Validation loss and metric (T,) after a true Newton step of the encoder, heads fixed."""
    model, tasks, split = joint.stack.model(0).double(), data.tasks, data.split
    x, y = data.preprocessing.normalise(data.inputs).double(), data.targets.double()
    start = {name: p.detach().clone() for name, p in model.encoder.named_parameters()}
    share = torch.from_numpy(row / row.sum())

    def outputs(theta, part):
        vector, at = {}, 0
        for name, p in start.items():
            vector[f"encoder.{name}"] = theta[at : at + p.numel()].view_as(p)
            at += p.numel()
        return functional_call(model, vector, (x[part],))

    def objective(theta):
        losses = task_losses(outputs(theta, split.train), y[split.train], tasks).double()
        return share @ losses + ridge / 2 * (theta - begin).square().sum()

    begin = torch.cat([p.flatten() for p in start.values()])
    gradient, hessian = grad(objective)(begin), jacrev(grad(objective))(begin)
    found = outputs(begin - torch.linalg.solve(hessian, gradient), split.validation).detach()
    loss = task_losses(found, y[split.validation], tasks)
    metric = scores(found.float(), data.targets[split.validation], tasks)
    return loss.numpy(), metric.numpy()


@pytest.mark.parametrize(
    "kinds",
    [
        ("regression", "regression", "regression"),
        ("binary", "binary", "binary"),
        ("binary", "regression", "binary"),
    ],
)
def test_a_linear_model_takes_the_newton_step_of_the_training_itself(kinds):
    """Its outputs are linear in the encoder, and there are as many features as parameters."""
    data = table(kinds)
    joint = ct.fit(linear, data, lr=0.01, **SETTINGS)
    estimator = GradTagScores(n_features=100, ridge=0.01).fit(joint, data)
    assert estimator.details["features"] == estimator.details["parameters"] == 24
    wanted = [refitted(joint, data, row, 0.01 * unit(estimator)) for row in ROWS]
    losses, metrics = (np.stack(each) for each in zip(*wanted, strict=True))
    moved = np.abs(-losses - estimator.predict(np.ones((1, 3))))[ROWS > 0]
    assert moved.max() > 0.01  # the rows part ways
    np.testing.assert_allclose(
        estimator.predict(ROWS), np.where(ROWS > 0, -losses, np.nan), rtol=2e-4
    )
    estimator.measure = "score"
    np.testing.assert_allclose(
        estimator.predict(ROWS), np.where(ROWS > 0, metrics, np.nan), atol=1e-3
    )


def test_balance_and_scale_reach_the_moments():
    """g_t is the gradient of the task's own training loss.

    Positives weighted, kinds brought to one scale.
    """
    data = table(("binary", "regression", "binary"))
    assert not torch.allclose(data.tasks.pos_weight, torch.ones(3))
    assert not torch.allclose(data.tasks.loss_scale, torch.ones(3))
    joint = ct.fit(linear, data, **SETTINGS)
    model = GradTagScores(n_features=100).fit(joint, data)._model
    net = joint.stack.model(0)
    train = data.split.train
    losses = task_losses(
        net(data.preprocessing.normalise(data.inputs)[train]), data.targets[train], data.tasks
    )
    for t in range(3):
        gradient = torch.autograd.grad(losses[t], list(net.encoder.parameters()), retain_graph=True)
        norm = torch.cat([g.flatten() for g in gradient]).norm()
        torch.testing.assert_close(
            model.moments.gradient[t].norm().float(), norm, atol=1e-5, rtol=1e-4
        )


def test_missing_labels_are_rows_left_out():
    data = table(("binary", "multiclass", "regression"))
    joint = ct.fit("mlp", data, model_options={"hidden": (8,)}, **SETTINGS)
    train, gaps = data.split.train, dataclasses.replace(data, targets=data.targets.clone())
    gone = train[::3]
    gaps.targets[gone, 1] = torch.nan
    kept = train[~torch.isin(train, gone)]
    fewer = dataclasses.replace(
        data, split=Split(train=kept, validation=data.split.validation, test=data.split.test)
    )
    with_gaps, without = (
        GradTagScores(projection="dense", n_features=16).fit(joint, d)._model for d in (gaps, fewer)
    )
    for name in ("gradient", "hessian", "energy"):
        ours, theirs = (getattr(model.moments, name) for model in (with_gaps, without))
        torch.testing.assert_close(ours[1], theirs[1], atol=1e-6, rtol=1e-4)
        assert not torch.allclose(ours[0], theirs[0])


def test_order_of_tasks_does_not_matter():
    data, order = table(("binary", "regression", "binary")), [2, 0, 1]
    joint = ct.fit("mlp", data, model_options={"hidden": (8,)}, **SETTINGS)
    statistics = {
        n: getattr(data.tasks, n)[order]
        for n in ("pos_weight", "mean", "std", "observed_share", "loss_scale")
    }
    tasks = dataclasses.replace(data.tasks, items=tuple(data.tasks[t] for t in order), **statistics)
    turned = dataclasses.replace(data, targets=data.targets[:, order], tasks=tasks)
    other = ct.fit("mlp", turned, model_options={"hidden": (8,)}, **SETTINGS)
    state = {name: tensor.clone() for name, tensor in joint.stack.state().items()}
    other.stack.load_state(
        {n: tensor[:, order] if n.startswith("head.") else tensor for n, tensor in state.items()}
    )
    for measure in ("loss", "score"):
        ours, theirs = (
            GradTagScores(n_features=40, measure=measure).fit(f, d).predict(rows)
            for f, d, rows in ((joint, data, ROWS), (other, turned, ROWS[:, order]))
        )
        np.testing.assert_allclose(theirs, ours[:, order], rtol=1e-3, atol=1e-5)


def test_three_classes_keep_the_accuracy_of_the_joint_model():
    data = table(("multiclass", "multiclass", "regression"))
    joint = ct.fit("mlp", data, model_options={"hidden": (8,)}, **SETTINGS)
    found = (
        GradTagScores(n_features=40, measure="score", ridge=1e9, memory=1)
        .fit(joint, data)
        .predict(np.ones((2, 3)))
    )
    np.testing.assert_allclose(found, np.repeat(joint.scores, 2, axis=0), atol=1e-5)


def test_one_task_has_no_affinity():
    data = table(("binary",))
    joint = ct.fit("mlp", data, model_options={"hidden": (8,)}, **SETTINGS)
    estimator = GradTagScores(n_features=16).fit(joint, data)
    assert estimator.predict([[1]]).shape == (1, 1)
    with pytest.raises(CoterieError, match="at least 2 tasks"):
        estimator.affinity()


def test_what_cannot_be_estimated_is_refused():
    data, others = table(("binary", "multiclass", "regression")), table(("binary", "binary"))
    joint = ct.fit("mlp", data, model_options={"hidden": (8,)}, **SETTINGS)
    with pytest.raises(CoterieError, match="other data"):
        GradTagScores().fit(joint, others)
    with pytest.raises(CoterieError, match="does not train 'task 1'"):
        GradTagScores().fit(
            ct.fit("mlp", data, [[1, 0, 1]], model_options={"hidden": (8,)}, **SETTINGS), data
        )
    fitted = GradTagScores(n_features=16).fit(joint, data)
    with pytest.raises(CoterieError, match="must measure the loss"):
        fitted.tune(TrainedScores("mlp", data, **SETTINGS), np.ones((1, 3)))
    with pytest.raises(CoterieError, match="tell nothing"):
        fitted.tune(
            TrainedScores("mlp", data, measure="loss", model_options={"hidden": (8,)}, **SETTINGS),
            np.ones((1, 3)),
        )
    with pytest.raises(CoterieError, match="`grid`"):
        fitted.tune(
            TrainedScores("mlp", data, measure="loss", **SETTINGS), np.ones((2, 3)), grid=()
        )
    with pytest.raises(CoterieError, match="`size`"):
        fitted.affinity(size=1)
    own = lambda outputs, targets: (outputs[..., 0] - targets).abs()  # noqa: E731
    items = tuple(
        dataclasses.replace(task, loss=own) if task.kind is Kind.REGRESSION else task
        for task in data.tasks
    )
    strange = dataclasses.replace(data, tasks=dataclasses.replace(data.tasks, items=items))
    with pytest.raises(CoterieError, match="'task 2' has a loss of its own"):
        GradTagScores().fit(joint, strange)


def test_metrics_of_ones_own_are_read_from_changed_outputs():
    """Where nothing moves, outputs and scores are those of the model that was linearised."""
    data = table(("binary", "multiclass", "regression"))
    joint = ct.fit("mlp", data, model_options={"hidden": (8,)}, **SETTINGS)
    outputs = ct.predict(joint.stack, data, data.split.validation)[0]

    def largest(outputs, targets):
        return outputs.max()

    own = dataclasses.replace(joint, tasks=with_metric(data.tasks, largest))
    still = {"n_features": 16, "ridge": 1e9, "measure": "score"}
    found = GradTagScores(**still).fit(own, data).predict(np.ones((1, 3)))[0]
    expected = [outputs[:, columns].max().item() for columns in data.tasks.columns]
    np.testing.assert_allclose(found, expected, atol=1e-4)
    for metric in (None, {"task 1": "accuracy"}, {"task 0": "balanced accuracy"}):
        tasks = with_metric(data.tasks, metric)
        asked = dataclasses.replace(joint, tasks=tasks)
        found = GradTagScores(**still).fit(asked, data).predict(np.ones((1, 3)))[0]
        expected = scores(outputs, data.targets[data.split.validation], tasks)
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_ridge_that_is_lost_in_rounding_is_named():
    empty = Moments.empty(1, 3, torch.device("cpu"))
    empty.hessian -= 1e-6 * torch.eye(3, dtype=torch.float64)
    with pytest.raises(CoterieError, match="`ridge` is too small"):
        empty.steps(torch.ones(1, 1, dtype=torch.float64), 1e-9, 2**20)


def test_a_trained_encoder_is_left_alone():
    data = table(("binary", "multiclass", "regression"))
    joint = ct.fit("mlp", data, model_options={"hidden": (8,)}, **SETTINGS)
    before, state = {n: t.clone() for n, t in joint.stack.state().items()}, torch.get_rng_state()
    for projection in ("kronecker", "dense"):
        GradTagScores(projection=projection, n_features=16).fit(joint, data).predict(ROWS)
    assert all(torch.equal(before[n], t) for n, t in joint.stack.state().items())
    assert torch.equal(torch.get_rng_state(), state)
