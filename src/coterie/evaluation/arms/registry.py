"""All kinds of arms by the role that they play."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from coterie.evaluation.arms.arm import Arm, ArmKind, Lineup
from coterie.results.tables import MEAN

ARMS: dict[str, ArmKind] = {}


def register(kind: ArmKind) -> None:
    """Make a kind of arms known, in the order in which reports name them."""
    ARMS[kind.role] = kind


def baselines() -> tuple[str, ...]:
    """Roles of the arms that groupings are compared with.

    Joint, which is always trained, is one of them.
    """
    return tuple(role for role, kind in ARMS.items() if kind.beside is not None)


def line_up(lineup: Lineup, wanted: Sequence[str], *, trains_groups: bool = True) -> list[Arm]:
    """All arms of a unit.

    Joint, then the groupings in order, then the other baselines that are wanted; no groups, given
    or random, unless it ``trains_groups``.
    """
    others = [role for role in baselines() if role in wanted and role != "joint"]
    arms = [arm for role in ("joint", "grouped", *others) for arm in ARMS[role].make(lineup)]
    return [arm for arm in arms if trains_groups or arm.role not in ("grouped", "random")]


def agreed(asked: Mapping[str, int | Literal["auto"]]) -> int | Literal["auto"]:
    """The number of groups that all were asked for; "auto" where they differ.

    >>> agreed({"one": 3, "other": 3}), agreed({"one": 3, "other": 2})
    (3, 'auto')
    """
    sizes = set(asked.values())
    return sizes.pop() if len(sizes) == 1 else "auto"


def names_beside(name: str, n_groups: int | Literal["auto"]) -> dict[str, str]:
    """The arms that a grouping is to be compared with, by role.

    >>> names_beside("mine", 3)["random"]
    'random (mine)'
    """
    return {
        role: kind.beside(name, n_groups) for role, kind in ARMS.items() if kind.beside is not None
    }


def references(
    name: str, n_groups: int | Literal["auto"], trained: Sequence[str]
) -> dict[str, str]:
    """What a grouping is compared with, as far as it was ``trained``: role to arm.

    >>> references("mine", 3, ["joint", "mine", "random (mine)", "ensemble (K=3)"])
    {'joint': 'joint', 'random': 'random (mine)', 'ensemble': 'ensemble (K=3)'}
    """
    return {role: arm for role, arm in names_beside(name, n_groups).items() if arm in trained}


def is_reserved(name: str) -> bool:
    """Whether a grouping of this name would be mistaken for an arm, or for the mean over tasks.

    >>> is_reserved("random"), is_reserved("ensemble (K=2)"), is_reserved("grouped"), is_reserved("mine (new)")
    (True, True, False, False)
    """
    reserved = {MEAN, *(role for role, kind in ARMS.items() if kind.is_reserved)}
    return name.partition(" (")[0] in reserved
