"""The random-effects model: variances are found, and draws are as uncertain as the data leave them."""

from __future__ import annotations

import numpy as np
import pytest

from coterie.bounds import balanced_rows
from coterie.bounds.model import measured, posterior
from coterie.errors import CoterieError


def scores(n_tasks=8, n_rows=60, seeds=6, rest=0.0, noise=1.0, effect=0.0, seed=0, together=0.0):
    """Scores of rows whose expectation is known: (S, R, T), rows, expectation."""
    rng = np.random.default_rng(seed)
    random = balanced_rows(n_tasks, 2, n_rows, seed)
    rows = np.concatenate([np.ones((1, n_tasks), bool), np.eye(n_tasks, dtype=bool), random])
    theta = effect * rng.standard_normal((n_tasks, n_tasks)) * (1 - np.eye(n_tasks))
    expected = 70 + rows @ theta.T + rest * rng.standard_normal(rows.shape)
    shared = rng.standard_normal((seeds, 1, n_tasks)) * 3
    common = np.sqrt(together) * rng.standard_normal((seeds, len(rows), 1))
    own = np.sqrt(1 - together) * rng.standard_normal((seeds, *rows.shape))
    seen = expected + shared + noise * (common + own)
    return np.where(rows, seen, np.nan), rows, expected


@pytest.mark.parametrize("together", [0.0, 0.5])
def test_noise_is_that_between_seeds_without_what_they_share(together):
    seen, rows, _ = scores(noise=2.0, together=together)
    found = measured(seen, rows)
    assert np.sqrt(found.noise.mean()) == pytest.approx(2.0, rel=0.06)
    assert found.together == pytest.approx(together, abs=0.1)


def test_spread_between_subsets_is_without_noise():
    seen, rows, _ = scores(rest=1.0, noise=1.0)
    assert np.sqrt(measured(seen, rows).spread.mean()) == pytest.approx(1.0, rel=0.12)
    none, rows, _ = scores(rest=0.0, noise=1.0)
    assert measured(none, rows).spread.mean() < 0.06


@pytest.mark.parametrize(("effect", "rest"), [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_variances_are_told_apart(effect, rest):
    seen, rows, _ = scores(effect=effect, rest=rest, noise=0.5)
    drawn = posterior(measured(seen, rows), 2, 100, np.random.default_rng(0))
    # Hidden groups may take a part of the effects of co-members.
    found = np.median(drawn.components, axis=0)
    assert found[0] == pytest.approx(effect, abs=0.25)
    assert found[2] == pytest.approx(rest, abs=0.2)


def test_draws_cover_what_was_trained():
    seen, rows, expected = scores(effect=0.5, rest=0.5)
    found = measured(seen, rows)
    drawn = posterior(found, 2, 200, np.random.default_rng(0))
    members, sizes = drawn.rows, drawn.rows.sum(axis=1)
    n_tasks = members.shape[1]
    size = np.log(sizes) / np.log(n_tasks) - 1
    centred = members - ((sizes - 1) / (n_tasks - 1))[:, None]
    gains = centred @ drawn.theta.transpose(0, 2, 1) + drawn.trained
    gains += drawn.intercept[:, None] + drawn.slope[:, None] * size[:, None]
    truth = (expected - expected[0])[n_tasks + 1 :]
    low, high = np.quantile(gains, [0.05, 0.95], axis=0)
    inside = ((low < truth) & (truth < high))[members]
    assert 0.84 < inside.mean() < 0.96
    # Scores of a task alone are as they were, with their noise and that of joint.
    error = np.sqrt(2 * found.noise / found.seeds)
    assert drawn.single.std(axis=0) == pytest.approx(error, rel=0.25)


def test_what_cannot_be_modelled_is_refused():
    seen, rows, _ = scores(n_rows=4)
    with pytest.raises(CoterieError, match="at least 2 seeds"):
        measured(seen[:1], rows)
    with pytest.raises(CoterieError, match="row of all tasks"):
        measured(seen[:, 1:], rows[1:])
    seen[0, 0, 0] = np.nan
    with pytest.raises(CoterieError, match="finite"):
        measured(seen, rows)
