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

    A restart begins with random memberships and ends when none changes by 0.01 or after 300 rounds; the one with the
    smallest sum_tk u^m d2 is kept.

    >>> points = np.array([[0.0], [0.1], [1.0]])
    >>> fuzzy_cmeans(points, Settings(n_groups=2, fuzziness=1.5, restarts=3, seed=0)).membership.argmax(axis=1).std() > 0
    True
    """
    best: Clusters | None = None
    for restart in range(settings.restarts):
        random = numpy_generator(settings.seed, "fuzzy-cmeans", restart)
        found = _alternate(points, random.dirichlet(np.ones(settings.n_groups), len(points)), settings.fuzziness)
        if best is None or found.details["objective"] < best.details["objective"]:
            best = found
    assert best is not None  # at least one restart
    return best


def _alternate(points: np.ndarray, membership: np.ndarray, fuzziness: float) -> Clusters:
    for rounds in range(1, ROUNDS + 1):
        powers = (membership / membership.max(axis=0)) ** fuzziness  # scaled per group, so that no group underflows
        distances = squared_distances(points, powers.T @ points / powers.sum(axis=0)[:, None])
        before, membership = membership, fuzzy_membership(distances, fuzziness)
        if np.abs(membership - before).max() < TOLERANCE:
            break
    objective = float((membership**fuzziness * distances).sum())
    return Clusters(membership=membership, distances=distances, details={"objective": objective, "rounds": rounds})
