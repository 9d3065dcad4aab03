"""Selections: what they say, as groupings and in files."""

from __future__ import annotations

import numpy as np
import pytest

from coterie.results import Selection


def selection(**changed):
    about = {
        "tasks": ("a", "b", "c"),
        "rows": np.array([2, 7]),
        "serves": np.array([7, 2, 7]),
        "subsets": np.array([[True, True, False], [True, False, True]]),
        "objective": 2.5,
        "cost": 2.0,
        "gap": 0.0,
        "proven": True,
        "details": {"candidates": "all 7 subsets"},
    }
    return Selection(**{**about, **changed})


def test_as_a_grouping_one_row_serves_a_task_and_the_whole_row_is_trained():
    grouping = selection().grouping
    assert grouping.membership.tolist() == [[0, 1], [1, 0], [0, 1]]
    assert grouping.weights().tolist() == [[1, 1, 0], [1, 0, 1]]
    assert grouping.method == "select"
    assert grouping.details == {
        "objective": 2.5,
        "gap": 0.0,
        "proven": True,
        "candidates": "all 7 subsets",
    }


def test_the_grouping_of_an_open_gap_can_be_kept(tmp_path):
    grouping = selection(gap=np.inf, proven=False).grouping
    grouping.save(tmp_path / "grouping.json")
    assert type(grouping).load(tmp_path / "grouping.json").details["gap"] is None


@pytest.mark.parametrize("gap", [0.0, 0.01, np.inf])
def test_json_keeps_everything(tmp_path, gap):
    one = selection(gap=gap, proven=gap == 0)
    one.save(tmp_path / "selection.json")
    again = Selection.load(tmp_path / "selection.json")
    for name in ("rows", "serves", "subsets"):
        np.testing.assert_array_equal(getattr(again, name), getattr(one, name))
        assert getattr(again, name).dtype == getattr(one, name).dtype
    for name in ("tasks", "objective", "cost", "gap", "proven", "details", "groups"):
        assert getattr(again, name) == getattr(one, name)


def test_it_says_whether_it_is_proven():
    assert repr(selection()) == "Selection({a b}, {a c}; objective 2.5, proven best)"
    assert (
        repr(selection(gap=0.012, proven=False))
        == "Selection({a b}, {a c}; objective 2.5, gap 1.2%)"
    )
