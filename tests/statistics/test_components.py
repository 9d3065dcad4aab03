"""Limits in closed form, two-way layouts with known components, and how often intervals hold."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from coterie.errors import CoterieError
from coterie.statistics import interval, with_mean

RNG = np.random.default_rng(0)


def layout(rng, n_seeds, n, *, seeds, examples, interaction, of=()):
    """Gains and contributions of a two-way layout whose mean is 0, by its three deviations."""
    cells = examples * rng.normal(size=(1, n, *of)) + interaction * rng.normal(
        size=(n_seeds, n, *of)
    )
    cells = cells + seeds * rng.normal(size=(n_seeds, 1, *of))
    gains = cells.mean(1)
    return gains, (cells - gains[:, None]) / np.sqrt(n * (n - 1))


def test_without_noise_of_examples_it_is_students_interval_over_seeds():
    gains = RNG.normal(size=(6, 3))
    found = interval(gains, np.zeros((6, 40, 3)))
    expected = stats.ttest_rel(gains, np.zeros_like(gains))
    np.testing.assert_allclose([found.low, found.high], expected.confidence_interval())
    np.testing.assert_allclose(found.p, expected.pvalue)
    np.testing.assert_allclose(found.df, 5)


def test_seeds_that_agree_leave_students_interval_over_examples():
    each = RNG.normal(0.3, 1, size=40)
    contributions = (each - each.mean()) / np.sqrt(40 * 39)
    found = interval(np.full(4, each.mean()), np.tile(contributions, (4, 1)))
    assert found.error == pytest.approx(stats.sem(each))
    assert found.example_variance == pytest.approx(stats.sem(each) ** 2)
    assert found.seed_variance == pytest.approx(0)
    assert found.interaction_variance == pytest.approx(0)
    # By the fourth moment it may have fewer degrees of freedom, never more.
    assert 10 < found.df <= 39
    assert found.high - found.mean == pytest.approx(found.error * stats.t.ppf(0.975, found.df))


def test_components_are_told_apart():
    size = 4000
    gains, contributions = layout(
        np.random.default_rng(1), 5, 30, seeds=0.2, examples=1.0, interaction=0.5, of=(size,)
    )
    found = interval(gains, contributions)
    assert found.interaction_variance.mean() == pytest.approx(0.5**2 / 30, rel=0.02)
    assert found.example_variance.mean() == pytest.approx(1 / 30, rel=0.02)
    assert found.seed_variance.mean() == pytest.approx(0.2**2, rel=0.05)
    expected = (0.04 + 0.25 / 30) / 5 + 1 / 30
    assert (found.error**2).mean() == pytest.approx(expected, rel=0.02)
    assert gains.mean(0).var() == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize("n_seeds", [3, 5, 20])
@pytest.mark.parametrize(
    "deviations",
    [
        {"seeds": 0.3, "examples": 0.0, "interaction": 0.0},
        {"seeds": 0.0, "examples": 1.0, "interaction": 0.0},
        {"seeds": 0.1, "examples": 0.5, "interaction": 1.0},
    ],
)
def test_intervals_hold_as_often_as_they_say(n_seeds, deviations):
    gains, contributions = layout(np.random.default_rng(2), n_seeds, 50, of=(3000,), **deviations)
    found = interval(gains, contributions)
    held = ((found.low <= 0) & (found.high >= 0)).mean()
    assert 0.935 < held < (0.985 if n_seeds > 3 else 0.99)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 6), st.integers(3, 30))
def test_the_interval_is_never_narrower_than_over_seeds_or_over_examples_alone(seed, n_seeds, n):
    rng = np.random.default_rng(seed)
    gains, contributions = rng.normal(size=n_seeds), rng.normal(size=(n_seeds, n))
    contributions *= rng.choice([0.01, 0.3])
    found = interval(gains, contributions)
    half = found.high - found.mean
    over_examples = np.sqrt((contributions.mean(0) ** 2).sum())
    assert half >= over_examples * stats.t.ppf(0.975, found.example_df) * (1 - 1e-12)
    assert half >= stats.sem(gains) * stats.norm.ppf(0.975)
    assert found.df >= min(n_seeds - 1, found.example_df)
    assert half == pytest.approx(found.error * stats.t.ppf(0.975, found.df))
    assert (found.p < 0.05) == (found.low > 0 or found.high < 0)
    scaled = interval(-3 * gains, -3 * contributions)
    np.testing.assert_allclose(scaled.low, -3 * found.high)
    np.testing.assert_allclose(scaled.df, found.df)


def test_one_seed_has_no_interval_yet_the_noise_of_examples():
    _, contributions = layout(RNG, 1, 40, seeds=0, examples=1.0, interaction=0)
    found = interval(np.array([2.0]), contributions)
    assert found.mean == 2
    assert np.isnan([found.low, found.high, found.p, found.df, found.seed_variance]).all()
    assert found.example_variance == pytest.approx((contributions**2).sum())


def test_agreement_on_nothing_is_certain_and_on_something_not_believed():
    none = np.zeros((3, 20))
    nothing, something = interval(np.zeros(3), none), interval(np.ones(3), none)
    assert (nothing.low, nothing.high, nothing.p) == (0, 0, 1)
    assert np.isnan([something.low, something.high, something.p]).all()


def test_groups_that_move_together_widen_the_interval_to_that_of_their_means():
    of_group = RNG.normal(size=8)
    contributions = np.repeat(of_group - of_group.mean(), 5)[None] / 40
    gains, same = np.full(3, 0.1), np.tile(contributions, (3, 1))
    groups = np.repeat(np.arange(8), 5)
    found = interval(gains, same, groups=groups)
    assert found.error == pytest.approx(stats.sem(of_group))
    assert found.examples == 8
    assert found.df <= 7
    # Groups of one are rows, but for the factor of a small number that rows have already.
    alone, rows = interval(gains, same, groups=np.arange(40)), interval(gains, same)
    assert alone.error**2 == pytest.approx(rows.error**2 * 40 / 39)
    assert np.isnan(interval(gains, same, groups=np.zeros(40)).low)


def test_few_deciding_examples_count_as_few():
    contributions = np.zeros(1000)
    contributions[:6] = [1, -1, 1, -1, 1, -1]
    assert interval(np.ones(3), np.tile(contributions, (3, 1))).example_df == 5
    contributions[6:] = RNG.normal(scale=1e-3, size=994)
    assert interval(np.ones(3), np.tile(contributions, (3, 1))).example_df < 15
    normal = RNG.normal(size=(1, 5000))
    assert interval(np.ones(1), normal).example_df == pytest.approx(5000, rel=0.1)


def test_the_mean_over_tasks_leaves_out_what_is_undefined_or_not_counted():
    gains, contributions = layout(RNG, 3, 20, seeds=1, examples=1, interaction=1, of=(4,))
    gains[1, 0] = np.nan
    contributions[0, 5, 1] = np.nan
    both = with_mean(gains, contributions)
    np.testing.assert_allclose(both[0][:, -1], gains[:, 2:].mean(1))
    np.testing.assert_allclose(both[1][..., -1], contributions[..., 2:].mean(-1))
    counted = np.array([True, True, False, True])
    np.testing.assert_allclose(with_mean(gains, contributions, counted)[0][:, -1], gains[:, 3])
    nobody = with_mean(gains, contributions, np.zeros(4, bool))
    assert np.isnan(nobody[0][:, -1]).all()
    side_by_side = interval(*both)
    np.testing.assert_allclose(side_by_side[4].low, interval(both[0][:, 4], both[1][..., 4]).low)
    assert np.isnan(side_by_side.low[:2]).all()


@pytest.mark.parametrize(
    ("gains", "contributions", "more", "named"),
    [
        (np.zeros(3), np.zeros((2, 5)), {}, "`contributions`"),
        (np.zeros((3, 2)), np.zeros((3, 5)), {}, "`contributions`"),
        (np.zeros(3), np.zeros((3, 5)), {"groups": np.zeros(4)}, "`groups`"),
        (np.zeros(3), np.zeros((3, 5)), {"level": 1.0}, "`level`"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(gains, contributions, more, named):
    with pytest.raises(CoterieError, match=named):
        interval(gains, contributions, **more)
