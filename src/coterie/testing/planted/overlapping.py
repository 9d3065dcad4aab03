"""Groups that overlap: the last task of each group mixes its functions with those of the next one.

It belongs to both. Else as with agreeing heads.
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
    features = [waves(inputs, rng) for _ in range(n_groups)]
    members = np.repeat(np.eye(n_groups), per_group, axis=1)
    for group in range(n_groups):
        columns += [halved(mix(features[group], rng)) for _ in range(per_group - 1)]
        following = (group + 1) % n_groups
        read = np.concatenate([features[each] for each in {group, following}], axis=1)
        columns.append(halved(mix(read, rng)))
        members[following, len(columns) - 1] = 1
    return Table(inputs=inputs, targets=targets_of(columns), members=members)


OVERLAPPING = Recipe(settings=FEW_EXAMPLES, draw=draw)
