"""Squared cosines, tensor by tensor: blind to sign."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from coterie.affinities import Alignment, Cosine
from tests.affinities.moments import KINDS, ByHand, measured, moment_of, smooth, table


def squared(vectors):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return (unit @ unit.T) ** 2


def test_equals_the_gradients_written_out():
    """Of a linear network the weights' gradients, and the features' summed over the batch."""
    moment = moment_of(table())
    hand = ByHand(moment)
    weights = np.stack([hand.step(task, moment.batch)[0].ravel() for task in range(3)])
    features = np.stack(
        [hand.residuals(moment.batch)[:, task].sum() * hand.C[task] for task in range(3)]
    )
    expected = (squared(weights) + squared(features)) / 2
    np.testing.assert_allclose(measured(Alignment(), moment), expected, atol=1e-5)


def test_every_tensor_counts_alike_however_long_its_gradient_is():
    """Inputs ten times as large lengthen the gradient of the first weights alone."""
    moment = moment_of(table())
    longer = replace(moment, batch=replace(moment.batch, inputs=10 * moment.batch.inputs))
    longer.stack.state()["encoder.weight"].div_(10)
    scaled = measured(Alignment(), longer), measured(Cosine(), longer)
    longer.stack.state()["encoder.weight"].mul_(10)
    np.testing.assert_allclose(scaled[0], measured(Alignment(), moment), atol=1e-5)


def test_is_symmetric_within_0_and_1_with_ones_on_the_diagonal():
    found = measured(Alignment(), moment_of(table(kinds=KINDS * 2), "mlp", warm=3))
    np.testing.assert_allclose(found, found.T, atol=1e-12)
    np.testing.assert_allclose(np.diag(found), np.ones(6))
    assert ((found >= 0) & (found <= 1)).all()
    assert found[~np.eye(6, dtype=bool)].max() < 0.99


def test_a_task_that_pulls_the_other_way_is_aligned_as_before_where_its_cosines_turn_round():
    moment, sign = moment_of(table(200), smooth, batch_size=60), np.array([1, -1, 1])
    alignment, cosine = measured(Alignment(), moment), measured(Cosine(), moment)
    with torch.no_grad():
        outputs, targets = moment.stack(moment.batch.inputs)[0], moment.batch.targets.clone()
    targets[:, 1] = 2 * outputs[:, 1] - targets[:, 1]  # as far off, on the other side
    moment = replace(moment, batch=replace(moment.batch, targets=targets))
    np.testing.assert_allclose(measured(Alignment(), moment), alignment, atol=1e-5)
    np.testing.assert_allclose(measured(Cosine(), moment), cosine * sign * sign[:, None], atol=1e-5)
    assert np.abs(cosine - np.eye(3)).max() > 0.1


def test_heads_on_other_features_are_not_aligned():
    """Each reads a feature of its own, so their gradients share no entry of any tensor."""
    moment = moment_of(table(), lr=0.1)
    head = moment.stack.state()["head.weight"]
    head[0] = 0
    for task in range(3):
        head[0, task, task] = 1
    np.testing.assert_allclose(measured(Alignment(), moment), np.eye(3), atol=1e-10)


def test_a_task_that_sends_no_gradient_is_not_measured():
    moment = moment_of(table())
    moment.stack.state()["head.weight"][0, 1] = 0
    found = measured(Alignment(), moment)
    np.testing.assert_array_equal(
        np.isnan(found), [[False, True, False], [True, True, True], [False, True, False]]
    )


@pytest.mark.parametrize("model", ["mlp", "tabm"])
def test_members_of_an_ensemble_have_heads_of_their_own(model):
    found = measured(Alignment(), moment_of(table(kinds=KINDS), model, warm=1))
    assert np.isfinite(found).all()
