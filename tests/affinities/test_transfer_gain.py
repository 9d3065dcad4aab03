"""Transfer gain: exact pairs, the first-order form, and what both have to do with TAG."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from coterie.affinities import Lookahead, TransferGain
from coterie.errors import CoterieError
from coterie.tasks import task_losses
from tests.affinities.moments import (
    KINDS,
    PUBLISHED,
    ByHand,
    measured,
    mixed,
    moment_of,
    other_half,
    smooth,
    table,
    trial_of,
)


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_equals_the_definition_written_out(rate):
    moment = moment_of(table(), lr=rate)
    hand, scored = ByHand(moment), other_half(moment)
    steps = [hand.step(task, moment.batch) for task in range(3)]
    expected = np.zeros((3, 3))
    for i, j in np.ndindex(3, 3):
        pair = hand.losses(scored, mixed((0.5, steps[i]), (0.5, steps[j])))[j]
        expected[i, j] = 1 - pair / hand.losses(scored, steps[j])[j]
    found = measured(TransferGain(**PUBLISHED), moment)
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=2e-6)
    assert (np.diag(found) == 0).all()
    assert np.abs(found).max() > 0.005


def test_first_order_equals_its_formula_written_out():
    moment = moment_of(table(), lr=0.1)
    hand, scored = ByHand(moment), other_half(moment)
    steps = [hand.step(task, moment.batch) for task in range(3)]
    expected = np.zeros((3, 3))
    for j in range(3):
        after = ByHand(moment)
        after.A, after.C, after.b = (
            p - s for p, s in zip((hand.A, hand.C, hand.b), steps[j], strict=True)
        )
        gradient = [part / after.rate for part in after.step(j, scored)]
        for i in range(3):
            change = mixed((0.5, steps[i]), (-0.5, steps[j]))
            expected[i, j] = (
                sum((c * g).sum() for c, g in zip(change, gradient, strict=True))
                / after.losses(scored)[j]
            )
    np.testing.assert_allclose(
        measured(TransferGain(pairs="first-order", **PUBLISHED), moment),
        expected,
        rtol=1e-3,
        atol=1e-6,
    )


@pytest.mark.parametrize(("optimiser", "rates"), [("sgd", (0.1, 0.02)), ("adam", (0.004, 0.001))])
def test_first_order_comes_close_as_steps_shrink(optimiser, rates):
    moment, gaps = moment_of(table(kinds=KINDS), smooth, warm=3, optimiser=optimiser, lr=0.05), []
    for rate in rates:
        moment = replace(moment, learning_rate=rate)
        exact, approximate = (
            measured(TransferGain(pairs=pairs, **PUBLISHED), moment)
            for pairs in ("exact", "first-order")
        )
        gaps.append(np.abs(exact - approximate).max() / np.abs(exact).max())
    assert gaps[1] < gaps[0] / 2
    assert gaps[1] < 0.01


def test_differences_are_half_those_of_tag_to_first_order():
    """2 S[i, j] = lr (Z[i, j] - Z[j, j]) - (share of j's own head), whatever i."""
    rate = 5e-3
    moment = moment_of(table(kinds=KINDS, n=200), smooth, batch_size=60, lr=rate)
    gain, lookahead = (
        measured(TransferGain(**PUBLISHED), moment),
        measured(Lookahead(**PUBLISHED), moment),
    )
    for j in range(3):
        i, k = (task for task in range(3) if task != j)
        ahead = rate * (lookahead[i, j] - lookahead[k, j])
        assert 2 * (gain[i, j] - gain[k, j]) == pytest.approx(ahead, rel=0.1, abs=2e-5)
    assert np.abs(np.diff(rate * lookahead, axis=0)).max() > 5e-4


def test_order_of_the_tasks_in_a_pair_does_not_matter_to_their_step():
    twins = table(kinds=("regression",) * 2)
    twins.targets[:, 1] = twins.targets[:, 0]
    moment = moment_of(twins)
    moment.stack.state()["head.weight"][0, 1] = moment.stack.state()["head.weight"][0, 0]
    moment.stack.state()["head.bias"][0, 1] = moment.stack.state()["head.bias"][0, 0]
    found = measured(TransferGain(**PUBLISHED), moment)
    # Half a shared step each is one whole one; only the head moves half as far.
    assert found[0, 1] == pytest.approx(found[1, 0], abs=1e-6)


def naive(moment, batch, members, *, heads):
    """Losses (T,) on ``batch`` after one step on the mean loss of the members: Adam by hand."""
    model = moment.stack.model(0).train()

    def losses(of):
        torch.manual_seed(moment.seed)
        return task_losses(model(of.inputs), of.targets, moment.tasks)

    losses(moment.batch)[members].mean().backward()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.grad is not None and (heads or not name.startswith("head.")):
                state = moment.optimiser.state[moment.stack.parameters[name]]
                scale = (state["exp_avg_sq"][0] / (1 - 0.999 ** float(state["step"]))).sqrt() + 1e-8
                parameter -= moment.learning_rate * parameter.grad / scale
        return losses(batch).double().numpy()


def test_look_aheads_equal_a_naive_loop_with_batch_statistics_dropout_gaps_and_adam():
    kinds, options = (*KINDS, "binary"), {"hidden": (12,), "dropout": 0.3}
    moment = moment_of(
        table(200, kinds, missing=0.25),
        "mlp",
        warm=3,
        optimiser="adam",
        lr=0.02,
        model_options=options,
    )
    assert any("running_mean" in name for name in moment.stack.buffers)
    gains, aheads = (
        measured(TransferGain(**PUBLISHED), moment),
        measured(Lookahead(**PUBLISHED), moment),
    )
    with torch.random.fork_rng():
        batch = trial_of(moment).scoring_batch()
        start = naive(replace(moment, learning_rate=0.0), batch, [0], heads=False)
        own = [naive(moment, batch, [j], heads=True)[j] for j in range(4)]
        for i, j in np.ndindex(4, 4):
            pair = naive(moment, batch, list({i, j}), heads=True)[j]
            assert gains[i, j] == pytest.approx(1 - pair / own[j], rel=1e-3, abs=1e-5)
            ahead = 1 - naive(moment, batch, [i], heads=False)[j] / start[j]
            assert aheads[i, j] * moment.learning_rate == pytest.approx(ahead, rel=1e-3, abs=1e-5)
    assert np.abs(gains).max() > 0.05


def test_unknown_pairs_are_named():
    with pytest.raises(
        CoterieError, match="`pairs` must be one of 'exact', 'first-order'; found 'all'"
    ):
        TransferGain(pairs="all")
