"""Encoders of the user's own.

What vmap or they themselves cannot do is said with their name, before anything is trained.
"""

import numpy as np
import pytest
import torch
from torch import nn

from coterie.data import load
from coterie.errors import CoterieError
from coterie.fitting import fit
from coterie.models import GroupedModel

THREE = np.eye(3)


@pytest.fixture(scope="module")
def data():
    x = np.random.default_rng(0).normal(size=(120, 6)).astype("float32")
    return load({"inputs": x, "targets": (x[:, :3] > 0).astype(int)})


class Linear(nn.Module):
    """(B, 6) to (B, 4), by ``through``."""

    def __init__(self, input_shape) -> None:
        super().__init__()
        self.layer = nn.Linear(6, 4)

    def forward(self, x):
        return self.through(self.layer(x))

    def through(self, h):
        return h.relu()


class Recurrent(Linear):
    def __init__(self, input_shape) -> None:
        super().__init__(input_shape)
        self.cell = nn.GRU(1, 2, batch_first=True)

    def through(self, h):
        return self.cell(h.unsqueeze(-1))[0][:, -1]


class Branching(Linear):
    def through(self, h):
        return h * 2 if h.mean().item() > 0 else h


class BranchingWhenEvaluated(Linear):
    def through(self, h):
        return h if self.training or h.mean().item() > 0 else h * 2


class WrittenInPlace(Linear):
    def through(self, h):
        out = torch.zeros(h.shape)
        out[:, :] = h
        return out


class RandomByRow(Linear):
    def through(self, h):
        return h * torch.bernoulli(torch.full_like(h, 0.5))


class ByNumpy(Linear):
    def through(self, h):
        return h * float(np.tanh(h.detach().numpy()).mean())


REJECTED = [Recurrent, Branching, BranchingWhenEvaluated, WrittenInPlace, RandomByRow, ByNumpy]


@pytest.mark.parametrize("encoder", REJECTED)
def test_vmap_asked_for_where_it_cannot_be(data, encoder):
    with pytest.raises(
        CoterieError,
        match=rf"(?s)`strategy` 'vmap'.*test_own_encoders:{encoder.__name__}'.*'auto'.*'loop'",
    ):
        fit(encoder, data, THREE, epochs=1, strategy="vmap")


@pytest.mark.parametrize("encoder", REJECTED)
def test_left_to_choose_it_is_looped_over(data, encoder):
    settings = {"epochs": 1, "init": [0, 1, 2]}
    chosen, looped = (
        fit(encoder, data, THREE, strategy=strategy, **settings) for strategy in ("auto", "loop")
    )
    assert chosen.cost["strategy"] == "loop"
    assert "vmap rejects" in chosen.cost["strategy_reason"]
    np.testing.assert_array_equal(chosen.history.train_loss, looped.history.train_loss)


def test_trying_vmap_leaves_no_trace(data):
    """The rows are those of a training in which nothing was tried."""
    tried = fit(Linear, data, THREE, epochs=2, strategy="vmap", init=[0, 1, 2])
    alone = fit(Linear, data, THREE[1:2], epochs=2, init=[1])
    np.testing.assert_allclose(
        tried.history.train_loss[:, 1, 1], alone.history.train_loss[:, 0, 1], rtol=1e-5
    )


class _NoWayBack(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, gradient):
        raise IndexError("no way back")


def of_batches(change):
    """An encoder that behaves while it is built, on two examples, and not in training."""

    class Odd(Linear):
        def through(self, h):
            return h if len(h) == 2 else change(h)

    return Odd


def raises(h):
    raise KeyError("missing")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (raises, r"fails on inputs of shape \(72, 6\): KeyError: 'missing'"),
        (
            lambda h: h[:5],
            r"whatever B is; of a batch of 72 examples it made outputs of shape \(5, 3\)",
        ),
        (lambda h: h.unsqueeze(1), r"it made outputs of shape \(72, 1, 3\)"),
        (lambda h: h[:, :2], "cannot be multiplied"),
        (lambda h: None, "TypeError"),
        (_NoWayBack.apply, "fails in the backward pass.*IndexError: no way back"),
    ],
)
@pytest.mark.parametrize(
    ("weights", "strategy"), [(THREE, "auto"), (THREE, "vmap"), (THREE[:1], "loop")]
)
def test_a_mistake_in_the_encoder_is_named(data, change, message, weights, strategy):
    with pytest.raises(CoterieError, match=rf"(?s)`model`.*Odd.*{message}"):
        fit(of_batches(change), data, weights, epochs=1, strategy=strategy)


