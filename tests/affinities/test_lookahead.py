"""TAG."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from coterie.affinities import Lookahead
from coterie.errors import CoterieError
from tests.affinities.moments import (
    KINDS,
    PUBLISHED,
    ByHand,
    measured,
    moment_of,
    other_half,
    smooth,
    table,
    trial_of,
)


@pytest.mark.parametrize("rate", [0.02, 0.3])
def test_equals_the_definition_written_out(rate):
    moment = moment_of(table(), lr=rate)
    hand, scored = ByHand(moment), other_half(moment)
    expected = np.empty((3, 3))
    for source in range(3):
        shared, _, _ = hand.step(source, moment.batch)
        expected[source] = (1 - hand.losses(scored, (shared, 0, 0)) / hand.losses(scored)) / rate
    np.testing.assert_allclose(
        measured(Lookahead(**PUBLISHED), moment), expected, rtol=1e-3, atol=2e-5
    )


def test_is_first_order_in_the_products_of_gradients():
    moment = moment_of(table(kinds=KINDS), smooth, lr=2e-3)
    trial = trial_of(moment)
    batch = trial.scoring_batch()
    stepped = trial.gradients(heads=False)
    scored = trial_of(replace(moment, batch=batch)).gradients(heads=False)
    products = sum(stepped[name].flatten(1) @ scored[name].flatten(1).T for name in stepped)
    losses = trial.losses_after(torch.zeros(1, 3), {}, batch)
    np.testing.assert_allclose(
        measured(Lookahead(**PUBLISHED), moment), products / losses, rtol=0.05, atol=0.01
    )


def test_steps_follow_the_optimiser():
    plain, adaptive = (
        measured(Lookahead(**PUBLISHED), moment_of(table(), smooth, warm=3, optimiser=o))
        for o in ("sgd", "adam")
    )
    assert not np.allclose(plain, adaptive, rtol=0.1)


def test_random_layers_draw_the_same_for_every_row():
    moment = moment_of(
        table(n=1000),
        "mlp",
        batch_size=300,
        model_options={"hidden": (16,), "dropout": 0.5},
        lr=1e-6,
    )
    found = measured(Lookahead(**PUBLISHED), moment) * 1e-6
    # A mask of its own would move a loss by percents; the step alone moves it by a millionth.
    assert np.abs(found).max() < 1e-4


@pytest.mark.parametrize("wrong", [{"batch_size": 1}, {"every": 0}, {"memory": 0}, {"every": 2.5}])
def test_settings_that_cannot_work_are_named(wrong):
    with pytest.raises(
        CoterieError, match=f"`{next(iter(wrong))}` must be a whole number of at least"
    ):
        Lookahead(**wrong)
