"""Weights that follow the gains of auxiliary tasks, measured on each model as it trains."""

import json

import numpy as np
import pytest
import torch

import coterie as ct
from coterie import AdaptiveWeights
from coterie.data import Batches
from coterie.errors import CoterieError
from tests.affinities.moments import ByHand, mixed, moment_of, smooth, table

NAMES = ("regression0", "regression1", "regression2")
SETTINGS = {"epochs": 4, "batch_size": 16, "lr": 0.01, "strategy": "loop", "device": "cpu"}
A_LOT = 1000  # examples asked for: the whole validation part


def prepared(main, data=None, **settings):
    provider = AdaptiveWeights(main, **settings)
    provider.prepare(table() if data is None else data, 10, 0)
    return provider


def told(provider, *gains):
    """The weights after these gains (T, T) were measured."""
    for each in gains:
        provider.running.add(np.array(each, dtype=float))
    provider.restore(provider.state())
    return provider.weights(0).numpy()


def test_gains_equal_the_definition_written_out_on_the_validation_part():
    moment = moment_of(table(), lr=0.1)
    data, hand = moment.data, ByHand(moment)
    scored = next(Batches(data, data.split.validation, batch_size=A_LOT, seed=0).ordered())
    steps = [hand.step(task, moment.batch) for task in range(3)]
    # With a total of 3 the main task weighs 1 / 4 at first and each of two auxiliaries 3 / 8.
    alone = hand.losses(scored, mixed((1 / 4, steps[1])))[1]
    expected = [
        1 - hand.losses(scored, mixed((1 / 4, steps[1]), (3 / 8, steps[a])))[1] / alone
        for a in (0, 2)
    ]
    provider = prepared(NAMES[1], data, total=3.0)
    provider.on_step(moment)
    np.testing.assert_allclose(provider.gains()[[0, 2], 1], expected, rtol=1e-3, atol=2e-6)
    assert np.isnan(np.delete(provider.gains(), 1, axis=1)).all()
    assert provider.work.lookaheads == 3
    assert provider.spent == pytest.approx((1 + 2 * 3 + 3 * 20 / 30) / 3)


def test_first_the_auxiliaries_weigh_alike():
    found = prepared([NAMES[2], NAMES[0]], total=0.5).weights(0).numpy()
    np.testing.assert_allclose(found, np.array([[0.25, 0.25, 1], [1, 0.25, 0.25]]) / 1.5)
    np.testing.assert_allclose(prepared(NAMES[1]).weights(0).numpy(), [[1 / 3] * 3])


def test_weights_are_in_proportion_to_what_helps_once_measured_often_enough():
    provider = prepared([NAMES[0], NAMES[1]], total=2.0, least=2)
    gains = [[0, 0.3, 9], [-0.1, 0, 9], [0.1, 0.1, 9]]
    np.testing.assert_allclose(told(provider, gains)[0], [1 / 3] * 3, rtol=1e-6)
    # Of the first, one helps; of the second both, three to one.
    expected = np.array([[1, 0, 2], [1.5, 1, 0.5]]) / 3
    np.testing.assert_allclose(told(provider, gains), expected, rtol=1e-6)


def test_where_nothing_helps_the_main_task_is_left_alone():
    harm = [[0, 0, 0], [-0.1, 0, 0], [-0.2, 0, 0]]
    np.testing.assert_array_equal(told(prepared(NAMES[0], least=2), harm, harm), [[1, 0, 0]])


def test_what_harms_is_no_longer_tried():
    moment = moment_of(table())
    provider = prepared(NAMES[0], moment.data, least=2)
    told(provider, [[0, 0, 0], [-0.1, 0, 0], [0.1, 0, 0]], [[0, 0, 0], [-0.11, 0, 0], [0.1, 0, 0]])
    assert np.argwhere(provider.dropped()).tolist() == [[1, 0]]
    provider.on_step(moment)
    np.testing.assert_array_equal(provider.running.count[:, 0], [2, 2, 3])


def test_what_has_no_label_in_the_batch_is_not_measured():
    data = table(missing=0.3)
    data.targets[:, 2] = torch.nan
    provider = prepared(NAMES[0], data)
    provider.on_step(moment_of(data))
    np.testing.assert_array_equal(provider.running.count[:, 0], [0, 1, 0])
    blind = table()
    blind.targets[blind.split.validation, 0] = torch.nan
    provider = prepared(NAMES[0], blind)
    provider.on_step(moment_of(blind))
    assert provider.running.count.sum() == 0