@pytest.mark.parametrize(
    "error",
    [ZeroDivisionError("by nothing"), AttributeError(), KeyError("width"), OSError(2, "no file")],
)
def test_whatever_building_an_encoder_raises_is_named(data, error):
    def factory(input_shape):
        raise error

    with pytest.raises(CoterieError, match=rf"could not be built.*{type(error).__name__}") as found:
        fit(factory, data, epochs=1)
    assert found.value.__cause__ is error


@pytest.mark.parametrize(
    ("through", "message"),
    [
        (lambda h: h.long(), "int64"),
        (lambda h: h[:, :0], "at least one feature"),
        (lambda h: (h,), "gave tuple"),
    ],
)
def test_features_must_be_numbers(data, through, message):
    encoder = type("Odd", (Linear,), {"through": staticmethod(through)})
    with pytest.raises(CoterieError, match=message):
        fit(encoder, data, epochs=1)


def test_a_module_that_cannot_be_imported_is_named(data, tmp_path, monkeypatch):
    (tmp_path / "broken_encoders.py").write_text("raise RuntimeError('not today')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CoterieError, match=r"broken_encoders:mine.*RuntimeError: not today"):
        fit("broken_encoders:mine", data, epochs=1)


class Remembering(Linear):
    """Keeps what it computed last, as hooks do too.

    Tensors of a graph, or of vmap, which cannot be copied.
    """

    def through(self, h):
        self.last, self.all, self.scale = h, [h, 1], torch.ones(3)
        return h.relu()


@pytest.mark.parametrize("strategy", ["loop", "vmap"])
def test_what_an_encoder_keeps_of_its_last_batch_is_in_no_bodys_way(data, strategy, tmp_path):
    stack = fit(Remembering, data, THREE, epochs=1, strategy=strategy).stack
    model = GroupedModel.from_stack(stack, THREE, data.tasks, data.preprocessing)
    expected = model(data.inputs).detach()
    torch.testing.assert_close(model.hard()(data.inputs).detach(), expected)
    model.save(tmp_path / "model")
    torch.testing.assert_close(
        GroupedModel.load(tmp_path / "model", model=Remembering)(data.inputs).detach(), expected
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_what_cannot_be_compiled_is_named(data, monkeypatch):
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", ("/nowhere/c++",))
    torch._dynamo.reset()
    with pytest.raises(CoterieError, match=r"(?s)Linear.*without `compile`"):
        fit(Linear, data, THREE, epochs=1, compile=True, strategy="loop")


class Measuring(Linear):
    """Divides inputs by their largest in training."""

    def __init__(self, input_shape) -> None:
        super().__init__(input_shape)
        self.register_buffer("largest", torch.ones(6))
        self.register_buffer("untouched", torch.rand(1))

    def fit_inputs(self, inputs):
        self.largest.copy_(inputs.abs().amax(0))

    def forward(self, x):
        return super().forward(x / self.largest)


def test_what_is_measured_of_inputs_are_the_training_part_and_belong_to_all_rows(data):
    found = fit(Measuring, data, THREE, epochs=1).stack
    expected = data.inputs[data.split.train].abs().amax(0)
    torch.testing.assert_close(found.buffers["encoder.largest"], expected.expand(3, 6))
    assert len(found.buffers["encoder.untouched"].unique()) == 3
    again = fit(Measuring, data, THREE, start=found, epochs=1).stack
    torch.testing.assert_close(again.buffers["encoder.largest"], expected.expand(3, 6))


class FailingToMeasure(Measuring):
    def fit_inputs(self, inputs):
        raise ValueError("too few")


def test_measuring_that_fails_is_said(data):
    with pytest.raises(
        CoterieError, match=r"fails to fit inputs of shape \(72, 6\): ValueError: too few"
    ):
        fit(FailingToMeasure, data, epochs=1)


class Eager(Linear):
    lr_scale = 3.0


def test_learning_rate_is_multiplied(data):
    settings = {"epochs": 2, "optimiser": "sgd", "strategy": "loop"}
    plain = fit(Linear, data, THREE, lr=0.03, **settings).stack
    eager = fit(Eager, data, THREE, lr=0.01, **settings).stack
    for name, tensor in plain.parameters.items():
        torch.testing.assert_close(eager.parameters[name], tensor)
