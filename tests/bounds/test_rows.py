"""Random subsets: distinct, proper, balanced."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.bounds import balanced_rows


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 16), st.integers(2, 4), st.integers(1, 40), st.integers(0, 5))
def test_rows_are_distinct_and_neither_single_nor_joint(n_tasks, n_groups, n_rows, seed):
    rows = balanced_rows(n_tasks, n_groups, n_rows, seed)
    assert len(rows) == min(n_rows, 2**n_tasks - n_tasks - 2) or n_tasks <= 6
    assert len(rows) <= n_rows
    sizes = rows.sum(axis=1)
    assert ((sizes > 1) & (sizes < n_tasks)).all()
    assert len(np.unique(rows, axis=0)) == len(rows)
    assert (balanced_rows(n_tasks, n_groups, n_rows, seed) == rows).all()


@pytest.mark.parametrize(("n_tasks", "n_groups"), [(8, 2), (10, 3), (20, 3), (30, 4)])
def test_tasks_and_pairs_are_treated_alike(n_tasks, n_groups):
    rows = balanced_rows(n_tasks, n_groups, 32)
    together = rows.T.astype(int) @ rows
    assert np.ptp(together.diagonal()) <= 2
    pairs = together[np.triu_indices(n_tasks, 1)]
    # As even as chance would hardly make them: less spread than independent meetings have.
    assert pairs.var() < pairs.mean()
    assert rows.sum(axis=1).std() > 0.3, "sizes are spread"
