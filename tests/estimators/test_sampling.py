"""Subsets that are drawn to ask about, and what averages over them say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.estimators import TableScores, adaptive_subsets, sampled_affinity, subsets_of_size
from coterie.estimators.sampling import co_averages
from coterie.grouping import group
from coterie.results import ScoreTable
from tests.estimators.planted import PlantedScores


def test_averages_over_subsets_by_hand():
    members = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 1], [0, 1, 1]], dtype=bool)
    values = np.where(members, [[1.0, 10, 0], [2, 0, 0], [3, 30, 0], [0, 20, 0]], np.nan)
    matrix, counts, stderr = co_averages(members, values)
    spread = np.sqrt(2 / 3)  # of 1, 2, 3
    wanted = np.array([[0, 0, 0], [0, 0, 0], [0.5, 0.5, 0]])
    wanted[2] = [0.5 / spread, 0.5 / spread, 0]
    np.testing.assert_allclose(matrix, wanted, atol=1e-12)
    assert counts.tolist() == [[3, 2, 2], [2, 3, 2], [2, 2, 3]]
    # Task 0 beside task 2: standardised 0 and 1 / spread.
    assert stderr[2, 0] == pytest.approx(0.5 / spread)
    apart, counts, stderr = co_averages(np.eye(2, dtype=bool), np.where(np.eye(2) > 0, 1.0, np.nan))
    assert np.isnan(apart).tolist() == [[False, True], [True, False]]
    assert counts.tolist() == [[1, 0], [0, 1]]
    assert np.isnan(stderr).all()


def test_the_matrix_of_three_tasks_by_hand():
    """Two of three tasks at a time: each target is met once with each source."""
    known = {("a", "b"): [6, 10], ("a", "c"): [2, 7], ("b", "c"): [4, 9]}
    found = sampled_affinity(TableScores(ScoreTable.of(tuple("abc"), known)), size=2)
    # Of a target's two values one is a standard deviation above their mean, one below.
    assert found.matrix.tolist() == [[0, 1, -1], [1, 0, 1], [-1, -1, 0]]
    assert found.counts.tolist() == [[2, 1, 1], [1, 2, 1], [1, 1, 2]]
    assert group(found, 2).labels.tolist() == [0, 0, 1]


def friends(sizes):
    """A task scores what its friends in the subset add: the groups in the order of their tasks."""
    labels = np.repeat(np.arange(len(sizes)), sizes)
    together = (labels[:, None] == labels) - 0.5
    np.fill_diagonal(together, 0)
    return labels, PlantedScores(together, base=np.zeros(len(labels)))


@given(
    st.lists(st.integers(1, 6), min_size=2, max_size=4).filter(lambda sizes: sum(sizes) > 4),
    st.integers(2, 5),
    st.integers(1, 120),
    st.integers(0, 10**6),
)
@settings(max_examples=40, deadline=None)
def test_adaptive_subsets_meet_all_pairs_once_and_are_of_the_size(sizes, size, n_subsets, seed):
    labels, oracle = friends(sizes)
    rows, scores = adaptive_subsets(
        oracle.predict,
        len(labels),
        size=min(size, len(labels)),
        n_subsets=n_subsets,
        n_groups=len(sizes),
        seed=seed,
    )
    assert (rows.T.astype(int) @ rows).min() > 0
    assert rows.sum(axis=1).min() >= 2
    assert rows.sum(axis=1).max() <= size
    np.testing.assert_array_equal(scores, oracle.predict(rows.astype(float)))
    drawn = rows[: min(n_subsets, len(rows))]
    assert len(np.unique(drawn, axis=0)) == len(drawn)


def test_adaptive_subsets_are_of_one_cluster_once_all_tasks_are_in_one():
    """The last fifth is drawn within the groups, which the others have shown by then."""
    labels, oracle = friends([8, 8, 8])
    rows, _ = adaptive_subsets(oracle.predict, 24, size=4, n_subsets=200, n_groups=3)
    last = rows[160:200]
    assert (last @ np.eye(3)[labels] > 0).sum(axis=1).tolist() == [1] * 40
    within = (labels[:, None] == labels) & ~np.eye(24, dtype=bool)
    met = rows.T.astype(int) @ rows
    even = sampled_affinity(oracle, n_subsets=200, size=4).counts
    ratio = met[within].mean() / met[labels[:, None] != labels].mean()
    assert ratio > 1.5 * even[within].mean() / even[labels[:, None] != labels].mean()


def test_adaptive_sampling_finds_what_uniform_sampling_finds():
    labels, oracle = friends([5, 4, 3])
    for adaptive in (None, 3):
        found = sampled_affinity(oracle, n_subsets=150, size=4, adaptive=adaptive, seed=2)
        assert group(found, 3).labels.tolist() == labels.tolist()
        assert np.isfinite(found.matrix).all()


def test_pairs_that_were_never_drawn_are_gaps_or_are_brought_together():
    _, oracle = friends([4, 4])
    few = sampled_affinity(oracle, n_subsets=2, size=3)
    assert np.isnan(few.matrix).any()
    assert np.isfinite(sampled_affinity(oracle, n_subsets=2, size=3, adaptive=2).matrix).all()


def test_rows_of_all_subsets_are_asked_once():
    _, oracle = friends([2, 2])
    found = sampled_affinity(oracle, size=2)
    assert found.details["subsets"] == len(subsets_of_size(4, 2))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"size": 1}, "`size` must be a whole number of at least 2"),
        ({"size": 5}, "`size` must be"),
        ({"n_subsets": 0}, "`n_subsets` must be a whole number of at least 1"),
        ({"n_subsets": 0, "adaptive": 2}, "`n_subsets` must be a whole number of at least 1"),
        ({"adaptive": 0}, "`adaptive` must be a whole number of at least 1"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(asked, message):
    with pytest.raises(CoterieError, match=message):
        sampled_affinity(friends([2, 2])[1], **asked)
