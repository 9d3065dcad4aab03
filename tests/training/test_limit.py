"""How long a training may take where nobody says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.training import Limit, TrainingConfig
from coterie.training.limit import (
    LIMIT_EPOCHS,
    LIMIT_STEPS,
    PATIENCE_EPOCHS,
    PATIENCE_STEPS,
)

steps = st.integers(1, 10**6)


@given(n_steps=steps, more=steps)
def test_who_takes_more_steps_an_epoch_needs_fewer_epochs(n_steps: int, more: int) -> None:
    few, many = Limit.of(n_steps), Limit.of(n_steps + more)
    assert few.epochs >= many.epochs
    assert few.patience is not None
    assert many.patience is not None
    assert few.patience >= many.patience


@given(n_steps=steps)
def test_limits_take_their_steps_but_for_the_bounds_of_epochs(n_steps: int) -> None:
    limit = Limit.of(n_steps)
    assert limit.patience is not None
    for epochs, wanted, (least, most) in (
        (limit.epochs, LIMIT_STEPS, LIMIT_EPOCHS),
        (limit.patience, PATIENCE_STEPS, PATIENCE_EPOCHS),
    ):
        assert least <= epochs <= most
        if least < epochs < most:
            assert wanted <= epochs * n_steps < wanted + n_steps
    assert limit.patience < limit.epochs


@given(n_steps=steps, epochs=steps, patience=st.none() | steps)
def test_what_is_asked_for_is_what_is_done(n_steps: int, epochs: int, patience: int | None) -> None:
    assert TrainingConfig(epochs=epochs, patience=patience).limit(n_steps) == (epochs, patience)
    assert Limit.of(n_steps, patience=7) == (Limit.of(n_steps).epochs, 7)


@pytest.mark.parametrize("n_steps", [1, 9, 300])
def test_a_configuration_that_says_nothing_trains_until_done(n_steps: int) -> None:
    assert TrainingConfig().limit(n_steps) == Limit.of(n_steps)
