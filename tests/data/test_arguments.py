"""Types of what ``load`` is given."""

import pytest

from coterie.data.arguments import check_arguments, refuse_with_like
from coterie.errors import CoterieError


@pytest.mark.parametrize(
    "given",
    [
        {"targets": "a"},
        {"targets": ("a", "b"), "exclude": {"c"}, "keep": iter(["d"])},
        {"kinds": {"a": "binary"}, "limit": 3, "balance": False},
        {"one_vs_rest": None, "something else": 3},
    ],
)
def test_right_types_pass(given):
    check_arguments(given)


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("targets", ["a", 3], "a text or a list of texts"),
        ("exclude", 3, "a text or a list of texts"),
        ("kinds", {3: "binary"}, "must map names to values"),
        ("balance", 1, "must be True or False"),
        ("limit", 0, "must be at least 1"),
        ("seed", -1, "must be a whole number"),
        ("encoding", b"utf-8", "must be a text"),
    ],
)
def test_wrong_types_are_named(name, value, said):
    with pytest.raises(CoterieError, match=f"`{name}` .*{said}|`{name}` {said}"):
        check_arguments({name: value})


def test_lists_of_any_sort_are_as_good_as_the_default():
    given = {"exclude": [], "keep": iter(()), "kinds": {}, "source": "other"}
    refuse_with_like(given, {"exclude": (), "keep": (), "kinds": None, "source": "one"})
    with pytest.raises(CoterieError, match="leaves no effect to `exclude`, `kinds`"):
        refuse_with_like(
            {"exclude": ["a"], "kinds": {"a": "count"}}, {"exclude": (), "kinds": None}
        )
