"""What holds of every kind, the five of the package and one that it does not know."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from coterie.data.columns import TargetColumn
from coterie.data.encoding import encode_column
from coterie.metrics import METRICS
from coterie.tasks import (
    KINDS,
    Kind,
    Task,
    Tasks,
    confidence,
    example_losses,
    task_losses,
)
from tests.tasks.own import ALL, SIZES, classes, labels_of, tasks_of


def batch(tasks, n=40, *, models=(), missing=0.3, seed=0, scale=1.0):
    """Outputs (*models, n, P) and targets (n, T)."""
    g = torch.Generator().manual_seed(seed)
    outputs = scale * torch.randn(*models, n, tasks.n_outputs, generator=g)
    targets = torch.stack([labels_of(task.kind, n, len(task.classes), g) for task in tasks], dim=1)
    targets[torch.rand(targets.shape, generator=g) < missing] = torch.nan
    return outputs, targets


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("models", [(), (2,)])
def test_tasks_together_are_what_they_are_alone(kind, models):
    tasks = tasks_of(Kind.REGRESSION, kind, Kind.MULTICLASS)
    outputs, targets = batch(tasks, models=models)
    loss, sure = (
        example_losses(outputs, targets, tasks),
        confidence(outputs, targets.expand(*models, -1, -1), tasks),
    )
    for t, task in enumerate(tasks):
        alone = Tasks.plain([task])
        z, y = outputs[..., tasks.columns[t]], targets[:, t : t + 1]
        torch.testing.assert_close(loss[..., t], example_losses(z, y, alone)[..., 0])
        torch.testing.assert_close(
            sure[..., t], confidence(z, y.expand(*models, -1, -1), task)[..., 0], equal_nan=True
        )


@pytest.mark.parametrize("kind", ALL)
def test_missing_labels_have_no_influence(kind):
    tasks = tasks_of(kind)
    outputs, targets = batch(tasks, missing=0.5)
    missing = targets.isnan()
    other = outputs.clone()
    for t, columns in enumerate(tasks.columns):
        other[:, columns] = torch.where(
            missing[:, t : t + 1], 100 * torch.randn(other[:, columns].shape), other[:, columns]
        )
    found = []
    for z in (outputs.requires_grad_(), other.requires_grad_()):
        losses = task_losses(z, targets, tasks)
        (gradient,) = torch.autograd.grad(losses.sum(), z)
        for t, columns in enumerate(tasks.columns):
            assert not gradient[missing[:, t], columns].any()
        found.append(losses.detach())
    assert torch.equal(*found)
    assert torch.equal(confidence(outputs, targets, tasks).isnan(), missing)


@pytest.mark.parametrize("kind", ALL)
def test_losses_and_their_gradients_are_finite_and_confidence_is_a_share(kind):
    tasks = tasks_of(kind)
    for scale in (0.0, 1.0, 100.0):
        outputs, targets = batch(tasks, scale=scale, missing=0.1)
        loss = task_losses(outputs.requires_grad_(), targets, tasks)
        (gradient,) = torch.autograd.grad(loss.sum(), outputs)
        assert loss.isfinite().all()
        assert (loss >= -1e-5).all()
        assert gradient.isfinite().all()
        sure = confidence(outputs.detach(), targets, tasks)[~targets.isnan()]
        assert ((sure >= 0) & (sure <= 1)).all()


@pytest.mark.parametrize("kind", ALL)
def test_no_constant_has_less_loss_than_the_best(kind):
    g = torch.Generator().manual_seed(0)
    for size in SIZES:
        task = Task(name="a", kind=kind, classes=classes(kind, size))
        labels = labels_of(kind, 200, len(task.classes), g)
        labels = labels - labels.mean() if kind == "regression" else labels
        best = kind.constant(labels, len(task.classes), 1.0).double().requires_grad_()
        assert best.shape == (task.width,)
        loss = example_losses(
            best.expand(200, -1), labels.double()[:, None], Tasks.plain([task])
        ).mean()
        (gradient,) = torch.autograd.grad(loss, best)
        torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=2e-5, rtol=0)


@pytest.mark.parametrize("kind", ALL)
def test_what_is_said_is_what_users_see(kind):
    tasks = tasks_of(Kind.BINARY, kind)
    outputs, _ = batch(tasks, models=(2,))
    for t, task in enumerate(tasks):
        own = outputs[..., tasks.columns[t]]
        said, seen = task.kind.said(own, tasks, t), task.kind.predict(own[0], tasks, t)
        assert said.shape == (2, 40)
        if not task.kind.has_classes:
            torch.testing.assert_close(said[0].double(), seen[:, 0].double())
            continue
        likely = task.kind.log_probabilities(own, tasks, t)
        assert torch.equal(likely.argmax(-1).float(), said)
        torch.testing.assert_close(likely.exp()[0, :, -seen.shape[1] :], seen)
        assert task.kind.said(own * torch.nan, tasks, t).isnan().all()


@pytest.mark.parametrize("kind", ALL)
def test_what_is_averaged_can_be_turned_back(kind):
    for size in SIZES:
        task = Task(name="a", kind=kind, classes=classes(kind, size))
        outputs = torch.randn(
            20, task.width, generator=torch.Generator().manual_seed(size)
        ).double()
        means = kind.inverse_link(outputs)
        assert means.shape == outputs.shape
        torch.testing.assert_close(kind.inverse_link(kind.link(means)), means, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ALL)
def test_predictions_have_the_columns_that_are_announced(kind):
    tasks = tasks_of(Kind.BINARY, kind)
    outputs, _ = batch(tasks)
    for t, task in enumerate(tasks):
        values = task.kind.predict(outputs[:, tasks.columns[t]], tasks, t)
        where = tasks.prediction_columns[t]
        assert values.shape == (40, where.stop - where.start) == (40, len(task.kind.meanings(task)))
        columns = task.kind.columns(values, task)
        assert len(columns) == 1 + task.kind.has_likelihood
        assert all(len(column) == 40 for column in columns)
        nothing = task.kind.columns(torch.full_like(values, torch.nan), task)
        assert all(column.null_count == 40 for column in nothing)


@pytest.mark.parametrize("kind", ALL)
def test_a_constant_knows_nothing(kind):
    """The best constant has no skill by the metric that decides, on the labels that it is of."""
    g = torch.Generator().manual_seed(0)
    for size in SIZES:
        task = Task(name="a", kind=kind, classes=classes(kind, size))
        labels = labels_of(kind, 200, len(task.classes), g)
        labels = labels - labels.mean() if kind == "regression" else labels
        best = kind.constant(labels, len(task.classes), 1.0).expand(1, 200, -1)
        metric, shares = METRICS[kind.metric_name], ()
        if kind.has_classes:
            shares = (labels.long().bincount() / 200).tolist()
        value = metric.values(best, labels, Tasks.plain([task]), 0).item()
        assert metric.skill(value, shares) == pytest.approx(0, abs=1e-4)


def test_kinds_beside_the_first_three_are_never_inferred():
    later = [kind for kind in ALL if kind not in ("binary", "multiclass", "regression")]
    ordered = pd.Categorical(["a", "b", "c"], ordered=True)
    for values in ([0, 1, 2], list(range(30)), [0.1, 0.5, 0.7], ordered, ["x", "y", "z"]):
        column = pd.Series(values, name="y")
        assert not any(kind.recognises(TargetColumn(column)) for kind in later)
        assert encode_column(column)[0].kind in ("binary", "multiclass", "regression")


def test_the_kind_of_the_documentation_is_one():
    page = Path(__file__).parents[2] / "docs" / "data.md"
    code = (
        page.read_text(encoding="utf-8")
        .partition("### A kind of your own")[2]
        .split("```python\n")[1]
        .split("```")[0]
    )
    found = {}
    try:
        exec(code, found)
        assert [(row["task"], row["metric"]) for row in found["rows"]][:3] == [
            ("green", "R2"),
            ("green", "RMSE"),
            ("green", "MAE"),
        ]
        assert all(np.isfinite(row["value"]) for row in found["rows"])
    finally:
        KINDS.pop("proportion", None)
