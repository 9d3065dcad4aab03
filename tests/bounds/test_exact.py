"""Best partitions and covers, against all of them."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest

from coterie.bounds import exact


@pytest.mark.parametrize(("n_tasks", "n_groups"), [(3, 2), (4, 2), (5, 3), (5, 4), (4, 4)])
def test_partition_is_the_best_of_all(n_tasks, n_groups):
    totals = np.random.default_rng(0).standard_normal((3, 2**n_tasks))
    best = np.full(3, -np.inf)
    for labels in product(range(n_groups), repeat=n_tasks):
        groups = [sum(1 << t for t in range(n_tasks) if labels[t] == k) for k in set(labels)]
        best = np.maximum(best, totals[:, groups].sum(axis=1))
    np.testing.assert_allclose(exact.best_partition(totals, n_groups), best)


def test_cover_is_the_best_of_all_or_near():
    rng, n_tasks = np.random.default_rng(1), 4
    members = exact.subset_members(n_tasks)
    gains = np.where(members, rng.standard_normal((20, 2**n_tasks, n_tasks)), 0.0)
    inside = np.where(members, gains, -1e9)
    best = np.max(
        [inside[:, pair].max(axis=1).sum(axis=1) for pair in combinations(range(1, 16), 2)], axis=0
    )
    found = exact.best_cover(gains, 2)
    assert (found <= best + 1e-9).all()
    assert (found > best - 1e-9).mean() >= 0.8
    assert (best - found).max() < 0.5 * gains.std() * n_tasks


def test_overlapping_groups_do_no_worse_than_one_group_of_all():
    gains = np.where(exact.subset_members(3), -1.0, 0.0)[None].copy()
    gains[:, -1] = 0.0
    assert exact.best_cover(gains, 2) == pytest.approx([0.0])
