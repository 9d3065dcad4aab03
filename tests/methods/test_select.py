"""What a selection may ask for: networks of half the size, losses as shares of those alone."""

import numpy as np
import pytest
import torch
from torch import nn

import coterie as ct
from coterie.errors import CoterieError
from coterie.estimators import MTGNetScores, PairScores, TrainedScores
from coterie.evaluation.units import Unit
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
    halves = found.grouping.network_sizes
    if halves is None:
        assert "selected for: no task" in found.grouping.details["notes"][0]
    else:
        assert halves.sum() == found.grouping.n_networks == chosen.cost
        np.testing.assert_array_equal(halves == 0.5, chosen.rows >= 15)


def test_a_budget_of_two_has_room_for_four_of_half_the_size(case):
    """Where nothing is gained by company, all tasks are alone."""
    method = ct.Select(Apart(), n_groups=2, half_size=True)
    found = method(case, seed=0)
    assert found.grouping.n_groups == 4
    assert found.evidence.cost == found.grouping.n_networks == 2
    np.testing.assert_array_equal(found.grouping.network_sizes, [0.5] * 4)
    assert ", ".join(found.grouping.tasks) in found.grouping.details["notes"][0]


class Pair:
    """An estimator by which the first two tasks help each other, as no others do."""

    on_joint_model, tasks, measure, cost = True, (), "loss", {"seconds": 0.0}

    def fit(self, joint, data):
        return self

    def predict(self, weights):
        rows = np.asarray(weights) > 0
        together = (rows == [True, True, False, False]).all(axis=1, keepdims=True)
        return np.where(rows, np.where(together, 100.0, -100.0), np.nan)


def test_a_network_of_two_and_two_of_half_the_size(case):
    """Worked by hand: two networks pay for {0 1} at 1, {2} and {3} at a half each.

    Those of half the size are trained, so that their losses are single numbers, far above -100.
    """
    found = ct.Select(Pair(), n_groups=2, half_size=True)(case, seed=0)
    one, other, third, fourth = found.grouping.tasks
    assert found.grouping.groups == ((one, other), (third,), (fourth,))
    np.testing.assert_array_equal(found.grouping.network_sizes, [1.0, 0.5, 0.5])
    assert repr(found.grouping).endswith(f"}}, {{{third}}} of size 0.5, {{{fourth}}} of size 0.5)")
    assert found.evidence.cost == 2


class Apart:
    """An estimator to which every company is a nuisance."""

    on_joint_model, tasks, measure, cost = True, (), "loss", {"seconds": 0.0}

    def fit(self, joint, data):
        return self

    def predict(self, weights):
        rows = np.asarray(weights) > 0
        return np.where(rows, -100.0 * rows.sum(axis=1, keepdims=True), np.nan)


