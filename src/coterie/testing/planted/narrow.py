"""Capacity too small for all: the last hidden layer is too narrow for what all groups read.

Tasks of a group read two functions of their own, which the layer can hold for one group but not for
all. Examples are plenty: what is missing is room, and a wider network has it.
"""

from __future__ import annotations

import numpy as np

from coterie.testing.planted._functions import (
    FEW_EXAMPLES,
    N_INPUTS,
    Recipe,
    Table,
    gaussian,
    halved,
    targets_of,
)

N_EXAMPLES = 3_000


def draw(n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """The table."""
    inputs, columns = gaussian(N_EXAMPLES, rng), []
    for _ in range(n_groups):
        z = inputs @ np.linalg.qr(rng.standard_normal((N_INPUTS, 2)))[0]
        angles = np.pi * (np.arange(per_group) + rng.uniform(0, 1)) / per_group
        columns += [
            halved(np.sin(1.5 * z) @ [np.cos(angle), np.sin(angle)]) for angle in angles
        ]
    return Table(inputs=inputs, targets=targets_of(columns))


NARROW = Recipe(settings={**FEW_EXAMPLES, "batch_size": 64, "model_options": {"hidden": (48, 4)}}, draw=draw)
