"""Joint models, averaged."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from coterie.evaluation.arms.arm import Arm, ArmKind, Lineup


def ensemble_arm(n_tasks: int, n_models: int, name: str | None = None) -> Arm:
    """Joint models of different initialisation, averaged: the first is the joint model itself.

    >>> ensemble_arm(1, 2).serves
    array([[0.5, 0.5]])
    """
    return Arm(
        name=name or ensemble_name("", n_models),
        role="ensemble",
        weights=np.ones((n_models, n_tasks)),
        init=np.arange(n_models),
        serves=np.full((n_tasks, n_models), 1 / n_models),
    )


def ensemble_name(name: str, n_groups: int | Literal["auto"]) -> str:
    """The ensemble that a grouping is compared with: of as many models, on every seed.

    >>> ensemble_name("grouped", "auto"), ensemble_name("grouped", 3)
    ('ensemble (K of grouped)', 'ensemble (K=3)')
    """
    return f"ensemble (K of {name})" if n_groups == "auto" else f"ensemble (K={n_groups})"


def _ensembles(lineup: Lineup) -> list[Arm]:
    """One for each number of groups asked for, of so many models whatever a method found.

    Groupings that find their number themselves have their own.
    """
    made = {
        ensemble_name(name, n_groups): (math.ceil(grouping.n_networks), name)
        if n_groups == "auto"
        else (n_groups, None)
        for (name, grouping), n_groups in zip(
            lineup.groupings.items(), lineup.asked.values(), strict=True
        )
    }
    return [
        replace(ensemble_arm(lineup.n_tasks, n_models, name), of=of)
        for name, (n_models, of) in made.items()
    ]


ENSEMBLE = ArmKind(
    role="ensemble",
    sentence="As many joint models as there are groups, averaged. Only a gain over the "
    "*ensemble* shows that grouping beats simply training more models.",
    make=_ensembles,
    beside=ensemble_name,
)