@pytest.fixture(scope="module")
def compared(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("halves") / "run"
    return compared_in(data, folder, rivals=["wide"]), folder


def compared_in(data, folder, **more):
    methods = {"pair": ct.Select(Pair(), n_groups=2, half_size=True)}
    settings = {
        **SMALL,
        "epochs": 6,
        "seeds": 2,
        "repeats": 1,
        "draws": 1,
        "rivals": "none",
        **more,
    }
    return ct.compare("mlp", data, methods, run=folder, save="pair", **settings)


def test_what_was_chosen_at_half_the_size_is_what_is_trained(data, compared):
    """Parameters of the arm, of its random groups and of one wide network are about two networks'."""
    found, _ = compared
    one = Architecture("mlp", data.input_shape, 4, SMALL["model_options"])
    small = Architecture("mlp", data.input_shape, 4, resized(one, 0.5))
    cost = {row["arm"]: row for row in found.costs_table.to_pylist()}
    exact = one.n_parameters + 2 * small.n_parameters
    assert cost["pair"]["parameters"] == cost["random (pair)"]["parameters"] == exact
    assert exact == pytest.approx(2 * one.n_parameters, rel=0.1)
    assert cost["wide"]["parameters"] == pytest.approx(2 * one.n_parameters, rel=0.1)
    assert cost["pair"]["models"] == 3
    assert cost["ensemble (K=2)"]["parameters"] == 2 * one.n_parameters


def test_an_arm_scores_as_fits_of_each_size(data, compared):
    """The first task by the network of two of full size, the third by one of half the size."""
    _, folder = compared
    one = Architecture("mlp", data.input_shape, 4, SMALL["model_options"])
    settings = {**SMALL, "epochs": 6, "seed": 0}
    half = {**settings, "model_options": resized(one, 0.5)}
    pair = ct.fit("mlp", data, [[1.0, 1, 0, 0]], init=[0], **settings)
    alone = ct.fit("mlp", data, [[0.0, 0, 1, 0]], init=[1], **half)
    test, unit = data.split.test, Unit.load(folder / "units" / "split-0-seed-0")
    outputs = unit.outputs[[name for name, _ in unit.arms].index("pair")]
    for task, each in ((0, pair), (2, alone)):
        np.testing.assert_allclose(
            outputs[:, task], ct.predict(each.stack, data, test)[0, :, task], atol=1e-5
        )


def test_what_a_run_leaves_is_what_it_scored(data, compared, tmp_path):
    _, folder = compared
    left = ct.GroupedModel.load(folder / "model.safetensors")
    assert len({str(each.options) for each in left.architectures}) == 2
    unit = Unit.load(folder / "units" / "split-0-seed-0")
    scored = unit.outputs[[name for name, _ in unit.arms].index("pair")]
    np.testing.assert_allclose(left.outputs(data, data.split.test), scored, atol=1e-5)
    inputs = data.inputs[data.split.test]
    left.export(tmp_path / "left.pt2")
    program = torch.export.load(tmp_path / "left.pt2").module()
    torch.testing.assert_close(program(inputs), left.predict(inputs), atol=1e-5, rtol=1e-5)
    with torch.no_grad():
        torch.testing.assert_close(left.hard()(inputs), left(inputs))


def test_groups_of_several_sizes_may_be_given(data, compared):
    """The grouping alone says at what size its networks are trained."""
    found, _ = compared
    settings = {**SMALL, "epochs": 6, "seeds": 1, "repeats": 1, "draws": 1, "rivals": "none"}
    given = ct.compare("mlp", data, {"pair": found.groupings["pair"][0]}, **settings)
    one, other = (
        [
            row["value"]
            for row in each.scores_table.to_pylist()
            if (row["arm"], row["seed"]) == ("pair", 0)
        ]
        for each in (given, found)
    )
    assert one == other
    with pytest.raises(CoterieError, match=r"'pair' has networks of several sizes.*no option"):
        ct.compare(no_width, data, {"pair": found.groupings["pair"][0]}, epochs=1)


@pytest.mark.parametrize("strategy", ["loop", "vmap"])
@pytest.mark.parametrize("where", ["networks of size 1: ", "networks of size 0.5: "])
def test_stopped_among_networks_of_a_size_and_continued(data, tmp_path, where, strategy):
    """Each seed alone, or both as one stack: what ends up in the run is the same to the bit."""

    class Stopped(BaseException):
        pass

    def stop(done, of, text):
        if where in text and "epoch 4" in text:
            raise Stopped

    compared_in(data, tmp_path / "whole", strategy=strategy)
    with pytest.raises(Stopped):
        compared_in(data, tmp_path / "run", strategy=strategy, progress=stop)
    assert list((tmp_path / "run" / "checkpoints").rglob("*.safetensors"))
    compared_in(data, tmp_path / "run", strategy=strategy)
    for stage in ("split-0-seed-0", "split-0-seed-1"):
        one, two = (Unit.load(tmp_path / each / "units" / stage) for each in ("whole", "run"))
        np.testing.assert_array_equal(one.outputs, two.outputs)
    left = [
        (tmp_path / each / "models" / "pair.safetensors").read_bytes() for each in ("whole", "run")
    ]
    assert left[0] == left[1]


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
