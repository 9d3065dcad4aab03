"""TabM: each member is what it would be alone, and a model is their mean prediction."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import coterie as ct
from coterie.errors import CoterieError
from coterie.models import Architecture, ModelStack, Strategy
from coterie.models.architecture import TaskModel
from coterie.tasks import Kind, Link, averaged, member_losses, task_losses
from coterie.testing import check_encoder

OPTIONS = {"k": 3, "hidden": (8, 6), "dropout": 0.0, "bins": 0}
SMALL = {"model_options": OPTIONS, "epochs": 2}
BINARY = (Link(Kind.BINARY, 1),) * 2


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(200, 5)).astype(np.float32)
    targets = (inputs[:, :2] + inputs[:, 2:4] * inputs[:, 4:] > 0).astype(np.float32)
    return ct.load({"inputs": inputs, "targets": targets})


def shaken(model, seed=0):
    """With weights of which none is 1 or shared by members by chance."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return model


def reference(model, x):
    """Logits (k, B, P) in plain numpy, member by member; quantiles are not fitted."""
    weights = {name: tensor.detach().numpy() for name, tensor in model.named_parameters()}
    layers = sorted({name.rsplit(".", 1)[0] for name in weights if name.startswith("encoder")})
    found = []
    for member in range(len(weights["head.bias"])):
        h = x.numpy()
        for layer in layers:
            own = {n: weights[f"{layer}.{n}"] for n in ("weight", "r", "s", "bias")}
            # BatchEnsemble: the member's own matrix is W times the outer product of s and r.
            matrix = own["weight"] * np.outer(own["s"][member], own["r"][member])
            h = np.maximum(h @ matrix.T + own["bias"][member], 0)
        found.append(h @ weights["head.weight"][member].T + weights["head.bias"][member])
    return np.stack(found)


def test_members_are_networks_of_their_own_matrices():
    model = shaken(Architecture("tabm", (5,), 2, OPTIONS, BINARY).build(0, 0))
    x = torch.randn(7, 5, generator=torch.Generator().manual_seed(1))
    expected = reference(model, x)
    np.testing.assert_allclose(model.train()(x).detach(), expected, atol=1e-5)
    share = (1 / (1 + np.exp(-expected))).mean(0)
    np.testing.assert_allclose(model.eval()(x).sigmoid().detach(), share, atol=1e-5)


def test_members_start_by_the_signs_of_their_inputs_alone():
    model = Architecture("tabm", (5,), 2, OPTIONS).build(0, 0)
    first, second = (model.encoder[place] for place in (2, 4))
    assert set(first.r.unique().tolist()) == {-1.0, 1.0}
    assert (first.s == 1).all()
    assert (second.r == 1).all()
    for layer in (first, second):
        assert (layer.bias == layer.bias[:1]).all()
    assert (model.head.weight[0] != model.head.weight[1]).all()


def trained(model, steps, batches, forward):
    update = torch.optim.SGD(model, lr=0.1)
    for step in range(steps):
        x, y = batches[step]
        update.zero_grad(set_to_none=False)
        forward(x, y, step).backward()
        update.step()


@pytest.mark.parametrize("strategy", [Strategy("loop"), Strategy("vmap", 3)], ids=repr)
def test_stack_equals_separate_trainings(strategy):
    architecture = Architecture("tabm", (5,), 2, {**OPTIONS, "dropout": 0.3}, BINARY)
    generator = torch.Generator().manual_seed(0)
    batches = [
        (
            torch.randn(8, 5, generator=generator),
            torch.randn(8, 2, generator=generator).gt(0).float(),
        )
        for _ in range(10)
    ]

    def loss(outputs, y):
        return F.binary_cross_entropy_with_logits(
            outputs, y.expand_as(outputs), reduction="none"
        ).mean((-3, -2, -1))

    stack = ModelStack.create(architecture, n_models=3, seed=5)
    stack.strategy = strategy
    stack.train()

    def together(x, y, step):
        return loss(stack(x, seed=step, rows=slice(0, 3)), y).sum()

    for parameter in stack.trainable():
        parameter.grad = torch.zeros_like(parameter)
    trained(stack.trainable(), 10, batches, together)
    stack.train(False)
    for row in range(3):
        alone = architecture.build(5, row).train()

        def separate(x, y, step, alone=alone):
            torch.manual_seed(step)
            return loss(alone(x), y)

        trained(alone.parameters(), 10, batches, separate)
        x = batches[0][0]
        torch.testing.assert_close(stack(x)[row], alone.eval()(x), atol=1e-4, rtol=1e-4)


def test_the_encoder_holds_what_it_should():
    assert "vmap" in check_encoder("tabm", (5,), **{**OPTIONS, "bins": 3})


