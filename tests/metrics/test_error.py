"""R2, D2 and errors in units: what scikit-learn says, and what is undefined."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import d2_tweedie_score, r2_score

from coterie.metrics import METRICS
from coterie.tasks import Task, Tasks
from tests.tasks.own import SHARE

SIZE = Tasks.plain([Task(name="size", kind="regression")])
COUNT = Tasks.plain([Task(name="n", kind="count")])


def value(name, outputs, labels, tasks=SIZE):
    outputs = torch.as_tensor(outputs, dtype=torch.float32)[None, :, None]
    return METRICS[name].values(outputs, torch.as_tensor(labels).float(), tasks, 0).item()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-40, 40), st.floats(-5, 5, width=32)), min_size=2, max_size=25)
)
def test_r2_is_scikit_learns(cells):
    truth, said = map(np.array, zip(*cells, strict=True))
    if np.ptp(truth):
        assert value("R2", said, truth) == pytest.approx(r2_score(truth, said), rel=1e-6, abs=1e-6)
    else:
        assert math.isnan(value("R2", said, truth))


def test_the_mean_explains_nothing():
    assert value("R2", [3.0, 3.0, 3.0], [1.0, 2.0, 6.0]) == pytest.approx(0, abs=1e-6)
    counts = np.array([0.0, 3.0, 1.0, 8.0])
    mean = np.full(4, math.log(counts.mean()))
    assert value("D2", mean, counts, COUNT) == pytest.approx(0, abs=1e-6)
    assert math.isnan(value("D2", mean, np.full(4, 2.0), COUNT))


def test_d2_is_scikit_learns_and_large_rates_do_not_overflow():
    rng = np.random.default_rng(0)
    log_rates = rng.normal(1, 0.7, 300)
    counts = rng.poisson(np.exp(log_rates))
    said = log_rates + 0.3 * rng.normal(size=300)
    expected = d2_tweedie_score(counts, np.exp(np.float32(said)), power=1)
    assert value("D2", said, counts, COUNT) == pytest.approx(expected, rel=1e-5)
    assert math.isfinite(value("D2", [1e4, 0.0], [1.0, 2.0], COUNT))


def test_a_kind_of_ones_own_is_judged_by_what_it_says():
    tasks = Tasks.plain([Task(name="share", kind=SHARE)])
    logits, truth = torch.tensor([0.0, 2.0, -1.0]), [0.4, 0.8, 0.1]
    expected = r2_score(truth, logits.sigmoid())
    assert value("R2", logits, truth, tasks) == pytest.approx(expected, rel=1e-5)
    assert value("MAE", logits, truth, tasks) == pytest.approx(
        np.abs(logits.sigmoid().numpy() - truth).mean(), rel=1e-5
    )


def test_nan_leaves_errors_undefined():
    for name in ("R2", "RMSE", "MAE"):
        assert math.isnan(value(name, [1.0, math.nan], [1.0, 2.0]))
        assert math.isfinite(value(name, [1.0, 2.0, math.nan], [1.0, 3.0, math.nan]))
