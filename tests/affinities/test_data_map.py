"""Similarity of data maps: cosines by hand and by definition, gaps, standard errors, refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.affinities.data_map import data_map_affinity
from coterie.datamaps import gram
from coterie.errors import CoterieError
from coterie.grouping import group
from coterie.results import Affinity
from coterie.seeds import numpy_generator
from tests.datamaps.planted import map_of, planted_map


def cosines(points):
    centred = points - points.mean(axis=0)
    directions = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    return directions @ directions.T


def test_three_tasks_by_hand():
    # confidences .2, .4, .9 around their mean .5: -.3, -.1, +.4 in one dimension
    found = data_map_affinity(map_of(np.tile([0.2, 0.4, 0.9], (40, 1))))
    np.testing.assert_allclose(found.matrix, [[1, 1, -1], [1, 1, -1], [-1, -1, 1]], atol=1e-9)
    # two kinds of examples; around the tasks' mean they lie at -.2 +.1, +.1 -.2 and +.1 +.1
    confidence = np.repeat([[0.2, 0.5, 0.5], [0.5, 0.2, 0.5]], 30, axis=0)
    side, half = -4 / 5, -1 / np.sqrt(10)
    found = data_map_affinity(map_of(confidence)).matrix
    np.testing.assert_allclose(
        found, [[1, side, half], [side, 1, half], [half, half, 1]], atol=1e-9
    )


def test_without_gaps_it_is_the_cosine_of_the_centred_maps():
    data_map = planted_map(3, 7, 120, noise=0.3)
    points = np.concatenate([data_map.confidence, data_map.variability]).T.astype(np.float64)
    found = data_map_affinity(data_map)
    np.testing.assert_allclose(found.matrix, cosines(points), atol=1e-6)
    np.testing.assert_array_equal(np.diag(found.matrix), 1)
    np.testing.assert_array_equal(found.matrix, found.matrix.T)
    np.testing.assert_array_equal(found.counts, 120)
    assert (found.tasks, found.method, dict(found.cost)) == (data_map.tasks, "data_map", {})


@given(st.integers(0, 10**6), st.integers(2, 6), st.floats(0, 0.5))
@settings(max_examples=20, deadline=None)
def test_it_is_a_similarity_whatever_is_missing(seed, n_tasks, gaps):
    found = data_map_affinity(
        planted_map(2, n_tasks, 150, gaps=gaps, noise=0.3, seed=seed), bootstraps=2
    )
    assert np.abs(found.matrix).max() <= 1
    np.testing.assert_array_equal(np.diag(found.matrix), 1)
    np.testing.assert_allclose(found.matrix, found.matrix.T, atol=1e-12)
    assert np.linalg.eigvalsh(found.matrix).min() > -1e-9
    if n_tasks == 2:
        np.testing.assert_allclose(found.matrix, [[1, -1], [-1, 1]])


def test_counts_are_shared_examples():
    confidence = np.random.default_rng(0).uniform(size=(200, 3))
    confidence[:50, 0] = np.nan
    confidence[120:, 1] = np.nan
    found = data_map_affinity(map_of(confidence))
    np.testing.assert_array_equal(found.counts, [[150, 70, 150], [70, 120, 120], [150, 120, 200]])


def test_the_order_of_tasks_has_no_influence():
    data_map, order = planted_map(2, 5, 80, noise=0.4, gaps=0.2), np.array([3, 0, 4, 2, 1])
    parts = {
        n: getattr(data_map, n)[:, order]
        for n in ("confidence", "variability", "correctness", "count")
    }
    one = data_map_affinity(data_map)
    other = data_map_affinity(
        replace(data_map, tasks=tuple(np.array(data_map.tasks)[order]), **parts)
    )
    np.testing.assert_allclose(other.matrix, one.matrix[np.ix_(order, order)], atol=1e-9)
    np.testing.assert_allclose(other.stderr, one.stderr[np.ix_(order, order)], atol=1e-9)


def test_standard_errors_are_the_spread_over_bootstraps():
    data_map = planted_map(2, 4, 100, noise=0.4)
    found = data_map_affinity(data_map, bootstraps=5, seed=3)
    source, random = gram(data_map, seed=3), numpy_generator(3, "bootstraps")
    drawn = []
    for _ in range(5):
        distances2 = source.resample(np.bincount(random.integers(20, size=20), minlength=20))
        centre = np.eye(4) - 0.25
        inner = -centre @ distances2 @ centre / 2
        drawn.append(inner / np.sqrt(np.outer(np.diag(inner), np.diag(inner))))
    np.testing.assert_allclose(found.stderr, np.std(drawn, axis=0, ddof=1), atol=1e-9)
    assert found.stderr[0, 1] > 0


def test_more_examples_make_it_firmer():
    few, many = (data_map_affinity(planted_map(2, 6, n, noise=0.4)) for n in (100, 10_000))
    between = ~np.eye(6, dtype=bool)
    assert few.stderr[between].mean() == pytest.approx(10 * many.stderr[between].mean(), rel=0.5)


def test_a_seed_repeats_and_a_gram_may_be_shared(tmp_path):
    data_map = planted_map(2, 5, 80, noise=0.4)
    one, again = (
        data_map_affinity(data_map, seed=4),
        data_map_affinity(gram(data_map, seed=4), seed=4),
    )
    np.testing.assert_array_equal(one.matrix, again.matrix)
    np.testing.assert_array_equal(one.stderr, again.stderr)
    assert (data_map_affinity(data_map, seed=5).stderr != one.stderr).any()
    one.save(tmp_path / "affinity.safetensors")
    kept = Affinity.load(tmp_path / "affinity.safetensors")
    np.testing.assert_array_equal(kept.matrix, one.matrix)
    assert dict(kept.details) == dict(one.details)
    assert data_map_affinity(data_map, "density").details["features"] == "density"


@pytest.mark.parametrize("method", ["sdp", "spectral", "hierarchical"])
def test_its_groups_are_those_of_the_map(method):
    data_map = planted_map(3, 9, 200, noise=0.2)
    found = group(data_map_affinity(data_map), 3, method=method)
    assert (
        found.labels.tolist() == group(data_map, 3).labels.tolist() == (np.arange(9) % 3).tolist()
    )


def test_tasks_on_the_mean_map_are_named():
    confidence = np.tile([0.2, 0.5, 0.8], (40, 1))
    found = data_map_affinity(map_of(confidence))
    np.testing.assert_allclose(found.matrix, [[1, 0, -1], [0, 1, 0], [-1, 0, 1]], atol=1e-9)
    assert found.details["notes"] == [
        "On the mean map, where similarity is 0 to all others: task 1."
    ]
    alike = data_map_affinity(map_of(np.full((40, 3), 0.5)))
    np.testing.assert_array_equal(alike.matrix, np.eye(3))
    np.testing.assert_array_equal(alike.stderr, 0)


def test_bad_arguments_are_refused():
    data_map = planted_map(2, 4, 40)
    for bootstraps in (0, 1):
        with pytest.raises(
            CoterieError,
            match=f"`bootstraps` must be a whole number of at least 2; found {bootstraps}",
        ):
            data_map_affinity(data_map, bootstraps=bootstraps)
    with pytest.raises(CoterieError, match="`features` must be one of cells, centred, density"):
        data_map_affinity(data_map, "cell")
    with pytest.raises(CoterieError, match="at least 2 tasks to group; found 1"):
        data_map_affinity(planted_map(1, 1, 40))
