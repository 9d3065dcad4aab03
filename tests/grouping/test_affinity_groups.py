"""Groups of an affinity.

The relaxation against its definition and brute force, planted groups, equivariance, refusals.
"""

from __future__ import annotations

from functools import partial
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from coterie.errors import CoterieError
from coterie.grouping import AFFINITY_METHODS, METHODS, group, stability
from coterie.grouping import sdp as sdp_module
from coterie.grouping._affinities import TaskAffinities, profile_distances
from coterie.grouping._method import Settings
from coterie.grouping._standardised import standardised
from coterie.grouping.hierarchical import average_linkage
from coterie.grouping.sdp import (
    affine_projection,
    density,
    density_sdp,
    improve_density,
    relax,
    sdp,
)
from coterie.grouping.spectral import spectral
from coterie.results import Affinity, Grouping
from tests.datamaps.planted import planted_map
from tests.grouping.published import TAG_CELEBA

# What is read standardised; "principled" reads affinities as they are.
STANDARDISED = [name for name in AFFINITY_METHODS if name != "principled"]
SIZES = [(1, 2), (2, 2), (3, 4), (2, 3, 4), (1, 3, 5), (4, 4, 4, 4)]


def affinity_of(matrix, method="by hand"):
    return Affinity(
        tasks=tuple(f"task {i}" for i in range(len(matrix))),
        matrix=np.asarray(matrix, dtype=float),
        method=method,
    )


def planted(labels, noise=0.0, seed=0):
    """1 within groups, 0 between, and independent noise in each direction."""
    labels = np.asarray(labels)
    return np.equal.outer(labels, labels) + noise * np.random.default_rng(seed).normal(
        size=(len(labels), len(labels))
    )


def noise_of(n_tasks, seed, *, symmetric=False):
    drawn = np.random.default_rng(seed).normal(size=(n_tasks, n_tasks))
    return drawn + drawn.T if symmetric else drawn


def told(n_groups):
    return Settings(n_groups=n_groups, fuzziness=2.0, restarts=3, seed=0)


def partitions(n_tasks, n_groups):
    """All labelings that use every group, groups in order of their first task."""
    for labels in product(range(n_groups), repeat=n_tasks):
        if list(dict.fromkeys(labels)) == list(range(n_groups)):
            yield np.array(labels)


@given(st.integers(2, 9), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_affine_projection_is_the_nearest_matrix_within_the_constraints(n_tasks, seed):
    given = noise_of(n_tasks, seed, symmetric=True)
    trace = 1 + seed % n_tasks
    found = affine_projection(torch.from_numpy(given), trace).numpy()
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-10)
    np.testing.assert_allclose(np.trace(found), trace, atol=1e-10)
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    eye, ones = np.eye(n_tasks), np.ones((1, n_tasks))
    constraints = np.vstack([np.kron(eye, ones), np.kron(ones, eye), eye.reshape(1, -1)])
    gaps = np.append(np.ones(2 * n_tasks), trace) - constraints @ given.ravel()
    nearest = given.ravel() + np.linalg.pinv(constraints) @ gaps
    np.testing.assert_allclose(found.ravel(), nearest, atol=1e-9)


def test_relaxation_is_feasible_and_finds_planted_groups():
    labels = np.arange(20) % 4
    matrix = standardised(planted(labels, noise=0.3))
    relaxed, details = density_sdp(matrix, 4, tolerance=1e-6)
    assert details["converged"]
    assert details["residual"] <= 1e-6
    np.testing.assert_allclose(relaxed.sum(axis=0), 1, atol=1e-10)
    np.testing.assert_allclose(np.trace(relaxed), 4, atol=1e-10)
    assert relaxed.min() > -1e-4
    assert np.linalg.eigvalsh(relaxed).min() > -1e-4
    np.testing.assert_allclose(relaxed, np.equal.outer(labels, labels) / 5, atol=1e-3)
    assert (matrix * relaxed).sum() >= density(matrix, labels) - 1e-3


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_groups", [2, 3])
def test_no_partition_exceeds_the_relaxation_and_rounding_reaches_the_best(seed, n_groups):
    matrix = standardised(planted(np.arange(7) % n_groups, noise=0.6, seed=seed))
    best = max(density(matrix, labels) for labels in partitions(7, n_groups))
    found = sdp(matrix, told(n_groups))
    assert found.details["relaxed_density"] >= best - 1e-3
    assert density(matrix, found.membership.argmax(axis=1)) == pytest.approx(best, rel=1e-9)


