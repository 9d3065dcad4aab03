"""A stack with a stem is K models whose first layers are tied; a frozen stem uncouples them."""

import numpy as np
import pytest
import torch
from torch import nn

from coterie.errors import CoterieError
from coterie.fitting import fit
from coterie.models import Architecture, ModelStack, Strategy
from coterie.models.stem import split
from coterie.results import Fit
from coterie.tasks import task_losses
from coterie.training import predict
from coterie.training.device import Place
from coterie.training.step import gradient_step, held_out_losses
from tests.differentiable.small import SMALL, batch_of, table

STEM = 3  # linear, BatchNorm, ReLU
OPTIONS = {"hidden": (8, 8)}
STRATEGIES = [Strategy("loop"), Strategy("vmap", 3), Strategy("vmap", 2)]


def stack_for(data, n_models=3, stem=STEM, strategy=STRATEGIES[0], seed=0, **create):
    architecture = Architecture("mlp", data.input_shape, data.tasks.n_outputs, OPTIONS)
    stack = ModelStack.create(architecture, n_models=n_models, seed=seed, stem=stem, **create)
    stack.strategy = strategy
    return stack


def tied_models(stack):
    """Ordinary models whose first layers are one and the same module."""
    shared = stack.stem.copy().module
    models = [stack.branch(row) for row in range(stack.n_models)]
    return shared, models