def test_inputs_are_measured_on_the_training_part(data):
    fit = ct.fit("tabm", data, **SMALL)
    knots = fit.stack.buffers["encoder.1.knots"][0]
    train = data.inputs[data.split.train]
    torch.testing.assert_close(knots[:, 0], train.amin(0))
    torch.testing.assert_close(knots[:, -1], train.amax(0))


def test_a_monotone_change_of_the_inputs_changes_nothing(data):
    """Which no network without quantiles could say."""
    options = {**SMALL, "epochs": 3}
    sorted_ranks = torch.as_tensor(np.exp(data.inputs.numpy()))
    other = ct.load({"inputs": sorted_ranks, "targets": data.targets})
    one, two = (
        ct.predict(ct.fit("tabm", each, **options).stack, each, each.split.train)
        for each in (data, other)
    )
    assert (one - two).abs().median() < 0.02


def test_losses_are_means_over_members_and_maps_of_the_mean_probability(data):
    """The map's first epoch, of one batch without dropout, is the confidence before any step."""
    options = {"model_options": OPTIONS, "epochs": 1, "batch_size": 200}
    fit = ct.fit("tabm", data, record=True, **options)
    stack = ModelStack.create(
        Architecture.of("tabm", data.input_shape, data.tasks, OPTIONS), n_models=1, seed=0
    )
    stack.fit_inputs(data)
    x, y = data.inputs[data.split.train], data.targets[data.split.train]
    stack.train()
    members = stack(x)
    expected = task_losses(members[0], y, data.tasks).mean(0)
    torch.testing.assert_close(member_losses(members, y, data.tasks)[0], expected)
    np.testing.assert_allclose(fit.history.train_loss[0, 0], expected.detach(), rtol=1e-5)
    stack.train(False)
    confidence = ct.confidence(stack(x)[0], y, data.tasks)
    np.testing.assert_allclose(fit.data_map.confidence, confidence.detach(), atol=1e-5)


def test_what_is_saved_predicts_the_same(data, tmp_path):
    fit = ct.fit("tabm", data, np.eye(2), **SMALL)
    model = ct.GroupedModel.from_stack(fit.stack, np.eye(2), data.tasks, data.preprocessing)
    model.save(tmp_path / "model.safetensors")
    again = ct.GroupedModel.load(tmp_path / "model.safetensors")
    x = data.inputs[:9]
    assert torch.equal(again.predict(x), model.predict(x))
    torch.testing.assert_close(model.hard().predict(x), model.predict(x))
    with torch.random.fork_rng():
        torch.testing.assert_close(model.train()(x), model.eval()(x))  # there is no dropout
    outputs = ct.predict(fit.stack, data, torch.arange(9))
    torch.testing.assert_close(model(x), torch.stack([outputs[0, :, 0], outputs[1, :, 1]], dim=1))


@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
def test_it_is_exported(data, tmp_path, suffix):
    """The export itself compares what was written with the model."""
    if suffix == ".onnx":
        pytest.importorskip("onnxscript")
    options = {**OPTIONS, "bins": 2}
    fit = ct.fit("tabm", data, epochs=1, model_options=options)
    model = ct.GroupedModel.from_stack(fit.stack, np.ones((2, 1)), data.tasks, data.preprocessing)
    assert len(model.export(tmp_path / f"model{suffix}")["outputs"][0]["columns"]) == 2


@pytest.mark.parametrize(
    "method", ["lookahead", "cosine", "alignment", "transfer_gain", "auxiliary_gain"]
)
def test_affinities_read_it(data, method):
    found = ct.affinity(method, "tabm", data, every=2, **SMALL, batch_size=32)
    assert np.isfinite(found.matrix[~np.eye(2, dtype=bool)]).all()


def test_a_stem_of_it_is_shared(data):
    """Weights that are learnt train branches behind the layer that reads quantiles."""
    fit = ct.fit("tabm", data, ct.DifferentiableGrouping(2, stem=3), **SMALL)
    assert fit.stack.stem.n_layers == 3
    assert (fit.stack.stem.module[1].numeric).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": ()}, "at least one layer"),
        ({"k": 0}, "`k` must be"),
        ({"bins": -1}, "`bins` must be"),
        ({"dropout": 1.0}, "`dropout` must be"),
    ],
)
def test_options_that_cannot_work_are_named(options, message):
    with pytest.raises(CoterieError, match=message):
        Architecture("tabm", (5,), 2, options).build(0, 0)


def test_members_narrowed_to_some_tasks_are_the_same():
    model = shaken(Architecture("tabm", (5,), 2, OPTIONS, BINARY).build(0, 0)).eval()
    narrow = model.narrowed([1], BINARY[1:])
    x = torch.randn(7, 5)
    assert isinstance(narrow, TaskModel)
    torch.testing.assert_close(narrow(x)[:, 0], model(x)[:, 1])
    torch.testing.assert_close(averaged(narrow.train()(x), BINARY[1:]), model(x)[:, 1:])
