"""Several comparisons at once, so that none is believed only because there were many."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import stats

from coterie.errors import CoterieError
from coterie.seeds import numpy_generator
from coterie.statistics.components import Interval, interval

DRAWS = 20_000


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's (1979) step-down correction of the p values (T,) of one family.

    NaN stays NaN and is not counted.

    >>> holm(np.array([0.01, 0.04, 0.03, np.nan]))
    array([0.03, 0.06, 0.06,  nan])
    """
    adjusted = np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted


def simultaneous(
    gains: np.ndarray,
    contributions: np.ndarray,
    *,
    groups: np.ndarray | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Intervals of several arms' gains over one reference that all hold at once.

    As Dunnett's (1955), by simulation of the joint distribution with the estimated correlations
    (Hothorn, Bretz and Westfall 2008, section 3). Arms differ in their degrees of freedom, so what
    is simulated is the smallest p value, and each arm keeps its own Student distribution for it.
    One arm alone has the interval of :func:`interval`, and none is wider than Bonferroni's.

    Args:
        gains: of C arms, (S, C).
        contributions: (S, n, C).
        groups: of rows, (n,), as in :func:`interval`.
        level: coverage of all intervals together.
        seed: of the simulation.

    Raises:
        CoterieError: as :func:`interval`; gains of another shape than (S, C).

    >>> rng = np.random.default_rng(0)
    >>> gains, none = rng.normal(size=(5, 3)), np.zeros((5, 40, 3))
    >>> all_at_once, alone = simultaneous(gains, none), interval(gains, none)
    >>> bool((all_at_once.low < alone.low).all())
    True
    """
    found = interval(gains, contributions, groups=groups, level=level)
    if found.mean.ndim != 1:
        raise CoterieError(f"`gains` must have the shape (seeds, arms); found {np.shape(gains)}.")
    judged = np.flatnonzero(found.error > 0)
    if not len(judged):
        return found
    correlation = _correlation(
        np.asarray(gains)[:, judged],
        np.asarray(contributions)[..., judged],
        groups,
        found.error[judged],
    )
    extreme = np.abs(normal_draws(correlation, seed)).max(1)
    prob = smallest_tail(extreme, level, len(judged), sides=2)
    half = found.error[judged] * stats.t.isf(prob / 2, found.df[judged])
    low, high, p = found.low.copy(), found.high.copy(), found.p.copy()
    low[judged], high[judged] = found.mean[judged] - half, found.mean[judged] + half
    single = found.p[judged]
    beyond = (extreme[:, None] >= stats.norm.isf(single / 2)).mean(0)
    p[judged] = np.clip(beyond, single, np.minimum(1.0, len(judged) * single))
    return replace(found, low=low, high=high, p=p)


def normal_draws(covariance: np.ndarray, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Draws (draws, A) of a normal distribution around 0 with a covariance (A, A).

    Its negative eigenvalues, that only estimates have, count as 0.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return numpy_generator(seed, "simultaneous").standard_normal((draws, len(root))) @ root.T


def smallest_tail(extreme: np.ndarray, level: float, number: int, *, sides: int) -> float:
    """Error that each of ``number`` comparisons may make so that all hold with ``level``.

    From draws of their largest standardised value. Kept between Bonferroni's and the whole, so one
    comparison has it exactly.
    """
    tail = sides * stats.norm.sf(np.quantile(extreme, level))
    return float(np.clip(tail, (1 - level) / number, 1 - level))


def _correlation(
    gains: np.ndarray, contributions: np.ndarray, groups: np.ndarray | None, error: np.ndarray
) -> np.ndarray:
    """Estimated correlations (C, C) of gains (S, C): 1 - var / 2 of scaled pairs' differences."""
    gains, contributions = gains / error, contributions / error
    one, other = np.triu_indices(len(error), 1)
    pairs = interval(
        gains[:, one] - gains[:, other],
        contributions[..., one] - contributions[..., other],
        groups=groups,
    )
    correlation = 1 - np.nan_to_num(pairs.error) ** 2 / 2
    # A few seeds tell correlations badly, and those that are too large correct for too little.
    reliable = np.nan_to_num(pairs.df, nan=np.inf)
    correlation = np.clip(correlation, -1, 1) * (1 - 2 / (reliable + 2))
    found = np.eye(len(error))
    found[one, other] = found[other, one] = correlation
    return found
