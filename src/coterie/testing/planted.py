"""Planted data: tables whose true groups are known, and what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from coterie.data import Dataset, load
from coterie.errors import require_choice, require_whole
from coterie.results import Grouping
from coterie.seeds import MOST_SEED, numpy_generator

Regime = Literal["agreeing heads", "conflicting heads", "disjoint examples", "no structure"]
REGIMES: tuple[Regime, ...] = get_args(Regime)
N_INPUTS = 12
_WIDE: dict[str, object] = {
    "epochs": 15,
    "batch_size": 32,
    "lr": 3e-3,
    "keep": "last",
    "model_options": {"hidden": (32, 32)},
}
_SETTINGS: dict[Regime, dict[str, object]] = {
    "agreeing heads": _WIDE,
    "conflicting heads": {**_WIDE, "epochs": 20, "lr": 5e-3, "model_options": {"hidden": (6,)}},
    "disjoint examples": _WIDE,
    "no structure": {**_WIDE, "epochs": 10, "model_options": {"hidden": (64,)}},
}
_EXAMPLES: dict[Regime, int] = {
    "agreeing heads": 1_000,
    "conflicting heads": 1_500,
    "disjoint examples": 2_000,
    "no structure": 1_500,
}


@dataclass(frozen=True, kw_only=True)
class Gain:
    """What true groups gain in points of balanced accuracy.

    ``mean`` over tasks and tables, 95 % from ``low`` to ``high``.
    """

    mean: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Planted:
    """Data with known groups.

    ``groups`` holds the task names of each true group, ``grouping`` is the same as a
    :class:`coterie.Grouping`. ``settings`` are those of :func:`coterie.fit` under which the "mlp"
    was measured, ``gain`` what true groups then gained against "random" groups of the same sizes,
    the "joint" model and "single" models: not on this table alone but over twenty of them, see
    :func:`planted`.
    """

    regime: Regime
    data: Dataset
    grouping: Grouping
    settings: Mapping[str, object]
    gain: Mapping[str, Gain]

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the tasks of each true group."""
        return self.grouping.groups


def planted(regime: Regime, seed: int = 0, *, n_groups: int = 3, per_group: int = 3) -> Planted:
    """A table of ``n_groups`` times ``per_group`` binary tasks whose groups are known.

    They are functions of twelve inputs.

    =================== ============================================================================
    regime              what is true of it
    =================== ============================================================================
    "agreeing heads"    Tasks of a group are mixes of three functions of two directions of the
                        inputs, which the other groups do not read. Few examples for a wide network:
                        sharing them pays.
    "conflicting heads" Tasks of a group mix three functions of three directions of their own, and
                        the only hidden layer has six units: enough for one group, of which others
                        would take their part.
    "disjoint examples" Tasks of a group are one function, and every example is labelled for one
                        task only: a group multiplies the examples.
    "no structure"      Every task is a random linear function of the inputs, of its own, with
                        noise, and the network is wide: no grouping should pay.
    =================== ============================================================================

    What true groups gain in points of balanced accuracy on the validation part, over twenty tables
    (``benchmarks/planted.py``), paired, with 95 % intervals:

    =================== ==================== ==================== ====================
    regime              against random       against joint        against single
    =================== ==================== ==================== ====================
    agreeing heads      5.8 (5.2 to 6.4)     8.4 (7.7 to 9.0)     1.9 (1.6 to 2.3)
    conflicting heads   3.9 (2.8 to 4.9)     7.7 (6.7 to 8.7)     -3.6 (-4.5 to -2.8)
    disjoint examples   4.1 (3.1 to 5.0)     0.5 (-0.6 to 1.6)    5.1 (4.0 to 6.2)
    no structure        0.0 (-0.1 to 0.1)    0.0 (-0.1 to 0.2)    0.1 (-0.1 to 0.3)
    =================== ==================== ==================== ====================

    In "conflicting heads" single models are best of all, as they have the layer to themselves:
    groups are what a budget of few models can reach.

    Args:
        regime: one of the four.
        seed: of the inputs, the functions and the split; the same seed gives the same bits.
        n_groups: number of true groups; ``gain`` is that of 3.
        per_group: tasks of each; ``gain`` is that of 3.

    Raises:
        CoterieError: an unknown regime, or a number that is none.

    >>> found = planted("conflicting heads", seed=1)
    >>> found.groups[0], found.data.tasks.names == sum(found.groups, ())
    (('a1', 'a2', 'a3'), True)
    >>> found.gain["joint"].low > 0
    True
    """
    require_choice("regime", regime, REGIMES)
    require_whole("seed", seed, 0, MOST_SEED)
    require_whole("n_groups", n_groups, 1, 26)
    require_whole("per_group", per_group, 1)
    rng, n_examples = numpy_generator(seed, "planted", regime), _EXAMPLES[regime]
    inputs = rng.standard_normal((n_examples, N_INPUTS))
    columns = [column for _ in range(n_groups) for column in _TASKS[regime](inputs, per_group, rng)]
    targets = np.stack(columns, axis=1).astype(np.float32)
    if regime == "disjoint examples":
        owner = rng.integers(len(columns), size=n_examples)
        targets[owner[:, None] != np.arange(len(columns))] = np.nan
    names = [
        f"{chr(ord('a') + group)}{task + 1}"
        for group in range(n_groups)
        for task in range(per_group)
    ]
    data = load({"inputs": inputs.astype(np.float32), "targets": targets}, names=names, seed=seed)
    membership = np.repeat(np.eye(n_groups), per_group, axis=0)
    return Planted(
        regime=regime,
        data=data,
        grouping=Grouping(tasks=tuple(names), membership=membership, method="planted"),
        settings=_SETTINGS[regime],
        gain=_GAINS[regime],
    )