def tensors(module):
    return {
        name: tensor.detach().clone()
        for name, tensor in (*module.named_parameters(), *module.named_buffers())
    }


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_one_step_equals_models_with_tied_first_layers(strategy):
    data = table(missing=True)
    stack, place = stack_for(data, strategy=strategy), Place.of("cpu", "fp32")
    weights = torch.rand(3, 4, generator=torch.Generator().manual_seed(0))
    batch = batch_of(data, 32)
    shared, models = tied_models(stack)
    shared.train()
    features = shared(batch.inputs)
    outputs = torch.stack([model.train()(features) for model in models])
    losses = task_losses(outputs, batch.targets, data.tasks)
    (weights * losses).sum().backward()

    stack.train()
    found_outputs, found_losses = gradient_step(stack, batch, weights, data.tasks, 0, place)
    torch.testing.assert_close(found_outputs, outputs.detach())
    torch.testing.assert_close(found_losses, losses.detach())
    for mine, theirs in zip(stack.stem.module.parameters(), shared.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, theirs.grad)
    for row, model in enumerate(models):
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(stack.parameters[name].grad[row], parameter.grad)
    for mine, theirs in zip(stack.stem.module.buffers(), shared.buffers(), strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_gradient_of_the_stem_is_the_sum_over_branches(strategy):
    data, place = table(), Place.of("cpu", "fp32")
    batch, weights = (
        batch_of(data, 32),
        torch.rand(3, 4, generator=torch.Generator().manual_seed(1)),
    )

    def stem_gradient(rows):
        stack = stack_for(data, strategy=strategy)
        stack.train()
        kept = torch.zeros_like(weights)
        kept[rows] = weights[rows]
        gradient_step(stack, batch, kept, data.tasks, 0, place)
        return [parameter.grad.clone() for parameter in stack.stem.module.parameters()]

    whole, parts = stem_gradient([0, 1, 2]), [stem_gradient([row]) for row in range(3)]
    for total, *single in zip(whole, *parts, strict=True):
        torch.testing.assert_close(total, sum(single))


def test_a_stem_learns_and_is_one_for_all_rows():
    data = table()
    stack = stack_for(data)
    before = tensors(stack.stem.module)
    trained = fit("mlp", data, np.eye(4)[:3], start=stack, **SMALL | {"model_options": OPTIONS})
    after = tensors(trained.stack.stem.module)
    assert all(not torch.equal(before[name], after[name]) for name in before)
    assert all(
        torch.equal(tensor, before[name]) for name, tensor in tensors(stack.stem.module).items()
    ), "`start` is left alone"
    first = [trained.stack.model(row).encoder[0].weight for row in range(3)]
    assert torch.equal(first[0], first[1])
    assert torch.equal(first[0], first[2])
    assert trained.history.best_epoch.tolist() == [2, 2, 2], (
        "rows that share a stem that learns end together"
    )


def test_model_of_a_row_is_stem_and_branch():
    data = table()
    stack = stack_for(data)
    stack.train(mode=False)
    outputs = stack(data.inputs)
    for row in range(3):
        torch.testing.assert_close(stack.model(row)(data.inputs), outputs[row])


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_frozen_stem_stays_and_rows_are_independent(strategy):
    data = table()
    frozen = stack_for(data).freeze_stem()
    before = tensors(frozen.stem.module)
    settings = SMALL | {"model_options": OPTIONS, "strategy": strategy.kind}
    together = fit("mlp", data, np.eye(4)[:3], start=frozen, **settings)
    after = tensors(together.stack.stem.module)
    assert set(after) > {"1.running_mean", "1.num_batches_tracked"}
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    alone = fit("mlp", data, np.eye(4)[[1]], start=frozen.select([1]), **settings)
    np.testing.assert_allclose(
        together.history.train_loss[:, 1], alone.history.train_loss[:, 0], atol=1e-5
    )
    for name, tensor in alone.stack.parameters.items():
        torch.testing.assert_close(
            together.stack.parameters[name][1], tensor[0], atol=1e-5, rtol=1e-4
        )


def test_a_stem_that_learns_couples_rows_and_a_frozen_one_does_not():
    stack = stack_for(table())
    assert stack.couples_rows
    assert not stack.freeze_stem().couples_rows
    assert not stack.select([0]).couples_rows
    assert not stack_for(table(), stem=0).couples_rows


def test_frozen_stem_with_labels_of_their_own():
    """Rows whose examples differ.

    In one stack where they take equally many steps, else in several.
    """
    data = table(missing=True)
    frozen = stack_for(data).freeze_stem()
    settings = SMALL | {"model_options": OPTIONS, "init": [0, 1, 2]}
    together = fit("mlp", data, np.eye(4)[:3], start=frozen, **settings)
    assert all(
        torch.equal(t, tensors(frozen.stem.module)[name])
        for name, t in tensors(together.stack.stem.module).items()
    )
    for row in range(3):
        alone = fit(
            "mlp", data, np.eye(4)[[row]], start=frozen.select([row]), **settings | {"init": [row]}
        )
        np.testing.assert_allclose(
            together.history.train_loss[:, row], alone.history.train_loss[:, 0], atol=1e-5
        )
    outputs = predict(together.stack, data, data.split.test)
    assert outputs.isfinite().all()


def test_stem_that_learns_refuses_labels_of_their_own():
    data = table(missing=True)
    with pytest.raises(CoterieError, match="stem that learns"):
        fit("mlp", data, np.eye(4)[:3], start=stack_for(data), **SMALL | {"model_options": OPTIONS})


def test_state_and_files_round_trip(tmp_path):
    data = table()
    settings = SMALL | {"model_options": OPTIONS}
    trained = fit("mlp", data, np.ones((3, 4)), start=stack_for(data), **settings)
    state = trained.stack.state()
    assert state["encoder.0.weight"].shape == (1, 8, 6)
    assert state["encoder.3.weight"].shape == (3, 8, 8)
    again = ModelStack.from_state(
        trained.stack.architecture, {k: v.clone() for k, v in state.items()}, stem=STEM
    )
    trained.save(tmp_path)
    expected = predict(trained.stack, data, data.split.test)
    for stack in (again, Fit.load(tmp_path).stack):
        assert torch.equal(predict(stack, data, data.split.test), expected)
        assert stack.n_parameters == trained.stack.n_parameters


def test_copies_do_not_share_the_stem():
    stack = stack_for(table())
    for copy in (stack.select([0, 2]), stack.replicate(1, 2), stack.freeze_stem()):
        with torch.no_grad():
            copy.stem.module[0].weight.zero_()
        assert stack.stem.module[0].weight.abs().sum() > 0


def test_without_a_stem_rows_are_the_same_and_independent():
    data = table()
    stack = stack_for(data)
    stack.train(mode=False)
    own = stack.without_stem()
    assert torch.equal(own(data.inputs), stack(data.inputs))
    assert not own.couples_rows
    whole = ModelStack.concatenate([own, stack_for(data, stem=0)])
    assert whole.n_models == 6
    with torch.no_grad():
        own.parameters["encoder.0.weight"][1].zero_()
    assert stack.stem.module[0].weight.abs().sum() > 0
    assert own.parameters["encoder.0.weight"][0].abs().sum() > 0
    assert own.without_stem() is own


def test_parameters_are_counted_with_the_stem():
    data = table()
    assert stack_for(data).n_parameters == stack_for(data, stem=0).n_parameters
    assert len(stack_for(data).trainable()) == len(stack_for(data, stem=0).trainable())
    assert (
        len(stack_for(data).freeze_stem().trainable())
        == len(stack_for(data, stem=0).trainable()) - STEM
    )


def test_rows_start_from_their_own_branches_and_the_first_stem():
    data = table()
    stack = stack_for(data)
    plain = stack_for(data, stem=0)
    torch.testing.assert_close(stack.stem.module[0].weight, plain.parameters["encoder.0.weight"][0])
    for name in ("encoder.3.weight", "head.weight"):
        assert torch.equal(stack.parameters[name], plain.parameters[name])


def test_held_out_losses_change_nothing():
    data, place = table(), Place.of("cpu", "fp32")
    stack = stack_for(data)
    stack.train()
    before = {name: tensor.clone() for name, tensor in stack.state().items()}
    losses = held_out_losses(stack, batch_of(data, 32), data.tasks, place)
    assert all(torch.equal(tensor, stack.state()[name]) for name, tensor in before.items())
    assert stack.template.training
    assert stack.stem.module.training
    stack.train(mode=False)
    batch = batch_of(data, 32)
    torch.testing.assert_close(losses, task_losses(stack(batch.inputs), batch.targets, data.tasks))


def test_frozen_stems_that_are_equal_are_concatenated():
    stack = stack_for(table())
    frozen = stack.freeze_stem()
    whole = ModelStack.concatenate([frozen.select([2]), frozen.select([0, 1])]).select([1, 2, 0])
    assert all(torch.equal(tensor, frozen.state()[name]) for name, tensor in whole.state().items())
    assert whole.stem.frozen
    for others in (
        [stack.select([0]), stack.select([1])],
        [frozen, stack_for(table(), stem=0)],
        [frozen, stack_for(table(), seed=1).freeze_stem()],
    ):
        with pytest.raises(CoterieError, match="frozen stem"):
            ModelStack.concatenate(others)


def test_stem_on_images_with_dropout_repeats():
    """Random layers of a stem draw from the step's seed.

    A row's mask does not depend on how rows are executed.
    """
    architecture = Architecture("cnn", (1, 8, 8), 2, {"dropout": 0.5})
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    outputs = []
    for strategy in (Strategy("loop"), Strategy("vmap", 2)):
        # Up to the dropout after the convolutions.
        stack = ModelStack.create(architecture, n_models=2, seed=0, stem=12)
        stack.strategy = strategy
        stack.train()
        outputs.append(stack(images, seed=3))
        assert not torch.equal(outputs[-1], stack(images, seed=4))
    torch.testing.assert_close(*outputs)


class Named(nn.Module):
    """Not a sequence of layers."""

    def __init__(self, input_shape):
        super().__init__()
        self.layer = nn.Linear(input_shape[0], 3)

    def forward(self, x):
        return self.layer(x)


@pytest.mark.parametrize(
    ("model", "layers"), [("mlp", 6), ("mlp", 99), ("mlp", -1), (Named, 1)], ids=str
)
def test_wrong_stems_are_refused(model, layers):
    options = OPTIONS if model == "mlp" else {}
    with pytest.raises(CoterieError, match=r"`stem` asks for the first"):
        split(Architecture(model, (4,), 2, options).build(0, 0), layers, str(model))
