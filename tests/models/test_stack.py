"""A stack of M models is M separate models."""

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from coterie.data import Batch
from coterie.errors import CoterieError
from coterie.models import Architecture, ModelStack, Strategy
from coterie.models.strategy import (
    CHUNK_BYTES,
    Workload,
    choose_strategy,
    chunks,
    rows_that_fit,
    why_not_vmap,
)
from coterie.seeds import derive
from coterie.tasks import Kind, Task, Tasks
from coterie.training.device import Place
from coterie.training.step import decide_strategy

STEPS = 20
SHAPES = {"mlp": (12,), "cnn": (3, 12, 12), "resnet18": (1, 8, 8)}
OPTIONS = {"mlp": {"hidden": (16, 16), "dropout": 0.2}, "cnn": {}, "resnet18": {}}


def lstm(input_shape):
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(input_shape[-1], 8, batch_first=True)

        def forward(self, x):
            return self.lstm(x)[0][:, -1]

    return Encoder()


def optimiser(name, parameters):
    if name == "sgd":
        return torch.optim.SGD(parameters, lr=0.01, momentum=0.9)
    return torch.optim.Adam(parameters, lr=1e-3)


def batches(shape, n=STEPS, batch=8):
    generator = torch.Generator().manual_seed(1)
    for _ in range(n):
        x = torch.randn(batch, *shape, generator=generator)
        yield x, (torch.randn(batch, 2, generator=generator) > 0).float()


def train_separately(architecture, identity, opt, seed):
    model = architecture.build(seed, identity).train()
    update = optimiser(opt, model.parameters())
    losses = []
    for step, (x, y) in enumerate(batches(architecture.input_shape)):
        torch.manual_seed(derive(seed, "forward", step))
        loss = F.binary_cross_entropy_with_logits(model(x), y)
        update.zero_grad()
        loss.backward()
        update.step()
        losses.append(loss.item())
    torch.manual_seed(99)
    return losses, model(x).detach(), dict(model.named_buffers())


def train_stack(stack, opt, seed):
    update = optimiser(opt, stack.trainable())
    stack.train()
    losses = []
    for step, (x, y) in enumerate(batches(stack.architecture.input_shape)):
        stack.zero_grad()
        row_losses = []
        for rows in chunks(stack.n_models, stack.strategy.rows):
            outputs = stack(x, rows=rows, seed=derive(seed, "forward", step))
            loss = F.binary_cross_entropy_with_logits(
                outputs, y.expand_as(outputs), reduction="none"
            ).mean((1, 2))
            loss.sum().backward()
            row_losses.append(loss.detach())
        update.step()
        losses.append(torch.cat(row_losses))
    return torch.stack(losses), stack(x, seed=99).detach()


@pytest.mark.parametrize("opt", ["sgd", "adam"])
@pytest.mark.parametrize(
    "strategy", [Strategy("loop"), Strategy("vmap", 3), Strategy("vmap", 2)], ids=repr
)
@pytest.mark.parametrize("name", ["mlp", "cnn"])
def test_stack_equals_separate_trainings(name, strategy, opt):
    torch.use_deterministic_algorithms(mode=True)
    architecture = Architecture(name, SHAPES[name], 2, OPTIONS[name])
    stack = ModelStack.create(architecture, n_models=3, seed=5)
    stack.strategy = strategy
    losses, outputs = train_stack(stack, opt, seed=5)
    for row in range(3):
        alone, logits, buffers = train_separately(architecture, row, opt, seed=5)
        torch.testing.assert_close(losses[:, row], torch.tensor(alone), atol=1e-3, rtol=0)
        torch.testing.assert_close(outputs[row], logits, atol=1e-3, rtol=0)
        for buffer, value in buffers.items():
            torch.testing.assert_close(
                stack.buffers[buffer][row].float(), value.float(), atol=1e-3, rtol=1e-3
            )


@pytest.fixture
def in_double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.slow
@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("strategy", [Strategy("loop"), Strategy("vmap", 2)], ids=repr)
def test_resnet_stack_equals_separate_trainings(strategy):
    """In float64: with eight examples a batch, what float32 rounds grows to 0.4 in twenty steps."""
    architecture = Architecture("resnet18", SHAPES["resnet18"], 2)
    stack = ModelStack.create(architecture, n_models=2, seed=5)
    stack.strategy = strategy
    losses, _ = train_stack(stack, "sgd", seed=5)
    alone, _, _ = train_separately(architecture, 1, "sgd", seed=5)
    torch.testing.assert_close(losses[:, 1].double(), torch.tensor(alone), atol=1e-6, rtol=0)


