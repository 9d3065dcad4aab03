"""Searches through the verb fit: what they must equal, and what must not happen."""

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.data.targets import constant_losses
from coterie.differentiable import MODES, DifferentiableGrouping
from coterie.errors import CoterieError
from coterie.models import Architecture, ModelStack
from coterie.training.loop import _parted
from tests.differentiable.small import SMALL, InterruptError, binary_table, interrupted_at, table
from tests.differentiable.test_equivalences import search_step

DEEP = SMALL | {"model_options": {"hidden": (12, 8), "dropout": 0.1}}
PLAIN = {"held_out": 0.0, "balance": 0.0}


@pytest.fixture(scope="module")
def data():
    return table()


def assert_same(one, other):
    """The same models, curves and assignment, bit for bit."""
    states = one.stack.state(), other.stack.state()
    assert all(torch.equal(tensor, states[1][name]) for name, tensor in states[0].items())
    for curve, values in one.history.arrays().items():
        np.testing.assert_array_equal(values, other.history.arrays()[curve])
    np.testing.assert_array_equal(one.weights, other.weights)


@pytest.mark.parametrize("keep", ["last", "best"])
@pytest.mark.parametrize("mode", MODES)
def test_one_branch_is_joint_training(data, mode, keep):
    search, joint = (
        ct.fit("mlp", data, DifferentiableGrouping(1, mode), keep=keep, **DEEP),
        ct.fit("mlp", data, keep=keep, **DEEP),
    )
    assert all(torch.equal(tensor, joint.stack.state()[name]) for name, tensor in search.stack.state().items())
    np.testing.assert_array_equal(search.scores, joint.scores)
    assert search.cost["model_steps"] == joint.cost["model_steps"]
    np.testing.assert_array_equal(search.grouping.membership, np.ones((4, 1)))


MORE = [{}, {"stem": 4, "prune": 0.3, "learning_rate": 0.5}, {"warmup": 0.4, "balance": 0.3, "entropy": 0.1, "held_out": 0.1}]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("more", MORE, ids=["defaults", "stem", "penalties"])
def test_resumed_equals_uninterrupted_bit_for_bit(tmp_path, mode, more):
    gaps = table(missing=True)
    whole, cut, resumed = (DifferentiableGrouping(3, mode, **more) for _ in range(3))
    expected = ct.fit("mlp", gaps, whole, **DEEP)
    with pytest.raises(InterruptError):
        ct.fit("mlp", gaps, cut, checkpoint=tmp_path, progress=interrupted_at(7), **DEEP)
    found = ct.fit("mlp", gaps, resumed, checkpoint=tmp_path, **DEEP)
    assert_same(expected, found)
    assert torch.equal(whole.logits, resumed.logits)
    assert torch.equal(whole.pruned, resumed.pruned)
    assert expected.grouping.details == found.grouping.details
    assert len(found.grouping.details["probabilities"]) == SMALL["epochs"]
    assert (found.grouping.membership.sum(1) == 1).all()


def test_checkpoint_of_another_search_is_refused(data, tmp_path):
    ct.fit("mlp", data, DifferentiableGrouping(2), checkpoint=tmp_path, **SMALL)
    for other, named in ((DifferentiableGrouping(2, "paper"), "mode"), (DifferentiableGrouping(2, balance=0.7), "balance")):
        with pytest.raises(CoterieError, match=f"another .*{named}"):
            ct.fit("mlp", data, other, checkpoint=tmp_path, **SMALL)


@pytest.mark.parametrize("mode", MODES)
def test_strategies_agree(data, mode):
    settings = SMALL | {"epochs": 1}
    looped, fused = (
        ct.fit("mlp", data, DifferentiableGrouping(3, mode, held_out=0.2), **settings | {"strategy": strategy})
        for strategy in ("loop", "vmap")
    )
    np.testing.assert_allclose(looped.history.train_loss, fused.history.train_loss, atol=1e-4)
    np.testing.assert_allclose(
        looped.grouping.details["probabilities"], fused.grouping.details["probabilities"], atol=1e-3
    )  # fmt: skip


