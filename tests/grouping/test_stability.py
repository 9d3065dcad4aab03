"""Agreement over resampled examples and over seeds."""

from __future__ import annotations

import json

import numpy as np
import pytest

from coterie.datamaps import gram
from coterie.errors import CoterieError
from coterie.grouping import METHODS, agreement, group, stability
from coterie.results import Grouping
from tests.datamaps.planted import planted_map


@pytest.mark.parametrize("method", ["fuzzy-kmeans", "fuzzy-cmeans", "kmeans"])
def test_planted_groups_are_stable(method):
    found = stability(planted_map(3, 9), 3, method=method, bootstraps=8, restarts=3)
    assert found["adjusted_rand"] == [1.0] * 8
    assert (found["mean"], found["lowest"]) == (1.0, 1.0)
    np.testing.assert_array_equal(
        found["together"], np.equal.outer(np.arange(9) % 3, np.arange(9) % 3)
    )


def test_groups_of_noise_are_not():
    found = stability(planted_map(1, 12, 300), 3, bootstraps=20, restarts=3)
    assert found["mean"] < 0.7
    assert found["lowest"] < 0.4


@pytest.mark.parametrize("method", METHODS)
def test_it_is_repeatable_and_json(method):
    data_map = planted_map(2, 6, 60, noise=0.3)
    one, again = (
        stability(data_map, 2, method=method, bootstraps=3, restarts=2, seed=5) for _ in range(2)
    )
    assert one == json.loads(json.dumps(again))


def test_density_features_and_a_shared_gram():
    data_map = planted_map(2, 6, 100)
    one = stability(data_map, 2, features="density", bootstraps=3)
    assert one == stability(gram(data_map, "density"), 2, bootstraps=3)


def test_agreement_by_hand():
    make = lambda labels: Grouping(  # noqa: E731
        tasks=tuple("abcd"), membership=np.eye(2)[labels], method="kmeans"
    )
    found = agreement([make([0, 0, 1, 1]), make([1, 1, 0, 0]), make([0, 1, 0, 1])])
    np.testing.assert_allclose(found["adjusted_rand"], [1, -0.5, -0.5])
    np.testing.assert_allclose((found["mean"], found["lowest"]), (0, -0.5))


def test_bad_arguments_are_refused():
    data_map = planted_map(2, 4, 40)
    with pytest.raises(CoterieError, match="`bootstraps` must be at least 1"):
        stability(data_map, 2, bootstraps=0)
    with pytest.raises(CoterieError, match="fewer tasks than groups"):
        stability(data_map, 5)
    with pytest.raises(CoterieError, match="at least 2 to agree"):
        agreement([group(data_map, 2)])
    with pytest.raises(CoterieError, match="same tasks"):
        agreement([group(data_map, 2), group(planted_map(2, 5, 40), 2)])
