"""The bootstrap against brute force; relative gains by hand."""

import numpy as np
import pytest
import torch

from coterie.evaluation.gains import (
    bootstrap_interval,
    bootstrap_scores,
    relative_gain,
)
from coterie.metrics import outcomes, primary_metric, summed_statistics
from coterie.tasks import Kind, Task, Tasks

TASKS = Tasks.plain(
    [
        Task(name="yes", kind=Kind.BINARY),
        Task(name="colour", kind=Kind.MULTICLASS, classes=("r", "g", "b")),
        Task(name="size", kind=Kind.REGRESSION),
    ]
)


def predictions(n, arms=2, missing=0.2):
    g = torch.Generator().manual_seed(0)
    outputs = torch.randn(arms, n, 5, generator=g)
    targets = torch.stack(
        [
            torch.randint(2, (n,), generator=g),
            torch.randint(3, (n,), generator=g),
            torch.randn(n, generator=g),
        ],
        dim=1,
    ).float()
    targets[torch.rand(targets.shape, generator=g) < missing] = torch.nan
    return outputs, targets


def test_bootstrap_is_the_metric_of_repeated_examples():
    outputs, targets = predictions(30)
    scores = bootstrap_scores(
        outcomes(outputs, targets, TASKS).numpy(), targets.numpy(), TASKS, resamples=5, seed=3
    )
    from coterie.seeds import torch_generator

    counts = torch.poisson(
        torch.ones(5, 4096), generator=torch_generator(3, "bootstrap", 0)
    ).long()[:, :30]
    for r in range(5):
        index = torch.repeat_interleave(torch.arange(30), counts[r])
        expected = primary_metric(
            summed_statistics(outputs[:, index], targets[index], TASKS), TASKS
        )
        np.testing.assert_allclose(scores[r], expected, rtol=1e-5)


def test_bootstrap_in_chunks_is_paired_seeded_and_has_the_right_spread(monkeypatch):
    monkeypatch.setattr("coterie.evaluation.gains._EXAMPLES_AT_ONCE", 64)
    tasks = Tasks.plain([Task(name="c", kind=Kind.MULTICLASS, classes=("a", "b"))])
    hits = np.zeros((2, 400, 1), dtype=np.uint8)
    hits[:, :100] = 1
    scores = bootstrap_scores(hits, np.zeros((400, 1)), tasks, resamples=2000, seed=1)
    np.testing.assert_array_equal(scores[:, 0], scores[:, 1])
    assert scores.std() == pytest.approx(np.sqrt(0.25 * 0.75 / 400), rel=0.06)
    np.testing.assert_array_equal(
        scores, bootstrap_scores(hits, np.zeros((400, 1)), tasks, resamples=2000, seed=1)
    )
    low, high = bootstrap_interval(scores[:, 0, 0])
    assert (low, high) == (
        pytest.approx(0.25 - 1.96 * 0.0217, abs=0.008),
        pytest.approx(0.25 + 1.96 * 0.0217, abs=0.008),
    )


def test_a_metric_of_ones_own_is_not_bootstrapped():
    tasks = Tasks.plain(
        [
            Task(name="c", kind=Kind.BINARY, metric=lambda z, y: y.mean()),
            Task(name="d", kind=Kind.BINARY),
        ]
    )
    scores = bootstrap_scores(
        np.ones((1, 20, 2)), np.tile([[0.0], [1.0]], (10, 2)), tasks, resamples=3
    )
    assert np.isnan(scores[..., 0]).all()
    np.testing.assert_array_equal(scores[..., 1], 1.0)


def test_relative_gain_needs_ten_errors():
    gain = relative_gain(
        np.array([0.1, 0.3, 0.1, 0.0]),
        np.array([0.2, 0.2, 0.2, 0.0]),
        np.array([10.0, np.nan, 9.9, 0.0]),
    )
    np.testing.assert_allclose(gain, [0.5, -0.5, np.nan, np.nan])
