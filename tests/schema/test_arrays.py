"""Arrays against layouts."""

from __future__ import annotations

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.schema import arrays_of, matrix_of, membership_of


def test_arrays_fit_each_other():
    layout = {"a": "f M T", "b": "iu M", "c": "b"}
    good = {"a": np.zeros((2, 3)), "b": np.zeros(2, np.int64), "c": np.array(True)}
    arrays_of(good, layout, sizes={"T": 3})
    arrays_of({"a": good["a"]}, layout, optional=("b", "c"))
    for name, array, message in [
        ("a", np.zeros((2, 4)), r"`a` must have shape \(M=2, T=3\); found \(2, 4\)"),
        ("a", np.zeros(2), "`a` must have shape"),
        ("a", np.zeros((2, 3), np.int8), "`a` must hold numbers; found int8"),
        ("b", np.zeros(3, np.int64), r"`b` must have shape \(M=2\)"),
        ("d", np.zeros(1), "unknown array `d`"),
    ]:
        with pytest.raises(CoterieError, match=message):
            arrays_of({**good, name: array}, layout, sizes={"T": 3})
    with pytest.raises(CoterieError, match="`b` is missing"):
        arrays_of({"a": good["a"]}, layout)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 4, 5, 6)])
def test_further_dimensions_may_be_left_open(shape):
    arrays = {"ids": np.zeros(3), "inputs": np.zeros(shape)}
    assert arrays_of(arrays, {"ids": "f n", "inputs": "f n ..."}) == {"n": 3}


@pytest.mark.parametrize("shape", [(), (2, 3)])
def test_what_stands_before_them_is_checked(shape):
    arrays = {"ids": np.zeros(3), "inputs": np.zeros(shape)}
    with pytest.raises(CoterieError, match=r"Array `inputs` must have shape \(n=3, \.\.\.\)"):
        arrays_of(arrays, {"ids": "f n", "inputs": "f n ..."})


def test_matrices_and_memberships():
    assert matrix_of([[1, 2]], (1, 2), "m").tolist() == [[1.0, 2.0]]
    for rows in ([[1, 2], [3]], [[1]], [], [[1, 2], [3, 4]]):
        with pytest.raises(CoterieError, match="`m` must have 1 rows of 2"):
            matrix_of(rows, (1, 2), "m")
    assert membership_of(np.array([[0.25, 0.75]])).shape == (1, 2)
    for row, message in [
        ([0.5, 0.6], "sum to 1; row 0 sums to 1.1"),
        ([2, -1], "not negative"),
        ([np.nan, 1], "finite"),
    ]:
        with pytest.raises(CoterieError, match=message):
            membership_of(np.array([row]))
