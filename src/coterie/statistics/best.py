"""Multiple comparisons with the best: which arms may be it, and how far the others are below it.

Shapes: ``A`` arms, ``S`` seeds, ``n`` test examples.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import numpy as np
from scipy import stats

from coterie.errors import CoterieError, require_number
from coterie.statistics.components import interval
from coterie.statistics.multiplicity import normal_draws, smallest_tail


class Best(NamedTuple):
    """Simultaneous bounds of each arm's true score minus that of the best other arm.

    Attributes:
        low: (A,), at most 0; 0 for an arm that is the best with confidence.
        high: (A,), at least 0; 0 for an arm that is not the best with confidence.
        reach: (A, A), how far arm j may truly be from where it is seen, held against i.
    """

    low: np.ndarray
    high: np.ndarray
    reach: np.ndarray

    @classmethod
    def unknown(cls, n_arms: int) -> Self:
        """Where nothing can be told; one arm alone is the best."""
        ends = np.full(n_arms, 0.0 if n_arms == 1 else np.nan)
        return cls(ends, ends.copy(), np.full((n_arms, n_arms), np.nan))


def covariance(
    scores: np.ndarray, contributions: np.ndarray, groups: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Covariance (A, A) of the arms' mean scores as far as differences go, and their df (A, A).

    The variance of each pair's difference is that of :func:`coterie.statistics.interval`, noise of
    seeds and of test examples; the covariance of deviations from the arms' mean follows from these
    as in classical scaling. Where pairs contradict each other it errs to the larger side.

    Args:
        scores: (S, A), all arms with the same seeds on the same test examples.
        contributions: (S, A, n), see :mod:`coterie.statistics.influence`.
        groups: of rows, (n,).

    >>> rng = np.random.default_rng(0)
    >>> found, df = covariance(rng.normal(size=(5, 2)), np.zeros((5, 2, 30)))
    >>> found.shape, float(df[0, 1])
    ((2, 2), 4.0)
    """
    scores, by_example = np.asarray(scores), np.swapaxes(contributions, 1, 2)
    n_arms = scores.shape[1]
    one, other = np.triu_indices(n_arms, 1)
    pairs = interval(
        scores[:, one] - scores[:, other],
        by_example[..., one] - by_example[..., other],
        groups=groups,
    )
    variance, df = np.zeros((n_arms, n_arms)), np.ones((n_arms, n_arms))
    variance[one, other] = variance[other, one] = pairs.error**2
    df[one, other] = df[other, one] = np.nan_to_num(pairs.df, nan=1.0)
    centred = np.eye(n_arms) - 1 / n_arms
    found = -centred @ variance @ centred / 2
    if np.isnan(found).any():
        return found, df
    values, vectors = np.linalg.eigh(found)
    return (vectors * np.maximum(values, 0.0)) @ vectors.T, df


def compare_with_best(
    scores: np.ndarray,
    covariance: np.ndarray,
    df: np.ndarray | float,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> Best:
    """Hsu's constrained intervals of mu_i - max over j != i of mu_j, which all hold at once.

    Hsu 1981, 1984; with an own critical value for each arm as the one that others are held
    against, as unequal variances ask for, Hsu 1996, section 4.1. Critical values are one-sided
    joint ones of all differences from that arm, simulated with their covariance; each difference
    keeps its own degrees of freedom. With two arms they are Student's one-sided ones.

    Args:
        scores: mean score of each arm, (A,), higher is better.
        covariance: of these, (A, A); only variances of differences count.
        df: of the differences, (A, A) or one number. For splits: ``covariance`` is ``np.cov`` of
            the splits' scores times (1 / U + overlap), and ``df`` U - 1.
        level: coverage of all intervals together.
        seed: of the simulation.

    Raises:
        CoterieError: arrays whose shapes do not fit.

    >>> found = compare_with_best(np.array([0.9, 0.8, 0.5]), np.eye(3) * 1e-3, 50)
    >>> found.low.round(2), found.high.round(2)
    (array([ 0.  , -0.19, -0.49]), array([0.19, 0.  , 0.  ]))
    """
    require_number("level", level, least=0, below=1)
    scores, covariance = np.asarray(scores, float), np.asarray(covariance, float)
    n_arms = len(scores)
    if covariance.shape != (n_arms, n_arms):
        raise CoterieError(
            f"`covariance` must have the shape {(n_arms, n_arms)}, as there are scores; found "
            f"{covariance.shape}."
        )
    if n_arms < 2 or not (np.isfinite(scores).all() and np.isfinite(covariance).all()):
        return Best.unknown(n_arms)
    error = np.sqrt(np.maximum(np.add.outer(*[covariance.diagonal()] * 2) - 2 * covariance, 0.0))
    reach = _critical_values(covariance, error, df, level, seed) * error
    np.fill_diagonal(reach, np.inf)
    above = scores[:, None] - scores
    high = (above + reach).min(1)
    rivals = np.broadcast_to(high >= 0, above.shape) & ~np.eye(n_arms, dtype=bool)
    low = np.where(rivals, above - reach.T, np.inf).min(1)
    return Best(np.minimum(low, 0.0), np.maximum(high, 0.0), reach)


def not_worse(low: np.ndarray, margin: float) -> np.ndarray:
    """Which arms are not worse than the best by more than the margin, by :attr:`Best.low` (A,).

    >>> not_worse(np.array([0.0, -0.3, -0.8, np.nan]), 0.5)
    array([ True,  True, False, False])
    """
    return np.asarray(low) >= -margin


def _critical_values(
    covariance: np.ndarray, error: np.ndarray, df: np.ndarray | float, level: float, seed: int
) -> np.ndarray:
    """One-sided critical values (A, A) of the differences of each arm from the others."""
    draws = normal_draws(covariance, seed)
    tails = np.full((len(error), 1), 1 - level)
    for arm, own in enumerate(error):
        others = np.flatnonzero(own > 0)
        if len(others):
            extreme = ((draws[:, [arm]] - draws[:, others]) / own[others]).max(1)
            tails[arm] = smallest_tail(extreme, level, len(others), sides=1)
    return stats.t.isf(tails, df)
