"""Would the groups be the same again? Over resampled examples, and over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import TypedDict

import numpy as np

from coterie.datamaps.gram import FeatureName, Gram
from coterie.errors import CoterieError
from coterie.grouping._group import check_group, measuring
from coterie.grouping._method import Settings
from coterie.grouping.own import Clustering
from coterie.results import Affinity, DataMap, Grouping
from coterie.seeds import numpy_generator


class Agreement(TypedDict):
    """Adjusted Rand indices, with their ``mean`` and the ``lowest``."""

    adjusted_rand: list[float]
    mean: float
    lowest: float


class Stability(Agreement):
    """Those of bootstraps, and how often two tasks were ``together`` (T, T)."""

    together: list[list[float]]


def stability(
    data_map: DataMap | Gram,
    n_groups: int,
    *,
    bootstraps: int = 20,
    method: str | Clustering = "fuzzy-kmeans",
    fuzziness: float = 1.07,
    features: FeatureName = "cells",
    restarts: int = 10,
    seed: int = 0,
) -> Stability:
    """Adjusted Rand index between the grouping of all examples and those of bootstraps of examples.

    Blocks of about a twentieth of the examples are drawn with replacement, so a bootstrap re-adds
    sums and reads no map.

    Args:
        data_map: a map or its Gram, as in :func:`group`.
        n_groups: number of groups K.
        bootstraps: how many to draw.
        method: as in :func:`group`.
        fuzziness: as in :func:`group`.
        features: as in :func:`group`.
        restarts: as in :func:`group`.
        seed: of the clusterings and of the bootstraps.

    Returns:
        ``adjusted_rand`` (one per bootstrap), their ``mean``, ``lowest``, and ``together`` (T, T):
        the share of bootstraps in which two tasks were in one group. 1 is the same groups always, 0
        what chance gives.

    Raises:
        CoterieError: as in :func:`group`; no bootstraps.

    >>> from coterie.datamaps import DataMapRecorder
    >>> import torch
    >>> recorder = DataMapRecorder(3, 40)
    >>> recorder.update(torch.arange(40), torch.tensor([[0.2, 0.3, 0.9]]).expand(40, 3))
    >>> stability(recorder.data_map(), 2, bootstraps=3)["mean"]
    1.0
    """
    from sklearn.metrics import adjusted_rand_score

    if isinstance(data_map, Affinity):
        raise CoterieError(
            "`data_map` must be a DataMap or its Gram: an affinity keeps no examples to resample."
        )
    check_group(len(data_map.tasks), n_groups, method, fuzziness, features, restarts)
    if bootstraps < 1:
        raise CoterieError(f"`bootstraps` must be at least 1; found {bootstraps}.")
    measured = measuring(method)(data_map, features, seed)
    settings = Settings(n_groups=int(n_groups), fuzziness=fuzziness, restarts=restarts, seed=seed)
    reference = measured.cluster(settings).membership.argmax(axis=1)
    random = numpy_generator(seed, "bootstraps")
    scores, together = [], np.zeros((len(reference), len(reference)))
    for _ in range(bootstraps):
        drawn = np.bincount(
            random.integers(measured.n_blocks, size=measured.n_blocks), minlength=measured.n_blocks
        )
        labels = measured.cluster(settings, drawn.astype(np.float64)).membership.argmax(axis=1)
        scores.append(float(adjusted_rand_score(reference, labels)))
        together += labels[:, None] == labels
    return {
        "adjusted_rand": scores,
        "mean": float(np.mean(scores)),
        "lowest": min(scores),
        "together": (together / bootstraps).tolist(),
    }


def agreement(groupings: Sequence[Grouping]) -> Agreement:
    """Adjusted Rand index between every two groupings of the same tasks, for instance one per seed.

    Returns:
        ``adjusted_rand`` (one per pair), their ``mean`` and ``lowest``.

    Raises:
        CoterieError: fewer than two groupings, or of different tasks.

    >>> one = Grouping(tasks=("a", "b", "c"), membership=np.eye(2)[[0, 0, 1]], method="kmeans")
    >>> agreement([one, one])["mean"]
    1.0
    """
    from sklearn.metrics import adjusted_rand_score

    if len(groupings) < 2:
        raise CoterieError(f"`groupings` must be at least 2 to agree; found {len(groupings)}.")
    for other in groupings[1:]:
        if other.tasks != groupings[0].tasks:
            raise CoterieError(
                f"`groupings` must be of the same tasks; found {groupings[0].tasks} and "
                f"{other.tasks}."
            )
    scores = [float(adjusted_rand_score(a.labels, b.labels)) for a, b in combinations(groupings, 2)]
    return {"adjusted_rand": scores, "mean": float(np.mean(scores)), "lowest": min(scores)}
