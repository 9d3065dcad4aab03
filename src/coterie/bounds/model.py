"""How scores depend on who trains together: a random-effects model, and draws from its posterior.

The mean score over seeds of task t in a trained subset A of n tasks, in points, is modelled as

    y[A, t] = mean[t] + slope[t] z(n) + sum_{u in A} theta[t, u] + delta[A, t] + noise[A, t]

where the sizes enter as z(n) = log(n) / log(T) - 1, the co-member effects theta (minus what groups
of that size have in the mean, which is an effect of size) have one variance, what remains of a
subset, delta, another, both times the scale of the task, and noise is that of training, known from
the seeds. What all rows of a seed share (data,
initialisation) is in the mean and drops out of every difference. The joint model and the tasks
alone answer for themselves.

Shapes: ``S`` seeds, ``R`` rows, ``T`` tasks, ``D`` draws.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from coterie.bounds.blocks import Evidence, first_labels, next_labels
from coterie.errors import CoterieError

# Noise of a task is shrunk to the mean over tasks by so many degrees of freedom.
_SHRINKAGE = 10.0
_SCALE_SHRINKAGE = 3.0
_GRID = {"theta": 12, "slope": 6, "delta": 24}
# Standard deviations are looked for up to where they alone would explain all, times this.
_REACH = 1.5
_DIFFUSE = 1e4
_LEAST = 1e-6


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was trained, as the model sees it, in points.

    ``means`` (R, T) over the seeds of the random ``rows`` (R, T), 0 outside, ``joint`` and
    ``single`` (T,) likewise; ``noise`` (T,) is the variance between seeds of one training,
    ``together`` its correlation between the tasks of a row, ``seeds`` S.
    """

    rows: np.ndarray
    means: np.ndarray
    joint: np.ndarray
    single: np.ndarray
    noise: np.ndarray
    together: float
    seeds: int

    @property
    def variance(self) -> np.ndarray:
        """Variance (T,) of the means between the random subsets; 0 with fewer than 2 rows."""
        count = self.rows.sum(axis=0)
        mean = self.means.sum(axis=0) / np.maximum(count, 1)
        squares = (np.where(self.rows, self.means - mean, 0.0) ** 2).sum(axis=0)
        return squares / np.maximum(count - 1, 1)

    @property
    def scale(self) -> np.ndarray:
        """How large the effects on each task are against the others', (T,): mean square 1.

        By the variance of its means, shrunk to that of all.
        """
        freedom = np.maximum(self.rows.sum(axis=0) - 1, 0)
        found = freedom * self.variance + _SCALE_SHRINKAGE * max(self.variance.mean(), _LEAST)
        found = found / (freedom + _SCALE_SHRINKAGE)
        return np.sqrt(found / found.mean())

    @property
    def spread(self) -> np.ndarray:
        """Variance (T,) of the expected scores between the random subsets, by moments.

        What noise alone explains is taken off; 0 where nothing is left.
        """
        return np.maximum(self.variance - self.noise / self.seeds, 0.0)


def measured(scores: np.ndarray, subsets: np.ndarray) -> Measured:
    """Separate joint, single and random rows, and the noise of training.

    Args:
        scores: (S, R, T) in points, NaN where a task is not in the row.
        subsets: (R, T) of bool, one row with all tasks and one with each task alone among them.

    Raises:
        CoterieError: fewer than 2 seeds, a score that is missing, or no joint or single row.
    """
    n_seeds, _, n_tasks = scores.shape
    if n_seeds < 2:
        raise CoterieError("The noise of training needs at least 2 seeds; found 1.")
    if not np.isfinite(scores[:, subsets]).all():
        raise CoterieError("`scores` must be finite for every task of each row.")
    sizes = subsets.sum(axis=1)
    alone = np.flatnonzero(sizes == 1)
    if not (sizes == n_tasks).any() or not subsets[alone].any(axis=0).all():
        raise CoterieError("`subsets` must hold the row of all tasks and each task alone.")
    means = np.where(subsets, scores.mean(axis=0), 0.0)
    noise, together = _noise(scores, subsets)
    random = (sizes > 1) & (sizes < n_tasks)
    return Measured(
        rows=subsets[random],
        means=means[random],
        joint=means[np.argmax(sizes == n_tasks)],
        single=means[alone].max(axis=0, where=subsets[alone], initial=-np.inf),
        noise=noise,
        together=together,
        seeds=n_seeds,
    )


