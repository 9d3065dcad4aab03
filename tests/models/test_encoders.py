"""Encoders that are there by name: their shapes, sizes and starts."""

from __future__ import annotations

import pytest
import torch

from coterie.models import Architecture, ModelStack, Strategy
from coterie.models.encoders import ENCODERS

# Of He et al. with 1,000 classes, without their last layer and with a 3x3 stem instead of a 7x7.
STEM = 64 * 3 * (7 * 7 - 3 * 3)
PUBLISHED = {
    "resnet18": (11_689_512 - 513_000, 512),
    "resnet34": (21_797_672 - 513_000, 512),
    "resnet50": (25_557_032 - 2_049_000, 2048),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_residual_networks_are_as_large_as_published(name: str) -> None:
    size, features = PUBLISHED[name]
    with torch.device("meta"):
        encoder = ENCODERS[name]((3, 32, 32))
        found = encoder(torch.zeros(2, 3, 32, 32))
    assert sum(parameter.numel() for parameter in encoder.parameters()) == size - STEM
    assert found.shape == (2, features)


@pytest.mark.parametrize(("name", "layers"), [("resnet18", 17), ("resnet34", 33), ("resnet50", 49)])
def test_residual_networks_have_the_layers_of_their_name(name: str, layers: int) -> None:
    """But for the head; a convolution on a shortcut does not count."""
    with torch.device("meta"):
        encoder = ENCODERS[name]((3, 32, 32))
    convolutions = [
        module
        for where, module in encoder.named_modules()
        if isinstance(module, torch.nn.Conv2d) and ".skip." not in where
    ]
    assert len(convolutions) == layers
    assert all(convolution.bias is None for convolution in convolutions)
    halved = [c for c in convolutions if c.stride == (2, 2)]
    assert len(halved) == 3
    assert all(c.kernel_size == (3, 3) for c in halved)


@pytest.fixture
def in_double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.usefixtures("in_double")
@pytest.mark.parametrize("name", ["resnet34", "resnet50"])
def test_a_stack_of_two_is_two_networks(name: str) -> None:
    """Outputs and gradients, in float64: float32 rounds differently row by row."""
    architecture = Architecture(name, (1, 8, 8), 2, {"width": 0.0625})
    stack = ModelStack.create(architecture, n_models=2, seed=3)
    alone = [architecture.build(3, row).train() for row in range(2)]
    images = torch.randn(6, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for strategy in (Strategy("loop"), Strategy("vmap", 2)):
        stack.strategy = strategy
        stack.train()
        stack.zero_grad()
        parts = [stack(images, rows=rows, seed=0) for rows, _ in stack.chunks()]
        found = torch.cat(parts)
        found.square().sum().backward()
        for row, model in enumerate(alone):
            model.zero_grad()
            expected = model(images)
            expected.square().sum().backward()
            torch.testing.assert_close(found[row], expected)
            for key, parameter in model.named_parameters():
                gradient = stack.parameters[key].grad
                assert gradient is not None
                torch.testing.assert_close(gradient[row], parameter.grad)
