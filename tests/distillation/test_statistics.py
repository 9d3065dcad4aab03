"""R_BN against hooks, by hand, and by finite differences."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from coterie.distillation import BatchNormStatistics, distance


class Own(nn.Module):
    """Calls batch normalisation as a function; no hook on a layer would see it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([1.0, -1.0]))
        self.register_buffer("variance", torch.tensor([4.0, 0.25]))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return F.batch_norm(inputs, self.mean, self.variance)


def network(seed: int = 0) -> nn.Sequential:
    """Two dimensions of layers, with statistics of training that are no defaults."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, 3, 3, bias=False),
        nn.BatchNorm2d(3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(12, 4),
        nn.BatchNorm1d(4),
    )
    for _ in range(5):
        model(torch.randn(16, 2, 4, 4))
    return model.eval().requires_grad_(False)


def r_bn(model: nn.Module, inputs: torch.Tensor, first: float = 10.0) -> torch.Tensor:
    with BatchNormStatistics() as noted:
        model(inputs)
    return distance(noted.layers, first)


def test_it_is_what_hooks_would_say():
    model, inputs, terms = network(), torch.randn(7, 2, 4, 4), []

    def hook(layer, args, _):
        channels = args[0].transpose(0, 1).flatten(1)
        mean, variance = channels.mean(1), channels.var(1, correction=0)
        terms.append((variance - layer.running_var).norm() + (mean - layer.running_mean).norm())

    for layer in model:
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.register_forward_hook(hook)
    found = r_bn(model, inputs)
    assert len(terms) == 2
    torch.testing.assert_close(found, 10 * terms[0] + terms[1])


def test_it_is_nothing_where_the_batch_is_as_in_training():
    model, inputs = nn.BatchNorm2d(3, momentum=None), torch.randn(8, 3, 5, 5)
    model(inputs)
    model.eval()
    # Running variances are unbiased, those of the batch are not.
    model.running_var *= 1 - 1 / (8 * 25)
    assert r_bn(model, inputs) < 1e-5


def test_functional_calls_are_seen_too():
    inputs = torch.tensor([[3.0, 0.0], [3.0, 2.0]])  # means 3 and 1, variances 0 and 1
    differences = torch.tensor([4.0, 0.75]).norm() + torch.tensor([2.0, 2.0]).norm()
    torch.testing.assert_close(r_bn(Own(), inputs, first=1.0), differences)


def test_layers_without_statistics_of_training_are_passed_over():
    with BatchNormStatistics() as noted:
        nn.BatchNorm1d(2, track_running_stats=False)(torch.randn(4, 2))
    assert noted.layers == []


def test_nothing_is_noted_afterwards():
    model = network()
    with BatchNormStatistics() as noted:
        model(torch.randn(4, 2, 4, 4))
    model(torch.randn(4, 2, 4, 4))
    assert len(noted.layers) == 2


def test_its_gradient_is_that_of_finite_differences():
    model = network().double()
    inputs = torch.randn(3, 2, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: r_bn(model, x), (inputs,))


def test_in_bfloat16_it_is_within_a_hundredth():
    model, inputs = network(), torch.randn(64, 2, 4, 4)
    exact = r_bn(model, inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert float(r_bn(model, inputs)) == pytest.approx(float(exact), rel=0.01)
