"""Each check of a clustering fails on what violates it and on little else; and ours hold."""

import random

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.grouping import AFFINITY_METHODS, METHODS
from coterie.grouping._method import Clusters, Settings
from coterie.grouping.kmeans import kmeans
from coterie.testing import (
    CheckFailed,
    check_clustering,
    parametrize_with_checks,
)

from .suites import EVER, OfBroken


def plain(values, n_groups, seed):
    """K-means, as a function of one's own."""
    return kmeans(
        values, Settings(n_groups=n_groups, fuzziness=2.0, restarts=3, seed=seed)
    ).membership


def clustering_that(look):
    """The same after ``look(values, n_groups)``, which may answer instead."""

    class Broken:
        key = "broken"

        def __call__(self, values, n_groups, seed):
            found = look(values, n_groups)
            return plain(values, n_groups, seed) if found is None else found

    return Broken()


def refusing(when):
    """An error where ``when`` of the values and K holds."""

    def look(values, n_groups):
        if when(values, n_groups):
            raise ZeroDivisionError

    return clustering_that(look)


def at_random(generator):
    return lambda values, n_groups: (
        generator(values).integers(n_groups, size=len(values)) if n_groups == 3 else None
    )


def unsaved(matrix, settings):
    return Clusters(
        membership=plain(matrix, settings.n_groups, settings.seed), details={"how": {1, 2}}
    )


def complete_only(data_map, features, seed):
    if np.isnan(data_map.confidence).any():
        raise ZeroDivisionError
    return METHODS["kmeans"](data_map, features, seed)


def writing(data_map, features, seed):
    data_map.confidence[0] = 0.5
    return METHODS["kmeans"](data_map, features, seed)


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    """Clusterings that see more than a function does."""
    monkeypatch.setitem(AFFINITY_METHODS, "unsaved", unsaved)
    monkeypatch.setitem(METHODS, "complete only", complete_only)
    monkeypatch.setitem(METHODS, "writing", writing)


BROKEN = {
    "membership": clustering_that(
        lambda values, n_groups: np.full((len(values), 3), 0.3) if n_groups == 3 else None
    ),
    "plain groups": clustering_that(lambda values, n_groups: np.arange(len(values)) % n_groups),
    "relabelling": clustering_that(
        at_random(lambda values: np.random.default_rng(list(values.tobytes())))
    ),
    "missing labels": "complete only",
    "seed": clustering_that(at_random(lambda values: np.random.default_rng(next(EVER)))),
    "random state": clustering_that(lambda values, n_groups: (random.random(), None)[1]),
    "source untouched": "writing",
    "identity": lambda values, n_groups, seed: plain(values, n_groups, seed),
    "two tasks": refusing(lambda values, n_groups: len(values) == 2),
    "every size": refusing(lambda values, n_groups: n_groups == 4),
    "tasks alike": refusing(lambda values, n_groups: np.ptp(values) == 0),
    "saved": "unsaved",
}


ALSO = {"membership": {"relabelling", "seed", "every size"}, "seed": {"relabelling"}}


class TestBroken(OfBroken):
    suite, broken, also, sound = "clustering", BROKEN, ALSO, (plain,)


def test_what_has_nothing_to_look_at_is_not_named_as_holding():
    assert check_clustering("sdp")[:2] == ("membership", "plain groups")
    assert "missing labels" not in check_clustering("sdp")


def test_an_expected_failure_must_fail():
    assert "every size" not in check_clustering(
        BROKEN["every size"], expected_failures={"every size": "three at most"}
    )
    with pytest.raises(CheckFailed, match=r"expected a failure \(no reason\); found that it holds"):
        check_clustering("sdp", expected_failures={"seed": "no reason"})
    with pytest.raises(
        CoterieError,
        match="`expected_failures` names 'sed'; the checks of 'clustering' are membership, ",
    ):
        check_clustering("sdp", expected_failures={"sed": "a slip"})


DISTRIBUTIONS = {
    "plain groups": "it compares how points are distributed over the map, which is alike here",
    "tasks alike": "it refuses more groups than there are distinct points",
}


@parametrize_with_checks(
    "clustering",
    {name: name for name in (*METHODS, *AFFINITY_METHODS)},
    expected_failures={"points": DISTRIBUTIONS},
)
def test_ours(subject, check):
    check(subject)
