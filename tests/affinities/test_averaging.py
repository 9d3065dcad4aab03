"""Means over trainings: of what was measured, with an error over trainings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.affinities import affinities, affinity, averaged
from coterie.errors import CoterieError
from coterie.results import Affinity
from coterie.seeds import MOST_SEED
from tests.affinities.moments import KINDS, smooth, table

SMALL = {"epochs": 2, "batch_size": 30, "lr": 0.05, "device": "cpu", "every": 2}


@pytest.fixture(scope="module")
def data():
    return table(150, kinds=KINDS)


def made(matrix, **more):
    matrix = np.asarray(matrix, dtype=np.float64)
    tasks = tuple("abcd"[: len(matrix)])
    return Affinity(tasks=tasks, matrix=matrix, method="mine", **more)


@given(st.integers(2, 5), st.integers(0, 99))
def test_mean_and_standard_error_over_runs(n_runs, seed):
    matrices = np.random.default_rng(seed).normal(size=(n_runs, 3, 3))
    found = averaged([made(each) for each in matrices])
    np.testing.assert_allclose(found.matrix, matrices.mean(0))
    variance = ((matrices - matrices.mean(0)) ** 2).sum(0) / (n_runs - 1)
    np.testing.assert_allclose(found.stderr, np.sqrt(variance / n_runs))
    assert found.details["runs"] == n_runs
    assert -1 <= found.details["agreement_of_runs"] <= 1


def test_pairs_that_some_runs_did_not_measure_are_the_mean_of_the_others():
    nan = np.nan
    runs = [
        made([[0, 1, nan], [5, 0, nan], [1, 2, 0]], counts=np.full((3, 3), 2)),
        made([[0, 3, 7], [5, 0, nan], [1, 2, 0]], counts=np.full((3, 3), 3)),
    ]
    found = averaged(runs)
    np.testing.assert_array_equal(found.matrix, [[0, 2, 7], [5, 0, nan], [1, 2, 0]])
    np.testing.assert_array_equal(found.stderr, [[0, 1, nan], [0, 0, nan], [0, 0, 0]])
    assert (found.counts == 5).all()
    assert averaged([runs[0], made(np.eye(3))]).counts is None


def test_one_run_is_itself():
    one = made(np.eye(3))
    assert averaged([one]) is one


@pytest.mark.parametrize("others", [[], [made(np.eye(3)), made(np.eye(4))]])
def test_runs_that_do_not_belong_together_are_refused(others):
    with pytest.raises(CoterieError, match="`runs` must be at least one, all of the same tasks"):
        averaged(others)


def test_repeats_are_the_trainings_of_the_seeds_that_follow(data):
    found = affinities(["cosine", "lookahead"], smooth, data, seed=3, repeats=3, **SMALL)
    for method, mean in found.items():
        alone = [affinity(method, smooth, data, seed=seed, **SMALL) for seed in (3, 4, 5)]
        np.testing.assert_array_equal(mean.matrix, averaged(alone).matrix)
        assert (mean.counts == sum(each.counts for each in alone)).all()
        steps = sum(each.cost["model_steps"] for each in alone)
        assert mean.cost["model_steps"] == pytest.approx(steps)
        assert np.isfinite(mean.stderr).all()
        assert (mean.stderr[~np.eye(3, dtype=bool)] > 0).all()


def test_the_last_seed_is_one_like_others(data):
    for repeats in (1, 2):
        first = MOST_SEED - repeats + 1
        assert affinity("cosine", smooth, data, seed=first, repeats=repeats, **SMALL)
    with pytest.raises(CoterieError, match=f"`seed` must be a whole number of at most {first}"):
        affinity("cosine", smooth, data, seed=MOST_SEED, repeats=2, **SMALL)


def test_repeats_are_told_as_one_and_continued_one_by_one(data, tmp_path):
    told = []
    settings = {"repeats": 2, "checkpoint": tmp_path, **SMALL}
    found = affinity("cosine", smooth, data, progress=lambda *each: told.append(each), **settings)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["run-0", "run-1"]
    done = [each[0] for each in told]
    assert done == sorted(done)
    assert done[-1] == told[-1][1] == 12  # 2 runs of 2 epochs of 3 steps
    assert told[-1][2] == "run 2 of 2: epoch 2 of 2"
    again = affinity("cosine", smooth, data, **settings)
    np.testing.assert_array_equal(again.matrix, found.matrix)


def test_the_mean_is_saved_and_read_back(data, tmp_path):
    found = affinity("data_map", smooth, data, repeats=2, **{**SMALL, "every": None})
    found.save(tmp_path / "mean.safetensors")
    np.testing.assert_array_equal(Affinity.load(tmp_path / "mean.safetensors").stderr, found.stderr)


@pytest.mark.parametrize("repeats", [0, 1.5, "3"])
def test_repeats_that_are_none_are_refused(data, repeats):
    with pytest.raises(CoterieError, match="`repeats`"):
        affinity("cosine", smooth, data, repeats=repeats, **SMALL)
