"""Differentiable grouping: what it must equal, and what must not happen."""

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.differentiable import MODES, DifferentiableGrouping, finetune
from coterie.errors import CoterieError
from coterie.models import Architecture, ModelStack
from coterie.training import TrainingConfig
from coterie.training.learning import plain_steps
from coterie.training.optimisers import Group, make_optimiser, set_learning_rate

SMALL = {"epochs": 3, "batch_size": 32, "model_options": {"hidden": (12, 8)}, "strategy": "loop"}


class InterruptError(Exception):
    """Stands for a kill."""


def table(missing=0.0, n=200, n_tasks=4):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, 5, generator=generator)
    y = (
        x[:, torch.arange(n_tasks) % 3] + 0.5 * torch.randn(n, n_tasks, generator=generator) > 0
    ).float()
    y[torch.rand(y.shape, generator=generator) < missing] = torch.nan
    return ct.load({"inputs": x, "targets": y})


@pytest.fixture(scope="module")
def data():
    return table()


def same(one, other):
    return all(
        torch.equal(a, b)
        for a, b in zip(one.stack.state().values(), other.stack.state().values(), strict=True)
    )


def test_one_branch_is_joint_training(data):
    assert same(
        ct.fit("mlp", data, DifferentiableGrouping(1), **SMALL),
        ct.fit("mlp", data, keep="last", **SMALL),
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "more", [{}, {"stem": 3}, {"held_out": 0.2, "warmup": 0.2, "balance": 0.1, "entropy": 0.1}]
)
def test_every_task_ends_in_one_branch_and_a_resumed_search_is_the_same(data, tmp_path, mode, more):
    made = lambda: DifferentiableGrouping(3, mode, **more)  # noqa: E731
    whole = ct.fit("mlp", data, made(), **SMALL)
    assert (whole.grouping.membership.sum(1) == 1).all()
    assert set(np.unique(whole.grouping.membership)) <= {0.0, 1.0}

    def interrupt(done, *_):
        if done == 6:
            raise InterruptError

    with pytest.raises(InterruptError):
        ct.fit("mlp", data, made(), checkpoint=tmp_path, progress=interrupt, **SMALL)
    resumed = ct.fit("mlp", data, made(), checkpoint=tmp_path, **SMALL)
    assert same(whole, resumed)
    assert whole.grouping.details == resumed.grouping.details


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "paper"])
def test_the_rate_of_logits_is_that_of_relative_losses_and_fits_the_length_of_the_search(
    data, mode
):
    provider = DifferentiableGrouping(2, mode)
    for n_steps in (50, 500):
        provider.prepare(data, n_steps, 0)
        assert provider.learning_rate == pytest.approx(500 / n_steps * 4 / 2)
    given = DifferentiableGrouping(2, mode, learning_rate=0.3)
    for _ in range(2):
        given.prepare(data, 50, 0)
        assert given.learning_rate == pytest.approx(0.3 * 4 / 2)


def test_logits_of_the_paper_follow_the_models(data):
    provider = DifferentiableGrouping(2, "paper")
    provider.prepare(data, 50, 0)
    assert provider.learning_rate is None
    assert not provider.plain_steps


@pytest.mark.parametrize("optimiser", ["adam", "adamw", "nadam", "sgd"])
def test_plain_steps_are_the_gradient_whatever_the_optimiser(optimiser):
    config = TrainingConfig(optimiser=optimiser, lr=0.1, momentum=0.9, weight_decay=0.1)
    stack = ModelStack.create(Architecture("mlp", (3,), 2), n_models=1, seed=0)
    logits = torch.nn.Parameter(torch.zeros(2))
    group = Group(params=[logits], weight_decay=0.0, scale=5.0 / config.lr) | plain_steps(config)
    stepper = make_optimiser(stack, [group], config)
    set_learning_rate(stepper, config.lr)
    for _ in range(3):
        logits.grad = torch.tensor([0.001, -0.002])
        stepper.step()
    torch.testing.assert_close(
        logits.detach(), -3 * 5.0 * torch.tensor([0.001, -0.002]), rtol=0.2, atol=0
    )


