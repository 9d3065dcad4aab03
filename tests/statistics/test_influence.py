"""Values by hand and brute force; variances against DeLong, the jackknife and repeated samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from coterie.statistics import accuracy, auroc, balanced_accuracy, mean, r2, skill


def delong(scores, y):
    """Values and covariance of the arms, from all pairs of a positive and a negative."""
    positive, negative = scores[:, y == 1], scores[:, y == 0]
    above = np.sign(positive[:, :, None] - negative[:, None]) / 2 + 0.5
    n1, n0 = above.shape[1:]
    covariance = np.cov(above.mean(2)) / n1 + np.cov(above.mean(1)) / n0
    return above.mean((1, 2)), covariance


def jackknife(metric, *columns):
    """Variance of a metric of arms (A, n) by leaving out each example."""
    n = columns[0].shape[-1]
    left_out = np.array(
        [metric(*(np.delete(each, i, axis=-1) for each in columns))[0] for i in range(n)]
    )
    return (n - 1) * left_out.var(0)


@settings(max_examples=100, deadline=None)
@given(
    arrays.arrays(np.float64, (3, 14), elements=st.sampled_from([-1e300, 0.0, 1e-300, 1, 2, 5])),
    st.integers(2, 12),
)
def test_auroc_and_its_covariances_are_those_of_delong_with_any_ties(scores, n_positive):
    y = (np.arange(14) < n_positive) * 1.0
    values, contributions = auroc(scores, y)
    expected, covariance = delong(scores, y)
    np.testing.assert_allclose(values, expected, atol=1e-12)
    np.testing.assert_allclose(contributions @ contributions.T, covariance, atol=1e-12)


def test_auroc_reads_order_only_and_turns_with_the_labels():
    rng = np.random.default_rng(0)
    scores, y = rng.normal(size=(2, 50)), rng.integers(0, 2, 50)
    values, contributions = auroc(scores, y)
    for same in (np.exp(scores), 3 * scores - 1):
        np.testing.assert_allclose(auroc(same, y)[1], contributions)
    np.testing.assert_allclose(auroc(-scores, y)[0], 1 - values)
    np.testing.assert_allclose(auroc(scores, 1 - y)[0], 1 - values)


def test_auroc_of_one_class_and_of_lost_scores_is_undefined():
    for values, contributions in (
        auroc(np.zeros((2, 4)), np.ones(4)),
        auroc(np.zeros((2, 3)), np.full(3, np.nan)),
        auroc(np.full((2, 4), np.nan), np.array([0, 0, 1, 1])),
    ):
        assert np.isnan(values).all()
        assert np.isnan(contributions).all()
    values, contributions = auroc(np.array([[1.0, 2.0, 3.0]]), np.array([0, 0, 1]))
    assert values == 1
    assert np.isnan(contributions).any()  # one positive says nothing of how positives vary


RNG = np.random.default_rng(1)
N = 60
Y = (RNG.random(N) < 0.4) * 1.0
REAL = RNG.normal(size=N)
SCORES = RNG.normal(size=(2, N)) + Y
PREDICTIONS = 0.6 * REAL + 0.5 * RNG.normal(size=(2, N))
HITS = (RNG.random((2, N)) < 0.7 + 0.2 * Y) * 1.0
LOSSES, CONSTANT = RNG.gamma(1.0, 0.4, (2, N)), RNG.gamma(4.0, 0.25, N)
METRICS = {
    "auroc": (auroc, SCORES, Y),
    "accuracy": (accuracy, HITS),
    "balanced accuracy": (balanced_accuracy, HITS, Y),
    "r2": (r2, PREDICTIONS, REAL),
    "skill": (skill, LOSSES, CONSTANT),
    "mean": (mean, LOSSES),
}


@pytest.mark.parametrize("name", METRICS)
def test_variances_are_those_of_the_jackknife(name):
    metric, *columns = METRICS[name]
    _, contributions = metric(*columns)
    np.testing.assert_allclose(contributions.sum(1), 0, atol=1e-12)
    np.testing.assert_allclose(
        (contributions**2).sum(1), jackknife(metric, *columns), rtol=0.12, atol=0
    )


@pytest.mark.parametrize("name", METRICS)
def test_variances_are_those_of_resampled_examples(name):
    metric, *columns = METRICS[name]
    rng = np.random.default_rng(2)
    drawn = rng.integers(0, N, (3000, N))
    values = np.array([metric(*(each[..., index] for each in columns))[0] for index in drawn])
    _, contributions = metric(*columns)
    np.testing.assert_allclose(np.sqrt((contributions**2).sum(1)), values.std(0), rtol=0.1)


@pytest.mark.parametrize("name", METRICS)
def test_examples_without_a_label_count_for_nothing(name):
    metric, *columns = METRICS[name]
    values, contributions = metric(*columns)
    lost = np.full(7, np.nan)
    padded = [
        np.concatenate([each, np.broadcast_to(lost, (*each.shape[:-1], 7))], -1) for each in columns
    ]
    if len(columns) > 1:  # the label is missing, not what was predicted
        padded[0] = np.nan_to_num(padded[0])
    more, of_more = metric(*padded)
    np.testing.assert_allclose(more, values)
    np.testing.assert_allclose(of_more[:, :N], contributions)
    np.testing.assert_array_equal(of_more[:, N:], 0)


def test_values_by_hand():
    hits = np.array([[1.0, 1.0, 0.0, 0.0, 1.0]])
    assert accuracy(hits)[0] == 0.6
    assert balanced_accuracy(hits, np.array([0, 0, 0, 7, 7]))[0] == pytest.approx(7 / 12)
    assert r2(np.array([[1.0, 1.0, 5.0]]), np.array([1.0, 3.0, 5.0]))[0] == pytest.approx(0.5)
    assert skill(np.array([[1.0, 2.0]]), np.array([4.0, 2.0]))[0] == pytest.approx(0.5)
    _, contributions = accuracy(hits)
    assert (contributions**2).sum() == pytest.approx(0.6 * 0.4 / 4)


def test_what_cannot_be_scored_is_undefined():
    for values, contributions in (
        r2(np.zeros((1, 3)), np.ones(3)),
        r2(np.zeros((1, 3)), np.full(3, np.nan)),
        skill(np.zeros((1, 3)), np.zeros(3)),
        mean(np.full((1, 3), np.nan)),
        balanced_accuracy(np.zeros((1, 3)), np.full(3, np.nan)),
    ):
        assert np.isnan(values).all()
        assert np.isnan(contributions).all()


def test_a_constant_at_the_mean_of_the_sample_is_no_skill_without_noise():
    values, contributions = r2(np.full((1, 5), 2.0), np.arange(5.0))
    assert values == 0
    np.testing.assert_allclose(contributions, 0, atol=1e-15)
