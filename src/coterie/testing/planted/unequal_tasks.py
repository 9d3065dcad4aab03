"""Groups that are there among tasks of different size, noise and difficulty.

Tasks of a group mix three functions of two directions. In every group some have all labels and some
few, some are clean and some have labels flipped at random, some have as many positives as
negatives and some few: tasks that are alike in that are no group.
"""

from __future__ import annotations

import numpy as np

from coterie.testing.planted._functions import (
    FEW_EXAMPLES,
    Recipe,
    Table,
    gaussian,
    mix,
    spread,
    targets_of,
    waves,
)

N_EXAMPLES = 1_500
LEAST_LABELLED, MOST_FLIPPED, LEAST_POSITIVE = 0.4, 0.2, 0.25


def draw(n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """The table."""
    inputs, columns = gaussian(N_EXAMPLES, rng), []
    sizes, noises, rates = (spread(n_groups, per_group, rng) for _ in range(3))
    for group in range(n_groups):
        features = waves(inputs, rng)
        for task in range(group * per_group, (group + 1) * per_group):
            values = mix(features, rng)
            labels = values > np.quantile(values, 0.5 + (0.5 - LEAST_POSITIVE) * rates[task])
            labels ^= rng.random(N_EXAMPLES) < MOST_FLIPPED * noises[task]
            hidden = rng.random(N_EXAMPLES) < (1 - LEAST_LABELLED) * sizes[task]
            columns.append(np.where(hidden, np.nan, labels))
    return Table(inputs=inputs, targets=targets_of(columns))


UNEQUAL_TASKS = Recipe(settings=FEW_EXAMPLES, draw=draw)
