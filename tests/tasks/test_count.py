"""Counts.

The Poisson likelihood of scipy, the metrics of scikit-learn, the mean as the best constant.
"""

import math

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import poisson
from sklearn.metrics import d2_tweedie_score, mean_absolute_error

from coterie.data.columns import TargetColumn
from coterie.data.encoding import encode_column
from coterie.data.targets import Labels, measure
from coterie.errors import CoterieError
from coterie.evaluation import all_metrics
from coterie.metrics import scores
from coterie.tasks import Kind, Task, Tasks, confidence, example_losses

COUNT = Kind.COUNT
COUNTS = np.array([0, 3, 1, 7, 0, 2, 5, 40], dtype=float)


def measured(values=COUNTS):
    return measure(
        Labels(tasks=(Task(name="n", kind=COUNT),), values=values[:, None]), np.arange(len(values))
    )


def test_the_loss_is_the_poisson_likelihood_up_to_what_no_prediction_changes():
    tasks, targets = measured()
    mean = COUNTS.mean()
    for rate in (0.2, 3.0, 90.0):
        outputs = torch.full((len(COUNTS), 1), math.log(rate / mean))
        loss = example_losses(outputs, targets, tasks)[:, 0].numpy() * mean / 2
        # The rate that is the count itself.
        best = poisson.logpmf(COUNTS, np.maximum(COUNTS, 1e-12))
        np.testing.assert_allclose(loss, best - poisson.logpmf(COUNTS, rate), rtol=1e-4, atol=1e-4)
        assert COUNT.predict(outputs, tasks, 0)[0].item() == pytest.approx(rate, rel=1e-6)


def test_zero_output_predicts_the_mean_and_nothing_constant_is_better():
    tasks, targets = measured()
    assert (tasks.mean.item(), tasks.std.item()) == (0.0, COUNTS.mean())
    assert COUNT.predict(torch.zeros(1, 1), tasks, 0).item() == pytest.approx(COUNTS.mean())
    assert COUNT.constant(targets[:, 0], 0, 1.0).item() == pytest.approx(0.0, abs=1e-6)
    assert COUNT.constant(torch.tensor([1.0, 5.0]), 0, 1.0).item() == pytest.approx(math.log(3))


def test_the_loss_is_convex_and_grows_like_its_tangent_where_it_would_overflow():
    z = torch.linspace(-50, 200, 501, dtype=torch.float64).requires_grad_()
    labels = torch.full_like(z, 2.0)
    loss = COUNT.loss(z, labels, None)
    (slope,) = torch.autograd.grad(loss.sum(), z)
    assert (slope.diff() >= 0).all()
    exact = z.detach() <= 20
    torch.testing.assert_close(slope[exact], 2 * (z.detach()[exact].exp() - 2))
    assert torch.isfinite(COUNT.loss(torch.tensor([1e4]), torch.tensor([1.0]), None)).all()


def test_metrics_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    rates = np.exp(rng.normal(1, 0.7, 300))
    counts = rng.poisson(rates).astype(float)
    tasks, targets = measured(counts)
    predicted = rates * np.exp(0.3 * rng.normal(size=300))
    outputs = torch.tensor(np.log(predicted / counts.mean()), dtype=torch.float32)[:, None]
    d2 = d2_tweedie_score(counts, predicted, power=1)
    rows = {row["metric"]: row["value"] for row in all_metrics(outputs, targets, tasks)}
    assert rows == {
        "D2": pytest.approx(d2, rel=1e-4),
        "MAE": pytest.approx(mean_absolute_error(counts, predicted), rel=1e-5),
    }


def test_the_mean_explains_nothing_and_equal_counts_leave_nothing_to_explain():
    tasks, targets = measured()
    score = lambda z, y: scores(torch.as_tensor(z), y, tasks).item()  # noqa: E731
    assert score(torch.zeros(8, 1), targets) == pytest.approx(0, abs=1e-6)
    assert score(targets.log().clamp_min(-30), targets) == pytest.approx(1, abs=1e-6)
    for same in (0.0, 0.3, 1e4):
        assert math.isnan(score(torch.zeros(8, 1), torch.full((8, 1), same)))


def test_confidence_is_the_likelihood_relative_to_the_best_rate():
    found = confidence(torch.tensor([[0.0], [0.0]]), torch.tensor([[1.0], [0.0]]), "count")
    torch.testing.assert_close(
        found, torch.tensor([[1.0], [poisson.pmf(0, 1)]], dtype=torch.float32)
    )


def test_loss_scale_is_the_deviance_of_the_mean():
    values = np.stack([COUNTS, np.arange(8.0)], axis=1)
    tasks, _ = measure(
        Labels(
            tasks=(Task(name="n", kind=COUNT), Task(name="r", kind=Kind.REGRESSION)), values=values
        ),
        np.arange(8),
    )
    y = COUNTS / COUNTS.mean()
    deviance = 2 * np.mean(np.where(y > 0, y * np.log(np.where(y > 0, y, 1)), 0))
    assert tasks.loss_scale[0].item() == pytest.approx(deviance, rel=1e-5)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([0, 2, -1], "must hold whole numbers from 0 to be a count; found -1 in row 2"),
        ([0, 2.5, 1], "must hold whole numbers from 0 to be a count; found 2.5 in row 1"),
        ([0, 1, 2, "x"], "must hold numbers; found the text 'x' in row 3"),
        ([0, 1, np.inf], "infinite value in row 2"),
    ],
)
def test_what_is_no_count_is_refused(cells, message):
    with pytest.raises(CoterieError, match=message):
        COUNT.read(TargetColumn(pd.Series(cells, name="n")))


def test_gaps_are_gaps():
    task, values = encode_column(pd.Series([0, None, 4], name="n"), COUNT)
    assert (task.kind, task.classes) == (COUNT, ())
    np.testing.assert_array_equal(values, [0, np.nan, 4])
    tasks = Tasks.plain([task])
    found = example_losses(
        torch.tensor([[0.0], [50.0], [0.0]]), torch.tensor(values[:, None]).float(), tasks
    )
    assert found[1].item() == 0
