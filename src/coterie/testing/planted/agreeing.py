"""Tasks of a group mix three functions of two directions of the inputs, for which others have no use.

Few examples for a wide network: sharing them pays.
"""

from __future__ import annotations

import numpy as np

from coterie.testing.planted._functions import (
    FEW_EXAMPLES,
    Recipe,
    Table,
    gaussian,
    halved,
    mix,
    targets_of,
    waves,
)

N_EXAMPLES = 1_000


def draw(n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """The table."""
    inputs, columns = gaussian(N_EXAMPLES, rng), []
    for _ in range(n_groups):
        features = waves(inputs, rng)
        columns += [halved(mix(features, rng)) for _ in range(per_group)]
    return Table(inputs=inputs, targets=targets_of(columns))


AGREEING = Recipe(settings=FEW_EXAMPLES, draw=draw)
