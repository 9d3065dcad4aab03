"""The cross-entropy as a function of the margin."""

import torch

from coterie.tasks._margins import cross_entropy_expansion


def test_derivatives_are_those_of_the_loss():
    margin = torch.linspace(-15, 15, 61, dtype=torch.float64, requires_grad=True)
    loss, first, second = cross_entropy_expansion(margin)
    (once,) = torch.autograd.grad(loss.sum(), margin, create_graph=True)
    (twice,) = torch.autograd.grad(once.sum(), margin)
    torch.testing.assert_close(first, once)
    torch.testing.assert_close(second, twice, atol=1e-12, rtol=1e-6)
    torch.testing.assert_close(loss, torch.log1p(torch.exp(-margin)))
