"""Trees and sums as plain arrays: what they predict, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.families import Linear, Trees


def by_hand(**other):
    """x0 <= 1 (or missing): x1 <= 2 (else missing right), and a tree of one leaf.

    Leaves are 10, 20, 30 and 5; the second tree adds to the second column.
    """
    arrays = {
        "root": np.array([0, -4], np.int32),
        "column": np.array([0, 1], np.int32),
        "feature": np.array([0, 1], np.int32),
        "threshold": np.array([1.0, 2.0]),
        "left": np.array([1, -1], np.int32),
        "right": np.array([-3, -2], np.int32),
        "missing_left": np.array([True, False]),
        "value": np.array([[10.0], [20.0], [30.0], [5.0]]),
        "baseline": np.array([0.5, 0.25]),
    }
    return Trees(**arrays | other)


def test_each_example_comes_to_the_leaf_that_one_finds_by_hand():
    nan = np.nan
    inputs = [[1, 2], [1, 2.5], [1.5, 0], [nan, 2], [nan, nan], [0, nan]]
    found = by_hand().predict(np.array(inputs, np.float32))
    np.testing.assert_array_equal(found[:, 0], [10.5, 20.5, 30.5, 10.5, 20.5, 20.5])
    np.testing.assert_array_equal(found[:, 1], 5.25)


def test_examples_are_independent_however_many_there_are(monkeypatch):
    inputs = np.random.default_rng(0).normal(1.5, 1, (50, 2)).astype(np.float32)
    whole = by_hand().predict(inputs)
    assert len(np.unique(whole[:, 0])) == 3
    monkeypatch.setattr("coterie.families.predictors._CELLS", 7)
    np.testing.assert_array_equal(by_hand().predict(inputs), whole)
    assert by_hand().predict(inputs[:0]).shape == (0, 2)


def test_numbers_are_counted():
    assert by_hand().parameters == 2 + 2 + 5 * 2 + 4 + 2
    assert Linear(coefficient=np.ones((3, 2)), intercept=np.ones(2)).parameters == 8


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("left", [0, -1], "`left` must name one of 4 leaves, or a later one of 2 splits"),
        ("left", [1, 1], "`left` must name"),
        ("left", [1, 0], "`left` must name"),
        ("right", [2, -2], "`right` must name"),
        ("right", [-5, -2], "`right` must name"),
        ("root", [0, -5], "`root` must name"),
        ("root", [0, 2], "`root` must name"),
        ("feature", [-1, 0], "`feature` must not be negative"),
        ("column", [0, 2], "`column` must leave room for 1 of 2 columns"),
        ("column", [-1, 0], "`column` must leave room"),
        ("threshold", [np.nan, 0.0], "`threshold` must be finite"),
        ("threshold", [np.inf, 0.0], "`threshold` must be finite"),
        ("value", [[np.nan]] * 4, "`value` must be finite"),
        ("baseline", [np.inf, 0.0], "`baseline` must be finite"),
    ],
)
def test_what_is_no_tree_is_refused(name, value, message):
    with pytest.raises(CoterieError, match=message):
        by_hand(**{name: np.array(value)})


def test_features_that_are_not_there_are_refused():
    by_hand().require_features(2)
    with pytest.raises(CoterieError, match="`feature` must be below 1"):
        by_hand().require_features(1)
    sums = Linear(coefficient=np.ones((3, 2)), intercept=np.ones(2))
    with pytest.raises(CoterieError, match="must have 2 rows, one a feature; found 3"):
        sums.require_features(2)
    with pytest.raises(CoterieError, match="`intercept` must be finite"):
        replace(sums, intercept=np.array([np.nan, 0]))
