"""Our own gain of an auxiliary task: scored on held-out examples, dropped where it harms."""

import numpy as np
import pytest

from coterie.affinities import AuxiliaryGain
from coterie.data import Batches
from coterie.errors import CoterieError
from tests.affinities.moments import KINDS, ByHand, measured, mixed, moment_of, smooth, table

A_LOT = 1000  # examples asked for: the whole validation part


def test_equals_the_definition_written_out_on_the_validation_part():
    moment = moment_of(table(), lr=0.1)
    data = moment.data
    hand, scored = (
        ByHand(moment),
        next(Batches(data, data.split.validation, batch_size=A_LOT, seed=0).ordered()),
    )
    steps = [hand.step(task, moment.batch) for task in range(3)]
    expected = np.zeros((3, 3))
    for a, m in np.ndindex(3, 3):
        if a != m:
            both = hand.losses(scored, mixed((1, steps[a]), (1, steps[m])))[m]
            expected[a, m] = 1 - both / hand.losses(scored, steps[m])[m]
    np.testing.assert_allclose(
        measured(AuxiliaryGain(step=1, normalise=False, batch_size=A_LOT), moment),
        expected,
        rtol=1e-3,
        atol=2e-6,
    )


def loaded(least=5, n=5, spread=0.01):
    """After ``n`` measurements.

    Task 1 harms task 0, task 0 helps task 1, task 2 does nothing sure.
    """
    probe = AuxiliaryGain(least=least)
    rng = np.random.default_rng(0)
    mean = np.zeros((3, 3))
    mean[1, 0], mean[0, 1], mean[0, 2] = -0.1, 0.1, 0.05
    noise = np.array([[0, 1, 20], [1, 0, 20], [20, 20, 0]]) * spread
    for _ in range(n):
        probe.course.add(mean + noise * rng.choice([-1, 1], size=(3, 3)), 0)
    return probe


def test_what_harms_is_dropped_and_no_longer_measured():
    probe = loaded()
    assert np.argwhere(probe.dropped()).tolist() == [[1, 0]]
    assert np.argwhere(probe.kept()).tolist() == [[0, 1]]
    before = probe.running.mean[1, 0]
    probe.on_step(moment_of(table(kinds=KINDS), smooth))
    assert probe.running.count[1, 0] == 5
    assert probe.running.mean[1, 0] == before
    expected = np.full((3, 3), 6)
    expected[1, 0] = 5
    np.testing.assert_array_equal(probe.running.count, expected)


def test_nothing_is_dropped_on_few_measurements():
    assert not loaded(n=4).dropped().any()
    assert loaded(least=4, n=4).dropped().any()


def test_a_pair_dropped_both_ways_is_not_tried():
    probe = AuxiliaryGain()
    rng = np.random.default_rng(0)
    harm = np.zeros((3, 3))
    harm[0, 1] = harm[1, 0] = -0.1
    for _ in range(5):
        probe.course.add(harm + 0.001 * rng.normal(size=(3, 3)), 0)
    probe.on_step(moment_of(table(kinds=KINDS), smooth))
    assert probe.work.lookaheads == 3 + 2


def test_once_everything_is_dropped_nothing_is_computed():
    probe = AuxiliaryGain()
    for value in (-0.1, -0.1, -0.11, -0.1, -0.1):
        probe.course.add(np.full((3, 3), value), 0)
    probe.on_step(moment_of(table(kinds=KINDS), smooth))
    assert probe.work.model_steps == 0
    assert (probe.running.count == 5).all()


def test_weights_are_shares_of_the_helpful():
    probe = AuxiliaryGain()
    probe.course.add(np.array([[9.0, 0.1, -0.2], [-0.1, 9.0, -0.1], [-0.3, 0.3, 9.0]]), 0)
    np.testing.assert_allclose(probe.weights(), [[0, 0.25, 0], [0, 0, 0], [0, 0.75, 0]])


def test_details_name_the_pairs():
    probe = loaded()
    probe.on_step(moment_of(table(kinds=KINDS), smooth))
    names = probe.tasks
    details = probe.affinity().details
    assert details["dropped"] == [[names[1], names[0]]]
    assert details["scored_on"] == "validation"
    assert np.shape(details["weights"]) == (3, 3)


def test_an_auxiliary_of_the_same_labels_helps_and_one_of_noise_does_less():
    data = table(600, kinds=("regression",) * 3)
    data.targets[:, 1] = data.targets[:, 0]
    data.targets[:, 2] = data.targets[:, 2][np.random.default_rng(1).permutation(600)]
    probe = AuxiliaryGain()
    for warm in range(8):
        probe.on_step(moment_of(data, smooth, batch_size=100, warm=warm, step=warm))
    mean = probe.running.mean
    assert mean[1, 0] > mean[2, 0]
    assert mean[1, 0] > 0


def test_fewer_than_two_measurements_cannot_decide():
    with pytest.raises(CoterieError, match="`least` must be a whole number of at least 2; found 1"):
        AuxiliaryGain(least=1)
