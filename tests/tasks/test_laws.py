"""What holds of every kind, the five of the package and one that it does not know."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from coterie.data.columns import TargetColumn
from coterie.data.encoding import encode_column
from coterie.metrics import errors, example_statistics, outcomes, primary_metric, summed_statistics
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
    came, sums = outcomes(outputs, targets, tasks), summed_statistics(outputs, targets, tasks)
    score, wrong = primary_metric(sums, tasks), errors(sums, tasks)[1]
    for t, task in enumerate(tasks):
        alone = Tasks.plain([task])
        z, y = outputs[..., tasks.columns[t]], targets[:, t : t + 1]
        torch.testing.assert_close(loss[..., t], example_losses(z, y, alone)[..., 0])
        torch.testing.assert_close(
            sure[..., t], confidence(z, y.expand(*models, -1, -1), task)[..., 0], equal_nan=True
        )
        torch.testing.assert_close(came[..., t], outcomes(z, y, alone)[..., 0])
        own = summed_statistics(z, y, alone)
        torch.testing.assert_close(
            score[..., t], primary_metric(own, alone)[..., 0], equal_nan=True
        )
        torch.testing.assert_close(wrong[..., t], errors(own, alone)[1][..., 0], equal_nan=True)


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
        found.append((losses.detach(), summed_statistics(z.detach(), targets, tasks)))
    assert torch.equal(found[0][0], found[1][0])
    assert torch.equal(found[0][1], found[1][1])
    assert torch.equal(confidence(outputs, targets, tasks).isnan(), missing)
    assert not outcomes(other.detach(), targets, tasks)[missing].any()


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
def test_sums_of_batches_and_of_examples_are_the_whole(kind):
    tasks = tasks_of(kind, Kind.BINARY)
    outputs, targets = batch(tasks)
    whole = summed_statistics(outputs, targets, tasks)
    parts = sum(
        summed_statistics(outputs[part], targets[part], tasks)
        for part in (slice(0, 13), slice(13, 40))
    )
    torch.testing.assert_close(parts, whole)
    each = example_statistics(outcomes(outputs, targets, tasks), targets, tasks)
    assert each.shape == (*targets.shape, whole.shape[-1])
    torch.testing.assert_close(each.double().sum(0), whole, rtol=1e-5, atol=1e-5)


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
def test_metrics_hold_the_deciding_one_and_bear_no_labels(kind):
    tasks = tasks_of(kind)
    outputs, targets = batch(tasks)
    primary = primary_metric(summed_statistics(outputs, targets, tasks), tasks)
    for n in (40, 0):
        for t in range(len(tasks)):
            seen = ~targets[:n, t].isnan()
            y = targets[:n][seen, t]
            rows = kind.metrics(
                outputs[:n][seen][:, tasks.columns[t]], y, y.double(), primary[t].item(), tasks, t
            )
            assert kind.metric_name in rows
            assert all(
                np.isnan(float(value))
                for name, value in rows.items()
                if n == 0 and name != kind.metric_name
            )


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
        assert [(row["task"], row["metric"]) for row in found["rows"]][:2] == [
            ("green", "R2"),
            ("green", "MAE"),
        ]
        assert all(np.isfinite(row["value"]) for row in found["rows"])
    finally:
        KINDS.pop("proportion", None)
