"""Outcomes at their borders; what settles a comparison in closed form, and that it does."""

from dataclasses import replace
from math import ceil

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from coterie.errors import CoterieError
from coterie.statistics import Settle, interval, nadeau_bengio, outcome, settle

EXACT = interval(np.array([-1.0, 0.5, 1.0]), np.zeros((3, 40)))


def lying(low, high):
    return replace(EXACT, low=np.float64(low), high=np.float64(high))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.1, 0.9, "better"),
        (0.1, 0.2, "better"),
        (0.0, 0.9, "undecided"),
        (-0.2, 0.5, "undecided"),
        (-0.2, 0.49, "not worth it"),
        (0.0, 0.0, "not worth it"),
        (-0.2, 0.0, "not worth it"),
        (-0.9, -0.1, "worse"),
        (-9.0, 9.0, "undecided"),
        (np.nan, np.nan, "undecided"),
    ],
)
def test_outcomes(low, high, expected):
    assert outcome(lying(low, high), 0.5) == expected


@pytest.mark.parametrize("margin", [0, -1.0, np.nan, "1"])
def test_a_margin_is_above_zero(margin):
    for verb in (outcome, settle):
        with pytest.raises(CoterieError, match="`margin`"):
            verb(EXACT, margin)


def components(*, mean, seeds=0.0, interaction=0.0, examples=0.0, df=1e9, n=100):
    return replace(
        EXACT,
        mean=np.float64(mean),
        seed_variance=np.float64(seeds),
        interaction_variance=np.float64(interaction),
        example_variance=np.float64(examples),
        example_df=np.float64(df),
        examples=n,
    )


@pytest.mark.parametrize(("mean", "needed"), [(2.0, 2.0), (0.1, 0.4), (-1.0, 1.5), (0.25, 0.25)])
def test_seeds_are_the_fewest_whose_interval_ends_before_the_nearest_border(mean, needed):
    found = settle(components(mean=mean, seeds=1.0), 0.5)
    assert found.seeds is not None
    assert found.examples is None
    half = {n: stats.t.ppf(0.975, n - 1) / np.sqrt(n) for n in (found.seeds - 1, found.seeds)}
    assert half[found.seeds] < needed <= half[found.seeds - 1]


def test_many_seeds_come_to_the_normal_closed_form():
    found = settle(components(mean=0.0, seeds=4.0, interaction=1.0, examples=0.01), 0.5)
    z = stats.norm.ppf(0.975)
    assert found.seeds == pytest.approx(5 * z**2 / (0.5**2 - 0.01 * z**2), rel=0.03)


def test_where_examples_alone_are_too_few_it_is_they_that_are_needed():
    z = stats.norm.ppf(0.975)
    found = settle(components(mean=0.0, seeds=1.0, examples=1.0, n=200), 0.5)
    assert found == Settle(None, ceil(200 * 2 * z**2 / 0.5**2))
    assert found.examples is not None
    # With as many examples, some number of seeds would do.
    share = 1.0 * 200 / found.examples
    assert settle(components(mean=0.0, seeds=1.0, examples=share), 0.5).seeds is not None


def test_what_is_unknown_is_not_told():
    one = interval(np.array([0.2]), np.full((1, 10), 0.1))
    assert settle(one, 0.5) == Settle(None, None)
    assert settle(interval(np.zeros(3), np.full((3, 5), np.nan)), 0.5) == Settle(None, None)


def test_so_many_seeds_are_what_it_takes():
    def seen(seeds):
        """Gains with the same mean and spread, whatever their number."""
        gains = np.random.default_rng(0).normal(size=seeds)
        return interval((gains - gains.mean()) / gains.std(ddof=1), np.zeros((seeds, 50)))

    asked = settle(seen(5), 0.5).seeds
    assert asked is not None
    assert asked > 5
    assert outcome(seen(asked - 1), 0.5) == "undecided"
    assert outcome(seen(asked), 0.5) == "not worth it"


@settings(max_examples=100, deadline=None)
@given(st.floats(-3, 3), st.floats(0, 9), st.floats(0, 0.2), st.floats(0.05, 3), st.floats(1, 3))
def test_more_noise_or_a_smaller_margin_never_needs_fewer(mean, seeds, examples, margin, more):
    def cost(found):
        return (1, found.examples) if found.seeds is None else (0, found.seeds)

    plain = cost(settle(components(mean=mean, seeds=seeds, examples=examples), margin))
    noisy = components(mean=mean, seeds=more * seeds, examples=more * examples)
    assert plain <= cost(settle(noisy, margin))
    assert plain <= cost(
        settle(components(mean=mean, seeds=seeds, examples=examples), margin / more)
    )


def test_splits_are_the_fewest_whose_widened_interval_ends_before_the_border():
    gains, overlap = np.array([-1.0, 0.0, 1.0, 0.4, -0.4]), 0.01
    found = settle(nadeau_bengio(gains, overlap=overlap), 0.5)
    assert found.examples is None
    assert found.seeds is not None
    half = {
        n: stats.t.ppf(0.975, n - 1) * gains.std(ddof=1) * np.sqrt(1 / n + overlap)
        for n in (found.seeds - 1, found.seeds)
    }
    assert half[found.seeds] < 0.5 <= half[found.seeds - 1]
    # What splits share is there however many there are.
    assert settle(nadeau_bengio(gains, overlap=1.0), 0.5) == Settle(None, None)
    found = nadeau_bengio(gains, overlap=1.0, examples=40)
    more = settle(found, 0.5)
    assert more.seeds is None
    # With so many examples splits would differ by so much less that five of them would do.
    calmer = gains * np.sqrt(40 / more.examples)
    assert nadeau_bengio(calmer, overlap=1.0).high == pytest.approx(0.5, abs=0.01)
    assert more.beyond(found, 40).examples == more.examples - 40