@pytest.mark.parametrize("n_groups", [1, 4])
def test_relaxation_with_nothing_to_choose(n_groups):
    relaxed, _ = density_sdp(noise_of(4, 0), n_groups)
    np.testing.assert_allclose(
        relaxed, np.full((4, 4), 0.25) if n_groups == 1 else np.eye(4), atol=1e-3
    )


def test_relaxation_reads_both_directions_and_any_scale():
    matrix = planted([0, 0, 1, 1, 1], noise=0.3)
    one, _ = density_sdp(matrix, 2)
    for other in (matrix.T, 1e6 * matrix, (1e-6 * matrix).astype(np.float32), matrix - 5):
        np.testing.assert_allclose(density_sdp(other, 2)[0], one, atol=1e-5)


def test_density_by_hand():
    matrix = np.array([[1.0, 3.0, -1.0], [5.0, 2.0, 0.5], [0.0, 1.5, 4.0]])
    assert density(matrix, np.array([0, 0, 0])) == pytest.approx(16 / 3)
    assert density(matrix, np.array([0, 0, 1])) == pytest.approx(11 / 2 + 4)
    assert density(matrix, np.array([0, 1, 1])) == pytest.approx(1 + 8 / 2)
    assert density(matrix, np.array([2, 0, 1])) == pytest.approx(7)


@given(
    st.integers(0, 10**6),
    st.lists(st.integers(0, 3), min_size=2, max_size=10),
    st.floats(-9, 9),
    st.floats(-9, 9),
)
@settings(max_examples=40, deadline=None)
def test_neither_a_common_diagonal_nor_a_common_affinity_prefers_a_partition(
    seed, labels, diagonal, between
):
    labels = np.unique(labels, return_inverse=True)[1]
    n_tasks, n_groups = len(labels), labels.max() + 1
    matrix, eye = noise_of(n_tasks, seed), np.eye(len(labels))
    shifted = density(matrix + diagonal * eye + between * (1 - eye), labels) - density(
        matrix, labels
    )
    assert shifted == pytest.approx(n_groups * diagonal + (n_tasks - n_groups) * between, abs=1e-9)


@given(st.integers(0, 10**6), st.lists(st.integers(0, 3), min_size=2, max_size=10))
@settings(max_examples=40, deadline=None)
def test_moves_end_where_no_move_is_better(seed, labels):
    labels = np.unique(labels, return_inverse=True)[1]
    n_groups, matrix = labels.max() + 1, noise_of(len(labels), seed)
    found = improve_density(matrix, labels)
    reached = density(matrix, found)
    assert reached >= density(matrix, labels) - 1e-12
    assert np.bincount(found, minlength=n_groups).min() >= 1
    for task, to in product(range(len(labels)), range(n_groups)):
        moved = np.where(np.arange(len(labels)) == task, to, found)
        if len(np.unique(moved)) == n_groups:
            assert density(matrix, moved) <= reached + 1e-8


def test_standardising_by_hand():
    # deviations of each target (column) from its mean, in standard deviations; then the mean of
    # both directions
    matrix = np.array([[np.nan, 10, 7, 1], [1, 50, 7, 2], [2, 10, 7, 0], [3, 40, 7, 9]])
    a, b = np.sqrt(1.5), np.sqrt(0.5)
    # Target 2 treats all alike.
    deviations = np.array([[0, -b, 0, 0], [-a, 0, 0, a], [0, -b, 0, -a], [a, 2 * b, 0, 0]])
    np.testing.assert_allclose(standardised(matrix), (deviations + deviations.T) / 2, atol=1e-5)


