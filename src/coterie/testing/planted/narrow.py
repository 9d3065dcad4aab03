"""Capacity too small for all: the last hidden layer has four units.

Tasks of a group mix three functions of two directions, which the layer can hold for one group but
not for all. Examples are plenty: what is missing is room, of which a wider network has more.
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

N_EXAMPLES = 3_000


def draw(n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """The table."""
    inputs = gaussian(N_EXAMPLES, rng)
    columns = latent_groups(inputs, n_groups, per_group, rng)
    return Table(inputs=inputs, targets=targets_of(columns))


NARROW = Recipe(
    settings={**FEW_EXAMPLES, "batch_size": 64, "model_options": {"hidden": (48, 4)}}, draw=draw
)
