"""From logits to weights: closed forms, saturation, properties."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax

from coterie.differentiable.relaxations import (
    binary_entropy,
    gumbel_softmax,
    imbalance,
    straight_through,
)


def logits_of(seed, tasks, branches, scale=1.0):
    return scale * torch.randn(tasks, branches, generator=torch.Generator().manual_seed(seed))


sizes = st.tuples(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 5))


@given(sizes, st.sampled_from([0.05, 1.0, 4.0]), st.sampled_from([0.1, 10.0, 500.0]))
@settings(max_examples=60, deadline=None)
def test_rows_sum_to_one_and_are_not_negative(size, temperature, scale):
    soft = gumbel_softmax(logits_of(*size, scale), temperature, torch.Generator().manual_seed(1))
    for sample in (soft, straight_through(soft)):
        torch.testing.assert_close(sample.sum(1), torch.ones(len(sample)))
        assert (sample >= 0).all()


@given(sizes, st.integers(0, 2**30))
@settings(max_examples=40, deadline=None)
def test_pruned_pairs_have_no_weight_and_no_gradient(size, mask_seed):
    logits = logits_of(*size).requires_grad_()
    pruned = torch.rand(logits.shape, generator=torch.Generator().manual_seed(mask_seed)) < 0.5
    pruned[:, 0] = False
    masked = logits.masked_fill(pruned, -torch.inf)
    soft = gumbel_softmax(masked, 0.5, torch.Generator().manual_seed(1))
    assert (soft[pruned] == 0).all()
    losses = torch.arange(soft.numel()).view_as(soft) + 1.0
    ((straight_through(soft) + masked.softmax(1)) * losses).sum().backward()
    assert logits.grad.isfinite().all()
    assert (logits.grad[pruned] == 0).all()


def test_frequencies_of_the_largest_entry_are_the_softmax():
    """The Gumbel-max identity, whatever the temperature."""
    logits = torch.tensor([[2.0, 1.0, 0.0]]).expand(20_000, 3)
    largest = gumbel_softmax(logits, 3.0, torch.Generator().manual_seed(0)).argmax(1)
    found = np.bincount(largest.numpy(), minlength=3) / 20_000
    np.testing.assert_allclose(found, softmax([2.0, 1.0, 0.0]), atol=0.015)


@pytest.mark.parametrize(
    ("gap", "temperature", "mean"),
    [(0.0, 2.5, 0.25), (3.2, 2.5, 0.520), (3.2, 4.0, 0.420), (10.0, 2.5, 0.934)],
)
def test_a_constant_temperature_never_decides(gap, temperature, mean):
    """Mean weight of the leading branch of four (table of the method's documentation)."""
    logits = torch.tensor([[gap, 0.0, 0.0, 0.0]]).expand(40_000, 4)
    found = gumbel_softmax(logits, temperature, torch.Generator().manual_seed(0))[:, 0].mean()
    assert found.item() == pytest.approx(mean, abs=0.01)


def test_straight_through_is_hard_forward_and_soft_backward():
    logits = logits_of(0, 4, 3).requires_grad_()
    losses = logits_of(1, 4, 3)
    soft = logits.softmax(1)
    hard = straight_through(soft)
    assert hard.sort(1).values.detach().allclose(torch.tensor([0.0, 0.0, 1.0]).expand(4, 3))
    (hard * losses).sum().backward()
    expected = soft * (losses - (soft * losses).sum(1, keepdim=True))
    torch.testing.assert_close(logits.grad, expected.detach())


@pytest.mark.parametrize(
    "row",
    [
        [200.0, 0.0, 0.0],
        [20.0, 0.0, 0.0],
        [-torch.inf, 0.0, 0.0],
        [-torch.inf, 300.0, 0.0],
        [1e4, 0.0, -1e4],
    ],
)
def test_saturated_rows_have_finite_entropy_and_gradient(row):
    logits = torch.tensor([row, [0.0, 0.0, 0.0]], requires_grad=True)
    entropy = binary_entropy(logits)
    entropy.backward()
    assert entropy.isfinite()
    assert logits.grad.isfinite().all()


def test_gradient_of_a_sample_is_finite_when_saturated():
    logits = torch.tensor([[200.0, 0.0, 0.0], [-torch.inf, 5.0, 0.0]], requires_grad=True)
    soft = gumbel_softmax(logits, 0.1, torch.Generator().manual_seed(0))
    (straight_through(soft) * torch.tensor([1.0, 5.0, 2.0])).sum().backward()
    assert logits.grad.isfinite().all()


@given(sizes)
@settings(max_examples=40, deadline=None)
def test_entropy_is_the_textbook_sum(size):
    logits = logits_of(*size, 2.0)
    p = softmax(logits.double().numpy(), axis=1)
    expected = (
        0.0 if p.shape[1] == 1 else float((-p * np.log(p) - (1 - p) * np.log1p(-p)).sum(1).mean())
    )
    assert binary_entropy(logits).item() == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_entropy_of_even_rows():
    third = -math.log(1 / 3) / 3 - 2 / 3 * math.log(2 / 3)
    assert binary_entropy(torch.zeros(5, 3)).item() == pytest.approx(3 * third, rel=1e-5)


@given(sizes)
@settings(max_examples=40, deadline=None)
def test_imbalance_is_zero_when_even_and_largest_in_one_branch(size):
    _, tasks, branches = size
    p = logits_of(*size).softmax(1)
    one = torch.zeros(tasks, branches)
    one[:, 0] = 1
    assert -1e-6 <= imbalance(p).item() <= imbalance(one).item() + 1e-6
    assert imbalance(one).item() == pytest.approx(branches - 1)
    assert imbalance(torch.full((tasks, branches), 1 / branches)).item() == pytest.approx(
        0, abs=1e-6
    )
