"""The bound holds and is tight, on tables whose best partition is known."""

from __future__ import annotations

import numpy as np
import pytest

from coterie.bounds import balanced_rows, exact, limits
from coterie.errors import CoterieError

N_TASKS = 6


def trained(seed=0):
    random = balanced_rows(N_TASKS, 2, 24, seed)
    return np.concatenate([np.ones((1, N_TASKS), bool), np.eye(N_TASKS, dtype=bool), random])


def table(name, rng):
    """Expected scores (2^T, T) of all subsets, and what the best partition gains."""
    members = exact.subset_members(N_TASKS)
    theta = np.zeros((N_TASKS, N_TASKS))
    if name == "groups":
        label = rng.permutation(np.arange(N_TASKS) % 2)
        theta = np.where(label[:, None] == label, 1.0, -0.5) * (1 - np.eye(N_TASKS))
    if name == "effects":
        theta = 0.7 * rng.standard_normal(theta.shape) * (1 - np.eye(N_TASKS))
    scores = 80 + members @ theta.T
    totals = np.where(members, scores - scores[-1], 0.0).sum(axis=1)
    return scores, exact.best_partition(totals[None], 2)[0] / N_TASKS


def seen(scores, rows, rng, seeds=5, noise=1.0):
    at = rows @ (1 << np.arange(N_TASKS))
    shape = (seeds, *rows.shape)
    return np.where(rows, scores[at] + noise * rng.standard_normal(shape), np.nan)


@pytest.mark.parametrize("name", ["nothing", "effects", "groups"])
def test_bound_holds_and_is_tight(name):
    held, excess = [], []
    for seed in range(15):
        rng = np.random.default_rng(seed)
        scores, truth = table(name, rng)
        rows = trained(seed)
        found = limits(seen(scores, rows, rng), rows, 2, seed=seed, draws=100)
        held.append(found.bound >= truth)
        excess.append(found.bound - truth)
        assert found.low <= found.estimate <= found.bound <= found.overlapping_bound
    assert sum(held) >= 13
    assert np.median(excess) < 1.0


def test_the_best_score_seen_would_say_far_more():
    rng = np.random.default_rng(0)
    scores, _ = table("nothing", rng)
    rows = trained()
    noisy = seen(scores, rows, rng, noise=3.0)
    means = noisy.mean(axis=0)
    naive = (np.nanmax(means, axis=0) - means[0]).mean()
    assert limits(noisy, rows, 2).estimate < 0.5 * naive


def test_without_noise_and_with_all_subsets_the_bound_is_the_truth():
    scores, truth = table("effects", np.random.default_rng(3))
    rows = exact.subset_members(N_TASKS)[1:]
    exactly = seen(scores, rows, np.random.default_rng(0), noise=1e-3)
    found = limits(exactly, rows, 2)
    assert found.estimate == pytest.approx(truth, abs=0.02)
    assert found.bound == pytest.approx(truth, abs=0.05)


def test_same_seed_same_bound_and_units_are_those_of_scores():
    rng = np.random.default_rng(1)
    rows = trained()
    noisy = seen(table("groups", rng)[0], rows, rng)
    once, again = limits(noisy, rows, 2, draws=50), limits(noisy, rows, 2, draws=50)
    assert once.bound == again.bound
    assert limits(noisy + 7, rows, 2, draws=50).bound == pytest.approx(once.bound, abs=0.02)
    tenfold = limits(10 * noisy, rows, 2, draws=50)
    assert tenfold.bound == pytest.approx(10 * once.bound, rel=0.02)


@pytest.mark.parametrize("n_groups", [1, 7, 2.5])
def test_wrong_numbers_of_groups_are_refused(n_groups):
    rows = trained()
    with pytest.raises(CoterieError, match="n_groups"):
        limits(np.where(rows, 1.0, np.nan)[None].repeat(2, 0), rows, n_groups)


def test_arrays_that_do_not_fit_are_refused():
    with pytest.raises(CoterieError, match=r"\(seeds, rows, tasks\)"):
        limits(np.zeros((2, 3, 3)), np.ones((2, 3)), 2)
