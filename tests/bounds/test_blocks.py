"""Hidden groups are found where they are; the likelihood is that of a regression."""

from __future__ import annotations

import numpy as np
import pytest

from coterie.bounds.blocks import Evidence, first_labels


def evidence(effect, n_tasks=8, n_rows=24, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n_tasks) % 2
    others = rng.standard_normal((n_tasks, n_rows, n_tasks)) * (1 - np.eye(n_tasks))[:, None]
    data = effect * (others * (labels[:, None] == labels)[:, None]).sum(axis=2)
    data = data + rng.standard_normal(data.shape)
    inverse = np.tile(np.eye(n_rows), (n_tasks, 1, 1))
    found = Evidence(others=others, inverse=inverse, weighted=data, number=data.size)
    return found, labels, data


def test_planted_groups_are_found_and_their_effect():
    found, labels, _ = evidence(0.5)
    rng = np.random.default_rng(0)
    first = first_labels(found, 2, rng)
    same = first[:, None] == first
    assert (same == (labels[:, None] == labels)).all()
    effects = [found.draw_effect(first, rng) for _ in range(200)]
    assert np.mean(effects) == pytest.approx(0.5, abs=0.1)


def test_estimate_is_that_of_least_squares():
    found, labels, data = evidence(0.3)
    regressor = (found.others * (labels[:, None] == labels)[:, None]).sum(axis=2)
    slope = np.linalg.lstsq(regressor.reshape(-1, 1), data.ravel(), rcond=None)[0][0]
    (information,), (product,) = found.sums(labels[None])
    assert product / information == pytest.approx(slope)
    # Each task for itself is no block at all.
    assert found.log_likelihood(np.arange(8)[None]) == pytest.approx([0.0])
