"""What files must hold: every kind of hint, and what is said of values that do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.schema import (
    OPEN,
    distinct,
    least,
    structure,
    within,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    x: float
    tags: tuple[str, ...] = ()


class Saved(TypedDict):
    point: Point
    colour: Colour
    count: Annotated[int, least(1)]
    mode: Literal["a", "b"]
    pair: tuple[str, int]
    rows: list[list[float]]
    maybe: float | None
    some: Mapping[str, Any]
    late: NotRequired[bool]


GOOD = {
    "point": {"x": 1, "tags": ["t"]},
    "colour": "red",
    "count": 2,
    "mode": "a",
    "pair": ["p", 3],
    "rows": [[1.0], [2]],
    "maybe": None,
    "some": {"any": [1]},
}


def test_everything_becomes_what_the_hints_say():
    found = structure(GOOD, Saved)
    assert found["point"] == Point(1.0, ("t",))
    assert found["colour"] is Colour.RED
    assert found["pair"] == ("p", 3)
    assert "late" not in found
    assert structure({"x": 2.5}, Point) == Point(2.5)
    assert structure(asdict(Point(0.5)), Point) == Point(0.5)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("point", {"tags": []}, "Field `point.x` is missing"),
        ("point", {"x": 1, "y": 2}, "unknown field `point.y`; known are x, tags"),
        ("point", {"x": True}, "`point.x` must be a finite number; found True"),
        ("point", {"x": 1, "tags": ["a", 3]}, r"`point.tags\[1\]` must be text; found 3"),
        ("point", [], "`point` must be an object"),
        ("colour", "blue", "`colour` must be 'red'; found 'blue'"),
        ("count", 0, "`count` must be at least 1; found 0"),
        ("count", 2.0, "`count` must be a whole number"),
        ("count", 2**70, "`count` must be a whole number"),
        ("mode", "c", "`mode` must be 'a' or 'b'"),
        ("mode", ["a"], "`mode` must be 'a' or 'b'"),
        ("pair", ["p"], "`pair` must be a list of 2"),
        ("rows", [[1.0], 2.0], r"`rows\[1\]` must be a list"),
        ("rows", [[float("nan")]], r"`rows\[0\]\[0\]` must be a finite number"),
        ("rows", [[10**400]], r"`rows\[0\]\[0\]` must be a finite number"),
        ("maybe", "1", "`maybe` must be a finite number"),
        ("some", None, "`some` must be an object"),
        ("late", 1, "`late` must be true or false"),
    ],
)
def test_what_does_not_fit_is_named(field, value, message):
    with pytest.raises(CoterieError, match=message):
        structure({**GOOD, field: value}, Saved)


@given(JSON, st.sampled_from(sorted([*GOOD, "late"])))
def test_any_json_fits_or_is_refused(value, field):
    for wrong in (value, {**GOOD, field: value}):
        try:
            structure(wrong, Saved)
        except CoterieError as error:
            assert "must be" in str(error) or "missing" in str(error) or "unknown" in str(error)  # noqa: PT017


def test_open_objects_may_hold_more():
    class Known(TypedDict, total=False):
        notes: list[str]

    hint = Annotated[Known, OPEN]
    assert structure({"other": 1}, hint, "details") == {"other": 1}
    with pytest.raises(CoterieError, match=r"`details\.notes` must be a list"):
        structure({"notes": "one"}, hint, "details")


def test_names_differ_and_files_are_named():
    with pytest.raises(CoterieError, match="'a' is there twice"):
        distinct(["a", "b", "a"])
    with (
        pytest.raises(
            CoterieError, match=r"^g\.json is not a valid grouping: `tasks` must not be empty"
        ),
        within("g.json", "grouping"),
    ):
        distinct([])
