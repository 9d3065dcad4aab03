"""Every task is a random linear function of the inputs, of its own, with noise: no groups.

The network is wide: no grouping should pay. Noise is the same for all tasks, or between a third of
the signal and three times as much, whatever group a task is said to be in.
"""

from __future__ import annotations

import numpy as np

from coterie.testing.planted._functions import (
    FEW_EXAMPLES,
    N_INPUTS,
    Recipe,
    Table,
    gaussian,
    targets_of,
)

N_EXAMPLES = 1_500


def draw(n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """The table, of equally difficult tasks."""
    inputs, columns = gaussian(N_EXAMPLES, rng), []
    for _ in range(n_groups):
        noise = 2 * rng.standard_normal((N_EXAMPLES, per_group))
        columns += list((inputs @ rng.standard_normal((N_INPUTS, per_group)) + noise > 0).T)
    return Table(inputs=inputs, targets=targets_of(columns))


def draw_unequal(n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """The table, of tasks that differ in noise: signal over noise is from 3 to a third."""
    n_tasks, inputs = n_groups * per_group, gaussian(N_EXAMPLES, rng)
    directions = rng.standard_normal((N_INPUTS, n_tasks))
    signal = inputs @ (directions / np.linalg.norm(directions, axis=0))
    levels = rng.permutation(np.linspace(-1, 1, n_tasks)) if n_tasks > 1 else np.zeros(1)
    noise = 3.0**levels * rng.standard_normal((N_EXAMPLES, n_tasks))
    return Table(inputs=inputs, targets=targets_of(list((signal + noise > 0).T)))


SETTINGS = {**FEW_EXAMPLES, "epochs": 10, "model_options": {"hidden": (64,)}}
UNSTRUCTURED = Recipe(settings=SETTINGS, draw=draw)
UNEQUAL_DIFFICULTY = Recipe(settings=SETTINGS, draw=draw_unequal)
