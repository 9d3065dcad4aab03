"""Which column plays which part."""

import numpy as np
import pandas as pd
import pytest

from coterie.data.roles import Columns, as_names, choose_columns, given_split
from coterie.data.sources import RawData
from coterie.errors import CoterieError


def raw(**more):
    frame = pd.DataFrame({name: np.arange(4) for name in ("a", "b", "y", "part")})
    return RawData(frame=frame, **more)


def test_columns_that_play_a_part_are_no_inputs_unless_they_are_kept():
    columns = Columns(targets=("y",), group="a", time="b", exclude=("part",), keep=("b",))
    assert columns.not_inputs == ["y", "part", "a"]
    assert columns.labelled == ["y"]


def test_the_source_may_name_its_targets():
    told = raw(metadata={"targets": ["y"]})
    assert choose_columns(told, Columns(), targets_given=False).targets == ("y",)
    long = raw(metadata={"task_column": "a", "target": "y"})
    assert choose_columns(long, Columns(), targets_given=False).task == "a"
    arrays = raw(inputs=np.zeros((4, 1)))
    chosen = choose_columns(arrays, Columns(exclude=("b",), split="part"), targets_given=False)
    assert chosen.targets == ("a", "y")


def test_what_the_user_says_goes_first():
    told = raw(metadata={"targets": ["y"]})
    asked = Columns(targets=("a",))
    assert choose_columns(told, asked) is asked


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({}, "`targets` is needed"),
        ({"task": "a"}, "go together"),
        ({"targets": ("z",)}, "`targets` names 'z', which is no column. Columns are a, b"),
        ({"targets": ("y",), "group": "parts"}, "Did you mean 'part'"),
        ({"targets": ("y", "y")}, "names 'y' twice"),
        ({"targets": ("y",), "exclude": ("y",)}, "also in `exclude`"),
        ({"targets": ("y",), "time": "y"}, "also the group, split, time or task"),
        ({"targets": ("y",), "time": "a", "split": "part"}, "name one of them"),
        ({"targets": ("y",), "keep": ("part",), "split": "part"}, "one thing only"),
        ({"targets": ("y",), "task": "a", "target": "b"}, "give neither `targets`"),
    ],
)
def test_contradictions_are_named(columns, said):
    with pytest.raises(CoterieError, match=said):
        choose_columns(raw(), Columns(**columns))


def test_a_split_column_needs_both_ends():
    columns = Columns(targets=("y",), split="part")
    assert given_split(raw(), Columns()) is None
    with pytest.raises(CoterieError, match="found '3'"):
        given_split(raw(), columns)
    frame = pd.DataFrame({"part": [0, 0, 1, 1], "y": [0, 1, 0, 1]})
    with pytest.raises(CoterieError, match="has no test rows"):
        given_split(RawData(frame=frame), columns)


def test_one_name_is_as_good_as_a_list_of_one():
    assert as_names("a") == as_names(["a"]) == as_names(iter("a")) == ("a",)
    assert as_names(None) == ()