@given(st.integers(3, 8), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_scale_and_level_of_a_target_do_not_matter(n_tasks, seed):
    random = np.random.default_rng(seed)
    matrix = noise_of(n_tasks, seed)
    other = matrix * 10.0 ** random.integers(-3, 4, n_tasks) * random.uniform(1, 2, n_tasks)
    np.testing.assert_allclose(
        standardised(other + np.diag(random.normal(size=n_tasks))), standardised(matrix), atol=1e-9
    )
    level = other + other.std(axis=0) * random.normal(size=n_tasks)
    # A millionth of the largest is added to the scale, which counts where a target's affinities are
    # nearly equal.
    atol = 1e-9 + 3e-6 * max(largest_by_spread(matrix), largest_by_spread(level))
    np.testing.assert_allclose(standardised(level), standardised(matrix), atol=atol)


def largest_by_spread(matrix):
    """By how many standard deviations a target's affinities are from 0 at most, but its own."""
    others = matrix.T[~np.eye(len(matrix), dtype=bool)].reshape(len(matrix), -1)
    return (np.abs(others).max(axis=1) / others.std(axis=1)).max()


@pytest.mark.parametrize("method", STANDARDISED)
@pytest.mark.parametrize("sizes", SIZES)
def test_methods_find_blocks_whatever_the_scale_of_a_target(method, sizes):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    matrix = planted(labels) * np.linspace(1, 50, len(labels)) - np.linspace(0, 9, len(labels))
    np.fill_diagonal(matrix, np.nan)
    found = group(affinity_of(matrix), len(sizes), method=method)
    assert found.labels.tolist() == labels.tolist()
    np.testing.assert_array_equal(found.membership, np.eye(len(sizes))[labels])
    assert found.method == method
    assert (found.distances, found.fuzziness) == (None, None)


def test_three_tasks_by_hand():
    # target a prefers b, b prefers a, c prefers b; b does more for c than c for b: a and b belong
    # together
    matrix = [[0, 5, 1], [9, 0, 3], [2, 1, 0]]
    for method in STANDARDISED:
        found = group(affinity_of(matrix), 2, method=method)
        assert found.groups == (("task 0", "task 1"), ("task 2",))
        # Both deviations are +1: (1 + 1) / 2.
        assert found.details["density"] == pytest.approx(1, abs=1e-5)


def test_a_task_that_helps_no_other_stays_alone():
    matrix = np.array([[0, 5, 4, -3], [5, 0, 5, -3], [4, 5, 0, -4], [-8, -9, -7, 0]], dtype=float)
    for method in STANDARDISED:
        assert group(affinity_of(matrix), 2, method=method).labels.tolist() == [0, 0, 0, 1]
        lowered = matrix - 100  # every pair harms: only which pairs harm less decides
        assert group(affinity_of(lowered), 2, method=method).labels.tolist() == [0, 0, 0, 1]


@given(st.permutations(range(9)), st.integers(0, 20), st.sampled_from(STANDARDISED))
@settings(max_examples=20, deadline=None)
def test_the_order_of_tasks_has_no_influence(order, seed, method):
    affinity = affinity_of(planted([0, 0, 1, 2, 1, 1, 2, 0, 2], noise=0.2, seed=seed))
    order = np.array(order)
    other = Affinity(
        tasks=tuple(np.array(affinity.tasks)[order].tolist()),
        matrix=affinity.matrix[np.ix_(order, order)],
        method="by hand",
    )
    one, again = group(affinity, 3, method=method), group(other, 3, method=method)
    assert set(map(frozenset, one.groups)) == set(map(frozenset, again.groups))
    assert one.details["density"] == pytest.approx(again.details["density"])


@pytest.mark.parametrize(
    ("method", "least"), [("sdp", 0.9), ("spectral", 0.8), ("hierarchical", 0.5)]
)
def test_a_hundred_noisy_tasks(method, least):
    labels = np.arange(100) % 10
    found = group(affinity_of(planted(labels, noise=1.0)), 10, method=method)
    assert adjusted_rand_score(found.labels, labels) >= least


def test_groups_of_unequal_sizes():
    labels = np.repeat(np.arange(4), (2, 3, 5, 15))
    found = group(affinity_of(planted(labels, noise=0.3)), 4)
    assert found.labels.tolist() == labels.tolist()


@pytest.mark.parametrize("method", STANDARDISED)
@pytest.mark.parametrize("n_groups", [1, 3, 5, 6])
def test_noise_and_equal_affinities_still_give_that_many_groups(method, n_groups):
    for matrix in (noise_of(6, 1), np.full((6, 6), 0.7)):
        found = group(affinity_of(matrix), n_groups, method=method)
        np.testing.assert_array_equal(found.membership.sum(axis=1), 1)
        assert found.n_groups == n_groups
        if method != "spectral":  # where tasks coincide k-means cannot tell them apart
            assert (found.membership.sum(axis=0) >= 1).all()
    assert group(affinity_of([[0, 1], [2, 0]]), 2, method=method).labels.tolist() == [0, 1]


def test_linkage_cuts_ties_at_exactly_k():
    for n_groups in range(1, 6):
        assert len(np.unique(average_linkage(np.ones((5, 5)), n_groups))) == n_groups


def test_edges_of_the_graph_are_never_negative(monkeypatch):
    import sklearn.cluster

    seen = []

    class Recording(sklearn.cluster.SpectralClustering):
        def fit(self, X, y=None):
            seen.append(X)
            return super().fit(X, y)

    monkeypatch.setattr(sklearn.cluster, "SpectralClustering", Recording)
    matrix = standardised(planted([0, 0, 0, 1, 1, 1], noise=0.1))
    spectral(matrix, told(2))
    assert (seen[0] > 0).all()
    between = ~np.eye(6, dtype=bool)
    assert (seen[0][between].argsort() == matrix[between].argsort()).all()


@pytest.mark.parametrize(
    ("n_groups", "n_tasks", "noise"),
    [(2, 6, 0.1), (2, 7, 0.0), (3, 9, 0.2), (3, 12, 0.4), (4, 20, 0.2), (5, 40, 0.4)],
)
def test_auto_finds_planted_groups(n_groups, n_tasks, noise):
    labels = np.arange(n_tasks) % n_groups
    for seed in range(3):
        affinity = affinity_of(planted(labels, noise=noise, seed=seed))
        found = group(affinity, "auto")
        assert found.labels.tolist() == labels.tolist()
        silhouettes = found.details["silhouette"]
        assert max(silhouettes, key=silhouettes.get) == str(n_groups)
        least = TaskAffinities(affinity, sdp).least_silhouette()
        assert found.details["least_silhouette"] == least < max(silhouettes.values())


def test_of_four_tasks_even_clear_groups_may_be_chance():
    # Of the 15 ways in which chance may draw two alike pairs of four tasks three are two groups.
    assert group(affinity_of(planted([0, 0, 1, 1])), "auto").n_groups == 1


def test_the_least_silhouette_is_of_the_seed_and_not_of_the_order():
    affinity, order = planted([0, 0, 1, 2, 1, 1, 2, 0, 2], noise=0.5), [3, 1, 8, 0, 2, 7, 5, 6, 4]
    other = affinity[np.ix_(order, order)]
    least = [
        TaskAffinities(affinity_of(each), sdp).least_silhouette(seed)
        for each, seed in ((affinity, 0), (affinity, 0), (other, 0), (affinity, 1))
    ]
    assert least[0] == least[1] == pytest.approx(least[2])
    assert least[0] != least[3]
    assert abs(least[0] - least[3]) < 0.2


@given(st.integers(3, 9), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_tasks_are_as_far_apart_as_their_affinities_to_others(n_tasks, seed):
    matrix = standardised(noise_of(n_tasks, seed))
    found = profile_distances(matrix)
    for one, two in product(range(n_tasks), repeat=2):
        others = [t for t in range(n_tasks) if t not in (one, two)]
        by_hand = 0 if one == two else np.square(matrix[one] - matrix[two])[others].mean()
        assert found[one, two] == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("n_tasks", [2, 3, 7])
def test_auto_answers_one_where_all_affinities_are_equal(n_tasks):
    assert group(affinity_of(np.full((n_tasks, n_tasks), 3.0)), "auto").n_groups == 1


def test_details_are_told_and_saved(tmp_path):
    found = group(affinity_of(planted([0, 1, 0, 1, 1, 0], noise=0.2), method="lookahead"), "auto")
    assert found.details["measure"] == "lookahead"
    assert "diagonal 0" in found.details["preparation"]
    assert found.details["relaxed_density"] == pytest.approx(found.details["density"], rel=1e-3)
    assert found.details["converged"]
    found.save(tmp_path / "grouping.json")
    assert Grouping.load(tmp_path / "grouping.json").to_dict() == found.to_dict()


def test_an_unfinished_relaxation_is_told(monkeypatch):
    monkeypatch.setattr(sdp_module, "relax", partial(relax, max_iterations=3))
    labels = [0, 0, 1, 1, 2, 2]
    found = group(affinity_of(planted(labels)), 3)
    assert not found.details["converged"]
    assert "stopped after 3 iterations" in found.details["notes"][0]
    assert found.labels.tolist() == labels


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"method": "kmeans"},
            "`method` must be one of sdp, spectral, hierarchical, principled; found 'kmeans', which groups "
            "data maps",
        ),
        (
            {"method": "sdq"},
            "`method` must be one of sdp, spectral, hierarchical, principled; found 'sdq'\\.",
        ),
        ({"n_groups": 5}, "5 groups of 4 tasks: fewer tasks than groups"),
        ({"n_groups": 0}, "`n_groups` must be a whole number of at least 1, or 'auto'; found 0"),
        ({"restarts": 0}, "`restarts` must be at least 1"),
    ],
)
def test_bad_settings_are_refused(arguments, message):
    with pytest.raises(CoterieError, match=message):
        group(affinity_of(np.eye(4)), **{"n_groups": 2, **arguments})


