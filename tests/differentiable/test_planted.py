"""Groups that share a latent are worth finding, and are found."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

import coterie as ct

LABELS = np.repeat([0, 1], 4)
SETTINGS = {"epochs": 15, "batch_size": 32, "lr": 3e-3, "model_options": {"hidden": (16, 16)}}


def planted(seed):
    """Eight tasks in two groups on twelve inputs.

    Those of a group mix three functions of two directions of its own.
    """
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((1500, 12))
    columns = []
    for _ in range(2):
        directions = rng.standard_normal((12, 2))
        z = x @ (directions / np.linalg.norm(directions, axis=0))
        features = np.stack([np.sin(2 * z[:, 0]), np.sin(2 * z[:, 1]), z[:, 0] * z[:, 1]], axis=1)
        for _ in range(4):
            mix = features @ (rng.choice([-1, 1], 3) * rng.uniform(0.5, 1.5, 3))
            columns.append(mix > np.median(mix))
    return ct.load(
        {"inputs": x.astype(np.float32), "targets": np.stack(columns, axis=1).astype(np.float32)}
    )


@pytest.mark.slow
def test_true_groups_beat_others_when_trained():
    true = np.eye(2)[LABELS].T
    mixed = np.eye(2)[[0, 0, 1, 1, 0, 0, 1, 1]].T
    gains = []
    for seed in range(4):
        fit = ct.fit(
            "mlp",
            planted(seed),
            np.concatenate([true, mixed]),
            init="shared",
            seed=seed,
            **SETTINGS,
        )
        gains.append(np.nanmean(fit.scores[:2]) - np.nanmean(fit.scores[2:]))
    assert np.mean(gains) > 0.02


@pytest.mark.slow
def test_annealed_search_finds_most_planted_groups():
    found = []
    for seed in range(6):
        search = ct.fit("mlp", planted(seed), ct.DifferentiableGrouping(2), seed=seed, **SETTINGS)
        found.append(adjusted_rand_score(LABELS, search.grouping.labels))
    assert np.mean(found) > 0.5
