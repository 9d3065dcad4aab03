"""Holm by hand; simultaneous intervals against Dunnett's, Bonferroni's and repeated draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from coterie.errors import CoterieError
from coterie.statistics import holm, interval, simultaneous


def test_holm_by_hand():
    np.testing.assert_allclose(holm(np.array([0.01, 0.02, 0.03, 0.005])), [0.03, 0.04, 0.04, 0.02])
    np.testing.assert_allclose(holm(np.array([0.6, 0.9])), [1.0, 1.0])
    np.testing.assert_array_equal(holm(np.array([np.nan, np.nan])), [np.nan, np.nan])


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_is_between_raw_and_bonferroni_and_keeps_the_order(p):
    p = np.array(p)
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= np.minimum(1, len(p) * p) + 1e-12).all()
    assert (np.diff(adjusted[np.argsort(p, kind="stable")]) >= 0).all()


def against_reference(rng, n_seeds, arms, n=30):
    """Gains over one reference, whose noise all share: their true value is 0."""
    scores = rng.normal(size=(n_seeds, arms + 1))
    return scores[:, 1:] - scores[:, :1], np.zeros((n_seeds, n, arms))


def test_many_seeds_give_dunnetts_critical_value():
    rng = np.random.default_rng(0)
    # 4 arms against one: correlations of 1/2.
    gains, none = against_reference(rng, 4000, 4)
    found = simultaneous(gains, none)
    critical = (found.high - found.mean) / found.error
    draws = rng.standard_normal((200_000, 5))
    extreme = np.abs((draws[:, 1:] - draws[:, :1]) / np.sqrt(2)).max(1)
    np.testing.assert_allclose(critical, np.quantile(extreme, 0.95), rtol=0.01)
    samples = [rng.normal(size=50) for _ in range(5)]
    dunnett = stats.dunnett(*samples[1:], control=samples[0]).confidence_interval()
    pooled = np.sqrt(np.mean([np.var(each, ddof=1) for each in samples]) * 2 / 50)
    np.testing.assert_allclose(critical, (dunnett.high - dunnett.low) / 2 / pooled, rtol=0.02)


def test_one_arm_has_its_own_interval_and_none_is_wider_than_bonferronis():
    gains, none = against_reference(np.random.default_rng(1), 5, 3)
    alone, one = interval(gains[:, :1], none[..., :1]), simultaneous(gains[:, :1], none[..., :1])
    np.testing.assert_allclose([one.low, one.high, one.p], [alone.low, alone.high, alone.p])
    found = simultaneous(gains, none)
    bonferroni = interval(gains, none, level=1 - 0.05 / 3)
    single = interval(gains, none)
    assert (bonferroni.low <= found.low).all()
    assert (found.low < single.low).all()
    assert ((single.p <= found.p) & (found.p <= 3 * single.p)).all()


def test_arms_that_are_the_same_need_no_correction():
    gains, none = against_reference(np.random.default_rng(2), 200, 1)
    found = simultaneous(np.tile(gains, 3), np.tile(none, 3))
    alone = interval(gains, none)
    np.testing.assert_allclose(found.error, alone.error.repeat(3))
    np.testing.assert_allclose(found.low, alone.low.repeat(3), rtol=0.03)


def test_p_and_interval_say_the_same_and_a_seed_settles_both():
    rng = np.random.default_rng(3)
    for _ in range(20):
        gains, none = against_reference(rng, 6, 3)
        gains += np.array([0.0, 1.5, 3.0])
        found, again = (simultaneous(gains, none, seed=4) for _ in range(2))
        np.testing.assert_array_equal(found.low, again.low)
        clear = np.abs(found.p - 0.05) > 0.003
        excluded = (found.low > 0) | (found.high < 0)
        np.testing.assert_array_equal(excluded[clear], (found.p < 0.05)[clear])


@pytest.mark.parametrize("n_seeds", [4, 10])
def test_all_intervals_hold_at_once_as_often_as_they_say(n_seeds):
    rng = np.random.default_rng(5)
    held = []
    for _ in range(200):
        found = simultaneous(*against_reference(rng, n_seeds, 4))
        held.append(((found.low <= 0) & (found.high >= 0)).all())
    assert 0.91 < np.mean(held) < 0.99


def test_arms_that_cannot_be_judged_stay_out_of_it():
    gains, none = against_reference(np.random.default_rng(6), 6, 3)
    gains[:, 0], gains[:, 1] = np.nan, 0.0
    found, alone = simultaneous(gains, none), interval(gains[:, 2:], none[..., 2:])
    assert np.isnan(found.low[0])
    assert (found.low[1], found.p[1]) == (0, 1)
    assert found.low[2] == pytest.approx(alone.low[0])
    assert np.isnan(simultaneous(gains[:1], none[:1]).low).all()


def test_another_shape_is_refused():
    with pytest.raises(CoterieError, match="`gains` must have the shape"):
        simultaneous(np.zeros(3), np.zeros((3, 5)))
