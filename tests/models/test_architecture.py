"""Encoders by name, and where their rows start."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from coterie.errors import CoterieError
from coterie.models import Architecture, ModelStack
from coterie.models.architecture import initialisations


def test_initialisation_is_a_function_of_its_identity():
    architecture = Architecture("mlp", (4,), 2)
    stack = ModelStack.create(architecture, n_models=3, seed=0, init=[7, 0, 7])
    weight = stack.parameters["head.weight"]
    assert torch.equal(weight[0], weight[2])
    assert not torch.equal(weight[0], weight[1])
    assert torch.equal(
        weight[1], ModelStack.create(architecture, n_models=1, seed=0).parameters["head.weight"][0]
    )


def test_building_leaves_the_global_random_state_alone():
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    ModelStack.create(Architecture("mlp", (4,), 2), n_models=2, seed=0)
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("model", "shape", "message"),
    [
        ("cn", (3, 32, 32), "Did you mean 'cnn'"),
        ("cnn", (64,), "needs images"),
        ("nowhere:factory", (4,), "could not be imported"),
        ("math:sqrt", (4,), "could not be built"),
        (3, (4,), "must be a name"),
        (lambda _: nn.Conv1d(1, 2, 1), (1, 4), "features"),
        (lambda _: nn.Linear(9, 2), (4,), "fails on inputs"),
        (lambda _: "no module", (4,), "must return a torch.nn.Module"),
    ],
    ids=[
        "misspelt",
        "no images",
        "no module",
        "no encoder",
        "no name",
        "no features",
        "other inputs",
        "no torch module",
    ],
)
def test_wrong_models_are_refused(model, shape, message):
    with pytest.raises(CoterieError, match=message):
        Architecture(model, shape, 2).build(0, 0)


@pytest.mark.parametrize("init", ["both", [0, 1]])
def test_wrong_init(init):
    with pytest.raises(CoterieError, match="`init` must be"):
        initialisations(init, 3)


@pytest.mark.parametrize(
    ("model", "shape", "options"),
    [
        ("mlp", (7,), {"hidden": (5, 3)}),
        ("mlp", (1, 4, 4), {"hidden": ()}),
        ("cnn", (2, 9, 11), {"width": 1.5}),
        ("resnet18", (1, 8, 8), {"width": 0.1}),
        (lambda shape: torch.nn.Linear(*shape, 4, bias=False), (6,), {}),
    ],
)
def test_parameters_are_counted_without_building(model, shape, options):
    architecture = Architecture(model, shape, 3, options)
    built = sum(parameter.numel() for parameter in architecture.build(0, 0).parameters())
    assert architecture.n_parameters == built


@pytest.mark.parametrize("width", [0, -1.0, float("nan"), "2", 1e9])
@pytest.mark.parametrize("model", ["cnn", "resnet18"])
def test_a_width_that_is_none_is_refused(model, width):
    with pytest.raises(CoterieError, match="width"):
        Architecture(model, (1, 8, 8), 3, {"width": width}).build(0, 0)
