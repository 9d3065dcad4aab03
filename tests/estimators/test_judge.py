"""Judging estimates: what a blind guess is worth, correlations and totals by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr, spearmanr

from coterie.errors import CoterieError
from coterie.estimators.judge import (
    blind_baseline,
    relative_distance,
    served_score,
    within_target_correlation,
)
from tests.estimators.planted import every_subset, setting_1


def noisy(seed, n_tasks=4):
    rng = np.random.default_rng(seed)
    subsets = every_subset(n_tasks)
    true = np.where(subsets, rng.normal(size=subsets.shape) + 10 * rng.normal(size=n_tasks), np.nan)
    return true + 0.5 * rng.normal(size=true.shape), true, subsets


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_correlations_equal_those_of_scipy_target_by_target(seed):
    estimated, true, subsets = noisy(seed)
    joint = subsets.sum(1) > 1
    cells = [
        (estimated[rows, t], true[rows, t])
        for t in range(4)
        for rows in [joint & (subsets[:, t] > 0)]
    ]
    centred = [
        np.concatenate([side - side.mean() for side in sides]) for sides in zip(*cells, strict=True)
    ]
    assert within_target_correlation(estimated, true, subsets) == pytest.approx(
        pearsonr(*centred).statistic
    )
    ranks = np.mean([spearmanr(*pair).statistic for pair in cells])
    assert within_target_correlation(estimated, true, subsets, "spearman") == pytest.approx(ranks)


def test_centring_ignores_what_a_target_scores_on_average():
    estimated, true, subsets = noisy(0)
    shifted = within_target_correlation(estimated + np.array([0, 100, -5, 3]), true - 7, subsets)
    assert shifted == pytest.approx(within_target_correlation(estimated, true, subsets))


def test_singles_are_left_out():
    estimated, true, subsets = noisy(1)
    spoiled = np.where(subsets.sum(1, keepdims=True) == 1, 1e6, estimated)
    assert within_target_correlation(spoiled, true, subsets) == within_target_correlation(
        estimated, true, subsets
    )


def test_a_blind_guess_is_near_and_knows_nothing():
    """The warning of the note: a small distance is no evidence."""
    table = setting_1("test")
    guess = blind_baseline(table.scores[-1], table.subsets)
    assert np.isnan(guess).sum() == np.isnan(table.scores).sum()
    assert relative_distance(guess, table.scores) < 0.15
    assert within_target_correlation(guess, table.scores, table.subsets) == 0
    assert within_target_correlation(guess, table.scores, table.subsets, "spearman") == 0
    assert np.isnan(within_target_correlation(table.scores, guess, table.subsets))


def test_relative_distance_by_hand():
    true = np.array([[3.0, np.nan], [0.0, 4.0]])
    assert relative_distance(np.array([[3.0, 1.0], [3.0, 4.0]]), true) == pytest.approx(3 / 5)
    assert relative_distance(true, true) == 0


def test_totals_by_hand():
    scores = np.array([[0.9, np.nan], [0.6, 0.7], [np.nan, 0.8]])
    assert served_score(np.array([1, 2]), scores) == pytest.approx(1.4)
    assert served_score(np.array([1, 1]), scores) == pytest.approx(1.3)


def test_mistakes_are_named():
    estimated, true, subsets = noisy(2)
    with pytest.raises(CoterieError, match="`kind` must be"):
        within_target_correlation(estimated, true, subsets, "kendall")  # type: ignore[arg-type]
    with pytest.raises(CoterieError, match="must agree in shape"):
        within_target_correlation(estimated[:2], true, subsets)
    estimated[6, 1] = np.nan
    with pytest.raises(CoterieError, match="missing where the truth is known: row 6, task 1"):
        relative_distance(estimated, true)
    with pytest.raises(CoterieError, match="task 1 to row 0, which has no score"):
        served_score(np.array([0, 0]), np.array([[0.9, np.nan]]))
    with pytest.raises(CoterieError, match="one of 1 rows"):
        served_score(np.array([0, 1]), np.array([[0.9, np.nan]]))
