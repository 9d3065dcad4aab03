"""The type that affinities come in."""

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.results import Affinity

NAN = np.nan
MATRIX = np.array([[NAN, 2.0, NAN], [4.0, NAN, 1.0], [3.0, NAN, NAN]])


def affinity(matrix=MATRIX, **more):
    return Affinity(tasks=("a", "b", "c")[: len(matrix)], matrix=matrix, method="by hand", **more)


def test_symmetric_takes_the_direction_that_was_measured():
    expected = [[NAN, 3.0, 3.0], [3.0, NAN, 1.0], [3.0, 1.0, NAN]]
    np.testing.assert_array_equal(affinity().symmetric(), expected)


def test_lists_are_arrays():
    found = Affinity(
        tasks=("a", "b"), matrix=[[0, 2], [4, 0]], method="by hand", counts=[[1, 2], [3, 4]]
    )
    assert found.symmetric().tolist() == [[0, 3], [3, 0]]
    assert found.counts.sum() == 10


def test_gaps_are_named():
    with pytest.raises(
        CoterieError, match=r"2 pairs that were never measured \(NaN\), such as 'a' to 'c'"
    ):
        affinity().require_complete()
    affinity(np.where(np.isnan(MATRIX) & ~np.eye(3, dtype=bool), 0.0, MATRIX)).require_complete()


def test_round_trip(tmp_path):
    found = affinity(
        counts=np.ones((3, 3)), stderr=MATRIX / 10, cost={"model_steps": 3.5}, details={"every": 5}
    )
    found.save(tmp_path / "affinity.safetensors")
    again = Affinity.load(tmp_path / "affinity.safetensors")
    for name in ("matrix", "counts", "stderr"):
        np.testing.assert_array_equal(getattr(found, name), getattr(again, name))
    assert (again.tasks, again.method, again.cost, again.details) == (
        found.tasks,
        found.method,
        found.cost,
        found.details,
    )


@pytest.mark.parametrize(
    ("tasks", "matrix", "message"),
    [
        (("a",), np.zeros((1, 1)), "at least 2 tasks; found 1"),
        (("a", "b"), np.zeros((2, 3)), r"must have shape \(source=2, target=2\); found \(2, 3\)"),
        (("a", "b"), np.array([[0, np.inf], [0, 0]]), "must not be infinite"),
        (("a", "a"), np.zeros((2, 2)), "`tasks` must have names that differ; 'a' is there twice"),
        (
            ("a", "b"),
            [["x", 1], [0, 0]],
            r"`matrix` must be an array of numbers.*; found \[\['x', 1\]",
        ),
    ],
)
def test_bad_matrices_are_refused(tasks, matrix, message):
    with pytest.raises(CoterieError, match=message):
        Affinity(tasks=tasks, matrix=matrix, method="by hand")
