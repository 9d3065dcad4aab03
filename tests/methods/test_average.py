"""Overlapping groups by averages of an affinity: TAG's published selections, and by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

import coterie as ct
from coterie.affinities import Lookahead
from coterie.errors import CoterieError
from coterie.methods import Average, Case
from coterie.results import Affinity
from coterie.testing import check_method
from tests.grouping.published import TAG_CELEBA, TAG_TASKONOMY, TASKONOMY

ATTRIBUTES = tuple("012345678")


def found_on(matrix, tasks, n_groups):
    """What the method finds where the look-aheads of the joint training were these."""
    method = Average("lookahead", n_groups=n_groups)
    measured = Affinity(
        tasks=tasks, matrix=matrix.T, method="lookahead", cost={"model_steps": 7.0, "seconds": 1.0}
    )
    probe = SimpleNamespace(affinity=lambda: measured)
    case = Case(model="mlp", data=None, joint=None, probes={method.measurement: probe})
    return method(case, seed=0)


@pytest.mark.parametrize(
    ("matrix", "tasks", "n_groups", "mean", "chosen"),
    [
        (TAG_TASKONOMY, TASKONOMY, 2, 0.321696, {"kt", "sdn"}),
        (TAG_TASKONOMY, TASKONOMY, 3, 0.348670, {"sd", "dn", "kt"}),
        (TAG_CELEBA, ATTRIBUTES, 2, -99.4419, {"06", "12345678"}),
        (TAG_CELEBA, ATTRIBUTES, 3, -92.4381, {"06", "13", "1245678"}),
        (TAG_CELEBA, ATTRIBUTES, 4, -86.8792, {"06", "13", "456", "123678"}),
    ],
)
def test_the_published_selections_of_tag(matrix, tasks, n_groups, mean, chosen):
    found = found_on(matrix, tasks, n_groups)
    assert found.evidence.proven
    assert found.evidence.objective / len(tasks) == pytest.approx(
        mean, abs=5e-5 if mean < 0 else 1.1e-6
    )
    weights, serves = found.grouping.weights(), found.grouping.membership.T
    trained = {"".join(np.array(tasks)[row > 0]) for row in weights}
    assert trained == chosen
    # Each task is served by one of the groups that train it.
    assert (serves.sum(axis=0) == 1).all()
    assert (weights[serves > 0] == 1).all()
    assert found.cost.model_steps == 7


def test_tasks_alone_are_never_selected_whatever_their_own_steps_gain():
    matrix = np.full((4, 4), -1.0) + 100 * np.eye(4)
    weights = found_on(matrix, tuple("abcd"), 4).grouping.weights()
    assert (weights.sum(axis=1) > 1).all()


def test_one_network_trains_all_tasks():
    grouping = found_on(TAG_TASKONOMY, TASKONOMY, 1).grouping
    np.testing.assert_array_equal(grouping.weights(), np.ones((1, 5)))


def test_it_measures_what_a_clustering_of_the_same_affinity_measures():
    one, other = Average(Lookahead(every=5), n_groups=2), ct.Cluster(Lookahead(every=5), n_groups=2)
    assert one.measurement == other.measurement
    assert Average("lookahead", every=3).probe(0).every == 3
    assert Average("lookahead", every=3).measurement != Average("lookahead").measurement
    assert Average("transfer-gain").source == "transfer_gain"


@pytest.mark.parametrize("source", [Lookahead(every=2), "data_map"])
def test_it_is_a_method(source):
    every = {"every": 2} if isinstance(source, str) else {}
    held = check_method(Average(source, n_groups=2, **every))
    assert {"grouping", "identity", "price", "gaps", "two tasks"} <= {*held}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Average("lookahed"), "`source` must be one of cosine"),
        (lambda: Average(n_groups="auto"), "`n_groups` must be a number of at least 1"),
        (lambda: Average(n_groups=0), "`n_groups` must be a number of at least 1"),
        (lambda: Average(every=0), "`every` must be a whole number of at least 1"),
        (lambda: Average(time_limit=0), "`time_limit` must be"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(CoterieError, match=message):
        make()


def test_pairs_that_were_never_measured_are_refused():
    matrix = TAG_TASKONOMY.copy()
    matrix[0, 1] = np.nan
    with pytest.raises(CoterieError, match="never measured"):
        found_on(matrix, TASKONOMY, 2)
