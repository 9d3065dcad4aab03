"""Each check of an encoder fails on what violates it and on little else; and ours hold."""

import random

import pytest
import torch
from torch import nn

from coterie.models.encoders import ENCODERS
from coterie.testing import (
    check_encoder,
    checks_of,
    parametrize_with_checks,
)
from coterie.testing._checks import NotApplicableError

from .suites import EVER, OfBroken, check_named


class Net(nn.Module):
    """(B, 8) to (B, 4), to be broken: ``after(net, x, h)`` is what it answers."""

    after = staticmethod(lambda net, x, h: h)

    def __init__(self, input_shape):
        super().__init__()
        self.layer = nn.Linear(input_shape[0], 4)
        self.more()

    def more(self):
        pass

    def forward(self, x):
        return self.after(self, x, self.layer(x).tanh())


def net_that(after=None, **methods):
    return type(
        "Broken",
        (Net,),
        {**methods, "key": "broken", **({} if after is None else {"after": staticmethod(after)})},
    )


SHARED = nn.Linear(8, 4)


def scaled_ever(self):
    with torch.no_grad():
        self.layer.weight.mul_(1 + next(EVER))


def in_place(net, x, h):
    x.add_(1)
    return h


def noisy(net, x, h):
    return h if net.training else h + torch.rand(h.shape)


def counting(net, x, h):
    net.count = getattr(net, "count", 0) + net.training
    return h if net.training else h * (1 + net.count)


def batched_twice(net, x, h):
    return 2 * h if torch._C._functorch.is_batchedtensor(h) else h


def with_unused(self):
    self.unused = nn.Parameter(torch.ones(2))


def with_plain(self):
    self.scale = torch.ones(1)


def shared_layer(self):
    self.layer = SHARED


def scaled_by_inputs(self, inputs):
    with torch.no_grad():
        self.layer.weight.div_(inputs.std())


BROKEN = {
    "features": net_that(lambda net, x, h: h * torch.nan if net.training and len(x) == 2 else h),
    "initialisation": net_that(more=scaled_ever),
    "built apart": net_that(more=shared_layer),
    "random state": net_that(more=lambda self: random.random()),
    "input untouched": net_that(in_place),
    "evaluation": net_that(noisy),
    "examples apart": net_that(lambda net, x, h: h - h.mean(0)),
    "one example": net_that(lambda net, x, h: h[0] if len(x) == 1 else h),
    "gradients": net_that(more=with_unused),
    "state": net_that(counting),
    "registered": net_that(more=with_plain),
    "inputs measured": net_that(fit_inputs=scaled_by_inputs),
    "rows apart": net_that(lambda net, x, h: h * (1 + next(EVER)) if net.training else h),
    "vmap": net_that(batched_twice),
    "identity": lambda input_shape: Net(input_shape),
}


ALSO = {
    "initialisation": {"rows apart", "vmap"},
    "input untouched": {"gradients", "vmap"},
    "evaluation": {"examples apart", "state", "vmap"},
    "rows apart": {"vmap"},
}


class TestBroken(OfBroken):
    suite, broken, also, sound = "encoder", BROKEN, ALSO, (Net,)


class Recurrent(Net):
    """What vmap rejects, and coterie loops over."""

    def __init__(self, input_shape):
        super().__init__(input_shape)
        self.cell = nn.GRU(1, 2, batch_first=True)

    def forward(self, x):
        return self.cell(self.layer(x).unsqueeze(-1))[0][:, -1]


def test_an_encoder_that_vmap_rejects_is_sound():
    holds = check_encoder(Recurrent)
    assert "rows apart" in holds
    assert "vmap" not in holds
    with pytest.raises(NotApplicableError, match="vmap rejects it: "):
        check_named("encoder", "vmap")(Recurrent)


RESIDUAL = ("resnet18", "resnet34", "resnet50")
SHAPES = {
    "mlp": (8,),
    "tabm": (8,),
    "cnn": (1, 8, 8),
    "convnet": (1, 8, 8),
    **dict.fromkeys(RESIDUAL, (3, 8, 8)),
}


@pytest.mark.parametrize(
    "name",
    [
        "mlp",
        "tabm",
        "cnn",
        "convnet",
        *(pytest.param(name, marks=pytest.mark.slow) for name in RESIDUAL),
    ],
)
@pytest.mark.parametrize("check", checks_of("encoder"), ids=lambda check: check.name)
def test_ours(name, check):
    if check.name == "inputs measured" and name != "tabm":
        with pytest.raises(NotApplicableError, match="measures nothing"):
            check(name, input_shape=SHAPES[name])
    else:
        check(name, input_shape=SHAPES[name])


@parametrize_with_checks("encoder", {"images": "mlp"}, input_shape=(2, 4, 4), dropout=0.5)
def test_ours_with_options(subject, check):
    check(subject)


def test_none_of_ours_is_left_out():
    assert set(SHAPES) == set(ENCODERS)
