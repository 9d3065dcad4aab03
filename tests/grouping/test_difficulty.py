"""Groups of tasks that differ in difficulty only are not found, or are said to be that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import beta, norm
from sklearn.metrics import adjusted_rand_score

from coterie.datamaps import gram
from coterie.grouping import group
from coterie.grouping._automatic import ward_silhouettes
from coterie.grouping._difficulty import _one_factor, difficulty_share, least_silhouette
from tests.datamaps.planted import map_of


def hard_and_easy(
    n_tasks, seed, *, groups=1, within=0.0, means=(0.55, 0.95), gaps=0.0, mixed=False, n=600
):
    """Tasks whose mean confidences lie between ``means``, in groups t % ``groups``.

    Groups share a factor ``within``, all tasks one of 0.4.
    """
    random = np.random.default_rng([seed, n_tasks])
    common, own = random.standard_normal((n, 1)), random.standard_normal((n, n_tasks))
    shared = random.standard_normal((n, groups))[:, np.arange(n_tasks) % groups]
    scores = 0.4 * common + within * shared + np.sqrt(1 - 0.16 - within**2) * own
    mean = random.uniform(*means, n_tasks)
    confidence = beta.ppf(norm.cdf(scores), 4 * mean, 4 * (1 - mean))
    variability = np.sqrt(confidence * (1 - confidence)) * random.uniform(0.3, 0.7, own.shape)
    missing = random.uniform(size=own.shape) < gaps
    confidence[missing] = variability[missing] = np.nan
    kinds = tuple(("binary", "regression")[t % 2 if mixed else 0] for t in range(n_tasks))
    return map_of(confidence, variability, kinds)


@pytest.mark.parametrize("n_tasks", [5, 10, 20, 40])
def test_difficulty_alone_makes_no_groups(n_tasks):
    maps = [gram(hard_and_easy(n_tasks, seed)) for seed in range(8)]
    assert sum(group(each, "auto").n_groups > 1 for each in maps) <= 1
    # A silhouette of 0.1, which was once enough, is reached by most of them.
    largest = [max(ward_silhouettes(each.distances2).values()) for each in maps]
    assert sum(each > 0.1 for each in largest) >= 5


@pytest.mark.parametrize(
    ("changed", "features"),
    [({"gaps": 0.5}, "cells"), ({"mixed": True}, "cells"), ({}, "centred"), ({}, "density")],
)
def test_nor_with_gaps_mixed_kinds_or_other_features(changed, features):
    maps = [hard_and_easy(8, seed, **changed) for seed in range(8)]
    assert sum(group(each, "auto", features=features).n_groups > 1 for each in maps) <= 1


@pytest.mark.parametrize(
    ("features", "means"), [("cells", (0.72, 0.78)), ("centred", (0.55, 0.95))]
)
@pytest.mark.parametrize(("n_groups", "n_tasks"), [(2, 6), (2, 12), (3, 9), (4, 40)])
@pytest.mark.parametrize("within", [0.6, 0.85])
def test_groups_are_found_beside_difficulty(n_groups, n_tasks, within, features, means):
    data_map = hard_and_easy(n_tasks, 1, groups=n_groups, within=within, means=means)
    found = group(data_map, "auto", features=features)
    assert found.n_groups == n_groups
    assert adjusted_rand_score(found.labels, np.arange(n_tasks) % n_groups) == 1
    assert found.details["difficulty_share"] < 0.2


def test_what_is_needed_rises_with_unequal_difficulty_and_never_falls_below_a_tenth():
    equal = gram(map_of(np.random.default_rng(0).uniform(0.4, 0.9, (2_000, 12))))
    unequal = gram(hard_and_easy(12, 0))
    assert least_silhouette(equal) == 0.1
    assert 0.15 < least_silhouette(unequal) < 0.5
    assert least_silhouette(unequal, seed=0) == least_silhouette(unequal, seed=0)
    assert abs(least_silhouette(unequal, seed=1) - least_silhouette(unequal, seed=0)) < 0.03


def test_the_order_of_tasks_has_no_influence():
    data_map, order = hard_and_easy(9, 3), np.random.default_rng(0).permutation(9)
    names = ("confidence", "variability", "correctness", "count")
    other = replace(data_map, **{name: getattr(data_map, name)[:, order] for name in names})
    assert least_silhouette(gram(data_map)) == pytest.approx(least_silhouette(gram(other)))


def test_the_factor_is_found_among_noise_and_not_where_there_is_none():
    loadings = np.linspace(0.1, 0.9, 12)
    random = np.random.default_rng(0)
    noise = random.normal(0, 0.02, (12, 12))
    error = np.full((12, 12), 0.02)
    found = _one_factor(np.outer(loadings, loadings) + (noise + noise.T) / 2, error)
    np.testing.assert_allclose(found, loadings, atol=0.03)
    for nothing in (-np.ones((12, 12)), np.zeros((12, 12))):
        np.testing.assert_array_equal(_one_factor(nothing, error), 0)


def test_the_factor_is_what_groups_have_in_common_not_one_of_them():
    labels = np.arange(12) % 2
    correlation = np.where(labels[:, None] == labels, 0.7, 0.16)
    found = _one_factor(correlation, np.full((12, 12), 0.01))
    np.testing.assert_allclose(found, 0.4, atol=0.02)


def levels(means, apart=0.0, groups=None, n=4_000):
    """A map whose tasks have these mean confidences and patterns of their own, or of their groups."""
    random = np.random.default_rng(0)
    n_tasks = len(means)
    own = random.choice([-1, 1], (n, n_tasks if groups is None else max(groups) + 1))
    return gram(
        map_of(np.asarray(means) + apart * own[:, range(n_tasks) if groups is None else groups])
    )


def test_share_of_difficulty_by_hand():
    halves = np.array([0, 0, 1, 1])
    # Nothing but levels: all of it. Patterns of groups at one level: nothing of it.
    assert difficulty_share(levels([0.2, 0.2, 0.8, 0.8]), halves) == pytest.approx(1)
    same = levels([0.5] * 4, 0.1, groups=halves)
    assert difficulty_share(same, halves) == pytest.approx(0, abs=1e-3)
    # Levels 0.2 apart, patterns at a mean squared distance of 2 * 0.1 ** 2: 0.04 of 0.06.
    both = levels([0.4, 0.4, 0.6, 0.6], 0.1, groups=halves)
    assert difficulty_share(both, halves) == pytest.approx(2 / 3, abs=0.02)
    # Patterns of each task's own tell no groups apart: what is left is difficulty.
    alone = levels([0.4, 0.4, 0.6, 0.6], 0.1)
    assert difficulty_share(alone, halves) > 0.95
    assert difficulty_share(levels([0.4, 0.6, 0.4, 0.6], 0.1, groups=halves), halves) == 0


def test_share_where_there_is_nothing_to_split():
    found = levels([0.2, 0.2, 0.8, 0.8])
    assert difficulty_share(found, np.zeros(4, dtype=int)) is None
    assert difficulty_share(replace(found, margins=None), np.array([0, 0, 1, 1])) is None
    assert "difficulty_share" not in group(found, 1).details


def test_densities_hold_nothing_else():
    data_map = hard_and_easy(8, 0)
    found = group(data_map, 2, features="density")
    assert found.details["difficulty_share"] == 1
    assert group(data_map, "auto", features="density").details["least_silhouette"] == 1


def test_strata_are_known_by_their_share():
    for seed in range(3):
        data_map = hard_and_easy(12, seed)
        assert group(data_map, 2).details["difficulty_share"] > 0.8
        assert group(data_map, 2, features="centred").details["difficulty_share"] < 1e-9
        assert group(data_map, 2, method="points").details["difficulty_share"] > 0.8
