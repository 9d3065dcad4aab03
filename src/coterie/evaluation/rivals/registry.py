"""Rivals by name, and which of them a comparison trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from coterie.data import Dataset
from coterie.errors import CoterieError, blame, is_listed, shown
from coterie.evaluation.arms import ARMS
from coterie.evaluation.rivals.rival import Rival
from coterie.fitting import Model
from coterie.named import find_object
from coterie.results.tables import MEAN
from coterie.training.config import TrainingSettings

RIVALS: dict[str, Rival] = {}
"""All rivals by name, in the order in which they are trained."""

Rivals = str | Rival | Sequence[str | Rival]
"""\"none\", \"auto\", or a name, ``module:object`` of a user's own, an object, several of these."""


def register_rival(rival: Rival) -> Rival:
    """Make a rival known by its name, and return it.

    Raises:
        CoterieError: no rival, no word for a name, or a name that is taken.

    >>> register_rival(RIVALS["wide"]).name
    'wide'
    """
    if not isinstance(rival, Rival) or not str(getattr(rival, "name", "")).isidentifier():
        raise CoterieError(
            "`rival` must be an object of a subclass of Rival whose `name` is a word; found "
            f"{shown(rival)}."
        )
    known = RIVALS.get(rival.name)
    other = known is not None and type(known).__qualname__ != type(rival).__qualname__
    if other or rival.name in (MEAN, "none", "auto", *ARMS):
        raise CoterieError(f"`rival`: the name {rival.name!r} is taken; choose another one.")
    RIVALS[rival.name] = rival
    return rival


def find_rivals(rivals: Rivals) -> tuple[Rival, ...]:
    """The rivals that are meant, in the order of :data:`RIVALS` where all are.

    Args:
        rivals: "none", "auto" (all), or a name, ``module:object`` of your own, a :class:`Rival`, or
            several of these.

    Raises:
        CoterieError: there is no such rival, or two go by one name.

    >>> [rival.name for rival in find_rivals(["tuned", "wide"])]
    ['tuned', 'wide']
    """
    if isinstance(rivals, str) and rivals in ("none", "auto"):
        return tuple(RIVALS.values()) if rivals == "auto" else ()
    several = rivals if is_listed(rivals) else [rivals]
    found = tuple(_rival(each) for each in several)  # pyright: ignore[reportGeneralTypeIssues]
    names = [rival.name for rival in found]
    if twice := [name for name in names if names.count(name) > 1]:
        raise CoterieError(f"`rivals` has {twice[0]!r} twice.")
    return found


def suitable(
    rivals: Rivals,
    data: Dataset,
    *,
    model: Model,
    settings: TrainingSettings,
    baselines: Sequence[str],
) -> tuple[tuple[Rival, ...], Mapping[str, str]]:
    """The rivals that can be trained, and of the others, by name, why they are left out.

    Raises:
        CoterieError: one that was asked for by name cannot be trained here.
    """
    asked = find_rivals(rivals)
    told = {
        rival.name: rival.suits(data, model=model, settings=settings, baselines=baselines)
        for rival in asked
    }
    left_out = {name: why for name, why in told.items() if why is not None}
    if left_out and rivals != "auto":
        raise CoterieError(f"`rivals`: {next(iter(left_out.values()))}")
    return tuple(rival for rival in asked if rival.name not in left_out), left_out


def _rival(given: object) -> Rival:
    if isinstance(given, str) and ":" not in given:
        if given in RIVALS:
            return RIVALS[given]
        close = get_close_matches(given, RIVALS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise CoterieError(
            f"`rivals` must be 'none', 'auto', or of {', '.join(RIVALS)}, or module:object of "
            f"your own; found {given!r}.{hint}"
        )
    found = find_object(given, "rivals") if isinstance(given, str) else given
    if isinstance(found, type) and issubclass(found, Rival):
        with blame(f"`rivals` {shown(given)} cannot be made"):
            found = found()
    if not isinstance(found, Rival):
        raise CoterieError(f"`rivals` must be names or objects of Rival; found {shown(found)}.")
    return register_rival(found)
