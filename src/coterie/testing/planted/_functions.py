"""What several regimes draw: functions of Gaussian inputs, and tasks that read them.

Shapes: ``N`` examples, ``T`` tasks, ``K`` groups.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

N_INPUTS = 12
FEW_EXAMPLES: Mapping[str, object] = {
    "epochs": 15,
    "batch_size": 32,
    "lr": 3e-3,
    "keep": "last",
    "model_options": {"hidden": (32, 32)},
}
"""Settings of :func:`coterie.fit` for a network that is wide for the examples there are."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Table:
    """What a regime draws.

    ``inputs`` (N, ...), ``targets`` (N, T) of 0, 1 and NaN, tasks of a group side by side. Where
    tasks are in several groups, ``members`` (K, T) says in which. ``parts`` (N,) says what trains
    ("train"), chooses ("validation") and judges ("test"), where that is not left to chance.
    """

    inputs: np.ndarray
    targets: np.ndarray
    members: np.ndarray | None = None
    parts: np.ndarray | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a regime is drawn, and the settings of :func:`coterie.fit` that it is for."""

    settings: Mapping[str, object]
    draw: Callable[[int, int, np.random.Generator], Table]


def gaussian(n_examples: int, rng: np.random.Generator) -> np.ndarray:
    """Inputs (N, 12)."""
    return rng.standard_normal((n_examples, N_INPUTS))


def waves(inputs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Three functions (N, 3) of two random directions of the inputs."""
    directions = rng.standard_normal((N_INPUTS, 2))
    z = inputs @ (directions / np.linalg.norm(directions, axis=0))
    return np.stack([np.sin(2 * z[:, 0]), np.sin(2 * z[:, 1]), z[:, 0] * z[:, 1]], axis=1)


def mix(features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random sum (N,) of all features (N, F), of either sign."""
    n_features = features.shape[1]
    return features @ (rng.choice([-1, 1], n_features) * rng.uniform(0.5, 1.5, n_features))


def halved(values: np.ndarray) -> np.ndarray:
    """Which of the values (N,) are above their median."""
    return values > np.median(values)


def targets_of(columns: list[np.ndarray]) -> np.ndarray:
    """Columns (N,) as targets (N, T)."""
    return np.stack(columns, axis=1).astype(np.float32)


def latent_groups(
    inputs: np.ndarray, n_groups: int, per_group: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Tasks (N,), those of a group mixes of three functions of two directions of their own."""
    columns = []
    for _ in range(n_groups):
        features = waves(inputs, rng)
        columns += [halved(mix(features, rng)) for _ in range(per_group)]
    return columns


def latent_table(n_examples: int, n_groups: int, per_group: int, rng: np.random.Generator) -> Table:
    """Nothing but such tasks."""
    inputs = gaussian(n_examples, rng)
    return Table(inputs=inputs, targets=targets_of(latent_groups(inputs, n_groups, per_group, rng)))


def spread(n_groups: int, per_group: int, rng: np.random.Generator) -> np.ndarray:
    """A level from 0 to 1 for each task (T,), evenly over every group, in random order."""
    levels = np.linspace(0, 1, per_group) if per_group > 1 else np.array([0.5])
    return np.concatenate([rng.permutation(levels) for _ in range(n_groups)])
