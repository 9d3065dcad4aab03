"""Scores and losses on examples that no model trains on."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import coterie as ct
from coterie.data.dataset import Split
from coterie.estimators import TrainedScores
from coterie.estimators.gradtag import GradTagScores
from coterie.models import ModelStack
from coterie.training import LearntWeights
from coterie.training.learning import parted

SMALL = {
    "epochs": 2,
    "lr": 0.01,
    "batch_size": 64,
    "model_options": {"hidden": (4,)},
    "strategy": "loop",
}
KINDS = {"yes": "binary", "colour": "multiclass", "size": "regression", "own": "regression"}


def table(gaps, *, n=500, seed=0):
    """Four tasks of all kinds, one with a loss of its own.

    ``gaps`` is the share of labels missing in each part.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4)).astype(np.float32)
    y = np.stack(
        [x[:, 0] > 0.8, np.digitize(x[:, 1], [-0.4, 0.4]), 7 * x[:, 2] + 40, x[:, 3] - 5], axis=1
    ).astype(float)
    part = np.repeat([0, 1, 2], [n - 2 * n // 5, n // 5, n // 5])
    y[rng.random(y.shape) < np.asarray(gaps)[part, None]] = np.nan
    data = ct.load(
        {"inputs": x, "targets": y}, names=list(KINDS), kinds=KINDS, losses={"own": absolute}
    )
    positions = [
        torch.from_numpy(np.flatnonzero((part == p) & ~np.isnan(y).all(1))) for p in range(3)
    ]
    return replace(
        data, split=Split(train=positions[0], validation=positions[1], test=positions[2])
    )


def absolute(outputs, targets):
    return (outputs[..., 0] - targets).abs()


def by_hand(outputs, targets, tasks):
    """The loss of each task over its observed cells by torch's own functions."""
    seen, z, y = ~targets.isnan(), outputs.double(), targets.double()
    parts = [(z[seen[:, t]][:, tasks.columns[t]], y[seen[:, t], t]) for t in range(4)]
    weight = tasks.pos_weight[0].double()
    losses = [
        F.binary_cross_entropy_with_logits(parts[0][0][:, 0], parts[0][1], pos_weight=weight),
        F.cross_entropy(parts[1][0], parts[1][1].long()),
        F.mse_loss(parts[2][0][:, 0], parts[2][1]),
        F.l1_loss(parts[3][0][:, 0], parts[3][1]),
    ]
    return (torch.stack(losses) / tasks.loss_scale).numpy()


@pytest.mark.parametrize(
    "gaps", [(0.0, 0.0, 0.0), (0.7, 0.0, 0.0), (0.0, 0.7, 0.0), (0.3, 0.6, 0.5)]
)
def test_validation_loss_is_the_mean_over_observed_cells(gaps):
    data = table(gaps)
    weights = np.vstack([np.ones(4), [0, 1, 0, 2]])
    result = ct.fit("mlp", data, weights, keep="last", **SMALL)
    outputs = ct.predict(result.stack, data, data.split.validation)
    for row in range(2):
        expected = by_hand(outputs[row], data.targets[data.split.validation], data.tasks)
        found = result.history.validation_loss[-1, row]
        np.testing.assert_allclose(found[weights[row] > 0], expected[weights[row] > 0], rtol=1e-5)
    trained = TrainedScores("mlp", data, measure="loss", keep="last", **SMALL)
    np.testing.assert_array_equal(
        trained.predict(weights[:1])[0], -result.history.validation_loss[-1, 0]
    )


def test_a_task_without_a_validation_label_has_no_validation_loss_and_is_no_failure():
    data = table((0.0, 0.0, 0.0))
    data.targets[data.split.validation, 1] = torch.nan
    result = ct.fit("mlp", data, np.vstack([np.ones(4), np.eye(4)[1]]), **SMALL)
    assert np.isnan(result.history.validation_loss[:, :, 1]).all()
    assert np.isnan(result.scores[:, 1]).all()
    assert np.isfinite(result.history.validation_loss[:, 0, [0, 2, 3]]).all()
    assert result.history.best_epoch[1] == 1  # nothing to choose by: the last


def test_estimated_losses_are_on_the_scale_of_trained_ones():
    """Where gradients move nothing, Grad-TAG's validation loss is that of the joint model."""
    data = table((0.8, 0.1, 0.0))
    data = replace(
        data,
        tasks=replace(data.tasks, items=tuple(replace(task, loss=None) for task in data.tasks)),
    )
    joint = ct.fit("mlp", data, keep="last", **SMALL)
    found = GradTagScores(n_features=8, ridge=1e12).fit(joint, data).predict(np.ones((1, 4)))
    np.testing.assert_allclose(found[0], -joint.history.validation_loss[-1, 0], rtol=1e-4)


class Watching(LearntWeights):
    """Even weights, which rest; the last gradient of W that they were shown is kept."""

    n_rows, plain_steps, learning_rate, held_out = 2, True, 1e-20, 0.4

    def __init__(self):
        self.matrix = torch.nn.Parameter(torch.full((2, 4), 0.25))

    def weights(self, step):
        return self.matrix

    def parameters(self):
        return [self.matrix]

    def settings(self):
        return {}


def test_losses_of_held_out_examples_are_means_over_their_own_labels():
    data, provider = table((0.8, 0.0, 0.0), n=300), Watching()
    # One step, on which nothing moves.
    settings = {
        **SMALL,
        "epochs": 1,
        "lr": 1e-20,
        "batch_size": 256,
        "keep": "last",
    }
    result = ct.fit("mlp", data, provider, **settings)
    _, apart = parted(data.split.train, provider.held_out, 0)
    observed = (~data.targets[apart].isnan()).float().mean(0)
    assert (observed - data.tasks.observed_share).abs().max() > 0.01
    assert isinstance(result.stack, ModelStack)
    outputs = ct.predict(result.stack, data, apart)
    expected = [by_hand(outputs[row], data.targets[apart], data.tasks) for row in range(2)]
    np.testing.assert_allclose(provider.matrix.grad.numpy(), expected, rtol=1e-4)
