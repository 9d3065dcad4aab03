"""The learning rate of each step."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.training import TrainingConfig
from coterie.training.optimisers import learning_rate


@pytest.mark.parametrize("an_epoch", [1, 7])
def test_the_step_schedule_is_that_of_torch_over_a_hundred_epochs(an_epoch):
    """Halved at epochs 15, 30, 45, 60, 75 and 90."""
    optimiser = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=8e-4)
    torchs = torch.optim.lr_scheduler.MultiStepLR(optimiser, [15, 30, 45, 60, 75, 90], gamma=0.5)
    config = TrainingConfig(lr=8e-4, schedule="step", epochs=100)
    for epoch in range(100):
        for step in range(epoch * an_epoch, (epoch + 1) * an_epoch):
            assert learning_rate(step, 100 * an_epoch, config) == optimiser.param_groups[0]["lr"]
        optimiser.step()
        torchs.step()


@settings(deadline=None)
@given(
    n_steps=st.integers(1, 400),
    schedule=st.sampled_from(["constant", "cosine", "step"]),
    warmup=st.sampled_from([0.0, 0.1, 0.5]),
)
def test_rates_rise_in_the_warm_up_and_never_after_it(n_steps, schedule, warmup):
    config = TrainingConfig(lr=0.1, schedule=schedule, warmup=warmup)
    rates = [learning_rate(step, n_steps, config) for step in range(n_steps)]
    warm = math.ceil(warmup * n_steps)
    assert rates[:warm] == sorted(rates[:warm])
    assert rates[warm:] == sorted(rates[warm:], reverse=True)
    assert min(rates) > 0
    assert max(rates) == pytest.approx(0.1)
    if schedule == "step":
        assert set(rates[warm:]) <= {0.1 / 2**times for times in range(7)}