def _agreeing(inputs: np.ndarray, n_tasks: int, rng: np.random.Generator) -> list[np.ndarray]:
    directions = rng.standard_normal((N_INPUTS, 2))
    z = inputs @ (directions / np.linalg.norm(directions, axis=0))
    features = np.stack([np.sin(2 * z[:, 0]), np.sin(2 * z[:, 1]), z[:, 0] * z[:, 1]], axis=1)
    return [_mixed(features, rng) for _ in range(n_tasks)]


def _conflicting(inputs: np.ndarray, n_tasks: int, rng: np.random.Generator) -> list[np.ndarray]:
    z = inputs @ np.linalg.qr(rng.standard_normal((N_INPUTS, 3)))[0]
    features = np.stack([np.abs(z[:, 0]) - 0.8, np.abs(z[:, 1]) - 0.8, z[:, 2]], axis=1)
    return [_mixed(features, rng) for _ in range(n_tasks)]


def _disjoint(inputs: np.ndarray, n_tasks: int, rng: np.random.Generator) -> list[np.ndarray]:
    return _agreeing(inputs, 1, rng) * n_tasks


def _unrelated(inputs: np.ndarray, n_tasks: int, rng: np.random.Generator) -> list[np.ndarray]:
    noise = 2 * rng.standard_normal((len(inputs), n_tasks))
    return list((inputs @ rng.standard_normal((N_INPUTS, n_tasks)) + noise > 0).T)


def _mixed(features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whether a random mix of all features (N, 3) is above its median."""
    mix = features @ (rng.choice([-1, 1], 3) * rng.uniform(0.5, 1.5, 3))
    return mix > np.median(mix)


_TASKS: dict[Regime, Callable[[np.ndarray, int, np.random.Generator], list[np.ndarray]]] = {
    "agreeing heads": _agreeing,
    "conflicting heads": _conflicting,
    "disjoint examples": _disjoint,
    "no structure": _unrelated,
}
_GAINS: dict[Regime, dict[str, Gain]] = {
    "agreeing heads": {
        "random": Gain(mean=5.78, low=5.21, high=6.36),
        "joint": Gain(mean=8.38, low=7.74, high=9.02),
        "single": Gain(mean=1.94, low=1.61, high=2.28),
    },
    "conflicting heads": {
        "random": Gain(mean=3.87, low=2.84, high=4.91),
        "joint": Gain(mean=7.69, low=6.68, high=8.69),
        "single": Gain(mean=-3.65, low=-4.52, high=-2.78),
    },
    "disjoint examples": {
        "random": Gain(mean=4.07, low=3.13, high=5.0),
        "joint": Gain(mean=0.5, low=-0.56, high=1.57),
        "single": Gain(mean=5.12, low=4.05, high=6.18),
    },
    "no structure": {
        "random": Gain(mean=-0.02, low=-0.11, high=0.08),
        "joint": Gain(mean=0.04, low=-0.15, high=0.23),
        "single": Gain(mean=0.12, low=-0.05, high=0.28),
    },
}
