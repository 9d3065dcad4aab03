"""Inputs by their quantiles: scikit-learn's numbers, and positions in bins worked out by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

from coterie.models.quantiles import MOST_QUANTILES, Quantiles, normal_quantile


def fitted(inputs, bins=0):
    layer = Quantiles(inputs.shape[1], bins).double()
    layer.fit(inputs)
    return layer


def random_inputs(n, seed):
    """Smooth, skewed, and rounded to values that many examples share, but for the ends."""
    values = np.random.default_rng(seed).normal(size=(n, 3))
    values[:, 1] = np.exp(values[:, 1])
    values[1:-1, 2] = values[1:-1, 2].round()
    values[0, 2], values[-1, 2] = -9, 9
    return torch.from_numpy(values)


@pytest.mark.parametrize("n", [12, 40, 500])
def test_numbers_are_those_of_scikit_learn(n):
    train, new = random_inputs(n, 0), random_inputs(200, 1)
    theirs = QuantileTransformer(
        n_quantiles=min(n, MOST_QUANTILES), output_distribution="normal"
    ).fit(train.numpy())
    layer, end = fitted(train), -norm.ppf(1 / (2 * n))
    for inputs in (train, new):
        expected = theirs.transform(inputs.numpy()).clip(-end, end)
        np.testing.assert_allclose(layer(inputs), expected, rtol=1e-6, atol=1e-6)


def test_examples_that_share_an_end_are_at_the_middle_of_their_share():
    """Where scikit-learn sends a third of zeros to -5.2."""
    inputs = torch.cat([torch.zeros(22), torch.linspace(1, 2, 42)])[:, None].double()
    found = fitted(inputs)(torch.zeros(1, 1).double()).item()
    assert found == pytest.approx(norm.ppf(0.5 * 21 / 63), rel=1e-6)


def test_columns_of_two_values_stay_and_so_do_constants():
    inputs = torch.tensor([[0.0, 7.0], [1.0, 7.0], [0.0, 7.0], [1.0, 7.0]]).double()
    torch.testing.assert_close(fitted(inputs)(inputs), inputs)


def test_before_it_is_fitted_inputs_stay():
    inputs = torch.randn(4, 3)
    torch.testing.assert_close(Quantiles(3)(inputs), inputs)


def test_beyond_the_training_part_inputs_are_at_its_ends():
    layer = fitted(torch.linspace(0, 1, 101).double()[:, None])
    ends = layer(torch.tensor([[-5.0], [0.0], [0.5], [1.0], [5.0]]).double()).flatten()
    low, high = norm.ppf(1 / 202), -norm.ppf(1 / 202)
    np.testing.assert_allclose(ends, [low, low, 0, high, high], rtol=1e-6, atol=1e-6)


def test_bins_say_how_much_of_each_lies_below():
    """Equation 1 of Gorishniy et al. 2022, in bins of equal shares of the training part."""
    layer = fitted(torch.linspace(0, 1, 101).double()[:, None], bins=2)
    z = layer(torch.tensor([[0.5], [0.75], [0.25]]).double())
    third, end = norm.ppf(0.75), -norm.ppf(1 / 202)
    np.testing.assert_allclose(
        z, [[0, 1, 0], [third, 1, third / end], [-third, 1 - third / end, 0]], atol=1e-5
    )


@pytest.mark.parametrize("bins", [0, 4])
def test_gradients_of_inputs_are_finite(bins):
    """Columns of categories, of values that many share, and examples at the median."""
    train = random_inputs(64, 0)
    train = torch.cat([train, train[:, :1] > 0, train[:, :1].round(), 0 * train[:, :1]], dim=1)
    inputs = torch.cat([train, train.median(0).values[None], 3 * train]).requires_grad_()
    fitted(train, bins)(inputs).sum().backward()
    assert inputs.grad.isfinite().all()
    assert (inputs.grad[64, :2] > 0).all()


def test_the_gradient_at_the_median_is_that_of_the_quantile():
    share = torch.tensor([0.3, 0.5, 0.9]).double().requires_grad_()
    normal_quantile(share).sum().backward()
    expected = 1 / norm.pdf(norm.ppf(share.detach()))
    np.testing.assert_allclose(share.grad, expected, rtol=1e-4)


@given(st.floats(1e-7, 1 - 1e-7))
def test_normal_quantile_is_that_of_scipy(share):
    found = normal_quantile(torch.tensor(share, dtype=torch.float64)).item()
    assert found == pytest.approx(norm.ppf(share), rel=1e-6, abs=1e-6)


@given(st.integers(0, 1000), st.integers(2, 80))
def test_order_is_kept(seed, n):
    inputs = random_inputs(n, seed)
    found = fitted(inputs)(inputs)
    for column in range(inputs.shape[1]):
        steps = found[inputs[:, column].argsort(), column].diff()
        assert (steps >= -1e-9).all()
