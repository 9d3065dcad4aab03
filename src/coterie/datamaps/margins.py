"""What distances between tasks owe to each task alone, and to what tasks share of an example.

The cells of a task, in the order of their confidence, are scored by the normal quantiles of their
ranks. Where the scores of two tasks are jointly normal (a Gaussian copula), the mean product of
their features follows from the correlation of the scores alone: a power series in it, whose
coefficients are those of the features in Hermite polynomials of the score (Mehler 1866). So
distances follow between tasks that are as hard as those at hand but alike in another way, without
drawing an example.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import eval_hermitenorm, factorial, ndtri
from scipy.stats import rankdata

from coterie.datamaps.features import Features

_ORDERS = np.arange(1, 9)
_MOST_EXAMPLES, _MOST_CELLS = 5_000, 1 << 21


@dataclass(frozen=True, kw_only=True)
class Margins:
    """Margins of T tasks over F features, in units of their squared distances.

    ``means`` (T, F), ``variances`` (T,) summed over features, ``profiles`` (8, F, T): features in
    normalised Hermite polynomials of the score, from the first order on. ``correlation`` (T, T) is
    that of the scores at hand, over ``shared`` (T, T) examples.
    """

    means: np.ndarray
    variances: np.ndarray
    profiles: np.ndarray
    correlation: np.ndarray
    shared: np.ndarray

    @classmethod
    def of(cls, source: Features, means: np.ndarray, variances: np.ndarray) -> Margins:
        """These means and variances, and what at most 5,000 examples say of the rest."""
        cells = source.sample(min(_MOST_EXAMPLES, max(1, _MOST_CELLS // source.n_tasks)))
        observed = ~np.isnan(cells[-2])
        scores = _normal_scores(cells[-2])
        profiles = [
            np.nanmean(np.where(observed, cells, np.nan) * eval_hermitenorm(order, scores), axis=1)
            for order in _ORDERS
        ]
        weight = np.sqrt(len(cells) * factorial(_ORDERS))[:, None, None]
        mask = observed.astype(np.float64)
        squares = np.square(scores).T @ mask
        norms = np.sqrt(squares * squares.T)
        products = scores.T @ scores
        return cls(
            means=means,
            variances=variances,
            profiles=np.nan_to_num(profiles) / weight,
            correlation=np.divide(products, norms, out=np.zeros_like(norms), where=norms > 0),
            shared=mask.T @ mask,
        )

    @property
    def distances2(self) -> np.ndarray:
        """Squared distances (T, T) of the means."""
        return np.square(self.means[:, None] - self.means).sum(axis=-1)

    def distances2_at(self, correlation: np.ndarray) -> np.ndarray:
        """Squared distances (T, T) if the scores of tasks had this ``correlation`` (T, T)."""
        products, power = np.zeros(correlation.shape), np.ones(correlation.shape)
        for profile in self.profiles:
            power = power * correlation
            products += (profile.T @ profile) * power
        found = np.add.outer(self.variances, self.variances) + self.distances2 - 2 * products
        np.fill_diagonal(found, 0)
        return found.clip(0)


def _normal_scores(values: np.ndarray) -> np.ndarray:
    """Normal quantiles of the mid-ranks within each task, (n, T), 0 where not observed.

    >>> _normal_scores(np.array([[0.9], [0.1], [np.nan], [0.5]])).round(2).ravel() + 0
    array([ 0.97, -0.97,  0.  ,  0.  ])
    """
    seen = ~np.isnan(values)
    ranks = rankdata(values, axis=0, nan_policy="omit")
    return np.where(seen, ndtri((np.where(seen, ranks, 1.0) - 0.5) / seen.sum(axis=0).clip(1)), 0.0)
