"""Groups as clusters of averaged scores: Grad-TAG's, and those of trained subsets."""

import numpy as np
import pytest

import coterie as ct
from coterie.errors import CoterieError
from coterie.estimators import GradTagScores
from coterie.methods import Case, Timing
from coterie.testing import check_method, planted
from coterie.testing._world import SETTINGS, encoder, table

SMALL = {"epochs": 2, "batch_size": 32, "model_options": {"hidden": (8,)}}


@pytest.fixture(scope="module")
def case():
    data = planted("disjoint examples", seed=3).data
    joint = ct.fit("mlp", data, record=True, **SMALL)
    return Case(model="mlp", data=data, joint=joint, settings=SMALL)


@pytest.mark.parametrize("adaptive", [False, True])
def test_it_clusters_the_matrix_of_the_estimator(case, adaptive):
    given = GradTagScores(n_features=16)
    found = ct.ClusterScores(given, n_groups=3, n_subsets=60, size=4, adaptive=adaptive)(
        case, seed=5
    )
    fitted = GradTagScores(n_features=16, seed=5).fit(case.joint, case.data)
    matrix = fitted.affinity(60, 4, seed=5, adaptive=3 if adaptive else None)
    np.testing.assert_array_equal(found.evidence.matrix, matrix.matrix)
    np.testing.assert_array_equal(found.grouping.membership, ct.group(matrix, 3).membership)
    assert found.evidence.method == "gradtag"
    assert found.cost.model_steps == matrix.cost["model_steps"]
    with pytest.raises(CoterieError, match="knows nothing yet"):  # a copy was fitted
        given.predict(np.eye(9))


def test_trained_subsets_are_as_many_as_are_asked_for(case):
    method = ct.ClusterScores("train", n_groups=3, n_subsets=20, size=5, by="spectral")
    found = method(case, seed=0)
    assert found.grouping.method == "spectral"
    steps_of_one = case.joint.cost["model_steps"]
    told = method.price(Timing(model="mlp", data=case.data, settings=SMALL))
    assert told.trainings == 20
    assert found.cost.model_steps <= told.model_steps
    assert told.model_steps == 20 * steps_of_one


def test_no_more_subsets_are_priced_than_there_are():
    timing = Timing(model=encoder, data=table(), settings=SETTINGS)
    assert ct.ClusterScores("train", n_groups=2).price(timing).trainings == 6


def test_it_is_a_method():
    held = check_method(ct.ClusterScores(GradTagScores(n_features=8), n_groups=2))
    assert {"grouping", "identity", "price", "gaps", "two tasks"} <= {*held}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ct.ClusterScores("gradtags"), "`estimator` must be one of train"),
        (lambda: ct.ClusterScores(by="kmeans"), "`by` must be one of sdp.*groups data maps"),
        (lambda: ct.ClusterScores(n_subsets=0), "`n_subsets` must be a whole number"),
        (lambda: ct.ClusterScores(size=1), "`size` must be a whole number of at least 2"),
        (lambda: ct.ClusterScores(adaptive=3), "`adaptive`"),
        (lambda: ct.ClusterScores(n_groups=0), "`n_groups` must be a whole number"),
        (lambda: ct.ClusterScores(n_groups="auto", adaptive=True), "`n_groups` must be a whole"),
    ],
)
def test_what_cannot_be_is_refused(make, message):
    with pytest.raises(CoterieError, match=message):
        make()


def test_labels_tell_settings():
    labels = {
        ct.ClusterScores(n_groups=3).label: "gradtag averages K=3",
        ct.ClusterScores(
            GradTagScores(n_features=64), n_groups="auto", adaptive=False, size=3
        ).label: "gradtag n_features=64 averages size=3 K=auto",
        ct.ClusterScores(adaptive=True).label: "gradtag averages adaptive=True K=2",
    }
    assert list(labels) == list(labels.values())
