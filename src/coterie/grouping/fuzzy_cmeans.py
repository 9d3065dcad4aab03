"""Fuzzy c-means: centres and memberships in turn (STG-MTL, section 2; Bezdek 1981)."""

from __future__ import annotations

import numpy as np

from coterie.grouping._method import Clusters, Settings, squared_distances
from coterie.results import fuzzy_membership
from coterie.seeds import numpy_generator

TOLERANCE = 0.01
ROUNDS = 300


def fuzzy_cmeans(points: np.ndarray, settings: Settings) -> Clusters:
    """Alternate centres = sum_t u^m x_t / sum_t u^m with the fuzzy formula on ``points`` (T, D).

    A restart begins with centres halfway from the middle to random tasks and ends when no
    membership changes by 0.01 or after 300 rounds; the one with the smallest sum_tk u^m d2 is kept.

    >>> points = np.array([[0.0], [0.1], [1.0]])
    >>> settings = Settings(n_groups=2, fuzziness=2.0, restarts=3, seed=0)
    >>> fuzzy_cmeans(points, settings).membership.max(axis=1).round(2)
    array([1., 1., 1.])
    """
    found = []
    for restart in range(settings.restarts):
        random = numpy_generator(settings.seed, "fuzzy-cmeans", restart)
        centres = points[random.choice(len(points), settings.n_groups, replace=False)]
        # Not on the tasks themselves: a task on a centre belongs to it alone and would hold it
        # there for ever.
        found.append(_alternate(points, (centres + points.mean(axis=0)) / 2, settings.fuzziness))
    return min(found, key=lambda clusters: clusters.details["objective"])


def _alternate(points: np.ndarray, centres: np.ndarray, fuzziness: float) -> Clusters:
    distances = squared_distances(points, centres)
    membership = fuzzy_membership(distances, fuzziness)
    rounds, change = 0, np.inf
    while rounds < ROUNDS and change >= TOLERANCE:
        powers = (
            membership / membership.max(axis=0).clip(1e-300)
        ) ** fuzziness  # in proportion: 0.1**1000 would underflow
        powers[:, powers.sum(axis=0) == 0] = (
            1.0  # a group that nobody is in starts anew in the middle
        )
        distances = squared_distances(points, powers.T @ points / powers.sum(axis=0)[:, None])
        before, membership = membership, fuzzy_membership(distances, fuzziness)
        rounds, change = rounds + 1, np.abs(membership - before).max()
    objective = float((membership**fuzziness * distances).sum())
    return Clusters(
        membership=membership,
        distances=distances,
        details={"objective": objective, "rounds": rounds},
    )
