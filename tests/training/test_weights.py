"""Loss weights that stay: a row is divided by its sum, or left as published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.errors import CoterieError
from coterie.fitting import OneSeed, fit_seeds
from coterie.models import Architecture
from coterie.tasks import task_losses
from coterie.training import StaticWeights

SMALL: dict[str, Any] = {
    "epochs": 2,
    "batch_size": 32,
    "optimiser": "sgd",
    "keep": "last",
    "strategy": "loop",
    "model_options": {"hidden": (8,)},
}
# Sums of 4 and of 1/2, by which floating-point numbers scale exactly.
ROWS = np.array([[1.0, 2.0, 1.0], [0.25, 0.0, 0.25]])


@pytest.fixture(scope="module")
def data() -> ct.Dataset:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 5)).astype(np.float32)
    y = np.stack([x[:, 0] > 0, x[:, 1] + x[:, 2] > 0.3, 2 * x[:, 3] + 1], axis=1)
    return ct.load(
        {"inputs": x, "targets": y.astype(np.float32)},
        names=["a", "b", "c"],
        kinds={"a": "binary", "b": "binary", "c": "regression"},
    )


def fitted(data: ct.Dataset, weights: Any = ROWS, **settings: Any) -> ct.Fit:
    return ct.fit("mlp", data, weights, **{**SMALL, **settings})


def parameters(fitted: ct.Fit) -> dict[str, torch.Tensor]:
    return {name: tensor.detach() for name, tensor in fitted.stack.parameters.items()}


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_a_sum_is_the_mean_with_a_larger_step(data: ct.Dataset, momentum: float) -> None:
    """Gradients of SGD scale with the loss: a sum at rate r is the mean at r times the row's sum."""
    settings = {"momentum": momentum}
    both = parameters(fitted(data, reduction="sum", lr=2**-7, **settings))
    for row, weights in enumerate(ROWS):
        rate = 2**-7 * weights.sum()
        scaled = parameters(fitted(data, weights[None], init=[row], lr=rate, **settings))
        for name, tensor in scaled.items():
            assert torch.equal(both[name][row], tensor[0]), name
    mean = parameters(fitted(data, lr=2**-7, **settings))
    assert not torch.equal(both["encoder.0.weight"][0], mean["encoder.0.weight"][0])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_one_step_by_hand(data: ct.Dataset, reduction: str) -> None:
    """All examples as one batch: one step against the gradient of the formula, written out."""
    train = data.split.train
    settings = {"epochs": 1, "batch_size": len(train), "momentum": 0.0, "lr": 0.1}
    found = parameters(fitted(data, reduction=reduction, **settings))
    for row, weights in enumerate(torch.tensor(ROWS, dtype=torch.float32)):
        model = Architecture.of("mlp", data.input_shape, data.tasks, {"hidden": (8,)}).build(0, row)
        losses = task_losses(model.train()(data.inputs[train]), data.targets[train], data.tasks)
        loss = (weights * losses).sum()
        (loss / weights.sum() if reduction == "mean" else loss).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None
            expected = parameter - 0.1 * parameter.grad
            torch.testing.assert_close(found[name][row], expected, atol=1e-6, rtol=1e-5)


def test_rows_of_one_task_with_weight_1_are_alike(data: ct.Dataset) -> None:
    mean = parameters(fitted(data, np.eye(3)))
    summed = parameters(fitted(data, np.eye(3), reduction="sum"))
    assert all(torch.equal(mean[name], summed[name]) for name in mean)


def test_the_epoch_that_is_kept_does_not_depend_on_the_scale(data: ct.Dataset) -> None:
    settings = {"epochs": 6, "momentum": 0.0, "keep": "best"}
    summed = fitted(data, ROWS[:1], reduction="sum", lr=0.25, **settings)
    mean = fitted(data, ROWS[:1], lr=1.0, **settings)
    assert summed.history.best_epoch.tolist() == mean.history.best_epoch.tolist()
    np.testing.assert_array_equal(summed.scores, mean.scores)


def test_weights_of_a_provider_are_used_as_they_are(data: ct.Dataset) -> None:
    told = parameters(fitted(data, reduction="sum"))
    provided = fitted(data, StaticWeights(ROWS, n_tasks=3, reduction="sum"))
    for name, tensor in parameters(provided).items():
        assert torch.equal(tensor, told[name])
    np.testing.assert_array_equal(provided.weights, ROWS)


def test_chosen_rows_keep_how_they_are_reduced() -> None:
    chosen = StaticWeights(ROWS, n_tasks=3, reduction="sum").select([1])
    assert chosen.weights(0).tolist() == [[0.25, 0.0, 0.25]]
    assert StaticWeights(ROWS, n_tasks=3).select([1]).weights(0).tolist() == [[0.5, 0.0, 0.5]]


def test_negligible_weights_are_none_in_a_sum_too() -> None:
    row = StaticWeights([[1.0, 9e-5, 2e-4]], n_tasks=3, reduction="sum").weights(0)
    torch.testing.assert_close(row, torch.tensor([[1.0, 0.0, 2e-4]]))


def test_reduction_is_recorded_and_tells_checkpoints_apart(
    data: ct.Dataset, tmp_path: Path
) -> None:
    found = fitted(data, reduction="sum", checkpoint=tmp_path)
    assert found.config["reduction"] == "sum"
    with pytest.raises(CoterieError, match="another reduction"):
        fitted(data, checkpoint=tmp_path)


@pytest.mark.parametrize("reduction", ["none", None, 1, ["sum"]])
def test_no_other_reductions(data: ct.Dataset, reduction: Any) -> None:
    with pytest.raises(CoterieError, match="`reduction` must be one of 'mean', 'sum'"):
        fitted(data, reduction=reduction)
    with pytest.raises(CoterieError, match="`reduction` must be one of 'mean', 'sum'"):
        StaticWeights(ROWS, n_tasks=3, reduction=reduction)


def test_rows_with_examples_of_their_own_sum_too(data: ct.Dataset) -> None:
    """Where labels are missing, rows are trained in blocks, which keep the reduction."""
    targets = data.targets.clone()
    targets[::3, 0] = torch.nan
    gaps = replace(data, targets=targets, rebuild=None, fewer=None)
    rows = np.array([[4.0, 0.0, 0.0], [0.0, 2.0, 2.0]])
    summed = parameters(fitted(gaps, rows, reduction="sum", lr=2**-7))
    mean = parameters(fitted(gaps, rows, lr=2**-5))
    assert all(torch.equal(summed[name], mean[name]) for name in summed)


def test_seeds_of_one_stack_sum_too(data: ct.Dataset) -> None:
    settings: dict[str, Any] = {**SMALL, "reduction": "sum", "lr": 0.05}
    together = fit_seeds("mlp", data, [OneSeed(seed=s, weights=ROWS) for s in (0, 1)], **settings)
    for seed, found in enumerate(together):
        alone = parameters(fitted(data, seed=seed, reduction="sum", lr=0.05))
        for name, tensor in parameters(found).items():
            torch.testing.assert_close(tensor, alone[name], atol=1e-5, rtol=1e-4)
