"""Intervals over splits against scipy and closed forms."""

import numpy as np
import pytest
from scipy import stats

from coterie.statistics import nadeau_bengio


def test_interval_is_that_of_the_paired_t_test():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 6, 4))
    interval = nadeau_bengio(a - b)
    reference = stats.ttest_rel(a, b)
    low, high = reference.confidence_interval(0.95)
    np.testing.assert_allclose(interval.p, reference.pvalue)
    np.testing.assert_allclose([interval.low, interval.high], [low, high])


def test_missing_gains_are_left_out():
    interval = nadeau_bengio(np.array([[1.0, np.nan], [2.0, np.nan], [4.0, 1.0], [np.nan, np.nan]]))
    alone = nadeau_bengio(np.array([1.0, 2.0, 4.0]))
    for name in ("mean", "low", "high", "p", "df"):
        np.testing.assert_allclose(getattr(interval, name)[0], getattr(alone, name))
    assert interval.mean[1] == 1.0
    assert np.isnan([interval.low[1], interval.high[1], interval.p[1]]).all()


def test_overlapping_splits_widen_the_interval_as_nadeau_and_bengio_say():
    gains = np.array([1.0, 2.0, 3.0, 6.0])
    plain, corrected = nadeau_bengio(gains), nadeau_bengio(gains, overlap=1 / 3)
    ratio = (corrected.high - corrected.low) / (plain.high - plain.low)
    assert ratio == pytest.approx(np.sqrt((1 / 4 + 1 / 3) / (1 / 4)))
    assert corrected.mean == plain.mean


def test_no_spread_gives_no_interval_unless_nothing_differs_at_all():
    equal = nadeau_bengio(np.array([0.1, 0.1, 0.1]))
    assert equal.mean == pytest.approx(0.1)
    assert np.isnan([equal.low, equal.high, equal.p]).all()
    nothing = nadeau_bengio(np.zeros(3))
    assert (nothing.mean, nothing.low, nothing.high, nothing.p) == (0, 0, 0, 1)
    single = nadeau_bengio(np.zeros(1))
    assert np.isnan([single.low, single.high, single.p]).all()


def test_interval_covers_the_truth_as_often_as_it_says():
    draws = np.random.default_rng(0).normal(1.0, 2.0, size=(5, 4000))
    interval = nadeau_bengio(draws)
    assert np.mean((interval.low < 1) & (interval.high > 1)) == pytest.approx(0.95, abs=0.012)
