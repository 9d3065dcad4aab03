"""Comparisons with the best: two arms in closed form, equal and clear arms, and repeated draws."""

import numpy as np
import pytest
from scipy import stats

from coterie.errors import CoterieError
from coterie.statistics import compare_with_best, covariance, interval, not_worse


def test_two_arms_have_students_one_sided_interval():
    found = compare_with_best(np.array([1.0, 0.8]), np.diag([0.01, 0.02]), 7)
    half = stats.t.ppf(0.95, 7) * np.sqrt(0.03)
    np.testing.assert_allclose(found.low, [0.2 - half, -0.2 - half])
    np.testing.assert_allclose(found.high, [0.2 + half, -0.2 + half])
    clear = compare_with_best(np.array([2.0, 0.8]), np.diag([0.01, 0.02]), 7)
    np.testing.assert_allclose(clear.low, [0, -1.2 - half])
    np.testing.assert_allclose(clear.high, [1.2 + half, 0])


def test_equal_arms_are_alike_and_the_same_arm_twice_is_not_worse_at_all():
    found = compare_with_best(np.zeros(5), np.eye(5), 100)
    # The one-sided critical value of four differences from one, correlated by half.
    draws = np.random.default_rng(0).standard_normal((200_000, 5))
    critical = np.quantile((draws[:, 1:] - draws[:, :1]).max(1), 0.95)
    np.testing.assert_allclose(found.high, critical, rtol=0.03)
    np.testing.assert_allclose(found.low, -critical, rtol=0.03)
    twice = compare_with_best(np.array([1.0, 1.0]), np.ones((2, 2)), 5)
    np.testing.assert_array_equal(twice.low, [0, 0])
    np.testing.assert_array_equal(twice.high, [0, 0])


def test_an_arm_that_cannot_be_the_best_does_not_widen_the_others():
    pair = compare_with_best(np.array([1.0, 0.9]), np.eye(2) * 1e-4, 50)
    three = compare_with_best(np.array([1.0, 0.9, -9.0]), np.diag([1e-4, 1e-4, 1.0]), 50)
    assert three.high[2] == 0
    assert three.low[0] == pair.low[0] == 0
    assert three.low[1] == pytest.approx(pair.low[1], abs=0.01)
    assert three.low[2] < -9


def two_way(rng, effects, n_seeds=4, n=60):
    """Scores and contributions of arms with given true scores."""
    n_arms = len(effects)
    cells = rng.normal(size=(1, n_arms, n)) + 0.5 * rng.normal(size=(n_seeds, n_arms, n))
    cells += rng.normal(size=(1, 1, n)) * 2  # hard examples are hard for all
    cells += np.asarray(effects)[:, None] + 0.2 * rng.normal(size=(n_seeds, n_arms, 1))
    scores = cells.mean(2)
    return scores, (cells - scores[..., None]) / np.sqrt(n * (n - 1))


def test_variances_of_differences_are_those_of_their_intervals():
    scores, contributions = two_way(np.random.default_rng(1), [0.0, 1.0, 2.0, 2.0])
    found, df = covariance(scores, contributions)
    for one, other in ((0, 1), (1, 3), (3, 2)):
        pair = interval(
            scores[:, one] - scores[:, other], contributions[:, one] - contributions[:, other]
        )
        variance = found[one, one] + found[other, other] - 2 * found[one, other]
        assert variance == pytest.approx(pair.error**2)
        assert df[one, other] == df[other, one] == pytest.approx(pair.df)
    np.testing.assert_allclose(found.sum(0), 0, atol=1e-12)
    assert np.linalg.eigvalsh(found).min() > -1e-12


@pytest.mark.parametrize("effects", [[0.0, 0.3, 0.5, 0.5], [0.0, 0, 0, 3]])
def test_bounds_hold_at_once_as_often_as_they_say(effects):
    rng, held = np.random.default_rng(2), []
    truth = np.array(
        [own - max(effects[:arm] + effects[arm + 1 :]) for arm, own in enumerate(effects)]
    )
    for _ in range(200):
        scores, contributions = two_way(rng, effects)
        bounds = compare_with_best(scores.mean(0), *covariance(scores, contributions))
        held.append(((bounds.low <= truth) & (truth <= bounds.high)).all())
    assert np.mean(held) > 0.92


def test_the_best_arm_is_not_worse_and_a_clear_loser_is():
    scores, contributions = two_way(np.random.default_rng(3), [0.0, 5.0, 5.0])
    bounds = compare_with_best(scores.mean(0), *covariance(scores, contributions))
    np.testing.assert_array_equal(not_worse(bounds.low, 2.0), [False, True, True])
    np.testing.assert_array_equal(not_worse(bounds.low, 1e-6), [False, False, False])


def test_groups_of_rows_count_as_groups():
    rng = np.random.default_rng(4)
    scores, contributions = two_way(rng, [0.0, 0.0], n=10)
    many = np.repeat(contributions, 8, axis=2) / 8
    rows, grouped = (covariance(scores, many, groups)[0] for groups in (None, np.arange(80) // 8))
    assert grouped[0, 0] > 1.5 * rows[0, 0]


def test_what_is_unknown_stays_unknown_and_one_arm_is_the_best():
    scores, contributions = two_way(np.random.default_rng(5), [0.0, 1.0], n_seeds=1)
    bounds = compare_with_best(scores[0], *covariance(scores, contributions))
    assert np.isnan([bounds.low, bounds.high]).all()
    assert not not_worse(bounds.low, 1.0).any()
    alone = compare_with_best(np.array([0.7]), np.zeros((1, 1)), 3)
    assert (alone.low[0], alone.high[0]) == (0, 0)


def test_a_seed_settles_the_critical_values():
    arguments = (np.array([0.3, 0.2, 0.1]), np.diag([0.1, 0.2, 0.3]), 4)
    same, again, other = (compare_with_best(*arguments, seed=seed).low for seed in (1, 1, 2))
    np.testing.assert_array_equal(same, again)
    assert (same != other).any()
    np.testing.assert_allclose(same, other, rtol=0.05)


def test_another_shape_is_refused():
    with pytest.raises(CoterieError, match="`covariance` must have the shape"):
        compare_with_best(np.zeros(3), np.eye(2), 5)
