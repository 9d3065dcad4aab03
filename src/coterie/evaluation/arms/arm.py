"""What an arm is, and for what arms are made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from coterie.results import Grouping


@dataclass(frozen=True, kw_only=True)
class Arm:
    """R models that together predict all T tasks.

    ``weights`` (R, T) trains them, ``init`` (R,) names their initialisations, ``serves`` (T, R)
    sums to 1 over models. ``sizes`` (R,), or one number for all, are their parameters as a share of
    those of the model that is compared. ``role`` is its kind in :data:`ARMS`, ``of`` the grouping
    that it belongs to, if to one; ``draw`` counts the random repetitions of one arm.
    """

    name: str
    weights: np.ndarray
    init: np.ndarray
    serves: np.ndarray
    sizes: np.ndarray | float = 1.0
    role: str = "grouped"
    of: str | None = None
    draw: int = 0


@dataclass(frozen=True, kw_only=True)
class Lineup:
    """For what arms are made.

    The groupings of one unit, by name, and the number of groups that each was ``asked`` for.
    """

    n_tasks: int
    groupings: Mapping[str, Grouping]
    asked: Mapping[str, int | Literal["auto"]]
    draws: int
    seed: int


@dataclass(frozen=True, kw_only=True)
class ArmKind:
    """A kind of arms.

    ``role`` is its name, which no grouping may have if it ``is_reserved``; ``sentence`` says what
    it is to a reader, in plain text with *emphasis*. ``make`` gives the arms to train. Of a
    baseline, ``beside`` gives the name of that arm of it which a grouping is compared with, from
    the grouping's name and the number of groups it was asked for.
    """

    role: str
    sentence: str
    make: Callable[[Lineup], list[Arm]]
    beside: Callable[[str, int | Literal["auto"]], str] | None = None
    is_reserved: bool = True