def test_bad_sources_are_refused():
    matrix = np.ones((3, 3))
    matrix[2, 0] = np.nan
    with pytest.raises(
        CoterieError, match=r"1 pairs that were never measured .*'task 2' to 'task 0'"
    ):
        group(affinity_of(matrix), 2)
    with pytest.raises(
        CoterieError, match=r"must be one of fuzzy-kmeans, .*; found 'sdp', which groups affinities"
    ):
        group(planted_map(2, 4, 40), 2, method="sdp")
    with pytest.raises(
        CoterieError,
        match=r"`source` must be a DataMap, its Gram, an Affinity or a Fit .*; found ndarray",
    ):
        group(np.eye(3), 2)
    with pytest.raises(CoterieError, match="an affinity keeps no examples to resample"):
        stability(affinity_of(np.eye(3)), 2)
    assert not set(METHODS) & set(AFFINITY_METHODS)


@pytest.mark.parametrize(
    ("matrix", "n_groups", "message"),
    [
        (np.ones((2, 3)), 2, "square"),
        (np.ones((1, 1)), 1, "square"),
        (np.full((3, 3), np.nan), 2, "finite"),
        (np.eye(3), 4, "from 1 to 3"),
        (np.eye(3), 0, "from 1 to 3"),
    ],
)
def test_the_relaxation_refuses_what_it_cannot_solve(matrix, n_groups, message):
    with pytest.raises(CoterieError, match=message):
        density_sdp(matrix, n_groups)


@pytest.mark.parametrize("n_groups", [2, 3])
def test_published_look_aheads_are_grouped_best(n_groups):
    matrix = standardised(TAG_CELEBA.T)
    best = max(partitions(9, n_groups), key=lambda labels: density(matrix, labels))
    found = group(affinity_of(TAG_CELEBA.T), n_groups)
    assert found.labels.tolist() == best.tolist()
    hair = found.labels[[1, 2, 3]]
    assert (hair == hair[0]).all()
    assert found.labels[4] == found.labels[5] != hair[0]  # goatee and mustache
