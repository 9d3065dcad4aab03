"""The clusterings: planted groups, limits, closed forms, refusals."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score

from coterie.datamaps import gram
from coterie.errors import CoterieError
from coterie.grouping import METHODS, group
from coterie.grouping._method import Settings
from coterie.grouping.fuzzy_cmeans import fuzzy_cmeans
from coterie.grouping.points import point_votes
from coterie.results import Grouping, fuzzy_membership
from tests.datamaps.planted import map_of, planted_map

ON_DISTANCES = ("fuzzy-kmeans", "fuzzy-cmeans", "kmeans")


@pytest.mark.parametrize("method", ON_DISTANCES)
@pytest.mark.parametrize("n_groups", [2, 3, 5])
@pytest.mark.parametrize("gaps", [0.0, 0.3])
def test_planted_groups_are_found(method, n_groups, gaps):
    data_map = planted_map(n_groups, 11, 300, gaps=gaps)
    found = group(data_map, n_groups, method=method)
    np.testing.assert_array_equal(found.labels, np.arange(11) % n_groups)
    assert found.tasks == data_map.tasks
    assert found.distances.shape == (11, n_groups)


def test_points_separate_easy_from_hard_tasks():
    random = np.random.default_rng(0)
    levels = np.array([0.9, 0.3, 0.9, 0.3])
    data_map = map_of(
        random.normal(levels, 0.05, (200, 4)).clip(0, 1), random.uniform(0, 0.1, (200, 4))
    )
    found = group(data_map, 2, method="points")
    np.testing.assert_allclose(found.membership, [[1, 0], [0, 1]] * 2)
    assert found.distances is None
    with pytest.raises(CoterieError, match="one reading only"):
        found.membership_at(2.0)


def test_votes_by_hand():
    histograms = np.zeros((2, 2, 4, 1))
    histograms[0, 0, [0, 3], 0] = 3, 1
    histograms[1, 0, 3, 0] = 4
    histograms[0, 1, 1, 0] = 2
    settings = Settings(n_groups=2, fuzziness=2, restarts=3, seed=0)
    membership = point_votes(histograms, 1.0, settings).membership
    low = membership[1].argmax()
    np.testing.assert_allclose(membership[:, low], [3 / 8, 1])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_groups", [1, 2, 4])
def test_rows_sum_to_one(method, n_groups):
    found = group(planted_map(2, 4, 60, gaps=0.1), n_groups, method=method)
    assert found.membership.shape == (4, n_groups)
    assert (found.membership >= 0).all()
    np.testing.assert_allclose(found.membership.sum(axis=1), 1)
    np.testing.assert_array_equal(found.weights(), found.membership.T)


def test_three_tasks_by_hand():
    # tasks at confidence .2, .4 and .9: centres .3 and .9; task 0 is .1 from one and .7 from the
    # other
    found = group(map_of(np.tile([0.2, 0.4, 0.9], (40, 1))), 2, fuzziness=2.0)
    near = 1 / (1 + (0.1 / 0.7) ** 2)
    nearer = 1 / (1 + (0.1 / 0.5) ** 2)
    np.testing.assert_allclose(
        found.membership, [[near, 1 - near], [nearer, 1 - nearer], [0, 1]], atol=1e-9
    )
    np.testing.assert_allclose(
        found.distances, np.array([[0.01, 0.49], [0.01, 0.25], [0.36, 0]]) / 2, atol=1e-12
    )
    np.testing.assert_allclose(found.membership_at(1.5)[0, 0], 1 / (1 + (0.1 / 0.7) ** 4))


def test_fuzzy_cmeans_is_a_fixed_point():
    points = np.random.default_rng(0).normal(size=(12, 3)) + np.repeat(
        [[0, 0, 0], [4, 0, 0]], 6, axis=0
    )
    found = fuzzy_cmeans(points, Settings(n_groups=2, fuzziness=2.0, restarts=3, seed=0))
    powers = found.membership**2
    centres = powers.T @ points / powers.sum(axis=0)[:, None]
    again = fuzzy_membership(np.square(points[:, None] - centres).sum(-1), 2.0)
    np.testing.assert_allclose(again, found.membership, atol=0.01)
    assert found.details["rounds"] < 300


@pytest.mark.parametrize("method", ["fuzzy-kmeans", "fuzzy-cmeans"])
def test_limits_of_the_fuzziness(method):
    data_map = planted_map(3, 9, 100)
    hard = group(data_map, 3, method=method, fuzziness=1.0001)
    np.testing.assert_allclose(hard.membership, np.eye(3)[np.arange(9) % 3], atol=1e-9)
    soft = group(data_map, 3, method=method, fuzziness=1000.0)
    np.testing.assert_allclose(soft.membership, 1 / 3, atol=0.01)


@given(st.integers(0, 50), st.permutations(range(8)), st.sampled_from(ON_DISTANCES))
@settings(max_examples=15, deadline=None)
def test_relabelling_tasks_permutes_memberships(seed, order, method):
    data_map = planted_map(3, 8, 60, seed=seed, noise=0.2)
    order = np.array(order)
    parts = {
        n: getattr(data_map, n)[:, order]
        for n in ("confidence", "variability", "correctness", "count")
    }
    one = group(data_map, 3, method=method, fuzziness=1.5, restarts=3).membership[order]
    other = group(
        replace(data_map, tasks=tuple(np.array(data_map.tasks)[order]), **parts),
        3,
        method=method,
        fuzziness=1.5,
        restarts=3,
    )
    assert any(
        np.allclose(one[:, list(columns)], other.membership, atol=1e-6)
        for columns in permutations(range(3))
    )


@pytest.mark.parametrize("method", METHODS)
def test_tasks_that_coincide(method):
    found = group(map_of(np.tile([0.2, 0.2, 0.9, 0.9], (40, 1))), 2, method=method)
    np.testing.assert_allclose(found.membership, [[1, 0], [1, 0], [0, 1], [0, 1]])
    if method in ("fuzzy-kmeans", "fuzzy-cmeans"):
        same = group(map_of(np.tile([0.2, 0.2, 0.9, 0.9], (40, 1))), 3, method=method)
        np.testing.assert_allclose(same.membership.sum(axis=1), 1)


def test_groups_are_ordered_by_their_first_task():
    for seed in range(5):
        found = group(planted_map(3, 7), 3, seed=seed)
        assert found.labels.tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_a_seed_repeats_and_a_gram_may_be_shared():
    data_map = planted_map(2, 6, 50, noise=0.4)
    one, again = group(data_map, 2, seed=3), group(gram(data_map, seed=3), 2, seed=3)
    np.testing.assert_array_equal(one.membership, again.membership)
    with pytest.raises(CoterieError, match="must be a DataMap for method 'points'"):
        group(gram(data_map), 2, method="points")


def test_disjoint_tasks_are_grouped_by_density():
    confidence = np.full((400, 4), np.nan)
    random = np.random.default_rng(0)
    for task in range(4):
        low = 0.1 if task % 2 else 0.6
        confidence[task * 100 : task * 100 + 100, task] = random.uniform(low, low + 0.3, 100)
    found = group(map_of(confidence), 2)
    assert found.labels.tolist() == [0, 1, 0, 1]
    assert found.details["features"] == "density"
    assert "density features are used" in found.details["notes"][0]


@pytest.mark.parametrize("method", METHODS)
def test_save_and_load(method, tmp_path):
    found = group(planted_map(2, 5, 60), "auto", method=method)
    found.save(tmp_path / "grouping.json")
    again = Grouping.load(tmp_path / "grouping.json")
    assert again.to_dict() == found.to_dict()
    assert repr(again) == repr(found)


@pytest.mark.parametrize("n_groups", [2, 3, 5])
@pytest.mark.parametrize("noise", [0.02, 0.3])
@pytest.mark.parametrize("n_tasks", [10, 24])
def test_auto_finds_planted_groups(n_groups, noise, n_tasks):
    found = group(planted_map(n_groups, n_tasks, 300, noise=noise), "auto")
    assert adjusted_rand_score(found.labels, np.arange(n_tasks) % n_groups) == 1
    assert found.n_groups == n_groups
    assert max(found.details["silhouette"], key=found.details["silhouette"].get) == str(n_groups)


@pytest.mark.parametrize("n_tasks", [2, 3, 4, 10, 24])
@pytest.mark.parametrize("n_groups", [1, 1000])
def test_auto_can_answer_one(n_tasks, n_groups):
    # All tasks alike, or each on its own.
    found = group(planted_map(n_groups, n_tasks, 300), "auto")
    assert found.n_groups == 1
    np.testing.assert_array_equal(found.membership, 1)


def test_auto_with_tasks_that_coincide():
    assert group(map_of(np.full((40, 6), 0.5)), "auto").n_groups == 1
    strata = map_of(np.tile([0.2, 0.2, 0.2, 0.9, 0.9, 0.9], (40, 1)))
    assert group(strata, "auto").n_groups == 1  # difficulty alone
    two = map_of(np.tile(np.eye(2)[[0, 0, 0, 1, 1, 1]].T, (40, 1)))
    assert group(two, "auto").n_groups == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_groups": 0}, "`n_groups` must be a whole number of at least 1, or 'auto'; found 0"),
        ({"n_groups": 1.5}, "found 1.5"),
        ({"n_groups": True}, "found True"),
        ({"n_groups": "many"}, "found 'many'"),
        ({"n_groups": 5}, "5 groups of 4 tasks: fewer tasks than groups"),
        (
            {"method": "kmean"},
            "`method` must be one of fuzzy-kmeans, fuzzy-cmeans, kmeans, points; found 'kmean'",
        ),
        ({"features": "cell"}, "`features` must be one of cells, centred, density"),
        ({"fuzziness": 1.0}, "`fuzziness` must be a number greater than 1"),
        ({"fuzziness": float("nan")}, "`fuzziness`"),
        ({"restarts": 0}, "`restarts` must be at least 1"),
    ],
)
def test_bad_settings_are_refused(arguments, message):
    with pytest.raises(CoterieError, match=message):
        group(planted_map(2, 4, 40), **{"n_groups": 2, **arguments})


def test_bad_maps_are_refused():
    with pytest.raises(CoterieError, match="at least 2 tasks to group; found 1"):
        group(planted_map(1, 1, 40), 1)
    never = np.full((40, 2), 0.5)
    never[:, 1] = np.nan
    for method in METHODS:
        with pytest.raises(CoterieError, match="never observed: task 1"):
            group(map_of(never), 2, method=method)
    with pytest.raises(CoterieError, match="1 distinct points"):
        group(map_of(np.full((40, 2), 0.5)), 2, method="points")
