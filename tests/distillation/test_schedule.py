"""EarlyLate against the tables of the paper's released code, and for any numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.distillation import EarlyLate
from coterie.errors import CoterieError


def published(per_class: int, **changed) -> EarlyLate:
    return EarlyLate(
        per_class=per_class, **{"iterations": 4000, "round_iterations": 500, **changed}
    )


@pytest.mark.parametrize(
    ("per_class", "sizes", "mean", "saving"),
    [
        (10, [2, 2, 1, 1, 1, 1, 1, 1], 2550, 0.3625),
        (50, [7, 7, 6, 6, 6, 6, 6, 6], 2310, 0.4225),
        (100, [13] * 4 + [12] * 4, 2290, 0.4275),
    ],
)
def test_groups_and_savings_of_the_published_settings(per_class, sizes, mean, saving):
    schedule = published(per_class)
    assert list(schedule.sizes) == sizes
    assert [schedule.active(500 * r) for r in range(8)] == np.cumsum(sizes).tolist()
    assert schedule.of_ranks.mean() == mean
    assert schedule.saving == pytest.approx(saving)


def test_four_rounds():
    schedule = published(50, round_iterations=1000)
    assert schedule.sizes == (13, 13, 12, 12)
    assert schedule.saving == pytest.approx(0.365)


def test_rates_and_crops_by_the_group_that_joins():
    schedule = published(8)
    joins = range(0, 4000, 500)
    rates = [0.250, 0.2405, 0.2134, 0.1728, 0.1250, 0.0772, 0.0366, 0.0095]
    areas = [1.00, 0.965, 0.865, 0.716, 0.540, 0.364, 0.215, 0.115]
    assert [schedule.rate(t) for t in joins] == pytest.approx(rates, abs=5e-5)
    assert [schedule.area(t) for t in joins] == pytest.approx(areas, abs=5e-4)


def test_late_groups_get_hardly_any_of_the_step_budget():
    schedule = published(8)
    rates = np.array([schedule.rate(t) for t in range(4000)])
    shares = [rates[t:].sum() / rates.sum() for t in range(0, 4000, 500)]
    expected = [1.000, 0.753, 0.525, 0.331, 0.182, 0.081, 0.025, 0.003]
    assert shares == pytest.approx(expected, abs=1e-3)


def test_restarted_each_group_falls_from_the_full_rate_to_nothing():
    schedule = published(8, restart=True)
    for group in range(8):
        assert schedule.rate(500 * group, group) == 0.25
        assert schedule.rate((4000 + 500 * group) // 2, group) == pytest.approx(0.125)
        assert schedule.rate(3999, group) < 1e-3


@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 20))
def test_every_rank_is_optimised_from_when_it_joins_to_the_end(per_class, rounds, length):
    schedule = EarlyLate(per_class=per_class, iterations=rounds * length, round_iterations=length)
    assert sum(schedule.sizes) == per_class
    assert max(schedule.sizes) - min(schedule.sizes) <= 1
    active = np.array([schedule.active(t) for t in range(schedule.iterations)])
    assert (np.diff(active) >= 0).all()
    assert active[-1] == per_class
    seen = [(active > rank).sum() for rank in range(per_class)]
    assert seen == schedule.of_ranks.tolist()
    assert schedule.saving == pytest.approx(1 - active.sum() / (per_class * rounds * length))


def test_fewer_ranks_than_rounds_join_one_by_one():
    assert published(3).of_ranks.tolist() == [4000, 3500, 3000]
    assert published(1).saving == 0


def test_no_iterations_leave_everything_as_it_is():
    schedule = EarlyLate(per_class=5, iterations=0)
    assert schedule.of_ranks.tolist() == [0] * 5
    assert schedule.saving == 0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"iterations": 1200}, "`round_iterations` must divide `iterations`, 1200; found 500"),
        ({"round_iterations": 0}, "`round_iterations` must be at least 1"),
        ({"iterations": -1}, "`iterations` must be a whole number of at least 0"),
        ({"lr": 0.0}, "`lr` must be a positive"),
        ({"least_area": 1.5}, "`least_area` must be a number"),
        ({"per_class": 0}, "`per_class` must be at least 1"),
    ],
)
def test_what_is_no_schedule_is_refused(changed, message):
    with pytest.raises(CoterieError, match=message):
        EarlyLate(**{"per_class": 10, **changed})