@pytest.mark.parametrize("n_groups", [1, 3])
def test_the_plain_sum_of_the_paper_has_the_sample_itself_as_weights(data, n_groups):
    provider = DifferentiableGrouping(n_groups, "paper", normalise=False)
    provider.prepare(data, 50, 0)
    torch.testing.assert_close(provider.weights(7), provider.sample(7).T, rtol=0, atol=0)
    plain = DifferentiableGrouping(2, normalise=False, learning_rate=0.3)
    plain.prepare(data, 50, 0)
    assert plain.learning_rate == 0.3


def test_nothing_is_pruned_without_a_threshold(data):
    provider = DifferentiableGrouping(3, "paper", prune=0.0)
    provider.prepare(data, 10, 0)
    with torch.no_grad():
        provider.logits[:, 2] = -200
    assert provider.probabilities()[:, 2].eq(0).all()
    provider.on_epoch_end(0)
    assert provider.alive() is None
    assert provider.result().details["pruned"] == 0


@pytest.mark.parametrize("stem", [0, 3])
def test_the_best_epoch_is_the_end_of_a_search_that_is_as_long(data, tmp_path, stem):
    """Branches, a stem and groups go back together to where validation was best."""
    settings = {**SMALL, "epochs": 14, "lr": 0.05}
    made = lambda best: DifferentiableGrouping(  # noqa: E731
        2, "paper", normalise=False, prune=0.0, stem=stem, keeps_best=best
    )
    kept = ct.fit("mlp", data, made(True), checkpoint=tmp_path, **settings)
    best = set(kept.history.best_epoch.tolist())
    assert len(best) == 1
    # Each task is judged by its own branch, whose weight alone is not 0.
    loss = np.nanmean(kept.history.validation_loss, axis=(1, 2))
    assert best == {int(loss.argmin())}
    assert loss.argmin() + 1 < len(loss)
    shorter = ct.fit("mlp", data, made(False), **{**settings, "epochs": int(loss.argmin()) + 1})
    assert same(kept, shorter)
    np.testing.assert_array_equal(kept.grouping.membership, shorter.grouping.membership)
    assert kept.grouping.details == shorter.grouping.details
    np.testing.assert_array_equal(kept.weights > 0, kept.grouping.membership.T > 0)
    again = ct.fit("mlp", data, made(True), checkpoint=tmp_path, **settings)
    assert same(kept, again)
    assert kept.grouping.details == again.grouping.details


def groups_of(data, labels, n_groups=3):
    membership = np.eye(n_groups)[labels]
    return ct.Grouping(tasks=data.tasks.names, membership=membership, method="mine")


@pytest.mark.parametrize("mode", MODES)
def test_a_search_that_starts_from_groups_and_hardly_learns_ends_in_them(data, mode):
    groups = groups_of(data, [2, 0, 0, 1])
    provider = DifferentiableGrouping(3, mode, start=groups, learning_rate=1e-9)
    provider.prepare(data, 10, 0)
    expected = groups.membership / 2 + 1 / 6
    np.testing.assert_allclose(provider.probabilities().numpy(), expected, atol=1e-6)
    found = ct.fit("mlp", data, provider, **SMALL)
    np.testing.assert_array_equal(found.grouping.membership, groups.membership)


