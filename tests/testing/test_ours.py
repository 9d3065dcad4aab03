"""Whatever of ours others may bring too holds what is asked of theirs."""

import numpy as np
import pytest

from coterie import (
    DifferentiableGrouping,
)
from coterie.affinities import AFFINITIES
from coterie.differentiable import MODES
from coterie.estimators import ESTIMATORS, MTGNetScores, TableScores, TrainedScores
from coterie.grouping import AFFINITY_METHODS, METHODS, candidates
from coterie.methods import Cluster, Learn, Select, method_named
from coterie.models.encoders import ENCODERS
from coterie.tasks import Kind
from coterie.testing import checks_of, parametrize_with_checks
from coterie.training import StaticWeights

HEADS = {
    "relabelling": "rows start from the seed's initialisation, whose heads belong to positions"
}
EMBEDDINGS = {"relabelling": "its embeddings start by the positions of the tasks"}
DISTRIBUTIONS = {
    "plain groups": "it compares how points are distributed over the map, which is alike here",
    "tasks alike": "it refuses more groups than there are distinct points",
}


class SmallNet(MTGNetScores):
    """The same with networks that are quick to train."""

    def __init__(self, n_rows=None, networks=1, max_epochs=60, seed=0):
        super().__init__(
            n_rows=n_rows, hidden=16, networks=networks, max_epochs=max_epochs, seed=seed
        )


def looked_up(model, data, **settings):
    """A table of the rows that would be asked for."""
    oracle = TrainedScores(model, data, **settings)
    oracle.predict(candidates(len(data.tasks))[0])
    return TableScores(oracle.table())


def static(n_tasks):
    return StaticWeights(np.eye(n_tasks) + 1, n_tasks=n_tasks)


ESTIMATING = {**ESTIMATORS, "mtgnet": SmallNet, "table": looked_up}
FOUND = {
    **{name: method_named(name, 2) for name in ("data_map", "dmtg")},
    **{f"affinity {name}": Cluster(name, n_groups=2) for name in AFFINITIES},
    **{f"estimator {name}": Select(name, n_groups=2) for name in ESTIMATORS if name != "mtgnet"},
    "estimator mtgnet": Select(SmallNet(), n_groups=2),
    "data map, auto": Cluster(),
    "dmtg, paper": Learn(DifferentiableGrouping(2, "paper", held_out=0.2)),
}
PACKAGED = (Kind.BINARY, Kind.MULTICLASS, Kind.REGRESSION, Kind.ORDINAL, Kind.COUNT)
SHAPES = {"mlp": (8,), "cnn": (1, 8, 8), "resnet18": (3, 8, 8)}
PROVIDERS = {
    "static": static,
    **{f"dmtg {mode}": DifferentiableGrouping(2, mode) for mode in MODES},
    "dmtg held out": DifferentiableGrouping(2, held_out=0.2, warmup=0.2, balance=0.1, entropy=0.1),
}
# What stands for the others where there is little time.
QUICK = {
    "cosine",
    "data_map",
    "pairs",
    "surrogate",
    "gradtag",
    "dmtg",
    "affinity lookahead",
    "static",
    "dmtg straight_through",
    "mlp",
    "cnn",
}
FAIL = {
    "estimator": {"train": HEADS, "early": HEADS, "table": HEADS, "mtgnet": EMBEDDINGS},
}


def quick(suite, subjects):
    return _some(suite, {name: subject for name, subject in subjects.items() if name in QUICK})


def others(suite, subjects):
    return _some(suite, {name: subject for name, subject in subjects.items() if name not in QUICK})


def _some(suite, subjects):
    expected = {name: reasons for name, reasons in FAIL.get(suite, {}).items() if name in subjects}
    return parametrize_with_checks(suite, subjects, expected_failures=expected)


@quick("affinity", AFFINITIES)
def test_affinity(subject, check):
    check(subject)


@pytest.mark.slow
@others("affinity", AFFINITIES)
def test_other_affinity(subject, check):
    check(subject)


@parametrize_with_checks(
    "clustering",
    {name: name for name in (*METHODS, *AFFINITY_METHODS)},
    expected_failures={"points": DISTRIBUTIONS},
)
def test_clustering(subject, check):
    check(subject)


@quick("estimator", ESTIMATING)
def test_estimator(subject, check):
    check(subject)


@pytest.mark.slow
@others("estimator", ESTIMATING)
def test_other_estimator(subject, check):
    check(subject)


@quick("method", FOUND)
def test_method(subject, check):
    check(subject)


@pytest.mark.slow
@others("method", FOUND)
def test_other_method(subject, check):
    check(subject)


@pytest.mark.parametrize(
    "name",
    [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in ENCODERS],
)
@pytest.mark.parametrize("check", checks_of("encoder"), ids=lambda check: check.name)
def test_encoder(name, check):
    check(name, input_shape=SHAPES[name])


@parametrize_with_checks("encoder", {"images": "mlp"}, input_shape=(2, 4, 4), dropout=0.5)
def test_encoder_with_options(subject, check):
    check(subject)


@quick("weights", PROVIDERS)
def test_weights(subject, check):
    check(subject)


@pytest.mark.slow
@others("weights", PROVIDERS)
def test_other_weights(subject, check):
    check(subject)


@parametrize_with_checks("kind", {str(kind): kind for kind in PACKAGED})
def test_kind(subject, check):
    check(subject)


def test_rows_of_static_weights_sum_to_one():
    next(check for check in checks_of("weights") if check.name == "row sums")(static, row_sums=1.0)


def test_nothing_of_ours_is_left_out():
    assert set(SHAPES) == set(ENCODERS)
    assert set(ESTIMATORS) <= set(ESTIMATING)
    assert {f"estimator {name}" for name in ESTIMATORS} <= set(FOUND)
    assert {*AFFINITIES, *ESTIMATING, *FOUND, *PROVIDERS, *ENCODERS} >= QUICK
