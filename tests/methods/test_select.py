"""What a selection may ask for: networks of half the size, losses as shares of those alone."""

import numpy as np
import pytest
from torch import nn

import coterie as ct
from coterie.errors import CoterieError
from coterie.estimators import MTGNetScores, PairScores, TrainedScores
from coterie.grouping import candidates
from coterie.methods import Case, Timing
from coterie.models import Architecture
from coterie.models.width import resized
from tests.affinities.moments import table

SMALL = {"epochs": 2, "batch_size": 32, "strategy": "loop", "model_options": {"hidden": (16,)}}


@pytest.fixture(scope="module")
def data():
    return table(240, ("binary", "regression", "binary", "regression"))


@pytest.fixture(scope="module")
def case(data):
    return Case(model="mlp", data=data, joint=ct.fit("mlp", data, **SMALL), settings=SMALL)


@pytest.mark.parametrize("n_groups", [1, 2, 3])
def test_half_size_networks_of_tasks_alone_cost_half(case, n_groups):
    """The same choice as by the table of all rows at their costs."""
    found = ct.Select("pairs", n_groups=n_groups, half_size=True)(case, seed=1)
    full = TrainedScores("mlp", case.data, seed=1, measure="loss", **SMALL)
    one = Architecture("mlp", case.data.input_shape, 4, SMALL["model_options"])
    options = {**SMALL, "model_options": resized(one, 0.5)}
    half = TrainedScores("mlp", case.data, seed=1, measure="loss", **options)
    rows, _ = candidates(4)
    scores = np.vstack([PairScores().fit(full).predict(rows), half.predict(np.eye(4))])
    chosen = ct.select(
        scores, np.vstack([rows, np.eye(4)]), budget=n_groups, costs=[1.0] * 15 + [0.5] * 4
    )
    assert found.evidence.objective == pytest.approx(chosen.objective, abs=1e-12)
    assert found.evidence.cost == chosen.cost <= n_groups
    np.testing.assert_array_equal(found.grouping.weights(), chosen.subsets)
    assert found.cost.model_steps == full.cost["model_steps"] + half.cost["model_steps"]
    assert "trained at full size here" in found.grouping.details["notes"][0]


def test_a_budget_of_two_has_room_for_four_of_half_the_size(case):
    """Where nothing is gained by company, all tasks are alone."""
    method = ct.Select(Apart(), n_groups=2, half_size=True)
    found = method(case, seed=0)
    assert found.grouping.n_groups == 4
    assert found.evidence.cost == 2
    assert (method.n_groups, method.n_models) == (2, "auto")


class Apart:
    """An estimator to which every company is a nuisance."""

    on_joint_model, tasks, measure, cost = True, (), "loss", {"seconds": 0.0}

    def fit(self, joint, data):
        return self

    def predict(self, weights):
        rows = np.asarray(weights) > 0
        return np.where(rows, -100.0 * rows.sum(axis=1, keepdims=True), np.nan)


def test_the_ensemble_beside_has_as_many_models_as_were_selected(data):
    settings = {**SMALL, "rivals": "none"}
    method = {"apart": ct.Select(Apart(), n_groups=2, half_size=True)}
    compared = ct.compare("mlp", data, method, seeds=1, repeats=1, draws=1, **settings)
    models = {row["arm"]: row["models"] for row in compared.costs_table.to_pylist()}
    assert models["apart"] == models["ensemble (K of apart)"] == 4


def test_half_size_networks_are_priced(data):
    timing = Timing(model="mlp", data=data, settings=SMALL)
    plain, half = (ct.Select("pairs", half_size=half).price(timing) for half in (False, True))
    assert (plain.trainings, half.trainings) == (10, 14)
    assert half.model_steps == plain.model_steps / 10 * 14


def no_width(input_shape):
    return nn.Sequential(nn.Linear(input_shape[0], 4), nn.ReLU())


def test_an_encoder_without_a_width_has_none_and_it_is_said(data):
    settings = {**SMALL, "model_options": {}}
    case = Case(model=no_width, data=data, joint=None, settings=settings)
    found = ct.Select("pairs", half_size=True)(case, seed=0)
    assert "no option for its width" in found.grouping.details["notes"][0]
    assert found.cost.model_steps == ct.Select("pairs")(case, seed=0).cost.model_steps


def test_relative_losses_are_shares_of_those_alone(case):
    found = ct.Select("train", n_groups=2, relative=True)(case, seed=0)
    exact = TrainedScores("mlp", case.data, measure="loss", **SMALL)
    rows, _ = candidates(4)
    losses, alone = -exact.predict(rows), -np.diag(exact.predict(np.eye(4)))
    best = ct.select(1 - losses / alone, rows, budget=2)
    np.testing.assert_array_equal(found.grouping.weights(), best.subsets)
    assert found.evidence.objective == pytest.approx(best.objective - 4)


def test_relative_gains_of_mtgnet_are_learnt_whatever_the_unit_of_a_task(case):
    """A loss in other units changes nothing but the unit of its predictions."""
    exact = TrainedScores("mlp", case.data, measure="loss", **SMALL)
    units, rows = np.array([1.0, 100.0, 0.01, 5.0]), candidates(4)[0]
    one, other = (
        MTGNetScores(9, networks=1, relative=True).fit(InUnits(exact, scale)).predict(rows)
        for scale in (np.ones(4), units)
    )
    np.testing.assert_allclose(one * units, other, rtol=1e-3)


class InUnits:
    """An oracle whose tasks are measured in other units."""

    def __init__(self, oracle, units):
        self.oracle, self.units, self.tasks, self.measure = oracle, units, oracle.tasks, "loss"

    @property
    def cost(self):
        return self.oracle.cost

    def predict(self, weights):
        return self.oracle.predict(weights) * self.units


def test_what_is_off_is_not_said_so_that_earlier_runs_are_continued():
    plain = (
        "Select(estimator='pairs', n_groups=2, measure='loss', partition=False, time_limit=60.0)"
    )
    assert ct.Select("pairs").words == plain
    assert "half_size=True" in ct.Select("pairs", half_size=True).words
    assert "relative=True" in ct.Select("pairs", relative=True).words


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"half_size": 1}, "`half_size`"),
        ({"relative": "yes"}, "`relative`"),
        ({"relative": True, "measure": "score"}, "`relative` is of losses.*found 'score'"),
    ],
)
def test_what_cannot_be_is_refused(asked, message):
    with pytest.raises(CoterieError, match=message):
        ct.Select("pairs", **asked)
