"""Intervals against scipy and closed forms, Holm by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from coterie.evaluation.gains import (
    holm,
    paired_interval,
    relative_gain,
)


def test_interval_is_that_of_the_paired_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 6, 4))
    interval = paired_interval(a - b)
    reference = stats.ttest_rel(a, b)
    low, high = reference.confidence_interval(0.95)
    np.testing.assert_allclose(interval.p, reference.pvalue)
    np.testing.assert_allclose([interval.low, interval.high], [low, high])


def test_missing_differences_are_left_out():
    interval = paired_interval(
        np.array([[1.0, np.nan], [2.0, np.nan], [4.0, 1.0], [np.nan, np.nan]])
    )
    alone = paired_interval(np.array([1.0, 2.0, 4.0]))
    np.testing.assert_allclose([x[0] for x in interval], list(alone))
    assert interval.mean[1] == 1.0
    assert np.isnan([interval.low[1], interval.high[1], interval.p[1]]).all()


def test_overlapping_splits_widen_the_interval_as_nadeau_and_bengio_say():
    d = np.array([1.0, 2.0, 3.0, 6.0])
    plain, corrected = paired_interval(d), paired_interval(d, overlap=1 / 3)
    ratio = (corrected.high - corrected.low) / (plain.high - plain.low)
    assert ratio == pytest.approx(np.sqrt((1 / 4 + 1 / 3) / (1 / 4)))
    assert corrected.mean == plain.mean


def test_no_spread_gives_no_interval_unless_nothing_differs_at_all():
    equal = paired_interval(np.array([0.5, 0.5, 0.5]))
    assert equal.mean == 0.5
    assert np.isnan([equal.low, equal.high, equal.p]).all()
    nothing = paired_interval(np.zeros(3))
    assert (nothing.mean, nothing.low, nothing.high, nothing.p) == (0, 0, 0, 1)
    single = paired_interval(np.zeros(1))
    assert np.isnan([single.low, single.high, single.p]).all()


def test_interval_covers_the_truth_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(1.0, 2.0, size=(5, 4000))
    interval = paired_interval(draws)
    assert np.mean((interval.low < 1) & (interval.high > 1)) == pytest.approx(0.95, abs=0.012)


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


def test_relative_gain_needs_ten_errors():
    gain = relative_gain(
        np.array([0.1, 0.3, 0.1, 0.0]),
        np.array([0.2, 0.2, 0.2, 0.0]),
        np.array([10.0, np.nan, 9.9, 0.0]),
    )
    np.testing.assert_allclose(gain, [0.5, -0.5, np.nan, np.nan])