def _noise(scores: np.ndarray, subsets: np.ndarray) -> tuple[np.ndarray, float]:
    """Variance between seeds (T,) of a row that the other rows do not share, and its correlation.

    The correlation is between tasks of one row.
    """
    n_seeds = len(scores)
    count = subsets.sum(axis=0)
    within = np.where(subsets, scores - scores.mean(axis=0), 0.0)
    rest = np.where(subsets, within - (within.sum(axis=1) / count)[:, None], 0.0)
    freedom = (n_seeds - 1) * np.maximum(count - 1, 1)
    variance = (rest**2).sum(axis=(0, 1)) / freedom
    pooled = np.average(variance, weights=freedom)
    noise = np.maximum((freedom * variance + _SHRINKAGE * pooled) / (freedom + _SHRINKAGE), _LEAST)
    unit = rest / np.sqrt(noise)
    sizes = subsets.sum(axis=1)
    pairs = (sizes * (sizes - 1)).sum() * n_seeds
    if not pairs:
        return noise, 0.0
    between = (unit.sum(axis=2) ** 2).sum() - (unit**2).sum()
    same = (unit**2).sum() / (count.sum() * n_seeds)
    return noise, float(np.clip(between / pairs / max(same, _LEAST), 0.0, 0.95))


@dataclass(frozen=True, kw_only=True)
class Draws:
    """Draws from what the rows leave possible, relative to the joint model, in points.

    A group A of n tasks, neither alone nor all, gives task t ``intercept[t] + slope[t] z(n) +
    sum_u theta[t, u] (x_u - (n - 1) / (T - 1)) + delta``, the latter ``trained`` (D, R, T) where A
    is one of the ``rows``, else of standard deviation ``sd`` (D,) times ``scale`` (T,), with
    correlation ``common`` between the tasks of a group. ``single`` (D, T) is each task alone. ``theta`` is (D, T, T) with
    diagonal 0, ``components`` hold the standard deviations (D, 3) of theta, slope, delta.
    """

    rows: np.ndarray
    intercept: np.ndarray
    slope: np.ndarray
    theta: np.ndarray
    trained: np.ndarray
    single: np.ndarray
    components: np.ndarray
    scale: np.ndarray
    common: float

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation (D,) of what remains of a subset."""
        return self.components[:, 2]


def posterior(found: Measured, n_groups: int, n_draws: int, rng: np.random.Generator) -> Draws:
    """Draw variance components, then all effects, given what was measured.

    The components have a flat prior on their standard deviations (Gelman, "Prior distributions for
    variance parameters in hierarchical models", Bayesian Analysis 2006, section 4.3) and are drawn
    from a grid; their likelihood is restricted (means of tasks are diffuse). Effects are drawn by
    Matheron's rule: a draw from the prior, corrected by how far it is from the data. Tasks are fitted
    one by one, but simulated with the correlations that rows were seen to have, so that the draws
    are as uncertain as rows whose tasks rise and fall together leave them.
    """
    design = _Design.of(found)
    components = _components(found, design, n_draws, rng)
    common = _common(found, design, components)
    n_rows, n_tasks = found.rows.shape
    shape = (n_draws, n_tasks)
    out = Draws(
        rows=found.rows,
        intercept=np.zeros(shape),
        slope=np.zeros(shape),
        theta=np.zeros((*shape, n_tasks)),
        trained=np.zeros((n_draws, n_rows, n_tasks)),
        single=np.zeros(shape),
        components=components,
        scale=found.scale,
        common=common,
    )
    error = np.sqrt(found.noise / found.seeds)
    labels = None
    for draw, sds in enumerate(components):
        sd = sds[:, None] * found.scale
        inverse = np.linalg.inv(design.covariance(sds, error**2))
        block = np.zeros((n_tasks, n_tasks))
        if n_rows:
            others = design.others * found.scale[:, None, None]
            weighted = (inverse @ found.means.T[..., None])[..., 0]
            evidence = Evidence(
                others=others, inverse=inverse, weighted=weighted, number=int(found.rows.sum())
            )
            if labels is None:
                labels = first_labels(evidence, n_groups, rng)
            labels = next_labels(evidence, labels, n_groups, rng)
            effect = evidence.draw_effect(labels, rng)
            block = effect * found.scale[:, None] * (labels[:, None] == labels)
            np.fill_diagonal(block, 0.0)
        # What two tasks do for each other is drawn as one: their errors then add up, which is the
        # careful assumption.
        theta = np.tril(rng.standard_normal((n_tasks, n_tasks)), -1)
        theta = sd[0][:, None] * (theta + theta.T)
        np.fill_diagonal(theta, 0.0)
        slope = sd[1] * rng.standard_normal(n_tasks)
        delta = sd[2] * correlated((n_rows, n_tasks), common, rng)
        noise = error * correlated((n_rows, n_tasks), found.together, rng)
        simulated = design.size[:, None] * slope + delta + noise
        simulated += np.einsum("tru,tu->rt", design.others, theta + block)
        away = np.where(found.rows, found.means - simulated, 0.0).T
        weights = (inverse @ away[..., None])[..., 0]
        joint = found.joint + error * correlated((n_tasks,), found.together, rng)
        out.intercept[draw] = design.diffuse * weights.sum(axis=1) - joint
        out.slope[draw] = slope + sd[1] ** 2 * (weights @ design.size)
        out.theta[draw] = (
            block + theta + np.einsum("t,tru,tr->tu", sd[0] ** 2, design.others, weights)
        )
        out.trained[draw] = delta + sd[2] ** 2 * weights.T
        out.single[draw] = found.single + error * rng.standard_normal(n_tasks) - joint
    return out


def size_effect(sizes: np.ndarray, n_tasks: int) -> np.ndarray:
    """z(n) of groups of some sizes, 0 for all tasks."""
    return np.log(np.maximum(sizes, 1)) / np.log(max(n_tasks, 2)) - 1


def correlated(shape: tuple[int, ...], common: float, rng: np.random.Generator) -> np.ndarray:
    """Standard normal numbers of equal correlation along the last axis."""
    own = rng.standard_normal(shape)
    shared = rng.standard_normal((*shape[:-1], 1))
    return np.sqrt(1 - common) * own + np.sqrt(common) * shared


@dataclass(frozen=True, kw_only=True)
class _Design:
    """``size`` (R,), ``others`` (T, R, T): centred co-members of each task, 0 where it is not in."""

    rows: np.ndarray
    size: np.ndarray
    others: np.ndarray
    scale: np.ndarray
    diffuse: float

    @classmethod
    def of(cls, found: Measured) -> _Design:
        rows, n_tasks = found.rows, found.rows.shape[1]
        sizes = rows.sum(axis=1)
        share = (sizes - 1) / max(n_tasks - 1, 1)
        apart = ~np.eye(n_tasks, dtype=bool)
        others = (rows - share[:, None]) * (rows.T[:, :, None] & apart[:, None, :])
        spread = found.means[rows].var() + found.noise.mean() if rows.any() else 1.0
        return cls(
            rows=rows,
            size=size_effect(sizes, n_tasks),
            others=others,
            scale=found.scale,
            diffuse=_DIFFUSE * max(spread, _LEAST),
        )

    def fixed(self, theta: float, slope: float) -> np.ndarray:
        """Covariances (T, R, R) of all but what is independent between rows."""
        both = self.rows.T[:, :, None] & self.rows.T[:, None, :]
        sizes = slope**2 * np.outer(self.size, self.size)
        members = theta**2 * self.others @ self.others.transpose(0, 2, 1)
        return self.scale[:, None, None] ** 2 * (both * sizes + members) + self.diffuse * both

    def covariance(self, sds: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Covariances (T, R, R) of the means."""
        own = (sds[2] * self.scale) ** 2 + noise
        return self.fixed(sds[0], sds[1]) + own[:, None, None] * np.eye(len(self.rows))


def _components(
    found: Measured, design: _Design, n_draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Standard deviations (D, 3) of theta, slope and delta."""
    if not found.rows.any():
        return np.zeros((n_draws, 3))
    noise = found.noise / found.seeds
    total = np.sqrt(found.variance.mean())
    members = (design.others**2).sum() / found.rows.sum()
    sizes = design.size.var()
    reach = _REACH * max(total, _LEAST) / np.sqrt([max(members, 0.05), max(sizes, 0.01), 1.0])
    # Middles of cells that grow with the value: finer where it matters, and flat in the value.
    units = {name: (np.arange(n) + 0.5) / n for name, n in _GRID.items()}
    grid = [top * unit**2 for top, unit in zip(reach, units.values(), strict=True)]
    fit = np.array(
        [
            [_likelihood(design.fixed(theta, slope), found, noise, grid[2]) for slope in grid[1]]
            for theta in grid[0]
        ]
    )
    theta, slope, delta = (np.log(unit) for unit in units.values())
    fit = fit + theta[:, None, None] + slope[:, None] + delta
    chance = np.exp(fit - logsumexp(fit)).ravel()
    cells = np.unravel_index(rng.choice(fit.size, n_draws, p=chance / chance.sum()), fit.shape)
    return np.stack([axis[cell] for axis, cell in zip(grid, cells, strict=True)], axis=1)


def _likelihood(
    fixed: np.ndarray, found: Measured, noise: np.ndarray, deltas: np.ndarray
) -> np.ndarray:
    """Log-likelihood of each standard deviation of delta, up to a constant."""
    values, vectors = np.linalg.eigh(fixed)
    squares = np.einsum("trk,rt->tk", vectors, found.means) ** 2
    own = (deltas[:, None] * found.scale) ** 2 + noise
    total = np.maximum(values, 0.0) + own[..., None]
    # Rows that a task is not in have an eigenvalue of their own, and nothing of the data.
    outside = (~found.rows).sum(axis=0)
    logs = np.log(total).sum(axis=2) - outside * np.log(own)
    return -0.5 * (logs + (squares / total).sum(axis=2)).sum(axis=1)


def _common(found: Measured, design: _Design, components: np.ndarray) -> float:
    """Correlation of delta between the tasks of a row, by moments: at least 0.

    What is left of the rows' scores after means and sizes is multiplied between the tasks of a row;
    the part that noise explains is taken off.
    """
    sizes = found.rows.sum(axis=1)
    pairs = (sizes * (sizes - 1)).sum()
    variance = np.mean(components[:, 2] ** 2)
    if not pairs or variance < _LEAST:
        return 0.0
    left = np.zeros_like(found.means)
    for task, rows in enumerate(found.rows.T):
        basis = np.stack([np.ones(rows.sum()), design.size[rows]], axis=1)
        values = found.means[rows, task]
        left[rows, task] = values - basis @ np.linalg.lstsq(basis, values, rcond=None)[0]
    product = ((left.sum(axis=1) ** 2).sum() - (left**2).sum()) / pairs
    excess = product - found.together * found.noise.mean() / found.seeds
    return float(np.clip(excess / variance, 0.0, 0.95))
