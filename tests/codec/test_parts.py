"""What dataclasses declare of their fields is what is kept of them, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pytest

from coterie.codec import (
    ELSEWHERE,
    SPARSE,
    SPREAD,
    As,
    Layout,
    Size,
    from_parts,
    settle,
    to_parts,
)
from coterie.codec.declared import has_arrays
from coterie.errors import CoterieError
from coterie.results import Grouping
from coterie.schema import least


@dataclass(frozen=True)
class Point:
    """Kept as what its methods say."""

    x: int

    def to_dict(self) -> dict[str, Any]:
        return {"x": self.x}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Point:
        return cls(saved["x"])


@dataclass(frozen=True)
class Curve:
    y: Annotated[np.ndarray, Layout("f E T")]
    best: Annotated[np.ndarray | None, Layout("iu T")] = None


@dataclass(frozen=True, kw_only=True)
class Everything:
    tasks: Annotated[tuple[str, ...], Size("T")]
    matrix: Annotated[np.ndarray, Layout("fi T T")]
    names: Annotated[np.ndarray, Layout("iuU N")]
    shares: Annotated[np.ndarray, Layout("fi T K", listed=True)]
    rows: Annotated[np.ndarray | None, Layout("i K", listed=True)] = None
    flags: Annotated[np.ndarray | None, Layout("b K T", listed=True)] = None
    gap: Annotated[float, As(Annotated[float, least(0)] | None, null=inf)] = 0.0
    point: Point
    other: Point | None = None
    curve: Curve
    curves: Annotated[Mapping[str, Curve], SPREAD] = field(default_factory=dict)
    state: Mapping[str, np.ndarray] = field(default_factory=dict)
    scratch: Annotated[Any, ELSEWHERE] = None
    sizes: Annotated[np.ndarray | None, Layout("f K", listed=True), SPARSE] = None
    remarks: Annotated[tuple[dict[str, int], ...], SPARSE] = ()


def everything(**changed: Any) -> Everything:
    about: dict[str, Any] = {
        "tasks": ("a", "b"),
        "matrix": np.eye(2, dtype=np.float32),
        "names": np.array(["x", "ü", ""]),
        "shares": np.array([[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]]),
        "rows": np.array([1, 2, 3]),
        "flags": np.array([[True, False]] * 3),
        "gap": inf,
        "point": Point(3),
        "curve": Curve(np.zeros((4, 2))),
        "curves": {"first": Curve(np.ones((1, 2)), np.array([0, 1]))},
        "state": {"w/1": np.arange(3), "b": np.zeros(())},
    }
    return Everything(**about | changed)


NAMES = ["matrix", "curve/y", "first/y", "first/best", "state/w/1", "state/b"]


def test_parts_are_named_and_plain() -> None:
    arrays, about = to_parts(everything())
    assert list(arrays) == NAMES
    assert about == {
        "tasks": ["a", "b"],
        "names": ["x", "ü", ""],
        "shares": [[0.5, 0.25, 0.25], [0.0, 1.0, 0.0]],
        "rows": [1, 2, 3],
        "flags": [[True, False]] * 3,
        "gap": None,
        "point": {"x": 3},
        "other": None,
    }


def test_parts_make_the_same_again() -> None:
    made = everything()
    again = from_parts(Everything, *to_parts(made))
    for name in ("matrix", "names", "shares", "rows", "flags"):
        one, other = getattr(made, name), getattr(again, name)
        assert one.dtype == other.dtype, name
        np.testing.assert_array_equal(one, other)
    assert (again.tasks, again.gap, again.point, again.other) == (("a", "b"), inf, Point(3), None)
    np.testing.assert_array_equal(again.curve.y, made.curve.y)
    assert again.curve.best is None
    np.testing.assert_array_equal(again.curves["first"].best, [0, 1])
    assert {name: array.tolist() for name, array in again.state.items()} == {
        "w/1": [0, 1, 2],
        "b": 0.0,
    }


def test_what_is_sparse_is_said_where_there_is_something() -> None:
    told = to_parts(made := everything(sizes=np.array([1, 0.5, 0.5]), remarks=({"x": 1}, {})))
    assert (told[1]["sizes"], told[1]["remarks"]) == ([1.0, 0.5, 0.5], [{"x": 1}, {}])
    again = from_parts(Everything, *told)
    np.testing.assert_array_equal(again.sizes, made.sizes)
    assert again.remarks == made.remarks
    nothing = from_parts(Everything, *to_parts(everything()))
    assert (nothing.sizes, nothing.remarks) == (None, ())


def test_numbers_that_name_examples_are_an_array_and_what_has_a_default_may_be_missing() -> None:
    arrays, about = to_parts(everything(names=np.arange(3)))
    assert "names" not in about
    for name in ("rows", "flags", "gap", "other"):
        del about[name]
    again = from_parts(Everything, arrays, about)
    np.testing.assert_array_equal(again.names, [0, 1, 2])
    assert (again.rows, again.flags, again.gap) == (None, None, 0.0)


@pytest.mark.parametrize(
    ("arrays", "about", "message"),
    [
        ({"matrix": None}, {}, "Array `matrix` is missing"),
        ({"matrix": np.eye(3)}, {}, r"`matrix` must have shape \(T=2, T=2\); found \(3, 3\)"),
        ({"matrix": np.eye(2) > 0}, {}, "`matrix` must hold numbers or whole numbers; found bool"),
        ({"stray": np.eye(2)}, {}, "There is an unknown array `stray`; known are matrix, names"),
        ({"curve/y": None}, {}, "`curve`: Array `y` is missing"),
        ({"curve/y": np.zeros((4, 3))}, {}, r"`curve`: Array `y` must have shape \(E=4, T=2\)"),
        ({"curve/z": np.zeros(1)}, {}, "`curve`: There is an unknown array `z`"),
        ({"first/best": np.zeros(2)}, {}, "`first`: Array `best` must hold whole numbers"),
        ({}, {"tasks": None}, "`tasks` must be a list; found None"),
        ({}, {"tasks": ["a"]}, r"`shares` must have 1 rows of 3; found 2 rows"),
        ({}, {"shares": [[1], [1, 2]]}, "`shares` must have 2 rows of 1; found 2 rows of 1, 2"),
        ({}, {"shares": [["x"], [1]]}, r"`shares\[0\]\[0\]` must be a finite number; found 'x'"),
        ({}, {"rows": [1, 2]}, r"`rows` must have shape \(K=3\); found \(2,\)"),
        ({}, {"rows": [1, 2, 0.5]}, r"`rows\[2\]` must be a whole number"),
        ({}, {"flags": [[1, 0]] * 3}, r"`flags\[0\]\[0\]` must be true or false"),
        ({}, {"gap": -1}, "`gap` must be at least 0; found -1"),
        ({}, {"point": [1]}, "`point` must be an object"),
        ({}, {"scratch": 1}, "unknown field `scratch`"),
        ({}, {"matrix": [[1]]}, "unknown field `matrix`"),
        ({}, {"unheard": 1}, "unknown field `unheard`"),
    ],
)
def test_what_does_not_fit_is_named(
    arrays: dict[str, Any], about: dict[str, Any], message: str
) -> None:
    held, said = to_parts(everything())
    changed = {name: each for name, each in (held | arrays).items() if each is not None}
    with pytest.raises(CoterieError, match=message):
        from_parts(Everything, changed, said | about)


def test_a_field_that_is_needed_is_missed() -> None:
    arrays, about = to_parts(everything())
    del about["point"]
    with pytest.raises(CoterieError, match="Field `point` is missing"):
        from_parts(Everything, arrays, about)


def test_known_sizes_hold() -> None:
    arrays, _ = to_parts(Curve(np.zeros((4, 2))))
    assert from_parts(Curve, arrays, {}, T=2).y.shape == (4, 2)
    with pytest.raises(CoterieError, match=r"shape \(E=4, T=3\)"):
        from_parts(Curve, arrays, {}, T=3)


def test_lists_that_users_give_become_arrays_of_the_declared_shape() -> None:
    made = everything(tasks=["a", "b"], matrix=[[1, 2], [3, 4]], shares=[[1], [0]], rows=None)
    object.__setattr__(made, "flags", [[True, True]])
    settle(made)
    assert made.tasks == ("a", "b")
    assert made.matrix.tolist() == [[1, 2], [3, 4]]
    assert made.rows is None
    assert made.flags.dtype == bool
    for change, message in (
        ({"matrix": [[1, 2]]}, r"`matrix` must have shape \(T=2, T=2\); found \(1, 2\)"),
        ({"matrix": None}, "`matrix` must be an array of numbers or whole numbers; found None"),
        ({"tasks": "ab"}, "`tasks` must be a list of str"),
        ({"tasks": ()}, "`tasks` must not be empty"),
        ({"rows": [1.5, 2, 3]}, "`rows` must be an array of whole numbers"),
    ):
        with pytest.raises(CoterieError, match=message):
            settle(everything(**change))


def test_only_arrays_that_are_not_listed_need_a_file_of_arrays() -> None:
    @dataclass(frozen=True)
    class Listed:
        rows: Annotated[np.ndarray, Layout("i K", listed=True)]

    assert has_arrays(Everything)
    assert has_arrays(Curve)
    assert not has_arrays(Listed)
    assert not has_arrays(Point)


def test_what_json_has_no_word_for_is_left_to_whoever_writes_it_to_refuse(tmp_path: Path) -> None:
    made = Grouping(tasks=("a",), membership=[[1]], method="mine", details={"how": np.float32(0.5)})
    assert type(made.to_dict()["details"]["how"]) is np.float32
    with pytest.raises(TypeError, match="float32"):
        made.save(tmp_path / "grouping.json")
    assert list(tmp_path.iterdir()) == []
