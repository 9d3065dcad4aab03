"""Cosine of shared gradients."""

import numpy as np

from coterie.affinities import Cosine
from tests.affinities.moments import KINDS, ByHand, measured, moment_of, table


def test_equals_the_gradients_written_out():
    moment = moment_of(table())
    hand = ByHand(moment)
    shared = np.stack([hand.step(task, moment.batch)[0].ravel() for task in range(3)])
    shared /= np.linalg.norm(shared, axis=1, keepdims=True)
    np.testing.assert_allclose(measured(Cosine(), moment), shared @ shared.T, atol=1e-5)


def test_is_symmetric_with_ones_on_the_diagonal():
    found = measured(Cosine(), moment_of(table(kinds=KINDS * 2), "mlp", warm=3))
    np.testing.assert_array_equal(found, found.T)
    np.testing.assert_array_equal(np.diag(found), np.ones(6))
    assert (np.abs(found) <= 1).all()
    assert np.abs(found - np.eye(6)).max() > 0.01


def test_a_task_that_sends_no_gradient_is_not_measured():
    moment = moment_of(table())
    moment.stack.state()["head.weight"][0, 1] = 0
    found = measured(Cosine(), moment)
    np.testing.assert_array_equal(
        np.isnan(found), [[False, True, False], [True, True, True], [False, True, False]]
    )
