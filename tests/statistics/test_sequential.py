"""When seeds are enough: worked by hand, in closed form, and how often intervals hold at the stop."""

from dataclasses import replace
from math import inf, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from coterie.errors import CoterieError
from coterie.statistics import (
    PILOT,
    Look,
    Widths,
    inflation,
    interval,
    look,
    nadeau_bengio,
    simultaneous,
    surely,
    wave,
)

# Of variance 2.5, without noise of examples.
PILOT_GAINS = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])


def widths(found, seeds=None, **more):
    return Widths(
        found=found, half=found.high - found.mean, seeds=seeds or len(PILOT_GAINS), **more
    )


def of(gains, contributions=None):
    gains = np.asarray(gains, float)
    if contributions is None:
        contributions = np.zeros((len(gains), 9, *gains.shape[1:]))
    return widths(interval(gains, contributions), len(gains))


@pytest.mark.parametrize(
    ("within", "seeds"),
    # 2.776 sqrt(2.5 / 5) (1 + 3 / 15) = 2.356; 2.571 sqrt(2.5 / 6) (1 + 3 / 16) = 1.971;
    # 2.160 sqrt(2.5 / 14) (1 + 3 / 24) = 1.027; 2.145 sqrt(2.5 / 15) (1 + 3 / 25) = .981
    [(2.36, None), (2.35, 6), (1.98, 6), (1.96, 7), (1.03, 14), (1.02, 15), (0.99, 15)],
)
def test_a_pilot_worked_by_hand(within, seeds):
    found = look(of(PILOT_GAINS), within)
    assert found.seeds == seeds
    assert found.reason == ("narrow enough" if seeds is None else None)
    assert found.half == pytest.approx(2.776 * sqrt(2.5 / 5), abs=1e-3)
    assert found.limit == 0


def test_steins_number_is_never_far_from_what_the_pilot_asks_for():
    """His keeps the quantile of the pilot, which seeds to come have more degrees of freedom than."""
    for within in (0.2, 0.5, 1.0):
        stein = np.ceil(2.5 * (stats.t.isf(0.025, 4) / within) ** 2)
        known = 2.5 * (stats.norm.isf(0.025) / within) ** 2
        asked = look(of(PILOT_GAINS), within).seeds
        assert known < asked <= stein


@given(
    st.lists(st.floats(-5, 5), min_size=PILOT, max_size=12),
    st.floats(0.01, 5),
    st.floats(1, 3),
    st.floats(0, 2),
)
@settings(max_examples=60, deadline=None)
def test_whoever_asks_for_less_needs_no_more_seeds(gains, within, times, noise):
    added = np.random.default_rng(0).normal(size=(len(gains), 30, 1)) * noise / 30
    now = of(np.reshape(gains, (-1, 1)), added)
    close, wide = look(now, within), look(now, within * times)
    if close.reason == "narrow enough":
        assert wide.reason == "narrow enough"
    if close.seeds is not None:
        assert wide.reason == "narrow enough" or wide.seeds <= close.seeds
        assert close.seeds > now.seeds


def test_widths_are_those_of_the_components():
    rng = np.random.default_rng(0)
    gains = rng.normal(size=(6, 2))
    added = (rng.normal(size=(6, 40, 2)) + 2 * rng.normal(size=(1, 40, 2))) / 40
    now = of(gains, added)
    at = now.at(np.array([6, 12, 1e9, inf]))
    assert at[0] == pytest.approx(now.half)
    assert (np.diff(at, axis=0) < 0).all()
    assert at[2] == pytest.approx(at[3], rel=1e-4)
    limit = np.sqrt(now.found.example_variance) * stats.t.isf(0.025, now.found.example_df)
    assert at[3] == pytest.approx(limit)
    # Simultaneous ones keep how much wider they are.
    twice = replace(now, half=2 * now.half)
    assert twice.at(np.array([12])) == pytest.approx(2 * at[[1]])


def test_more_seeds_do_what_was_foretold():
    rng = np.random.default_rng(1)
    shared = rng.normal(size=(1, 4000, 1))

    def drawn(seeds):
        each = rng.normal(size=(seeds, 1, 1)) * 0.05 + shared + rng.normal(size=(seeds, 4000, 1))
        means = each.mean(1)
        return of(means, (each - means[:, None]) / 4000)

    pilot, many = drawn(40), drawn(160)
    assert pilot.at(np.array([160]))[0] == pytest.approx(many.half, rel=0.15)


def test_over_splits_seeds_help_only_as_far_as_splits_do_not_differ():
    gains = np.array([[1.0, 1.2], [2.0, 2.2], [3.0, 3.2], [4.0, 4.2], [5.0, 5.2]])
    within_splits = np.array([0.02])  # (0.1^2 + 0.1^2) / 1 in each
    found = nadeau_bengio(gains.mean(1, keepdims=True), overlap=0.25)
    now = widths(found, 2, within_splits=within_splits)
    at = now.at(np.array([2, inf]))
    assert at[0] == pytest.approx(now.half)
    between = 2.5 - 0.02 / 2
    assert at[1] == pytest.approx(stats.t.isf(0.025, 4) * sqrt(between * (1 / 5 + 0.25)))
    assert look(now, 0.99 * now.half[0]).reason == "examples alone are wider"
    assert look(now, now.half[0]).reason == "narrow enough"  # no factor on these


def test_where_examples_are_too_few_it_stops_at_once():
    rng = np.random.default_rng(0)
    same = np.repeat(rng.normal(size=(1, 30, 1)), 5, axis=0) / 30
    now = of(PILOT_GAINS * 0.01, same - same.mean(1, keepdims=True))
    limit = now.at(np.array([inf]))[0, 0]
    found = look(now, 0.9 * limit)
    assert (found.reason, found.seeds) == ("examples alone are wider", None)
    assert found.limit == pytest.approx(limit)
    assert look(now, 1.5 * limit).reason == "narrow enough"


