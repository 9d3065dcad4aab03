"""Cells of like labels, and the order of examples within a class."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.distillation.select import RULES, cells, select
from coterie.errors import CoterieError

ONE_CLASS = np.zeros(7, np.int64)


def pairs(codes):
    """Means of products of labels, (T, T)."""
    return codes.T @ codes / len(codes)


@pytest.fixture(scope="module")
def related():
    """2,000 examples of 8 binary tasks that share four sources; the rarest has 1 in 50."""
    rng = np.random.default_rng(0)
    made = rng.normal(size=(2000, 4)) @ rng.normal(size=(4, 8)) + rng.normal(size=(2000, 8))
    return (made > np.quantile(made, np.linspace(0.4, 0.98, 8), axis=0).diagonal()).astype(np.int64)


def test_median_takes_the_middle_then_upper_and_lower_neighbours_in_turn():
    # Sorted ascending the middle is ceil(7 / 2) = 4, counted from 0.
    scores = np.array([10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 22.0])
    shuffled = np.array([3, 6, 0, 5, 1, 4, 2])
    found = select(scores[shuffled], ONE_CLASS, 7)
    assert scores[shuffled][found[0]].tolist() == [18, 20, 16, 22, 14, 12, 10]


@pytest.mark.parametrize(("rule", "taken"), [("top", [6, 5, 4]), ("low", [0, 1, 2])])
def test_top_and_low_are_the_ends(rule, taken):
    assert select(np.arange(7.0), ONE_CLASS, 3, rule).tolist() == [taken]


def test_a_class_of_one_example_is_its_own_median():
    assert select(np.array([0.2]), np.zeros(1, np.int64), 1).tolist() == [[0]]


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=12, max_size=60),
    st.sampled_from(sorted(RULES)),
    st.integers(0, 99),
)
def test_every_rule_gives_each_class_its_own_examples_once(labels, rule, seed):
    labels = np.array(labels)
    counts = np.unique(labels, return_counts=True)[1]
    shape = (len(labels), 2) if rule == "data_map" else len(labels)
    scores = np.random.default_rng(seed).random(shape)
    found = select(scores, labels, int(counts.min()), rule, seed=seed)
    assert found.shape == (len(counts), counts.min())
    assert (labels[found] == np.unique(labels)[:, None]).all()
    assert len(np.unique(found)) == found.size
    np.testing.assert_array_equal(found, select(scores, labels, counts.min(), rule, seed=seed))


@given(st.integers(2, 40), st.integers(0, 99))
def test_higher_ranks_are_never_nearer_to_the_middle(n, seed):
    scores = np.random.default_rng(seed).random(n)
    rank = np.argsort(np.argsort(scores))
    distance = np.abs(rank[select(scores, np.zeros(n, np.int64), n)[0]] - min(-(-n // 2), n - 1))
    assert (np.diff(distance) >= 0).all()


def test_random_depends_on_the_seed_only():
    one, again, other = (select(None, ONE_CLASS, 5, "random", seed=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_data_map_keeps_its_histogram_where_others_distort_it():
    rng = np.random.default_rng(0)
    confidence = rng.beta(4, 2, size=3000)
    scores = np.stack([confidence, np.sqrt(confidence * (1 - confidence)) * rng.random(3000)], 1)

    def histogram(rows):
        found = np.histogram2d(*scores[rows].T, bins=4, range=[[0, 1], [0, 0.5]])[0]
        return found / found.sum()

    def distortion(rows):
        return np.abs(histogram(rows) - histogram(slice(None))).sum()

    labels = np.zeros(3000, np.int64)
    found = select(scores, labels, 64, "data_map")[0]
    by_chance = [distortion(select(None, labels, 64, "random", seed=seed)[0]) for seed in range(20)]
    assert distortion(found) < 0.8 * np.min(by_chance)
    assert distortion(select(scores[:, 0], labels, 64, "median")[0]) > np.max(by_chance)
    # The most confident come first, strip by strip.
    assert (np.diff(scores[found, 0].reshape(8, 8).min(1)) < 0).all()


def test_classes_are_cells_whatever_their_sizes_and_unlabelled_are_left_out():
    labels = np.array([2, -1, 0, 2, 0, -1, 2])
    found = select(np.arange(7.0), labels, 2, "top")
    assert found.tolist() == [[4, 2], [6, 3]]


def test_classes_that_exclude_each_other_have_cells_of_their_own_in_proportion():
    of = np.repeat(np.arange(4), [40, 30, 20, 10])
    found = cells(np.eye(4, dtype=np.int64)[of], 10, 3)
    assert [len(np.unique(found[of == each])) for each in range(4)] == [4, 3, 2, 1]
    assert len(np.unique(found)) == 10


@pytest.mark.parametrize("n", [50, 100, 200])
def test_cells_have_the_frequencies_of_pairs_of_labels(related, n):
    """Nearer to those of all than random draws are, by 30 % at least."""
    rng = np.random.default_rng(0)
    far = [
        np.linalg.norm(pairs(related[rng.permutation(2000)[:n]]) - pairs(related))
        for _ in range(50)
    ]
    mine = [select(None, related, 1, "random", n_cells=n, seed=seed).ravel() for seed in range(5)]
    near = [np.linalg.norm(pairs(related[rows]) - pairs(related)) for rows in mine]
    assert np.mean(near) < 0.7 * np.mean(far)


def test_rare_classes_get_their_floor():
    rng = np.random.default_rng(0)
    codes = (rng.random((5000, 4)) < [0.5, 0.5, 0.02, 0.004]).astype(np.int64)
    assert codes.sum(0)[3] < 25
    rows = select(None, codes, 5, "random", n_cells=50).ravel()
    # 250 examples of 8 classes: 25 of each are wanted, and there are 20 of the rarest.
    assert codes[rows].sum(0)[2] >= 25
    assert codes[rows].sum(0)[3] >= codes.sum(0)[3] // 5 * 5 >= 15
    assert (np.abs(codes[rows].mean(0)[:2] - 0.5) < 0.06).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10**6), st.integers(1, 6), st.integers(1, 5), st.integers(1, 12))
def test_cells_are_as_many_and_as_large_as_asked_for(seed, n_tasks, per_cell, n_cells):
    rng = np.random.default_rng(seed)
    codes = rng.integers(-1, 3, size=(n_cells * per_cell + int(rng.integers(0, 30)), n_tasks))
    labelled = (codes >= 0).any(1)
    if labelled.sum() < n_cells * per_cell:
        with pytest.raises(CoterieError, match=r"labelled examples|no label at all"):
            cells(codes, n_cells, per_cell)
        return
    found = cells(codes, n_cells, per_cell)
    assert (found[~labelled] == -1).all()
    counts = np.bincount(found[labelled], minlength=n_cells)
    assert len(counts) == n_cells
    assert counts.min() >= per_cell


def test_left_to_itself_there_is_a_cell_for_each_class_of_each_task():
    rng = np.random.default_rng(0)
    codes = np.stack([rng.integers(0, 2, 600), rng.integers(0, 3, 600), rng.integers(0, 2, 600)], 1)
    assert len(np.unique(cells(codes))) == 7
    one_vs_rest = np.eye(4, dtype=np.int64)[rng.integers(0, 4, 600)]
    found = cells(one_vs_rest)  # 8 classes, but 4 vectors of labels
    assert len(np.unique(found)) == 4
    assert all(len(np.unique(one_vs_rest[found == each], axis=0)) == 1 for each in range(4))


def test_examples_of_the_same_labels_are_dealt_out_in_turn():
    assert cells(np.zeros((6, 2), np.int64), 3).tolist() == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "best"}, "`rule` must be one of .*'median'"),
        ({"per_class": 8}, "`per_class` = 8 is more than there are of class 0: 7 examples"),
        ({"per_class": 0}, "`per_class`"),
        ({"scores": None}, r"`scores` must be finite numbers of shape \(7,\).* found none"),
        ({"scores": np.full(7, np.nan)}, "`scores` must be finite"),
        ({"scores": np.zeros(7), "rule": "data_map"}, r"shape \(7, 2\) .*'data_map'; found shape"),
        ({"labels": np.zeros(7)}, "`labels` must be an array of classes as whole numbers"),
        ({"labels": -np.ones(7, np.int64)}, "`labels` has no label"),
        ({"labels": np.zeros((7, 2), np.int64), "n_cells": 8}, "8 cells .* found 7"),
    ],
)
def test_what_cannot_be_selected_is_refused(arguments, message):
    given = {"scores": np.arange(7.0), "labels": ONE_CLASS, "per_class": 1, **arguments}
    with pytest.raises(CoterieError, match=message):
        select(given.pop("scores"), given.pop("labels"), given.pop("per_class"), **given)
