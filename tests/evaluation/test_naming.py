"""Naming and checking what is compared."""

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.evaluation.naming import named_methods
from coterie.methods import METHODS, Cluster, Given
from coterie.results import Grouping

TASKS = ("a", "b", "c")
MINE = Grouping(tasks=TASKS, membership=np.eye(2)[[0, 0, 1]], method="by hand")


def by_colour(case, *, seed):
    return MINE


def test_names():
    assert list(named_methods(MINE, TASKS)) == ["grouped"]
    assert named_methods("data_map", TASKS) == {"grouped": Cluster(n_groups="auto")}
    several = [
        MINE,
        Cluster(n_groups=2),
        Cluster(n_groups=2, by="kmeans", features="density"),
        by_colour,
    ]
    assert list(named_methods(several, TASKS)) == [
        "by hand K=2",
        "K=2 m=1.07",
        "kmeans K=2 density",
        "by_colour",
    ]
    assert list(named_methods(["data-map", "cosine"], TASKS, 2)) == [
        "data_map K=2 m=1.07",
        "cosine K=2",
    ]
    assert named_methods({"x": MINE, "y": MINE}, TASKS) == {"x": Given(MINE), "y": Given(MINE)}


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ([], "`methods` is empty"),
        ("hoa", "unknown method 'hoa'"),
        ([3], "found int"),
        ({"single": MINE}, "must not use the name 'single'"),
        ({"random (x)": MINE}, "must not use the name"),
        ([MINE, MINE], "need names that differ"),
        ({"a/b": MINE, "a b": MINE}, "need names that differ"),
        (Cluster(n_groups=4), "fewer tasks than groups"),
    ],
)
def test_mistakes_are_named_before_training(methods, message):
    with pytest.raises(CoterieError, match=message.replace("(", r"\(")):
        named_methods(methods, TASKS)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_groups": 0}, "`n_groups` must be"),
        ({"by": "kmean"}, "`by` must be one of"),
        ({"fuzziness": 1.0}, "`fuzziness` must be"),
    ],
)
def test_settings_of_no_use_are_named_when_they_are_made(settings, message):
    with pytest.raises(CoterieError, match=message):
        Cluster(**settings)


def test_a_grouping_must_be_of_the_same_tasks():
    with pytest.raises(
        CoterieError,
        match=r"'grouped': it is of 3 tasks \(a, b, c, ...\), which are not the 2 of the data",
    ):
        named_methods(MINE, ("a", "b"))


def test_a_registered_name_is_kept(monkeypatch):
    monkeypatch.setitem(METHODS, "by_hand", lambda n_groups: by_colour)
    assert list(named_methods(["cosine", "by_hand"], TASKS, 2)) == [
        "cosine K=2",
        "by_hand by_colour",
    ]
