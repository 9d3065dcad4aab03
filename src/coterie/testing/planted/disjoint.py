"""Tasks of a group are one function, and every example is labelled for one task only.

A group multiplies the examples.
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

N_EXAMPLES = 2_000


def draw(n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """The table."""
    inputs, columns = gaussian(N_EXAMPLES, rng), []
    for _ in range(n_groups):
        columns += [halved(mix(waves(inputs, rng), rng))] * per_group
    targets = targets_of(columns)
    owner = rng.integers(len(columns), size=N_EXAMPLES)
    targets[owner[:, None] != np.arange(len(columns))] = np.nan
    return Table(inputs=inputs, targets=targets)


DISJOINT = Recipe(settings=FEW_EXAMPLES, draw=draw)
