"""Running mean and standard error equal those of all values at once, entry by entry."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from coterie.affinities._running import Running

cells = st.one_of(st.just(np.nan), st.floats(-1e3, 1e3))


@given(st.lists(st.lists(cells, min_size=4, max_size=4), min_size=1, max_size=12))
def test_equals_all_values_at_once(values):
    values = np.array(values).reshape(-1, 2, 2)
    running = Running()
    for one in values:
        running.add(one)
    for i, j in np.ndindex(2, 2):
        cell = values[:, i, j]
        cell = cell[~np.isnan(cell)]
        assert running.count[i, j] == len(cell)
        np.testing.assert_allclose(
            running.mean_or_nan()[i, j], cell.mean() if len(cell) else np.nan, rtol=1e-9, atol=1e-9
        )
        expected = stats.sem(cell) if len(cell) > 1 else np.nan
        np.testing.assert_allclose(running.stderr()[i, j], expected, rtol=1e-6, atol=1e-6)


def test_what_is_not_finite_does_not_count():
    running = Running()
    for value in (1.0, np.inf, -np.inf, np.nan, 3.0):
        running.add(np.full((2, 2), value))
    assert (running.count == 2).all()
    assert (running.mean == 2).all()


def test_interval_is_students():
    values = np.array([0.1, 0.5, 0.2, 0.4])
    running = Running()
    for value in values:
        running.add(np.full((2, 2), value))
    lower, upper = running.interval()
    expected = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    np.testing.assert_allclose([lower[0, 1], upper[0, 1]], expected)


def test_state_continues_bit_for_bit():
    rng = np.random.default_rng(0)
    one, other = Running(), Running()
    for step in range(6):
        if step == 3:
            other = Running()
            other.restore(one.state())
        values = rng.normal(size=(3, 3))
        one.add(values)
        other.add(values)
    assert all(np.array_equal(array, other.state()[name]) for name, array in one.state().items())
