"""Affinities without groups: what of those measured they keep, and how rarely they look grouped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.grouping import group
from coterie.grouping._automatic import DRAWS
from coterie.grouping._chance import affinities_by_chance
from coterie.grouping._standardised import deviations, standardised
from coterie.results import Affinity

MATRICES = 12


def affinity_of(matrix):
    names = tuple(f"task {i}" for i in range(len(matrix)))
    return Affinity(tasks=names, matrix=matrix, method="by hand")


def gaussian(n_tasks, random):
    return random.standard_normal((n_tasks, n_tasks))


def symmetric(n_tasks, random):
    drawn = gaussian(n_tasks, random)
    return drawn + drawn.T


def skewed(n_tasks, random):
    return symmetric(n_tasks, random) ** 2


def popular(n_tasks, random):
    """Some tasks help all others, and are helped, more than others are."""
    liked = np.linspace(0, 4, n_tasks)
    return liked[:, None] + liked + gaussian(n_tasks, random)


def one_factor(n_tasks, random):
    loadings = random.uniform(0.2, 0.9, n_tasks)
    return np.outer(loadings, loadings) + 0.02 * symmetric(n_tasks, random)


def directions(n_tasks, random):
    """Cosines of gradients that point anywhere in eight dimensions."""
    drawn = random.standard_normal((n_tasks, 8))
    drawn /= np.linalg.norm(drawn, axis=1, keepdims=True)
    return drawn @ drawn.T


@pytest.mark.parametrize(
    "kind", [gaussian, symmetric, skewed, popular, one_factor, directions], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("n_tasks", [6, 9])
def test_what_has_no_groups_is_not_grouped(kind, n_tasks):
    random = np.random.default_rng([n_tasks, len(kind.__name__)])
    matrices = [kind(n_tasks, random) for _ in range(MATRICES)]
    several = [group(affinity_of(matrix), "auto").n_groups > 1 for matrix in matrices]
    # At most 5 % each: more than two of twelve in one case of fifty.
    assert sum(several) <= 2


@given(st.integers(3, 9), st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_they_keep_the_effects_of_tasks_and_as_much_between_pairs(n_tasks, seed):
    random = np.random.default_rng(seed)
    given = deviations(gaussian(n_tasks, random) + 3 * random.standard_normal((n_tasks, 1)))
    measured = (given + given.T) / 2
    drawn = list(affinities_by_chance(given, random))
    assert len(drawn) == 2 * DRAWS
    for each in drawn:
        np.testing.assert_allclose(each, each.T, atol=1e-12)
        np.testing.assert_array_equal(np.diag(each), 0)
    turned = drawn[DRAWS:]
    squares = [np.square(without_effects(each)).sum() for each in (measured, *turned)]
    assert np.mean(squares[1:]) <= squares[0] + 1e-9
    effects = np.mean([each.sum(axis=1) for each in turned], axis=0)
    spread = np.std([each.sum(axis=1) for each in turned], axis=0).max() / DRAWS**0.5
    np.testing.assert_allclose(effects, measured.sum(axis=1), atol=6 * spread + 1e-9)


def without_effects(matrix):
    """Residuals of a symmetric matrix without a diagonal, by least squares."""
    n_tasks = len(matrix)
    first, second = np.triu_indices(n_tasks, 1)
    design = np.eye(n_tasks)[first] + np.eye(n_tasks)[second]
    values = matrix[first, second]
    return values - design @ np.linalg.lstsq(design, values, rcond=None)[0]


def test_a_task_that_all_others_like_is_still_the_one():
    matrix = gaussian(8, np.random.default_rng(0))
    matrix[3] += 10  # task 3 helps all
    for each in affinities_by_chance(deviations(matrix), np.random.default_rng(1)):
        assert each.sum(axis=1).argmax() == 3


def test_equal_affinities_have_nothing_to_exchange():
    for each in affinities_by_chance(np.zeros((5, 5)), np.random.default_rng(0)):
        np.testing.assert_array_equal(each, 0)
    assert (standardised(np.ones((5, 5))) == 0).all()
