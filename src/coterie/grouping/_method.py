"""What a clustering gets and gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What every clustering is told: number of groups K, fuzziness m, restarts and seed."""

    n_groups: int
    fuzziness: float
    restarts: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class Clusters:
    """What every clustering answers.

    ``membership`` (T, K), squared ``distances`` (T, K) to the centres where it has them.
    """

    membership: np.ndarray
    distances: np.ndarray | None = None
    details: Mapping[str, object] = field(default_factory=dict)

    def reordered(self, tasks: np.ndarray, groups: np.ndarray) -> Clusters:
        """Rows and columns in another order."""
        pick = lambda a: None if a is None else a[tasks][:, groups]  # noqa: E731
        return Clusters(
            membership=self.membership[tasks][:, groups],
            distances=pick(self.distances),
            details=self.details,
        )


Cluster = Callable[[np.ndarray, Settings], Clusters]


def squared_distances(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Squared distances (T, K) from points (T, D) to centres (K, D), without cancellation."""
    return np.square(points[:, None, :] - centres[None, :, :]).sum(axis=-1)