def test_row_does_not_depend_on_number_of_models():
    architecture = Architecture("mlp", (12,), 2, OPTIONS["mlp"])
    small, large = (ModelStack.create(architecture, n_models=m, seed=0) for m in (1, 4))
    for stack in (small, large):
        stack.strategy = Strategy("vmap", stack.n_models)
    torch.testing.assert_close(
        train_stack(small, "adam", 0)[1][0], train_stack(large, "adam", 0)[1][0], atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("strategy", [Strategy("loop"), Strategy("vmap", 3)], ids=repr)
def test_own_inputs_per_row(strategy):
    architecture = Architecture("mlp", (12,), 2, {"hidden": (8,)})
    stack = ModelStack.create(architecture, n_models=3, seed=0)
    stack.strategy = strategy
    inputs = torch.randn(3, 5, 12)
    stack.train()
    together = stack(inputs, per_row=True)
    for row in range(3):
        torch.testing.assert_close(
            together[row], stack.model(row).train()(inputs[row]), atol=1e-5, rtol=0
        )


def test_chunk_sizes_give_the_same_gradients():
    architecture = Architecture("mlp", (12,), 2, {"hidden": (8,)})
    gradients = []
    for strategy in (Strategy("loop"), Strategy("vmap", 5), Strategy("vmap", 2)):
        stack = ModelStack.create(architecture, n_models=5, seed=0)
        stack.strategy = strategy
        stack.zero_grad()
        for rows in chunks(5, strategy.rows):
            stack(torch.eye(12), rows=rows).square().sum().backward()
        gradients.append(torch.cat([p.grad.flatten() for p in stack.trainable()]))
    torch.testing.assert_close(gradients[0], gradients[1])
    torch.testing.assert_close(gradients[0], gradients[2])


def test_frozen_encoder_is_not_trained():
    def frozen(input_shape):
        return nn.Linear(input_shape[0], 4).requires_grad_(requires_grad=False)

    stack = ModelStack.create(Architecture(frozen, (3,), 2), n_models=2, seed=0)
    assert len(stack.trainable()) == 2
    stack.zero_grad()
    stack(torch.ones(2, 3), rows=slice(0, 1)).sum().backward()
    assert stack.parameters["encoder.weight"].grad is None
    assert stack.parameters["head.weight"].grad[0].abs().sum() > 0


def test_lstm_falls_back_to_the_loop():
    stack = ModelStack.create(Architecture(lstm, (5, 3), 2), n_models=3, seed=0)

    batch = Batch(torch.arange(4), torch.randn(4, 5, 3), torch.ones(4, 2))
    tasks = Tasks.plain([Task(name=name, kind=Kind.BINARY) for name in "ab"])
    chosen = decide_strategy(stack, batch, torch.ones(3, 2), tasks, "auto", Place.of("cpu"))
    assert chosen.kind == "loop"
    assert "vmap rejects" in chosen.reason


def test_replicate_copies_one_row_and_leaves_the_original():
    stack = ModelStack.create(Architecture("mlp", (4,), 2), n_models=3, seed=0)
    copies = stack.replicate(1, 4)
    assert copies.n_models == 4
    torch.testing.assert_close(copies(torch.ones(2, 4))[3], stack(torch.ones(2, 4))[1])
    before = stack.parameters["head.weight"].clone()
    copies.parameters["head.weight"].data.zero_()
    assert torch.equal(stack.parameters["head.weight"], before)


def test_concatenate_then_select_is_identity():
    stack = ModelStack.create(Architecture("mlp", (4,), 2), n_models=3, seed=0)
    whole = ModelStack.concatenate([stack.select([2]), stack.select([0, 1])]).select([1, 2, 0])
    for name, tensor in stack.state().items():
        assert torch.equal(whole.state()[name], tensor)
    with pytest.raises(CoterieError, match="one architecture"):
        ModelStack.concatenate(
            [stack, ModelStack.create(Architecture("mlp", (5,), 2), n_models=1, seed=0)]
        )


def hooked(input_shape):
    """An encoder of the user's, whose features leave through a hook that holds on to it.

    With torch's own dropout.
    """

    class Hooked(nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = nn.Sequential(
                nn.Linear(input_shape[0], 6), nn.BatchNorm1d(6), nn.Dropout(0.5)
            )
            self.features = None
            self.layers[1].register_forward_hook(
                lambda *given: setattr(self, "features", given[-1])
            )

        def forward(self, x):
            return self.layers(x) + self.features

    return Hooked()


FACTORIES = {"mlp": ("mlp", (12,)), "cnn": ("cnn", (3, 12, 12)), "own": (hooked, (12,))}
COPIES = {
    "select": lambda stack: stack.select([0, 1]),
    "replicate": lambda stack: stack.replicate(0, 2),
    "concatenate": lambda stack: ModelStack.concatenate([stack.select([0]), stack.select([1])]),
    "freeze_stem": lambda stack: stack.freeze_stem(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "to": lambda stack: stack.to("cpu"),
}
SHARING = ("copy", "to")  # tensors, as their namesakes do
# A hook is not copied.
PAIRS = [(name, how) for name in FACTORIES for how in COPIES if (name, how) != ("own", "deepcopy")]


def some(name, *, stem=0, n=16):
    factory, shape = FACTORIES[name]
    stack = ModelStack.create(
        Architecture(factory, shape, 2, OPTIONS.get(name, {})), n_models=2, seed=0, stem=stem
    )
    return stack, torch.randn(n, *shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("strategy", [Strategy("loop"), Strategy("vmap", 2)], ids=repr)
@pytest.mark.parametrize(("name", "how"), PAIRS)
def test_a_copy_has_a_mode_of_its_own(name, how, strategy):
    stack, inputs = some(name)
    stack.strategy = strategy
    stack.train(False)
    expected = stack(inputs)
    other = COPIES[how](stack)
    assert not other.training
    other.train()
    assert torch.equal(stack(inputs), expected)
    drawn = other(inputs, seed=1)
    assert not torch.allclose(drawn[0], expected[0])
    # Each in turn, whoever was called last; those that share tensors share statistics.
    again = stack(inputs)
    assert torch.equal(again, expected) or how in SHARING
    assert torch.equal(again, stack(inputs))
    assert torch.equal(other(inputs, seed=1), drawn)
    assert (other.training, other.template.training, stack.training, stack.template.training) == (
        True,
        True,
        False,
        False,
    )


@pytest.mark.parametrize(("name", "how"), [pair for pair in PAIRS if pair[1] not in SHARING])
def test_training_a_copy_leaves_the_buffers_of_the_original(name, how):
    stack, inputs = some(name)
    stack.train(False)
    other = COPIES[how](stack)
    before, started = (
        {name: t.clone() for name, t in each.state().items()} for each in (stack, other)
    )
    other.train()
    other(inputs)
    assert all(torch.equal(tensor, stack.state()[each]) for each, tensor in before.items())
    changed = {
        each for each, tensor in other.state().items() if not torch.equal(tensor, started[each])
    }
    assert (
        changed == {each for each in before if "running" in each or "num_batches" in each} != set()
    )


@pytest.mark.parametrize("stem", [0, 3])
def test_moving_a_copy_leaves_the_original_where_it_is(stem):
    stack, inputs = some("mlp", stem=stem)
    stack.train(False)
    expected = stack(inputs)
    moved = stack.to("meta")
    assert (moved.device.type, stack.device.type) == ("meta", "cpu")
    assert {parameter.device.type for parameter in moved.model(0).parameters()} == {"meta"}
    assert {tensor.device.type for tensor in moved.state().values()} == {"meta"}
    assert moved(inputs.to("meta")).device.type == "meta"
    torch.testing.assert_close(stack.model(1)(inputs), expected[1])
    assert torch.equal(stack(inputs), expected)
    assert stack.select([0]).model(0)(inputs).device.type == "cpu"


def test_the_mode_of_a_stem_is_that_of_its_stack():
    stack, inputs = some("mlp", stem=3)
    stack.train(False)
    expected, moved = stack(inputs), stack.to("cpu")
    moved.train()
    assert (moved.stem.module.training, stack.stem.module.training) == (True, False)
    assert torch.equal(stack(inputs), expected)


@pytest.mark.parametrize("name", FACTORIES)
def test_state_round_trips(name):
    stack, inputs = some(name)
    stack(inputs)  # in training, so that statistics move
    stack.train(False)
    again = ModelStack.from_state(
        stack.architecture, {name: tensor.clone() for name, tensor in stack.state().items()}
    )
    assert again.training
    again.train(False)
    assert torch.equal(again(inputs), stack(inputs))


def test_a_part_that_its_maker_put_in_evaluation_trains_when_told_to():
    def pretrained(input_shape):
        return nn.Sequential(nn.Linear(input_shape[0], 6), nn.Dropout(0.5)).eval()

    stack = ModelStack.create(Architecture(pretrained, (12,), 2), n_models=1, seed=0)
    assert not stack.template.encoder.training
    stack.train()
    assert stack.template.encoder[1].training


def test_a_strategy_is_timed_in_training_and_leaves_the_stack_as_it_was():
    stack, _ = some("cnn")
    stack.train(False)
    modes = []
    assert (
        why_not_vmap(
            stack,
            lambda sample: modes.append(sample.training),
            lambda sample: modes.append(sample.training),
        )
        is None
    )
    assert modes == [True, False]
    assert not stack.training


def test_channels_last_changes_layout_not_values():
    stack = ModelStack.create(Architecture("cnn", (3, 12, 12), 2), n_models=2, seed=0)
    stack.train(mode=False)
    moved = stack.to("cpu", channels_last=True)
    assert moved.parameters["encoder.0.weight"][0].is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(moved(torch.ones(2, 3, 12, 12)), stack(torch.ones(2, 3, 12, 12)))


def test_rows_of_a_chunk_are_bounded_by_their_activations():
    cpu = torch.device("cpu")
    assert rows_that_fit(Workload(1, 1, draws=False), 7, 32, cpu) == 7
    assert rows_that_fit(Workload(1, CHUNK_BYTES["cpu"] / 64 / 3, draws=False), 7, 32, cpu) == 3
    assert rows_that_fit(Workload(1, 10**12, draws=False), 7, 32, cpu) == 1


def test_workload_is_counted_as_by_hand():
    small = Architecture("mlp", (12,), 2, {"hidden": (16,)}).workload
    assert small.flops == 2 * (12 * 16 + 16 * 2)
    # Of an example: the inputs, what the norm and the ReLU keep, the features of the head.
    assert small.saved >= 4 * (12 + 16 + 16)
    assert not small.draws
    assert Architecture("mlp", (12,), 2, {"dropout": 0.1}).workload.draws
    assert not Architecture("resnet18", (1, 8, 8), 2).workload.draws
    torch.manual_seed(3)
    first = torch.rand(1)
    torch.manual_seed(3)
    assert Architecture("cnn", (3, 12, 12), 2).workload.draws
    assert torch.equal(torch.rand(1), first)


def test_strategy_is_a_function_of_the_work_alone():
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    small, large = Workload(1e4, 1e3, draws=False), Workload(1e7, 1e3, draws=False)
    assert choose_strategy(small, 5, 128, cpu) == choose_strategy(small, 5, 128, cpu)
    assert [choose_strategy(each, 5, 128, cpu).kind for each in (small, large)] == ["vmap", "loop"]
    assert choose_strategy(large, 5, 128, gpu).kind == "vmap"
    assert "1280.0 MFLOP" in choose_strategy(large, 5, 128, cpu).reason


@pytest.mark.parametrize("strategy", [Strategy("loop"), Strategy("vmap", 4)])
def test_rows_that_are_not_alive_are_not_computed(strategy, monkeypatch):
    stack = ModelStack.create(Architecture("mlp", (6,), 2), n_models=4, seed=0)
    stack.strategy, inputs, computed = strategy, torch.randn(5, 6), []
    stack.train(False)
    every = stack(inputs)
    forward = stack._forward
    monkeypatch.setattr(
        stack,
        "_forward",
        lambda rows, *rest: computed.extend(range(4)[rows]) or forward(rows, *rest),
    )
    stack.alive = [True, False, True, True]
    some = stack(inputs)
    assert computed == [0, 2, 3]
    assert stack.select([0, 1]).alive is None
    torch.testing.assert_close(some, every * torch.tensor([1.0, 0, 1, 1]).view(4, 1, 1))


@pytest.mark.parametrize(("model", "shape"), [("mlp", (6,)), ("cnn", (3, 16, 16))])
def test_vmap_in_low_precision_is_the_loop(model, shape):
    stack = ModelStack.create(Architecture(model, shape, 2), n_models=3, seed=0)
    inputs, found = torch.randn(8, *shape), []
    for strategy in (Strategy("loop"), Strategy("vmap", 3)):
        stack.strategy = strategy
        with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
            found.append(stack(inputs).float())
    torch.testing.assert_close(*found, atol=0.05, rtol=0.05)


def test_a_fingerprint_changes_with_any_number():
    stack, _ = some("mlp")
    before = stack.fingerprint()
    assert some("mlp")[0].fingerprint() == before
    for tensor in stack.state().values():
        if tensor.is_floating_point():
            tensor.view(-1)[0] += 1
            assert stack.fingerprint() != before
            tensor.view(-1)[0] -= 1
