"""Few labels: every task has 40 to train on.

Tasks of a group are nearly one function of the inputs, or its negation: a direction, with a
deviation of its own. The examples that judge have all labels.
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

SIZES = {"train": 600, "validation": 200, "test": 800}
LABELS = {"train": 40, "validation": 20}
"""Of each task, half of them positive."""


DEVIATION = 0.3


def draw(n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """The table."""
    parts = np.repeat(list(SIZES), list(SIZES.values()))
    inputs, columns = gaussian(len(parts), rng), []
    for _ in range(n_groups):
        common = _direction(rng)
        for _ in range(per_group):
            own = rng.choice([-1, 1]) * (common + DEVIATION * _direction(rng))
            columns.append(_few(halved(inputs @ own), parts, rng))
    return Table(inputs=inputs, targets=targets_of(columns), parts=parts)


def _direction(rng: np.random.Generator) -> np.ndarray:
    drawn = rng.standard_normal(N_INPUTS)
    return drawn / np.linalg.norm(drawn)


def _few(labels: np.ndarray, parts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Labels (N,), most of them hidden in the parts that train and choose."""
    seen = parts == "test"
    for part, n_labels in LABELS.items():
        for outcome in (False, True):
            these = np.flatnonzero((parts == part) & (labels == outcome))
            seen[rng.permutation(these)[: n_labels // 2]] = True
    return np.where(seen, labels, np.nan)


FEW_LABELS = Recipe(
    settings={**FEW_EXAMPLES, "epochs": 40, "batch_size": 16, "model_options": {"hidden": (16,)}},
    draw=draw,
)
