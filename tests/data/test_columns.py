"""Looking at one column."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.data.columns import (
    TargetColumn,
    as_numbers,
    as_text,
    constant,
    finite_numbers,
    plain_text,
    some,
    strange_cells,
)
from coterie.errors import CoterieError


@given(st.lists(st.one_of(st.floats(-1e9, 1e9), st.none()), min_size=1))
def test_numbers_come_back_and_gaps_stay_gaps(values):
    column = pd.Series(values, dtype=float)
    numbers, stray = as_numbers(column)
    np.testing.assert_array_equal(numbers, column.to_numpy())
    assert not stray.any()


def test_text_beside_numbers_is_stray():
    numbers, stray = as_numbers(pd.Series([1, "two", None, 3.5], dtype=object))
    np.testing.assert_array_equal(numbers, [1, np.nan, np.nan, 3.5])
    assert stray.tolist() == [False, True, False, False]


def test_text_that_was_left_as_text_is_no_number():
    for cells in (["1", "2"], ["007", "8", "x"]):
        numbers, stray = as_numbers(pd.Series(cells))
        assert np.isnan(numbers).all()
        assert stray.all()


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([pd.Timestamp("2020-01-01")], "dates"),
        ([[1], {}], "lists or structures"),
        ([b"\xff"], "bytes that are no UTF-8 text"),
        ([1j], "complex numbers"),
        (["a", 1.0], ""),
    ],
)
def test_strange_cells_have_a_name(cells, said):
    assert strange_cells(pd.Series(cells)) == said


def test_one_and_one_point_nought_are_one_category():
    assert as_text(pd.Series([1, 1.0, True, "a", None], dtype=object)).tolist()[:2] == ["1", "1"]
    assert [plain_text(value) for value in (1e3, 0.5, np.True_)] == ["1000", "0.5", "true"]


def test_constant_but_for_rounding_of_the_type_they_came_in():
    third = np.array([1 / 3, 1 / 3 * (1 + 1e-7)])
    assert constant(third, np.float32)
    assert not constant(third)
    assert not constant(np.array([1.0, np.inf]))
    assert not constant(np.array([np.nan]))


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ([1.0, np.inf], "infinite value in row 1"),
        ([1e39, 1.0], "1e\\+39 in row 0, which is beyond what float32"),
        (["a", 1.0], "must hold numbers; found 'a' in row 0"),
    ],
)
def test_features_must_be_numbers_that_float32_holds(cells, said):
    with pytest.raises(CoterieError, match=f"Column 'x'.*{said}"):
        finite_numbers(pd.Series(cells, name="x"))


def test_declared_classes_keep_their_order_and_numbers_are_sorted_as_numbers():
    sizes = pd.Categorical(["L", "S", None], categories=["S", "M", "L"], ordered=True)
    column = TargetColumn(pd.Series(sizes, name="size"))
    assert column.declared == ["S", "M", "L"]
    assert column.classes()[1].tolist() == [2, 0, -1]
    assert (column.n_labels, column.n_distinct, column.categorical) == (2, 2, True)
    assert TargetColumn(pd.Series([10, 9, 2**53 + 1])).classes()[0] == ["9", "10", str(2**53 + 1)]


def test_long_lists_are_cut():
    assert some(list("abc"), 2) == "a, b and 1 more"
