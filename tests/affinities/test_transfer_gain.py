"""Transfer gain: exact pairs, the first-order form, and what both have to do with TAG."""

from dataclasses import replace

import numpy as np
import pytest

from coterie.affinities import Lookahead, TransferGain
from coterie.errors import CoterieError
from tests.affinities.moments import KINDS, ByHand, measured, mixed, moment_of, other_half, smooth, table


@pytest.mark.parametrize("rate", [0.05, 0.3])
def test_equals_the_definition_written_out(rate):
    moment = moment_of(table(), lr=rate)
    hand, scored = ByHand(moment), other_half(moment)
    steps = [hand.step(task, moment.batch) for task in range(3)]
    expected = np.zeros((3, 3))
    for i, j in np.ndindex(3, 3):
        pair = hand.losses(scored, mixed((0.5, steps[i]), (0.5, steps[j])))[j]
        expected[i, j] = 1 - pair / hand.losses(scored, steps[j])[j]
    found = measured(TransferGain(), moment)
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
        after.A, after.C, after.b = (p - s for p, s in zip((hand.A, hand.C, hand.b), steps[j], strict=True))
        gradient = [part / after.rate for part in after.step(j, scored)]
        for i in range(3):
            change = mixed((0.5, steps[i]), (-0.5, steps[j]))
            expected[i, j] = sum((c * g).sum() for c, g in zip(change, gradient, strict=True)) / after.losses(scored)[j]
    np.testing.assert_allclose(measured(TransferGain(pairs="first-order"), moment), expected, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("optimiser", "rates"), [("sgd", (0.1, 0.02)), ("adam", (0.004, 0.001))])
def test_first_order_comes_close_as_steps_shrink(optimiser, rates):
    moment, gaps = moment_of(table(kinds=KINDS), smooth, warm=3, optimiser=optimiser, lr=0.05), []
    for rate in rates:
        moment = replace(moment, learning_rate=rate)
        exact, approximate = (measured(TransferGain(pairs=pairs), moment) for pairs in ("exact", "first-order"))
        gaps.append(np.abs(exact - approximate).max() / np.abs(exact).max())
    assert gaps[1] < gaps[0] / 2
    assert gaps[1] < 0.01


def test_differences_are_half_those_of_tag_to_first_order():
    """2 S[i, j] = lr (Z[i, j] - Z[j, j]) - (share of j's own head), whatever i."""
    rate = 5e-3
    moment = moment_of(table(kinds=KINDS, n=200), smooth, batch_size=60, lr=rate)
    gain, lookahead = measured(TransferGain(), moment), measured(Lookahead(), moment)
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
    found = measured(TransferGain(), moment)
    # Half a shared step each is one whole one; only the head moves half as far.
    assert found[0, 1] == pytest.approx(found[1, 0], abs=1e-6)


def test_unknown_pairs_are_named():
    with pytest.raises(CoterieError, match="`pairs` must be one of 'exact', 'first-order'; found 'all'"):
        TransferGain(pairs="all")
