"""A measurement that can end at any epoch, and how it moved."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.affinities._course import Course, agreement
from coterie.affinities._running import Running

SEEDS = st.integers(0, 2**32 - 1)


def matrices(seed, n, n_tasks=3):
    return np.random.default_rng(seed).normal(size=(n, n_tasks, n_tasks))


def course_of(values, epochs):
    course = Course()
    for value, epoch in zip(values, epochs, strict=True):
        course.add(value, epoch)
    return course


def equal(one, other):
    return all(np.array_equal(array, other.state()[name]) for name, array in one.state().items())


@given(SEEDS, st.lists(st.integers(0, 6), min_size=1, max_size=10), st.integers(0, 7))
def test_until_an_epoch_is_what_a_training_that_stopped_there_would_have(seed, epochs, last):
    values, epochs = matrices(seed, len(epochs)), sorted(epochs)
    stopped = Running()
    for value, epoch in zip(values, epochs, strict=True):
        if epoch <= max(last, epochs[0]):  # the first epoch counts in any case
            stopped.add(value)
    assert equal(course_of(values, epochs).until(last), stopped)


def test_until_the_end_is_everything():
    values = matrices(0, 4)
    np.testing.assert_allclose(
        course_of(values, [0, 0, 2, 5]).until(None).mean_or_nan(), values.mean(0)
    )


def test_nothing_measured_has_neither_drift_nor_agreements():
    course = Course()
    assert course.until(3).count.size == 0
    assert course.drift(None) is None
    assert course.agreements(None) == []


@pytest.mark.parametrize("n", [0, 1, 5])
def test_state_continues_bit_for_bit(n):
    values, epochs = matrices(1, 8), [0, 0, 1, 1, 3, 3, 4, 9]
    whole, again = course_of(values, epochs), Course()
    again.restore(course_of(values[:n], epochs[:n]).state())
    for value, epoch in zip(values[n:], epochs[n:], strict=True):
        again.add(value, epoch)
    assert list(again.ends) == list(whole.ends)
    assert all(equal(end, again.ends[epoch]) for epoch, end in whole.ends.items())
    assert equal(again.running, whole.running)


def test_drift_is_the_agreement_of_the_halves():
    values = matrices(2, 6, 4)
    course = course_of(values, [0, 0, 1, 2, 3, 3])
    assert course.drift(None) == pytest.approx(agreement(values[:3].mean(0), values[3:].mean(0)))
    assert course.drift(2) == pytest.approx(agreement(values[:2].mean(0), values[2:4].mean(0)))
    assert course.drift(0) is None


def test_agreements_are_of_each_epoch_with_what_counts():
    values = matrices(3, 5, 4)
    course = course_of(values, [0, 1, 1, 3, 4])
    parts = values[0], values[1:3].mean(0), values[3], values[4]
    kept = values[:4].mean(0)
    np.testing.assert_allclose(course.agreements(3), [agreement(part, kept) for part in parts])


def test_a_reversal_is_seen():
    values = matrices(4, 1, 4)[0]
    course = course_of([values, values, -values, -values], [0, 1, 2, 3])
    assert course.drift(None) == pytest.approx(-1)
    assert course.drift(1) == pytest.approx(1)
    np.testing.assert_allclose(course.agreements(1), [1, 1, -1, -1])


@given(SEEDS)
def test_agreement_reads_what_grouping_reads(seed):
    one, other = matrices(seed, 2, 4)
    found = agreement(one, other)
    assert -1 <= found <= 1
    assert agreement(other, one) == pytest.approx(found)
    # Neither the diagonal nor a target's level is read, and a common scale is none.
    moved = 3 * other + np.diag([9.0, -9, 5, 2]) + np.array([100.0, -7, 0, 3])
    assert agreement(one, moved) == pytest.approx(found, abs=1e-6)
    assert agreement(one, -other) == pytest.approx(-found)


def test_agreement_is_of_pairs_known_in_both():
    one, other = matrices(5, 2, 4)
    one[0, 1], other[2, 3] = np.nan, np.nan
    reference = []
    for target in range(4):
        rows = [
            i for i in range(4) if i != target and np.isfinite(one[i, target] + other[i, target])
        ]
        reference.append([m[rows, target] - m[rows, target].mean() for m in (one, other)])
    a, b = (np.concatenate(each) for each in zip(*reference, strict=True))
    assert agreement(one, other) == pytest.approx(np.corrcoef(a, b)[0, 1])


def test_what_tells_nothing_apart_agrees_with_nothing():
    flat = np.full((3, 3), 0.1) * np.array([1, 2, 3])
    assert agreement(flat, matrices(6, 1)[0]) is None
    assert agreement(np.full((3, 3), np.nan), matrices(6, 1)[0]) is None