def test_more_steps_between_measurements_than_there_are_is_joint_training():
    data = table(missing=0.1)
    never = ct.fit("mlp", data, AdaptiveWeights(NAMES, every=A_LOT), keep="last", **SETTINGS)
    static = ct.fit("mlp", data, np.ones((3, 3)), keep="last", **SETTINGS)
    for name, tensor in static.stack.state().items():
        assert torch.equal(tensor, never.stack.state()[name]), name


@pytest.mark.parametrize(
    "settings",
    [{"optimiser": "adam"}, {"optimiser": "sgd"}, {"epochs": 30, "patience": 1, "lr": 0.1}],
    ids=["adam", "sgd", "stops"],
)
def test_a_model_is_what_it_is_without_the_others(settings):
    data, own = table(200), {**SETTINGS, "epochs": 6, **settings}
    both = AdaptiveWeights([NAMES[0], NAMES[2]], every=2)
    alone = AdaptiveWeights(NAMES[2], every=2)
    together = ct.fit(smooth, data, both, init=[0, 1], **own)
    single = ct.fit(smooth, data, alone, init=[1], **own)
    assert alone.running.count[:, 2].max() >= alone.least
    np.testing.assert_allclose(both.gains()[:, 2], alone.gains()[:, 2], rtol=1e-3, atol=1e-7)
    np.testing.assert_allclose(together.weights[1], single.weights[0], atol=1e-4)
    np.testing.assert_allclose(together.scores[1], single.scores[0], atol=1e-4)
    assert together.cost["steps"][1] == single.cost["steps"][0]
    assert ("patience" in settings) == (together.cost["steps"][0] < together.cost["steps"][1])


def test_models_keep_the_best_epoch_of_their_main_task():
    data = table(120, kinds=("binary",) * 3)
    names = data.tasks.names
    own = {**SETTINGS, "epochs": 12, "lr": 0.05, "batch_size": 24}
    fit = ct.fit("mlp", data, AdaptiveWeights(names, every=2, least=2), **own)
    losses = fit.history.validation_loss[:, np.arange(3), np.arange(3)]
    np.testing.assert_array_equal(fit.history.best_epoch, losses.argmin(0))


def test_a_copy_of_the_main_task_outweighs_noise():
    data = table(600)
    data.targets[:, 1] = data.targets[:, 0]
    noise = np.random.default_rng(1).permutation(600)
    data.targets[:, 2] = data.targets[:, 2][noise]
    provider = AdaptiveWeights(NAMES[0], every=3, total=2.0)
    fit = ct.fit(smooth, data, provider, **{**SETTINGS, "batch_size": 64})
    gains = provider.gains()[:, 0]
    assert gains[1] > max(gains[2], 0)
    assert fit.weights[0, 1] > 2 * fit.weights[0, 2]


def test_measuring_costs():
    provider = AdaptiveWeights(NAMES[0], every=3)
    fit = ct.fit("mlp", table(), provider, **SETTINGS)
    assert provider.spent > 0
    assert fit.cost["model_steps"] == sum(fit.cost["steps"]) + provider.spent


def test_of_all_tasks_each_has_a_group_of_its_own():
    data = table()
    fit = ct.fit("mlp", data, AdaptiveWeights(NAMES[::-1], every=2, least=2), **SETTINGS)
    groups = fit.grouping
    np.testing.assert_array_equal(groups.membership, np.eye(3)[::-1])
    np.testing.assert_allclose(groups.weights(), fit.weights, atol=1e-7)
    assert np.shape(json.loads(json.dumps(groups.details))["gains"]) == (3, 3)
    assert fit.grouped().predict(data.inputs[:2]).shape == (2, 3)
    assert ct.fit("mlp", data, AdaptiveWeights(NAMES[0]), **SETTINGS).grouping is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"main": []}, "`main` must name at least one task, each once; found"),
        ({"main": ["a", "a"]}, "each once"),
        ({"main": 3}, "`main` must be a list of str; found"),
        ({"main": "a", "every": 0}, "`every` must be a whole number of at least 1; found 0"),
        ({"main": "a", "least": 1}, "`least` must be a whole number of at least 2; found 1"),
        ({"main": "a", "batch_size": 1}, "`batch_size` must be"),
        ({"main": "a", "total": 0}, "`total` must be"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, message):
    with pytest.raises(CoterieError, match=message):
        AdaptiveWeights(**settings)


def test_an_unknown_task_is_named():
    with pytest.raises(
        CoterieError, match=r"`main` must name tasks of the data, .*; found 'other'"
    ):
        ct.fit("mlp", table(), AdaptiveWeights("other"), **SETTINGS)


def test_names_tell_what_is_unusual():
    assert AdaptiveWeights("a").label == "adaptive"
    assert AdaptiveWeights(["a", "b"], every=5, total=2.0).label == "adaptive every=5 total=2"