def test_held_out_examples_are_never_trained_on(data):
    """While the logits rest, nothing depends on them; afterwards the logits do."""
    spoiled = table()
    _, apart = _parted(data.split.train, 0.25, 0)
    assert len(apart) == round(0.25 * len(data.split.train))
    assert set(apart.tolist()) <= set(data.split.train.tolist())
    spoiled.inputs[apart] += 100
    results = {}
    for name, used in (("clean", data), ("spoiled", spoiled)):
        for warmup in (0.999, 0.0):
            provider = DifferentiableGrouping(3, "expected", held_out=0.25, warmup=warmup)
            results[name, warmup] = provider, ct.fit("mlp", used, provider, **SMALL | {"batch_size": 200})
    resting = [results[name, 0.999][1].stack.parameters["head.weight"] for name in ("clean", "spoiled")]
    assert torch.equal(*resting)
    logits = [results[name, 0.0][0].logits for name in ("clean", "spoiled")]
    assert not torch.equal(*logits)


def test_warm_up_leaves_logits_and_trains_branches_alike(data):
    provider = DifferentiableGrouping(3, "annealed", warmup=0.5, learning_rate=1.0)
    provider.prepare(data, 100, 0)
    for step in (0, 49):
        torch.testing.assert_close(provider.sample(step), torch.full((4, 3), 1 / 3))
        assert not provider.weights(step).requires_grad
    assert provider.weights(50).requires_grad
    assert provider.temperature_at(49) == provider.temperature_at(50) == 1.0
    assert provider.temperature_at(99) == pytest.approx(0.1)
    search = ct.fit("mlp", data, provider, **SMALL | {"epochs": 4})
    first, second, *_, last = np.array(search.grouping.details["probabilities"])
    np.testing.assert_allclose(first, 1 / 3, atol=1e-6)
    np.testing.assert_allclose(second, 1 / 3, atol=1e-6)
    assert np.abs(last - 1 / 3).max() > 0.1


def test_losses_are_on_one_scale(data):
    """What the best constant prediction loses counts the same for every task, and all together as much as joint training."""
    provider = DifferentiableGrouping(2)
    provider.prepare(data, 10, 0)
    constant = constant_losses(data.tasks, data.targets[data.split.train]) / data.tasks.loss_scale
    torch.testing.assert_close(provider.scale * constant, torch.full((4,), 2 / 4))


def test_adam_moves_a_logit_by_its_rate_at_most(data):
    provider = DifferentiableGrouping(2, "annealed", learning_rate=0.01, balance=0.0)
    ct.fit("mlp", data, provider, **SMALL | {"epochs": 1, "batch_size": 16})
    moved = (provider.logits.detach() - 1).abs()
    n_steps = 7  # 144 training examples without 30 %
    assert 0.01 < moved.max() <= 0.01 * n_steps * 1.05


def test_mode_paper_learns_as_fast_as_the_models(data):
    provider = DifferentiableGrouping(2, "paper")
    ct.fit("mlp", data, provider, **SMALL | {"epochs": 1, "batch_size": 16, "lr": 1e-3})
    assert 1e-3 < (provider.logits.detach() - 1).abs().max() <= 9 * 1.05e-3


def test_sgd_follows_the_gradient(data):
    """One step over the whole training part, at the rate of the logits."""
    provider, twin = (DifferentiableGrouping(3, "expected", learning_rate=20.0, **PLAIN) for _ in range(2))
    settings = SMALL | {"epochs": 1, "batch_size": 500, "momentum": 0.0, "lr": 0.01}
    ct.fit("mlp", data, provider, optimiser="sgd", **settings)
    twin.prepare(data, 1, 0)
    stack = ModelStack.create(Architecture("mlp", (6,), 6, {"hidden": (8,)}), n_models=3, seed=0)
    stack.train()
    search_step(stack, twin, data, next(ct.data.Batches(data, data.split.train, batch_size=500, seed=0).epoch(0)), step=0)
    torch.testing.assert_close(provider.logits.detach(), 1 - 20.0 * twin.logits.grad, atol=1e-4, rtol=1e-4)
    assert (provider.logits.detach() - 1).abs().max() > 0.01


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("held_out", [0.0, 0.3])
def test_batches_without_any_label_of_a_task(mode, held_out):
    """Twenty labels, batches of eight examples: most hold none of them."""
    gaps = table()
    train = gaps.split.train
    gaps.targets[train[20:], 0] = torch.nan
    gaps.tasks.observed_share[0] = 20 / len(train)
    provider = DifferentiableGrouping(2, mode, held_out=held_out)
    found = ct.fit("mlp", gaps, provider, **SMALL | {"batch_size": 8})
    assert provider.logits.isfinite().all()
    assert (provider.logits[0] != 1).any()
    assert all(tensor.isfinite().all() for tensor in found.stack.state().values())
    assert np.isfinite(found.history.train_loss).all()


