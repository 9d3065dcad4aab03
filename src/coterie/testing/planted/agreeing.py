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
    latent_groups,
    targets_of,
)

N_EXAMPLES = 1_000


def draw(n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """The table."""
    inputs = gaussian(N_EXAMPLES, rng)
    columns = latent_groups(inputs, n_groups, per_group, rng)
    return Table(inputs=inputs, targets=targets_of(columns))


AGREEING = Recipe(settings=FEW_EXAMPLES, draw=draw)
