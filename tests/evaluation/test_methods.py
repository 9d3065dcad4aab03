"""Naming and checking what is compared."""

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.evaluation.methods import DataMapMethod, find_groupings
from coterie.evaluation.naming import named_methods
from coterie.results import Grouping

TASKS = ("a", "b", "c")
MINE = Grouping(tasks=TASKS, membership=np.eye(2)[[0, 0, 1]], method="by hand")


def by_colour(case, *, seed):
    return MINE


def test_names():
    assert list(named_methods(MINE, TASKS)) == ["grouped"]
    assert named_methods("data_map", TASKS) == {"grouped": DataMapMethod(n_groups="auto")}
    several = [
        MINE,
        DataMapMethod(n_groups=2),
        ct.Cluster(n_groups=2, by="kmeans", features="density"),
        by_colour,
    ]
    assert list(named_methods(several, TASKS)) == [
        "by hand K=2",
        "K=2 m=1.07",
        "kmeans K=2 density",
        "by_colour",
    ]
    assert named_methods({"x": MINE, "y": MINE}, TASKS) == {"x": MINE, "y": MINE}


@pytest.mark.parametrize(
    ("groupings", "message"),
    [
        ([], "`groupings` is empty"),
        ("hoa", "unknown method 'hoa'"),
        ([3], "found int"),
        ({"single": MINE}, "must not use the name 'single'"),
        ({"random (x)": MINE}, "must not use the name"),
        ([MINE, MINE], "need names that differ"),
        ({"a/b": MINE, "a b": MINE}, "need names that differ"),
        (DataMapMethod(n_groups=4), "fewer tasks than groups"),
    ],
)
def test_mistakes_are_named_before_training(groupings, message):
    with pytest.raises(CoterieError, match=message.replace("(", r"\(")):
        named_methods(groupings, TASKS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_groups": 0}, "`n_groups` must be"),
        ({"method": "kmean"}, "`method` must be one of"),
        ({"fuzziness": 1.0}, "`fuzziness` must be"),
    ],
)
def test_settings_of_no_use_are_named_when_they_are_made(settings, message):
    with pytest.raises(CoterieError, match=message):
        DataMapMethod(**settings)


def test_a_grouping_must_be_of_the_same_tasks():
    with pytest.raises(
        CoterieError,
        match=r"'grouped' is of 3 tasks \(a, b, c, ...\), which are not the 2 of the data",
    ):
        named_methods(MINE, ("a", "b"))


def test_any_callable_may_find_groups():
    assert find_groupings({"x": by_colour}, None, seed=0) == {"x": MINE}