def test_one_that_cannot_be_narrow_does_not_keep_another_from_it():
    gains = np.append(PILOT_GAINS, 0.01 * PILOT_GAINS, axis=1)
    added = np.zeros((5, 30, 2))
    added[..., 1] = np.random.default_rng(0).normal(size=30)
    found = look(of(gains, added), 1.0)
    assert (found.widest, found.seeds, found.reason) == (0, 15, None)
    found = look(of(gains, added), 3.0)
    assert (found.widest, found.reason) == (1, "examples alone are wider")


def test_what_is_decided_or_unknown_is_not_waited_for():
    gains = np.append(PILOT_GAINS, 0.1 * PILOT_GAINS, axis=1)
    now = of(gains)
    assert look(now, 1.0).reason is None
    assert look(now, 1.0, np.array([True, False])).reason == "narrow enough"
    assert look(now, 1.0, np.array([True, False])).widest == 1
    assert look(now, 1.0, np.array([True, True])).widest == 0
    unknown = of(np.append(0.1 * PILOT_GAINS, np.ones((5, 1)), axis=1))
    assert np.isnan(unknown.half[1])
    assert look(unknown, 1.0).reason == "narrow enough"
    assert look(of(np.ones((5, 1))), 1.0).reason == "nothing to compare"
    # Agreeing on nothing is certain.
    assert look(of(np.zeros((5, 1))), 1.0).reason == "narrow enough"


def test_arms_that_never_differed_keep_what_a_correction_gives_them():
    """Their own interval is nothing, that of all arms at once is not."""
    found = interval(np.zeros((5, 1)), np.zeros((5, 9, 1)))
    now = Widths(found=found, half=np.array([0.7]), seeds=5)
    np.testing.assert_array_equal(now.at(np.array([5, 50, inf])), [[0.7]] * 3)
    told = look(now, 1.0)
    assert (told.reason, told.half, told.limit) == ("narrow enough", 0.7, 0.7)
    assert look(now, 0.5).reason == "examples alone are wider"


def test_there_is_an_end():
    gains = np.tile(PILOT_GAINS, (20, 1))
    assert look(of(gains), 0.1).reason == "most seeds"
    assert look(of(gains), 0.1, most=101).reason is None
    # So many are not even tried.
    assert look(of(1000 * PILOT_GAINS), 0.1).reason == "most seeds"


def test_many_seeds_of_few_splits_are_not_worth_it():
    """What five splits differ by is known too poorly for more than a hundred trainings on them."""
    found = nadeau_bengio(PILOT_GAINS, overlap=0.25)
    noisy = np.array([52.0])  # seeds leave all of the 2.5 between splits, and more
    assert look(widths(found, 19, within_splits=noisy), 0.5).reason is None
    assert look(widths(found, 20, within_splits=noisy), 0.5).reason == "most seeds"
    assert look(widths(found, 20, within_splits=noisy), 0.5, most=21).reason is None
    assert wave(Look(0, 2.0, 0.0, 60, None), 16, most=20) == 4


@given(st.integers(5, 100), st.integers(1, 900))
def test_waves_arrive(seeds, missing):
    asked = Look(0, 1.0, 0.0, seeds + missing, None)
    added = wave(asked, seeds)
    assert 1 <= added <= max(1, min(seeds, missing, 100 - seeds))
    if missing <= min(seeds, 100 - seeds):
        assert added >= missing / 2


def test_surely_is_at_a_fiftieth_of_the_error():
    now = of(PILOT_GAINS)
    reach = sqrt(2.5 / 5) * stats.t.isf(0.025 / 50, 4)
    low = 2 - reach
    assert surely(now, low - 0.01, -inf)
    assert not surely(now, low + 0.01, -inf)
    assert surely(now, inf, 2 + reach + 0.01)
    assert not surely(now, inf, 2 + reach - 0.01)
    # Where several hold at once, each is held to a fiftieth of its own error.
    several = simultaneous(np.append(PILOT_GAINS, PILOT_GAINS[::-1], 1), np.zeros((5, 9, 2)))
    assert not surely(widths(several), low - 0.01, -inf).any()


def test_errors_are_larger_only_where_their_size_was_the_reason():
    assert inflation("narrow enough", 10, over_splits=False) == 1.15
    assert inflation("narrow enough", 10, over_splits=True) == 1
    for other in ("time", "most seeds", "examples alone are wider", None):
        assert inflation(other, 10, over_splits=False) == 1


@pytest.mark.parametrize("within", [0, -1.0, np.nan, "1"])
def test_a_width_is_above_zero(within):
    with pytest.raises(CoterieError, match="`within`"):
        look(of(PILOT_GAINS), within)


def test_intervals_hold_at_the_stop():
    """Where stopping early harms most: about three times the pilot is needed."""
    rng = np.random.default_rng(0)
    held, unwidened, repetitions = 0, 0, 300
    for _ in range(repetitions):
        gains = rng.normal(size=(100, 1)) * 2
        seeds = PILOT
        while (found := look(now := of(gains[:seeds]), 1.0)).reason is None:
            seeds += wave(found, seeds)
        assert seeds >= PILOT
        off = abs(now.found.mean[0])
        held += off <= now.half[0] * inflation(found.reason, seeds, over_splits=False)
        unwidened += off <= now.half[0]
    assert held / repetitions > 0.93 - 2 * sqrt(0.93 * 0.07 / repetitions)
    assert held > unwidened
