"""Distances between tasks: by the Gram matrix, directly, and by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import pdist, squareform
from scipy.stats import rankdata

from coterie.datamaps import classical_scaling, gram
from coterie.datamaps.density import Densities
from coterie.datamaps.features import Features
from coterie.errors import CoterieError
from tests.datamaps.planted import map_of, planted_map


def direct(data_map) -> np.ndarray:
    """Mean squared difference of every two tasks over the features that both have."""
    features = np.concatenate(
        [part for s in data_map.snapshots for part in (s.confidence, s.variability)]
    ).astype(np.float64)
    return np.nan_to_num(np.nanmean(np.square(features[:, :, None] - features[:, None, :]), axis=0))


@given(st.integers(0, 99), st.integers(2, 8), st.integers(30, 90), st.integers(1, 50))
@settings(max_examples=25, deadline=None)
def test_without_gaps_they_are_the_direct_ones(seed, n_tasks, n_examples, chunk):
    data_map = planted_map(2, n_tasks, n_examples, seed=seed)
    found = gram(data_map, chunk=chunk)
    assert found.features == "cells"
    np.testing.assert_allclose(found.distances2, direct(data_map), atol=1e-14)
    assert found.coordinates.shape == (n_tasks, n_tasks - 1)
    np.testing.assert_allclose(
        squareform(pdist(found.coordinates, "sqeuclidean")), found.distances2, atol=1e-13
    )
    assert found.negative_share < 1e-12
    assert (found.shared == n_examples).all()


def test_with_gaps_shared_examples_count():
    data_map = planted_map(2, 4, 300, gaps=0.3)
    found = gram(data_map, chunk=37)
    seen = data_map.count > 0
    np.testing.assert_allclose(found.distances2, direct(data_map), atol=1e-14)
    np.testing.assert_array_equal(found.shared, seen.T.astype(int) @ seen.astype(int))


def test_three_tasks_by_hand():
    confidence = np.tile([[0.1, 0.1, 0.5], [0.3, 0.7, np.nan]], (40, 1))
    found = gram(map_of(confidence))
    # features are confidence and variability (0 everywhere), hence the halves; task 2 shares the
    # first example only
    np.testing.assert_allclose(
        found.distances2, [[0, 0.04, 0.08], [0.04, 0, 0.08], [0.08, 0.08, 0]], atol=1e-15
    )
    np.testing.assert_array_equal(found.shared, [[80, 80, 40], [80, 80, 40], [40, 40, 40]])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_map_is_not_changed(dtype):
    confidence = planted_map(2, 4, 100, gaps=0.2).confidence.astype(dtype)
    before = confidence.copy()
    gram(map_of(confidence))
    np.testing.assert_array_equal(confidence, before)


def test_chunks_and_blocks_do_not_matter():
    data_map = planted_map(3, 5, 130, gaps=0.1)
    np.testing.assert_allclose(
        gram(data_map, chunk=7, seed=1).distances2, gram(data_map).distances2, atol=1e-14
    )


def test_snapshots_are_concatenated():
    early, late = planted_map(2, 4, 60, seed=1), planted_map(2, 4, 60, seed=2)
    late = replace(late, earlier=(early,), epoch=9)
    np.testing.assert_allclose(gram(late).distances2, direct(late), atol=1e-14)


def test_centred_are_the_direct_ones_after_the_means_are_taken_off():
    for gaps in (0.0, 0.3):
        one, other = (planted_map(2, 5, 300, gaps=gaps, epochs=e) for e in (3, 6))
        both = replace(other, earlier=(one,))
        found = gram(both, "centred", chunk=41)
        assert found.features == "centred"
        middle = [
            replace(
                each,
                confidence=each.confidence - np.nanmean(each.confidence, axis=0),
                variability=each.variability - np.nanmean(each.variability, axis=0),
            )
            for each in (one, other)
        ]
        wanted = direct(replace(middle[1], earlier=(middle[0],)))
        np.testing.assert_allclose(found.distances2, wanted, atol=1e-8)
        np.testing.assert_allclose(found.margins.means, 0, atol=1e-8)


def test_centred_do_not_know_how_hard_a_task_is():
    data_map = planted_map(2, 5, 300)
    shift = np.linspace(-0.1, 0.1, 5, dtype=np.float32)
    harder = replace(data_map, confidence=data_map.confidence + shift)
    one, other = (gram(each, "centred") for each in (data_map, harder))
    np.testing.assert_allclose(one.distances2, other.distances2, atol=1e-7)
    # Without gaps nothing is left out but the distances of the means.
    whole = gram(harder)
    np.testing.assert_allclose(
        whole.distances2 - whole.margins.distances2, other.distances2, atol=1e-7
    )
    assert abs(gram(data_map).distances2 - whole.distances2).max() > 1e-3


def test_centred_of_few_shared_examples_are_densities_of_what_is_not_centred():
    data_map = planted_map(2, 4, 40, gaps=0.7)
    centred, density = (gram(data_map, features) for features in ("centred", "density"))
    assert centred.features == "density"
    np.testing.assert_array_equal(centred.distances2, density.distances2)


def test_resampling_examples_is_reading_them_again():
    data_map = planted_map(2, 4, 20, epochs=3)
    data_map = map_of(
        np.repeat(data_map.confidence, 2, axis=0), np.repeat(data_map.variability, 2, axis=0)
    )
    found = gram(data_map)
    weights = np.random.default_rng(0).integers(0, 3, found.sums.n_blocks)
    block = Features(data_map)._block
    again = np.repeat(np.arange(40), weights[block])
    np.testing.assert_allclose(
        found.resample(weights),
        direct(map_of(data_map.confidence[again], data_map.variability[again])),
    )
    np.testing.assert_allclose(found.resample(np.ones(20)), found.distances2)
    assert not np.isnan(found.resample(np.zeros(20))).any()


def test_relabelling_tasks_permutes_distances():
    data_map = planted_map(3, 7, 80, gaps=0.1)
    order = np.random.default_rng(0).permutation(7)
    moved = replace(
        data_map,
        **{
            n: getattr(data_map, n)[:, order]
            for n in ("confidence", "variability", "correctness", "count")
        },
    )
    np.testing.assert_allclose(
        gram(moved).distances2, gram(data_map).distances2[np.ix_(order, order)], atol=1e-14
    )


def test_few_shared_examples_mean_density_for_all():
    confidence = np.full((100, 3), 0.4)
    confidence[:71, 0] = np.nan  # 29 left
    found = gram(map_of(confidence))
    assert found.features == "density"
    assert "share only 29 examples" in found.notes[0]
    confidence[70, 0] = 0.4
    assert gram(map_of(confidence)).features == "cells"


def test_disjoint_examples_are_compared_by_density():
    random = np.random.default_rng(0)
    confidence = np.full((300, 3), np.nan)
    for task, (low, high) in enumerate([(0.0, 0.5), (0.0, 0.5), (0.6, 1.0)]):
        confidence[task * 100 : task * 100 + 100, task] = random.uniform(low, high, 100)
    found = gram(map_of(confidence))
    assert found.features == "density"
    assert found.distances2[0, 1] < 0.05
    np.testing.assert_allclose(found.distances2[:2, 2], 1)
    np.testing.assert_array_equal(found.shared, 100 * np.eye(3))


def test_hellinger_by_hand():
    confidence = np.column_stack([np.full(40, 0.05), np.repeat([0.05, 0.95], [10, 30])])
    # Distances are 1 - sqrt(1 * 1/4).
    np.testing.assert_allclose(gram(map_of(confidence), "density").distances2, [[0, 0.5], [0.5, 0]])


def test_densities_count_every_observed_cell():
    data_map = planted_map(2, 4, 100, gaps=0.3)
    found = Densities.of(Features(data_map))
    np.testing.assert_array_equal(
        found.counts.sum(axis=(0, 1, 3, 4)), (data_map.count > 0).sum(axis=0)
    )
    extreme = map_of(np.array([[0.0, 1.0], [1.0, 0.0]]), np.full((2, 2), np.sqrt(0.5)))
    assert Densities.of(Features(extreme)).counts.sum() == 4


@pytest.mark.parametrize("limit", [1 << 28, 0])
def test_mixed_kinds_are_compared_by_ranks(limit, monkeypatch):
    monkeypatch.setattr("coterie.datamaps.features._IN_MEMORY", limit)
    data_map = replace(
        planted_map(2, 4, 60, gaps=0.1), kinds=("binary", "binary", "regression", "binary")
    )
    found = gram(data_map)
    ranks = lambda x: (rankdata(x, axis=0, nan_policy="omit") - 0.5) / (~np.isnan(x)).sum(axis=0)  # noqa: E731
    wanted = direct(map_of(ranks(data_map.confidence), ranks(data_map.variability)))
    np.testing.assert_allclose(found.distances2, wanted, atol=1e-7)
    assert "mixed kinds" in found.notes[0]
    squeezed = replace(data_map, confidence=data_map.confidence**3)
    np.testing.assert_allclose(gram(squeezed).distances2, found.distances2, atol=1e-7)


def test_scaling_reports_what_no_points_can_show():
    impossible = np.array([[0.0, 1, 9], [1, 0, 1], [9, 1, 0]])  # 3 > 1 + 1
    points, clipped = classical_scaling(impossible)
    assert points.shape == (3, 2)
    assert clipped > 0.05
    assert classical_scaling(np.zeros((3, 3)))[1] == 0


def test_bad_maps_are_refused():
    with pytest.raises(CoterieError, match="at least 2 tasks to group; found 1"):
        gram(planted_map(1, 1, 40))
    never = planted_map(1, 3, 40).confidence.copy()
    never[:, 1] = np.nan
    with pytest.raises(CoterieError, match="never observed: task 1"):
        gram(map_of(never))
    with pytest.raises(
        CoterieError, match="`features` must be one of cells, centred, density; found 'points'"
    ):
        gram(planted_map(1, 2, 40), "points")
