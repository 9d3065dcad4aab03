"""Distances of maps that are imagined, against maps that are drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, norm

from coterie.datamaps import gram
from coterie.datamaps.features import Features
from coterie.datamaps.margins import Margins
from tests.datamaps.planted import map_of


def copula_map(correlation, *, n=20_000, a=(4, 2, 6), b=(2, 2, 1), gaps=0.0, seed=0):
    """Maps of a beta distribution whose normal scores have this correlation."""
    random = np.random.default_rng(seed)
    scores = random.multivariate_normal(np.zeros(len(correlation)), correlation, n)
    confidence = beta.ppf(norm.cdf(scores), a, b)
    variability = np.sqrt(confidence * (1 - confidence)) / 2
    missing = random.uniform(size=confidence.shape) < gaps
    confidence[missing] = variability[missing] = np.nan
    return map_of(confidence, variability)


def correlation_of(first, second, third):
    return np.array([[1, first, second], [first, 1, third], [second, third, 1]])


@pytest.mark.parametrize("gaps", [0.0, 0.4])
def test_another_correlation_gives_the_distances_of_maps_drawn_with_it(gaps):
    margins = gram(copula_map(correlation_of(0.0, 0.8, 0.3), gaps=gaps)).margins
    for other in ((0, 0, 0), (0.9, 0.2, 0.5), (-0.5, 0.6, -0.1)):
        wanted = correlation_of(*other)
        drawn = gram(copula_map(wanted, seed=1, gaps=gaps))
        np.testing.assert_allclose(margins.distances2_at(wanted), drawn.distances2, rtol=0.04)


def test_the_correlation_at_hand_is_found_with_and_without_gaps():
    wanted = correlation_of(-0.4, 0.8, 0.1)
    for gaps in (0.0, 0.5):
        found = gram(copula_map(wanted, gaps=gaps)).margins
        np.testing.assert_allclose(found.correlation, wanted, atol=0.05)
        np.testing.assert_allclose(found.correlation.diagonal(), 1)


def test_a_linear_profile_by_hand():
    # Confidence is linear in the score: its variance is 0.01, shared by two features, one of which
    # is constant.
    scores = norm.ppf((np.arange(4_000) + 0.5) / 4_000)
    margins = gram(map_of(np.stack([0.5 + 0.1 * scores, 0.7 + 0.1 * scores], 1))).margins
    for rho in (-1.0, 0.0, 0.5, 1.0):
        found = margins.distances2_at(np.array([[1, rho], [rho, 1]]))
        assert found[0, 1] == pytest.approx((0.2**2 + 2 * 0.01 * (1 - rho)) / 2, rel=2e-3)
    np.testing.assert_allclose(margins.distances2, [[0, 0.02], [0.02, 0]], atol=1e-12)


@given(st.integers(0, 99), st.floats(0, 0.5))
@settings(max_examples=20, deadline=None)
def test_means_and_variances_are_those_of_the_observed_cells(seed, gaps):
    data_map = copula_map(np.eye(3), n=200, gaps=gaps, seed=seed)
    found = gram(data_map).margins
    cells = np.stack([data_map.confidence, data_map.variability])
    np.testing.assert_allclose(found.means.T, np.nanmean(cells, axis=1) / np.sqrt(2), rtol=1e-9)
    np.testing.assert_allclose(found.variances, np.nanvar(cells, axis=1).sum(0) / 2, rtol=1e-7)


def test_the_units_are_those_of_the_distances_with_snapshots_too():
    last, first = copula_map(np.eye(3)), copula_map(np.eye(3), a=(1, 1, 1), b=(3, 2, 3), seed=1)
    found = gram(replace(last, earlier=(first,)))
    assert found.margins.means.shape == (3, 4)
    np.testing.assert_allclose(found.margins.distances2_at(np.eye(3)), found.distances2, rtol=0.03)


def test_of_many_examples_a_few_thousand_are_read():
    data_map = copula_map(np.eye(3))
    assert Features(data_map).sample(500).shape == (2, 500, 3)
    assert (gram(data_map).margins.shared == 5_000).all()
    few = map_of(data_map.confidence[:100], data_map.variability[:100])
    np.testing.assert_array_equal(
        Features(few).sample(500), np.stack([few.confidence, few.variability])
    )


def test_tasks_that_never_vary_correlate_with_nothing():
    found: Margins = gram(map_of(np.tile([[0.2, 0.9]], (50, 1)))).margins
    np.testing.assert_array_equal(found.correlation, 0)
    np.testing.assert_allclose(found.distances2_at(np.eye(2))[0, 1], 0.7**2 / 2)


def test_distances_of_densities_have_none():
    assert gram(copula_map(np.eye(3)), "density").margins is None
