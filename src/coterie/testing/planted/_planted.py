"""Data with known groups: what there is, and how it is asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from coterie.data import Dataset, load
from coterie.errors import require_choice, require_whole
from coterie.results import Grouping
from coterie.seeds import MOST_SEED, numpy_generator
from coterie.testing.planted._functions import Recipe, Table
from coterie.testing.planted.agreeing import AGREEING
from coterie.testing.planted.conflicting import CONFLICTING
from coterie.testing.planted.disjoint import DISJOINT
from coterie.testing.planted.few_labels import FEW_LABELS
from coterie.testing.planted.flipped import FLIPPED
from coterie.testing.planted.narrow import NARROW
from coterie.testing.planted.overlapping import OVERLAPPING
from coterie.testing.planted.unequal_tasks import UNEQUAL_TASKS
from coterie.testing.planted.unstructured import UNEQUAL_DIFFICULTY, UNSTRUCTURED

Regime = Literal[
    "agreeing heads",
    "conflicting heads",
    "narrow network",
    "few labels",
    "disjoint examples",
    "unequal tasks",
    "overlapping groups",
    "flipped labels",
    "no structure",
    "unequal difficulty",
]
REGIMES: tuple[Regime, ...] = get_args(Regime)
MEASURED = Path(__file__).with_name("measured.json")
"""What ``benchmarks/planted.py`` found, written by it."""
_RECIPES: dict[Regime, Recipe] = {
    "agreeing heads": AGREEING,
    "conflicting heads": CONFLICTING,
    "narrow network": NARROW,
    "few labels": FEW_LABELS,
    "disjoint examples": DISJOINT,
    "unequal tasks": UNEQUAL_TASKS,
    "overlapping groups": OVERLAPPING,
    "flipped labels": FLIPPED,
    "no structure": UNSTRUCTURED,
    "unequal difficulty": UNEQUAL_DIFFICULTY,
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
    :class:`coterie.Grouping`; a task that is in two groups is trained by both and served by half.
    ``settings`` are those of :func:`coterie.fit` under which the "mlp" was measured, ``gain`` what
    true groups then gained against "random" groups of the same sizes, the "joint" model, "single"
    models, a "wide" joint model of as many parameters as the groups' models have, and an "ensemble"
    of as many joint models: not on this table alone but over twenty of them, see :func:`planted`.
    ``headroom`` bounds what any grouping gains over joint (:func:`coterie.headroom`), in the same
    points, the mean of five tables.
    """

    regime: Regime
    data: Dataset
    grouping: Grouping
    settings: Mapping[str, object]
    gain: Mapping[str, Gain]
    headroom: float

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the tasks of each true group."""
        return self.grouping.groups


def planted(regime: Regime, seed: int = 0, *, n_groups: int = 3, per_group: int = 3) -> Planted:
    """A table of ``n_groups`` times ``per_group`` binary tasks whose groups are known.

    They are functions of twelve inputs, but for "flipped labels", where the inputs are images.

    ==================== ===========================================================================
    regime               what is true of it
    ==================== ===========================================================================
    "agreeing heads"     Tasks of a group are mixes of three functions of two directions of the
                         inputs, which the other groups do not read. Few examples for a wide
                         network: sharing them pays.
    "conflicting heads"  Tasks of a group mix three functions of three directions of their own, and
                         the only hidden layer has six units: enough for one group, of which others
                         would take their part.
    "narrow network"     The tasks of "agreeing heads" with plenty of examples, and a last hidden
                         layer of four units: capacity is too small for all.
    "few labels"         Tasks of a group are nearly one linear function, or its negation; each has
                         40 labels to train on and 20 for validation, at examples of its own.
    "disjoint examples"  Tasks of a group are one function, and every example is labelled for one
                         task only: a group multiplies the examples.
    "unequal tasks"      The tasks of "agreeing heads", but every group has some of many labels and
                         of few, clean and noisy ones, balanced and rare ones.
    "overlapping groups" As "agreeing heads", but the last task of each group mixes functions of the
                         next group in, and belongs to both.
    "flipped labels"     Handwritten digits, each seen in one of K + 1 orders of its pixels. A group
                         has two questions about the digit, whose answers are flipped in one order;
                         its tasks ask them in turn. The last hidden layer has three units.
    "no structure"       Every task is a random linear function of the inputs, of its own, with
                         noise, and the network is wide: no grouping should pay.
    "unequal difficulty" The same, but signal over noise is from a third to 3: tasks that are alike
                         are equally difficult, and no grouping should pay.
    ==================== ===========================================================================

    What true groups gain was measured on twenty tables of each (``benchmarks/planted.py``): ``gain``
    and ``headroom``, with a table on the benchmarks page; where there are no groups, nothing. In
    "conflicting heads" single models are best of all, as they have the layer to themselves:
    groups are what a budget of few models can reach.

    Args:
        regime: one of the ten.
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
    recipe, measured = _RECIPES[regime], json.loads(MEASURED.read_text(encoding="utf-8"))
    table = recipe.draw(n_groups, per_group, numpy_generator(seed, "planted", regime))
    names = tuple(
        f"{chr(ord('a') + group)}{task + 1}"
        for group in range(n_groups)
        for task in range(per_group)
    )
    return Planted(
        regime=regime,
        data=_loaded(table, names, seed),
        grouping=_grouping(table, names, n_groups, per_group),
        settings=recipe.settings,
        gain={name: Gain(**gain) for name, gain in measured["gains"].get(regime, {}).items()},
        headroom=measured["headroom"].get(regime, {}).get("bound", nan),
    )


def _loaded(table: Table, names: tuple[str, ...], seed: int) -> Dataset:
    """The table as data; a frame where it says itself which part an example is in."""
    if table.parts is None:
        source = {"inputs": table.inputs.astype(np.float32), "targets": table.targets}
        return load(source, names=names, seed=seed)
    import pandas as pd

    inputs = pd.DataFrame(table.inputs.astype(np.float32)).add_prefix("x")
    frame = inputs.join(pd.DataFrame(table.targets, columns=list(names)))
    return load(frame.assign(part=table.parts), targets=names, split_column="part", seed=seed)


def _grouping(table: Table, names: tuple[str, ...], n_groups: int, per_group: int) -> Grouping:
    """True groups: those of a task that is in several train it, and serve it together."""
    if table.members is None:
        membership = np.repeat(np.eye(n_groups), per_group, axis=0)
        return Grouping(tasks=names, membership=membership, method="planted")
    return Grouping(
        tasks=names,
        membership=(table.members / table.members.sum(0)).T,
        method="planted",
        row_weights=table.members,
    )