def test_a_search_can_leave_the_groups_that_it_starts_from(data):
    """One branch for all, in which each task would rather be alone."""
    start = groups_of(data, [0, 0, 0, 0])
    found = ct.fit("mlp", data, DifferentiableGrouping(3, start=start, balance=1.0), **SMALL)
    assert found.grouping.membership.any(0).sum() > 1


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (lambda data: groups_of(data, [0, 1, 0, 1], 2), "must be 3 groups of .*; found 2 of"),
        (
            lambda _: ct.Grouping(tasks=("a", "b"), membership=np.eye(3)[:2], method="m"),
            "must be 3 groups of the tasks task 0, .*; found 3 of a, b",
        ),
    ],
)
def test_groups_to_start_from_are_of_these_tasks_and_as_many(data, start, message):
    with pytest.raises(CoterieError, match=f"`start` {message}"):
        ct.fit("mlp", data, DifferentiableGrouping(3, start=start(data)), **SMALL)
    with pytest.raises(CoterieError, match="`start` must be a Grouping"):
        DifferentiableGrouping(3, start="data_map")


def test_settings_that_came_later_are_told_where_they_are_unusual(data):
    groups = groups_of(data, [0, 1, 0, 1], 2)
    own = {"normalise": False, "keeps_best": True}
    usual, unusual = DifferentiableGrouping(2), DifferentiableGrouping(2, start=groups, **own)
    told = {**own, "start": groups.membership.tolist()}
    assert not told.keys() & usual.settings().keys()
    assert unusual.settings() == usual.settings() | told
    assert unusual.label == "dmtg normalise=False keeps_best=True start=mine"


def test_gradient_of_the_logits_is_its_closed_form(data):
    provider = DifferentiableGrouping(3, "paper")
    provider.prepare(data, 100, 0)
    losses = torch.rand(3, 4)
    sample = provider.sample(7)
    (provider.weights(7) * losses).sum().backward()
    scaled = losses.T * provider.scale[:, None]
    expected = sample * (scaled - (sample * scaled).sum(1, keepdim=True)) / 2.5
    torch.testing.assert_close(provider.logits.grad, expected.detach())


def test_fused_branches_equal_a_loop_over_them(data):
    settings = {**SMALL, "epochs": 1}
    provider = lambda: DifferentiableGrouping(3, "annealed")  # noqa: E731
    looped = ct.fit("mlp", data, provider(), **settings)
    fused = ct.fit("mlp", data, provider(), **{**settings, "strategy": "vmap"})
    for name, tensor in looped.stack.state().items():
        torch.testing.assert_close(
            fused.stack.state()[name], tensor, atol=1e-3, rtol=1e-3, msg=name
        )


def test_pruned_pairs_stay_and_empty_branches_rest(data):
    provider = DifferentiableGrouping(3, "expected", prune=0.1)
    provider.prepare(data, 10, 0)
    with torch.no_grad():
        provider.logits[:, 2] = -9
        provider.logits[0, 1] = -9
    provider.on_epoch_end(0)
    assert provider.alive() == [True, True, False]
    with torch.no_grad():
        provider.logits[:] = 1
    assert provider.weights(3)[2].eq(0).all()
    assert provider.probabilities()[0].tolist() == [1.0, 0.0, 0.0]
    torch.testing.assert_close(provider.probabilities().sum(1), torch.ones(4))
    (provider.weights(3).sum() + provider.penalty()).backward()
    assert provider.logits.grad.isfinite().all()


def test_missing_labels(data):
    gaps = table(missing=0.4)
    found = ct.fit("mlp", gaps, DifferentiableGrouping(2), **SMALL)
    assert np.isfinite(np.array(found.grouping.details["probabilities"])).all()
    assert np.isfinite(
        found.history.train_loss[found.history.train_loss == found.history.train_loss]
    ).all()


@pytest.mark.parametrize("mode", MODES)
def test_a_task_without_labels_in_a_batch_waits(mode):
    whole = table(n=600)
    rare = torch.where(
        (torch.arange(600) % 6 == 0)[:, None] | (torch.arange(4) > 0), whole.targets, torch.nan
    )
    gaps = ct.load({"inputs": whole.inputs, "targets": rare}, rare="drop")
    assert len(gaps.tasks) == 4
    absent = []

    class Watch:
        def on_batch(self, position, outputs, targets):
            absent.append(bool(targets[:, 0].isnan().all()))

        def on_epoch_end(self, epoch):
            pass

        def state(self):
            return {}

        def restore(self, arrays):
            pass

    settings = {**SMALL, "batch_size": 4, "epochs": 2}
    found = ct.fit("mlp", gaps, DifferentiableGrouping(2, mode), observers=[Watch()], **settings)
    assert any(absent)
    assert not all(absent)
    assert all(tensor.isfinite().all() for tensor in found.stack.state().values())
    assert np.isfinite(found.grouping.details["probabilities"]).all()