def test_every_pair_that_was_not_pruned_has_its_scores():
    """The sample of the last step decides nothing: with hard samples most pairs would have no curve."""
    provider = DifferentiableGrouping(3, "straight_through", prune=0.0)
    found = ct.fit("mlp", binary_table(5, 200), provider, **SMALL)
    assert np.isfinite(found.scores).all()
    assert np.isfinite(found.history.validation_loss).all()
    np.testing.assert_allclose((found.weights.T / provider.scale[:, None].numpy()).sum(1), 1, atol=1e-5)
    pruned = DifferentiableGrouping(3, "straight_through", prune=0.3, learning_rate=1.0)
    found = ct.fit("mlp", binary_table(5, 200), pruned, **SMALL)
    assert pruned.pruned.any()
    np.testing.assert_array_equal(np.isnan(found.scores), pruned.pruned.T.numpy())
    serving = found.grouping.labels, np.arange(5)
    assert np.isfinite(found.scores[serving]).all()


def test_a_dead_branch_stops_learning(data):
    class Doomed(DifferentiableGrouping):
        def on_epoch_end(self, epoch):
            self.pruned[:, 1] = True
            super().on_epoch_end(epoch)

    settings = SMALL | {"optimiser": "sgd", "momentum": 0.0}
    short, long = (
        ct.fit("mlp", data, Doomed(3, "annealed"), **settings | {"epochs": epochs}).stack.state() for epochs in (1, 2)
    )
    assert all(torch.equal(tensor[1], long[name][1]) for name, tensor in short.items())
    assert not any(torch.equal(tensor[0], long[name][0]) for name, tensor in short.items())


def test_cost_counts_held_out_passes(data):
    counted = [
        ct.fit("mlp", data, DifferentiableGrouping(2, held_out=share), **SMALL | {"batch_size": 500}).cost["model_steps"]
        for share in (0.0, 0.3)
    ]
    assert counted == [6, 8]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_groups": 0}, "`n_groups` must be a whole number of at least 1; found 0"),
        ({"n_groups": True}, "`n_groups` must be"),
        ({"n_groups": 2.5}, "`n_groups` must be"),
        ({"mode": "soft"}, "`mode` must be one of paper, annealed"),
        ({"held_out": 1.0}, "`held_out` must be at least 0 and below 1; found 1.0"),
        ({"warmup": -0.1}, "`warmup` must be"),
        ({"prune": 0.5}, "`prune` must be at least 0 and below 0.5"),
        ({"balance": -1.0}, "`balance` must be"),
        ({"entropy": float("nan")}, "`entropy` must be"),
        ({"mode": "expected", "init": "shared"}, "must differ between branches"),
        ({"mode": "expected", "init": [3, 3]}, "must differ between branches"),
        ({"init": [1, 2, 3]}, "`init` must be 'independent', 'shared' or 2 integers"),
        ({"temperature": (0.0, 1.0)}, "must be positive"),
        ({"learning_rate": 0.0}, "must be positive"),
    ],
    ids=str,
)
def test_bad_settings(arguments, message):
    with pytest.raises(CoterieError, match=message):
        DifferentiableGrouping(**{"n_groups": 2} | arguments)


@pytest.mark.parametrize(
    ("arguments", "settings", "message"),
    [
        ({"n_groups": 5}, {}, "5 groups of 4 tasks: fewer tasks than groups"),
        ({"stem": 99}, {}, "`stem` asks for the first 99 layers"),
        ({"held_out": 0.999}, {}, "`held_out` leaves"),
        ({}, {"init": "shared"}, "`init` belongs to the weights here: it is 'independent'"),
        ({}, {"record": 0}, "`record` needs models that train on every example"),
    ],
    ids=str,
)
def test_mistakes_are_named_before_training(data, arguments, settings, message):
    def progress(*_):
        raise AssertionError("training began")

    with pytest.raises(CoterieError, match=message):
        ct.fit("mlp", data, DifferentiableGrouping(**{"n_groups": 2} | arguments), progress=progress, **SMALL | settings)
