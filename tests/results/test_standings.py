"""Means, spreads and regret, by hand."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest

from coterie.results.standings import Spread, mean_where_known, regret, task_scores


def test_a_spread_is_that_of_a_sample() -> None:
    assert Spread.of([1.0, 2.0, 3.0]) == (2.0, 1.0)
    assert math.isnan(Spread.of([]).mean)
    assert math.isnan(Spread.of([1.0]).sd)


def test_scores_are_averaged_over_runs_and_what_is_not_defined_stays_out() -> None:
    rows = [("joint", "a", 0.25), ("joint", "a", 0.75), ("joint", "a", None), ("mine", "a", None)]
    table = pa.Table.from_pylist(
        [{"arm": arm, "task": task, "metric": "r2", "value": value} for arm, task, value in rows]
    )
    found = task_scores(table)
    assert list(found) == [("joint", "a", "r2")]
    assert found["joint", "a", "r2"] == pytest.approx((0.5, math.sqrt(0.125)))


def test_regret_is_over_the_units_that_both_have() -> None:
    own, best = {0: 0.5, 1: 0.75, 2: 0.0}, {0: 0.75, 1: 0.75}
    found = regret(own, best)
    assert found["score"] == pytest.approx(1.25 / 3)
    assert found["regret"] == 12.5
    assert found["regret_sd"] == pytest.approx(math.sqrt(312.5))
    assert regret(best, best, itself=True) == {"score": 0.75, "regret": 0.0, "regret_sd": None}
    assert regret({}, best) == {"score": None, "regret": None, "regret_sd": None}


def test_means_leave_out_what_is_not_known_without_a_warning() -> None:
    values = np.array([[1.0, np.nan, np.nan], [3.0, 5.0, np.nan]])
    np.testing.assert_array_equal(mean_where_known(values, 0), [2.0, 5.0, np.nan])