def test_finetuning_trains_each_branch_on_its_own_and_leaves_the_stem(data):
    search = ct.fit("mlp", data, DifferentiableGrouping(3, stem=3), **SMALL)
    before = {name: t.clone() for name, t in search.stack.stem.tensors().items()}
    tuned, grouping = finetune(search, data, epochs=2)
    assert tuned.stack.n_models == grouping.n_groups == search.grouping.membership.any(0).sum()
    assert all(torch.equal(before[name], t) for name, t in tuned.stack.stem.tensors().items())
    assert (np.isnan(tuned.scores) == (grouping.weights() == 0)).all()
    with pytest.raises(CoterieError, match="has no grouping"):
        finetune(ct.fit("mlp", data, **SMALL), data, epochs=1)


@pytest.mark.parametrize("mode", MODES)
def test_a_task_is_scored_in_its_own_branch(data, mode):
    found = ct.fit("mlp", data, DifferentiableGrouping(3, mode), **SMALL)
    own = found.grouping.membership.T > 0
    assert np.isfinite(found.scores[own]).all()
    assert np.isfinite(found.history.validation_score[:, own]).all()
    assert (found.weights[own] > 0).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_groups": 0}, "`n_groups` must be"),
        ({"n_groups": 2, "mode": "soft"}, "`mode` must be one of"),
        ({"n_groups": 2, "held_out": 1.0}, "`held_out` must be"),
        ({"n_groups": 2, "normalise": 0.5}, "`normalise` must be a bool; found 0.5"),
        ({"n_groups": 2, "keeps_best": "best"}, "`keeps_best` must be a bool; found 'best'"),
        ({"n_groups": 2, "mode": "expected", "init": "shared"}, "never leaves its start"),
        ({"n_groups": 2, "temperature": (0.0, 1.0)}, "`temperature` must be a positive"),
        ({"n_groups": 2, "temperature": 3}, "`temperature` must be two numbers"),
        ({"n_groups": 2, "learning_rate": float("nan")}, "`learning_rate` must be a positive"),
        ({"n_groups": 2, "init": [0]}, "`init` must be 'independent', 'shared' or 2 integers"),
    ],
)
def test_bad_settings(arguments, message):
    with pytest.raises(CoterieError, match=message):
        DifferentiableGrouping(**arguments)


def test_more_branches_than_tasks(data):
    with pytest.raises(CoterieError, match="5 groups of 4 tasks: fewer tasks than groups"):
        ct.fit("mlp", data, DifferentiableGrouping(5), **SMALL)
    with pytest.raises(CoterieError, match="`stem` asks for the first 99 layers"):
        ct.fit("mlp", data, DifferentiableGrouping(2, stem=99), **SMALL)


def test_a_branch_that_was_pruned_later_is_there_again_in_the_epoch_that_is_kept(data):
    provider = DifferentiableGrouping(2, keeps_best=True, prune=0.1)
    provider.prepare(data, 10, 0)

    def epoch(*logits):
        with torch.no_grad():
            provider.logits.copy_(torch.tensor(logits))
        provider.on_epoch_end(len(provider.history))

    epoch([1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [1.0, 0.0])
    kept = provider.result().membership
    epoch([1.0, 0.0], [9.0, 0.0], [0.0, 1.0], [0.0, 9.0])
    assert provider.pruned[1, 1]
    provider.on_kept(0)
    np.testing.assert_array_equal(provider.result().membership, kept)
    assert not provider.pruned.any()
    assert len(provider.history) == 1
