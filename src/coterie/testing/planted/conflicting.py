"""Tasks of a group mix three functions of three directions, and the network is small.

Its only hidden layer has six units: enough for one group, of which others would take their part.
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
    mix,
    targets_of,
)

N_EXAMPLES = 1_500


def draw(n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """The table."""
    inputs, columns = gaussian(N_EXAMPLES, rng), []
    for _ in range(n_groups):
        z = inputs @ np.linalg.qr(rng.standard_normal((N_INPUTS, 3)))[0]
        features = np.stack([np.abs(z[:, 0]) - 0.8, np.abs(z[:, 1]) - 0.8, z[:, 2]], axis=1)
        columns += [halved(mix(features, rng)) for _ in range(per_group)]
    return Table(inputs=inputs, targets=targets_of(columns))


CONFLICTING = Recipe(
    settings={**FEW_EXAMPLES, "epochs": 20, "lr": 5e-3, "model_options": {"hidden": (6,)}},
    draw=draw,
)
