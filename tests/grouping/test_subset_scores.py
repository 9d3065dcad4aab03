"""Affinities read as scores of subsets.

Published matrices and selections, an explicit loop, refusals.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.grouping import subset_scores
from coterie.grouping.subset_scores import mean_over_others
from coterie.results import Affinity, ScoreTable
from tests.grouping.published import HOA_TASKONOMY, TAG_TASKONOMY

HOA_LOSS = Affinity(tasks=tuple("sdntk"), matrix=-HOA_TASKONOMY.T, method="pairs")
LOOK_AHEAD = Affinity(tasks=tuple("sdnkt"), matrix=TAG_TASKONOMY.T, method="lookahead")


def every_subset(n_tasks, least=1):
    rows = (np.arange(1, 2**n_tasks)[:, None] >> np.arange(n_tasks)) % 2
    return rows[rows.sum(axis=1) >= least]


def best(table: ScoreTable, n_rows: int):
    """Mean over tasks of the best chosen row, and the rows, by trying all choices."""
    scores = np.where(table.subsets, table.scores, -np.inf)
    found = max(
        combinations(range(len(scores)), n_rows),
        key=lambda rows: scores[list(rows)].max(axis=0).sum(),
    )
    return scores[list(found)].max(axis=0).mean(), {table.names[row] for row in found}


@pytest.mark.parametrize(
    ("affinity", "least", "n_rows", "value", "names"),
    [
        (HOA_LOSS, 1, 2, -0.101860, {"n+k", "s+d+n+t"}),
        (HOA_LOSS, 1, 3, -0.097920, {"n+k", "t+k", "s+d+n"}),
        (LOOK_AHEAD, 2, 2, 0.321696, {"k+t", "s+d+n"}),
        (LOOK_AHEAD, 2, 3, 0.348670, {"s+d", "d+n", "k+t"}),
    ],
)
def test_published_matrices_select_the_published_groups(affinity, least, n_rows, value, names):
    found, rows = best(subset_scores(affinity, every_subset(5, least)), n_rows)
    assert found == pytest.approx(value, abs=2e-6)  # entries are published to five decimals
    assert rows == names


def test_published_losses_of_a_group_by_hand():
    table = subset_scores(HOA_LOSS, np.array([[1, 1, 1, 0, 0], [0, 0, 1, 0, 1], [0, 0, 0, 1, 0]]))
    nan = np.nan
    expected = [
        [0.04995, 0.25935, 0.1003, nan, nan],
        [nan, nan, 0.1110, nan, 0.0568],
        [nan, nan, nan, 0.0337, nan],
    ]
    np.testing.assert_allclose(-table.scores, expected, atol=1e-12)
    assert table.names == ("s+d+n", "n+k", "t")
    np.testing.assert_array_equal(table.costs, 1)
    assert table.details == {"affinity": "pairs", "left_out": []}


@given(st.integers(2, 7), st.integers(1, 12), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_against_an_explicit_loop(n_tasks, n_rows, seed):
    random = np.random.default_rng(seed)
    matrix = random.normal(size=(n_tasks, n_tasks))
    matrix[random.uniform(size=(n_tasks, n_tasks)) < 0.3 * np.eye(n_tasks)] = np.nan
    rows = random.uniform(size=(n_rows, n_tasks)) < 0.5
    found = mean_over_others(matrix, rows)
    for row, task in np.ndindex(rows.shape):
        others = [s for s in range(n_tasks) if rows[row, s] and s != task]
        if not rows[row, task]:
            assert np.isnan(found[row, task])
        elif others:
            assert found[row, task] == pytest.approx(np.mean([matrix[s, task] for s in others]))
        else:
            np.testing.assert_equal(found[row, task], matrix[task, task])


@given(st.permutations(range(5)), st.integers(0, 10**6))
@settings(max_examples=25, deadline=None)
def test_the_order_of_tasks_has_no_influence(order, seed):
    order, matrix = np.array(order), np.random.default_rng(seed).normal(size=(5, 5))
    one = subset_scores(Affinity(tasks=tuple("abcde"), matrix=matrix, method="x"), every_subset(5))
    tasks = tuple(np.array(list("abcde"))[order].tolist())
    other = subset_scores(
        Affinity(tasks=tasks, matrix=matrix[np.ix_(order, order)], method="x"),
        every_subset(5)[:, order],
    )
    np.testing.assert_allclose(other.scores, one.scores[:, order])


def test_tasks_alone_of_unknown_value_are_left_out(tmp_path):
    matrix = TAG_TASKONOMY.T.copy()
    matrix[[1, 3], [1, 3]] = np.nan
    affinity = Affinity(tasks=tuple("sdnkt"), matrix=matrix, method="x")
    table = subset_scores(affinity, every_subset(5))
    assert len(table.subsets) == 29
    assert not {"d", "k"} & set(table.names)
    assert table.details["left_out"] == ["d", "k"]
    assert not np.isnan(table.scores[table.subsets]).any()
    table.save(tmp_path / "scores.parquet")
    assert len(ScoreTable.load(tmp_path / "scores.parquet").scores) == 29
    with pytest.raises(
        CoterieError, match="only single tasks, of which the affinity by 'x' has no value"
    ):
        subset_scores(affinity, np.eye(5)[[1, 3]])


@pytest.mark.parametrize(
    ("subsets", "message"),
    [
        (
            np.ones((2, 4)),
            r"`subsets` must have shape \(rows, 5\), one column a task; found \(2, 4\)",
        ),
        (np.ones(5), r"found \(5,\)"),
        (np.zeros((0, 5)), r"found \(0, 5\)"),
        (np.full((1, 5), 0.5), "0 or 1 everywhere"),
        (np.full((1, 5), np.nan), "0 or 1 everywhere"),
        (np.eye(5)[:3] - np.eye(5)[:3] * np.array([[0], [1], [0]]), "row 1 trains no task"),
    ],
)
def test_bad_subsets_are_refused(subsets, message):
    with pytest.raises(CoterieError, match=message):
        subset_scores(LOOK_AHEAD, subsets)


def test_gaps_are_refused():
    matrix = TAG_TASKONOMY.T.copy()
    matrix[0, 1] = np.nan
    with pytest.raises(CoterieError, match="1 pairs that were never measured"):
        subset_scores(Affinity(tasks=tuple("sdnkt"), matrix=matrix, method="x"), every_subset(5))
