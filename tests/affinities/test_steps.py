"""Gradients of all tasks, candidate steps and scoring batches."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from coterie.affinities import Cosine, Lookahead, TransferGain
from coterie.affinities._steps import require_joint
from coterie.data import Batch, Batches, load
from coterie.errors import CoterieError
from coterie.models import ModelStack
from coterie.tasks import task_losses
from coterie.training.step import gradient_step
from tests.affinities.moments import KINDS, measured, moment_of, smooth, table, trial_of

MLP = {"model": "mlp", "model_options": {"hidden": (12,), "dropout": 0.3}}


class OnlyOneByOne(nn.Module):
    """vmap cannot trace a value that leaves the device, neither forwards nor backwards."""

    def __init__(self, width):
        super().__init__()
        self.layer = nn.Linear(width, 5)

    def forward(self, x):
        y = self.layer(x)
        return _Stubborn.apply(y) * (1.0 if y.sum().item() > -1e9 else 2.0)


class _Stubborn(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        return gradient * (1.0 if gradient.sum().item() > -1e9 else 2.0)


def only_one_by_one(input_shape):
    return OnlyOneByOne(input_shape[0])


@pytest.fixture(scope="module")
def data():
    return table(kinds=KINDS, missing=0.2)


@pytest.mark.parametrize("settings", [MLP, {"model": smooth}])
def test_vectorised_gradients_equal_those_task_by_task(data, settings):
    moment = moment_of(data, warm=2, **settings)
    trial = trial_of(moment)
    assert not trial.bench.looped
    together = trial.gradients(heads=True)
    assert not trial.bench.rejected
    trial.bench.looped = True
    looped = trial.gradients(heads=True)
    model = moment.stack.model(0).train()
    torch.manual_seed(moment.seed)
    losses = task_losses(model(moment.batch.inputs), moment.batch.targets, data.tasks)
    for task, loss in enumerate(losses):
        model.zero_grad()
        loss.backward(retain_graph=True)
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(together[name][task], parameter.grad, rtol=1e-4, atol=1e-6)
            torch.testing.assert_close(looped[name][task], parameter.grad, rtol=1e-4, atol=1e-6)


def test_chunks_change_nothing(data):
    moment = moment_of(data, warm=2, **MLP)
    whole, cut = trial_of(moment), trial_of(moment, memory=1)
    assert cut.bench.rows_that_fit(cut.memory, 30) == 1
    for name, gradient in whole.gradients(heads=True).items():
        torch.testing.assert_close(cut.gradients(heads=True)[name], gradient, rtol=1e-4, atol=1e-6)
    for probe in (Lookahead, TransferGain, lambda **s: TransferGain(pairs="first-order", **s)):
        np.testing.assert_allclose(
            measured(probe(memory=1), moment), measured(probe(), moment), rtol=1e-3, atol=1e-5
        )


@pytest.mark.parametrize(
    "probe", [Cosine, Lookahead, TransferGain, lambda: TransferGain(pairs="first-order")]
)
def test_a_module_that_cannot_be_vectorised_is_looped_over(data, probe):
    made, other = probe(), probe()
    moment = moment_of(data, only_one_by_one)
    found = measured(made, moment)
    assert made._bench.rejected
    assert np.isfinite(found).all()
    plain = moment_of(data, lambda shape: nn.Sequential(OnlyOneByOne(shape[0]).layer))
    with torch.no_grad():
        for mine, theirs in zip(
            plain.stack.parameters.values(), moment.stack.parameters.values(), strict=True
        ):
            mine.copy_(theirs)
    np.testing.assert_allclose(found, measured(other, plain), rtol=1e-3, atol=1e-6)
    assert not other._bench.rejected


@pytest.mark.parametrize("settings", [MLP, {"model": smooth}])
def test_mean_of_the_tasks_gradients_is_that_of_the_training(data, settings):
    moment = moment_of(data, warm=2, **settings)
    gradients = trial_of(moment).gradients(heads=True)
    gradient_step(moment.stack, moment.batch, moment.weights, data.tasks, moment.seed, moment.place)
    for name, parameter in moment.stack.parameters.items():
        torch.testing.assert_close(gradients[name].mean(0), parameter.grad[0], rtol=1e-4, atol=1e-6)


def test_mean_of_the_tasks_gradients_where_some_examples_have_no_label(data):
    spoiled = replace(data, targets=data.targets.clone())
    spoiled.targets[spoiled.split.train[:20]] = torch.nan
    support = spoiled.split.train[20:]
    batch = next(Batches(spoiled, [support], batch_size=30, seed=0).epoch(0))
    assert batch.targets.dim() == 3
    moment = replace(moment_of(data, smooth), batch=batch, data=spoiled)
    gradients = trial_of(moment).gradients(heads=True)
    share = (~spoiled.targets[support].isnan()).float().mean(0, keepdim=True)
    gradient_step(moment.stack, batch, moment.weights, data.tasks, moment.seed, moment.place, share)
    for name, parameter in moment.stack.parameters.items():
        torch.testing.assert_close(gradients[name].mean(0), parameter.grad[0], rtol=1e-4, atol=1e-6)


def test_without_heads_only_what_is_shared(data):
    shared = trial_of(moment_of(data, smooth)).gradients(heads=False)
    assert {name.split(".")[0] for name in shared} == {"encoder"}


def test_a_task_moves_its_own_head_only(data):
    moment = moment_of(data, smooth)
    weight = trial_of(moment).gradients(heads=True)["head.weight"]
    for task, columns in enumerate(data.tasks.columns):
        others = [
            column
            for column in range(data.tasks.n_outputs)
            if column not in range(columns.start, columns.stop)
        ]
        assert (weight[task, others] == 0).all()
        assert (weight[task, columns] != 0).any()


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam])
def test_preconditioned_step_is_torchs_own_without_momentum(data, kind):
    moment = moment_of(data, smooth)
    stack = moment.stack
    settings = {"weight_decay": 0.0} if kind is torch.optim.AdamW else {}
    optimiser = kind(stack.trainable(), lr=0.1, betas=(0.0, 0.9), **settings)
    moment = replace(moment, optimiser=optimiser)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        before = {name: tensor.clone() for name, tensor in stack.state().items()}
        gradients = {
            name: torch.randn(p.shape, generator=generator) for name, p in stack.parameters.items()
        }
        for name, parameter in stack.parameters.items():
            parameter.grad = gradients[name].clone()
        optimiser.step()
    for name, step in trial_of(moment).steps(gradients).items():
        torch.testing.assert_close(step, before[name] - stack.state()[name], rtol=1e-4, atol=1e-6)


def test_sgd_leaves_its_momentum_out(data):
    moment = moment_of(data, smooth, warm=3, momentum=0.9)
    trial = trial_of(moment)
    gradients = trial.gradients(heads=True)
    steps = trial.steps({name: gradient.clone() for name, gradient in gradients.items()})
    for name, gradient in gradients.items():
        torch.testing.assert_close(steps[name], 0.1 * gradient)


def test_scoring_batch_is_drawn_apart_and_follows_seed_and_step(data):
    moment = moment_of(data, batch_size=20)
    trial = trial_of(moment)
    batch = trial.scoring_batch()
    known = {tuple(row) for row in moment.batch.inputs.tolist()}
    assert len(batch.targets) == 20
    assert not known & {tuple(row) for row in batch.inputs.tolist()}
    assert torch.equal(batch.inputs, trial.scoring_batch().inputs)
    other = trial_of(moment_of(data, batch_size=20, step=8)).scoring_batch()
    assert not torch.equal(batch.inputs, other.inputs)


def test_scoring_batch_is_normalised_as_training_batches_are():
    data = load("digits")
    moment = moment_of(data, "cnn", batch_size=600)
    batch = trial_of(moment).scoring_batch()
    whole = next(Batches(data, data.split.train, batch_size=2000, seed=0).ordered())
    known = {tuple(row) for row in whole.inputs.flatten(1).tolist()}
    assert {tuple(row) for row in batch.inputs.flatten(1).tolist()} <= known


def test_scoring_falls_back_on_the_training_batch_where_there_are_no_other_examples(data):
    moment = moment_of(data, batch_size=40)
    whole = next(Batches(data, data.split.train, batch_size=60, seed=0).epoch(0))
    moment = replace(moment, batch=whole)
    batch = trial_of(moment).scoring_batch()
    assert sorted(map(tuple, batch.inputs.tolist())) == sorted(map(tuple, whole.inputs.tolist()))


def test_scoring_draws_the_masks_of_the_step(data):
    moment = moment_of(data, **MLP)
    batch = trial_of(moment).scoring_batch()
    trials = [trial_of(replace(moment, seed=seed)) for seed in (1, 1, 2)]
    with torch.random.fork_rng():
        one, again, other = (trial.losses_after(torch.zeros(1, 3), {}, batch) for trial in trials)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_streamed_dataset_gives_the_same(data):
    class Pairs(torch.utils.data.Dataset):
        def __len__(self):
            return len(data)

        def __getitem__(self, index):
            return data.inputs[index], data.targets[index]

    moment = moment_of(data, smooth)
    expected = measured(Lookahead(), moment)
    streamed = replace(moment, data=replace(data, inputs=Pairs()))
    np.testing.assert_array_equal(measured(Lookahead(), streamed), expected)


def test_a_training_that_is_not_joint_is_refused(data):
    with pytest.raises(CoterieError, match="one model of all tasks; found a stack of 2"):
        require_joint(moment_of(data, rows=2), "lookahead")
    with pytest.raises(CoterieError, match=r"same weight; found `weights` from 0.2 to 0.6"):
        require_joint(moment_of(data, weights=torch.tensor([[0.2, 0.2, 0.6]])), "lookahead")
    moment = moment_of(data, smooth)
    moment.stack.stem = nn.Identity()
    with pytest.raises(CoterieError, match=r"whole models, .* a stack with a stem"):
        require_joint(moment, "lookahead")


def test_a_batch_without_labels_of_a_task_says_nothing_about_it(data):
    moment = moment_of(data, smooth)
    targets = moment.batch.targets.clone()
    targets[:, 1] = torch.nan
    moment = replace(moment, batch=Batch(moment.batch.position, moment.batch.inputs, targets))
    missing = np.zeros((3, 3), dtype=bool)
    missing[1] = True  # no step to take
    np.testing.assert_array_equal(np.isnan(measured(Lookahead(), moment)), missing)
    missing[:, 1] = True  # and, where a step of its own is the reference, nothing to compare with
    for probe in (Cosine(), TransferGain(), TransferGain(pairs="first-order")):
        np.testing.assert_array_equal(np.isnan(measured(probe, moment)), missing)
        probe.on_step(moment_of(data, smooth))
        assert (probe.running.count == np.where(missing, 1, 2)).all()


def test_a_scoring_batch_without_labels_of_a_task_does_not_score_it(data):
    moment = moment_of(data, smooth)
    targets = data.targets.clone()
    targets[:, 2] = torch.nan
    moment = replace(moment, data=replace(data, targets=targets))
    missing = np.zeros((3, 3), dtype=bool)
    missing[:, 2] = True
    for probe in (Lookahead(), TransferGain(), TransferGain(pairs="first-order")):
        np.testing.assert_array_equal(np.isnan(measured(probe, moment)), missing)


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 0, 2]])
def test_permuting_the_tasks_permutes_the_matrix(order):
    one, other = table(kinds=KINDS), table(kinds=KINDS, order=order)
    assert torch.equal(one.split.train, other.split.train)
    here, there = moment_of(one, smooth, warm=1), moment_of(other, smooth)
    columns = [
        c for t in order for c in range(one.tasks.columns[t].start, one.tasks.columns[t].stop)
    ]
    there.stack.load_state(
        {
            name: tensor[:, columns] if name.startswith("head.") else tensor
            for name, tensor in here.stack.state().items()
        }
    )
    for make in (Cosine, Lookahead, TransferGain, lambda: TransferGain(pairs="first-order")):
        expected = measured(make(), here)[np.ix_(order, order)]
        np.testing.assert_allclose(measured(make(), there), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "probe",
    [
        Cosine(),
        Lookahead(scored_on="train", batch_size=None),
        TransferGain(scored_on="train", batch_size=None),
        TransferGain(pairs="first-order", scored_on="train", batch_size=None),
        Lookahead(batch_size=15),
    ],
)
def test_price_is_what_a_measurement_takes(data, probe):
    probe.on_step(moment_of(data, smooth))
    price = probe.price(3)
    assert probe.work.lookaheads == price.lookaheads
    scored = 0.5 if getattr(probe, "batch_size", None) else 1.0
    assert probe.work.forwards == 1 + scored * (price.forwards - 1)
    assert probe.work.backwards == price.backwards


def test_losses_are_in_full_precision_and_the_setting_stays(data, monkeypatch):
    moment, seen, run = moment_of(data, smooth), [], ModelStack.__call__

    def watched(self, *args, **settings):
        seen.append(torch.backends.cudnn.allow_tf32)
        return run(self, *args, **settings)

    monkeypatch.setattr(ModelStack, "__call__", watched)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    trial = trial_of(moment)
    trial.losses_after(torch.eye(3), {}, trial.scoring_batch())
    assert seen == [False]
    assert torch.backends.cudnn.allow_tf32


def test_bf16_agrees_with_fp32(data):
    exact, rough = (
        measured(Lookahead(), moment_of(data, smooth, precision=p)) for p in ("fp32", "bf16")
    )
    np.testing.assert_allclose(rough, exact, atol=0.02 * np.abs(exact).max())
    assert not np.array_equal(rough, exact)
