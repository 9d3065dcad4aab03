"""Methods by name, and what a thing is as a method."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from typing import Any, cast

from coterie.affinities import AFFINITIES, AffinityProbe
from coterie.differentiable import DifferentiableGrouping
from coterie.errors import CoterieError, shown
from coterie.estimators import ESTIMATORS
from coterie.methods._method import Groups, Method
from coterie.methods.cluster import DATA_MAP, Cluster
from coterie.methods.given import Given
from coterie.methods.learn import Learn
from coterie.methods.own import Own
from coterie.methods.published import published
from coterie.methods.select import Select, require_number
from coterie.named import PUBLISHED_SUFFIX, find_object, names_object
from coterie.results import Grouping
from coterie.training import WeightsProvider

Made = Callable[..., object]
"""Called with ``n_groups`` and settings by keyword."""


def _dmtg(n_groups: Groups = 2, **settings: Any) -> Learn:
    require_number(n_groups, DifferentiableGrouping.name)
    return Learn(DifferentiableGrouping(n_groups, **settings))  # type: ignore[arg-type]


METHODS: dict[str, Made] = {
    DATA_MAP: partial(Cluster, DATA_MAP),
    **{name: partial(Cluster, name) for name in AFFINITIES if name != DATA_MAP},
    **{name: partial(Select, name) for name in ESTIMATORS},
    DifferentiableGrouping.name: _dmtg,
}
"""What makes a method, by the name that :func:`coterie.compare` and the command line know it by."""

Candidate = Method | Grouping | AffinityProbe | WeightsProvider | Callable[..., object]
Candidates = str | Candidate | Sequence[str | Candidate] | Mapping[str, str | Candidate]


def register(name: str, made: Made) -> None:
    """Let ``name`` stand for what ``made(n_groups=K)`` gives, wherever methods are named.

    Raises:
        CoterieError: the name is no plain word, or taken.

    >>> register("data_map", Cluster)
    Traceback (most recent call last):
    coterie.errors.CoterieError: `name` 'data_map' is taken: ...
    """
    if not isinstance(name, str) or not name.isidentifier():
        raise CoterieError(f"`name` must be a word such as 'my_method'; found {shown(name)}.")
    if METHODS.get(name, made) is not made:
        raise CoterieError(f"`name` {name!r} is taken: {METHODS[name]!r} goes by it.")
    METHODS[name] = made


def method_named(name: str, n_groups: Groups = "auto", **settings: Any) -> Method:
    """The method of a name: one of :data:`METHODS`, or ``module:object`` of your own.

    With ``:published`` behind it a name stands for the method as its paper has it
    (:data:`coterie.methods.PUBLISHED`). An object may be whatever :func:`as_method` takes; a class
    is called with ``n_groups`` if it takes that.

    Raises:
        CoterieError: there is no such method, or it cannot find ``n_groups`` groups.

    >>> method_named("lookahead", 3)
    Cluster(source='lookahead', n_groups=3, by='sdp', ...)
    """
    if name.endswith(PUBLISHED_SUFFIX):
        return published(name.removesuffix(PUBLISHED_SUFFIX), n_groups, **settings)
    if names_object(name):
        return as_method(_made(find_object(name, "method"), n_groups), n_groups, **settings)
    found = name.replace("-", "_")
    if found not in METHODS:
        close = get_close_matches(found, METHODS, n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise CoterieError(
            f"`methods` names an unknown method {name!r}; there are {', '.join(METHODS)}, or "
            f"module:object of your own.{hint}"
        )
    return as_method(cast(Candidate, METHODS[found](n_groups=n_groups, **settings)), n_groups)


def as_method(thing: str | Candidate, n_groups: Groups = "auto", **settings: Any) -> Method:
    """What a thing is as a method; ``n_groups`` and ``settings`` are for those that have none.

    A :class:`Method` is one; a grouping is given; an affinity's probe is clustered, by an estimator
    groups are selected, by a weights provider they are learnt; any other callable is called.

    Raises:
        CoterieError: nothing of these.

    >>> from coterie.affinities import Cosine
    >>> as_method(Cosine(), 2).label
    'cosine K=2'
    """
    if isinstance(thing, str):
        return method_named(thing, n_groups, **settings)
    if isinstance(thing, Method):
        return thing
    if isinstance(thing, Grouping):
        return Given(thing)
    if isinstance(thing, AffinityProbe):
        return Cluster(thing, n_groups=n_groups, **settings)
    if isinstance(thing, WeightsProvider):
        return Learn(thing)
    if not callable(thing) and all(hasattr(thing, verb) for verb in ("fit", "predict")):
        return Select(thing, n_groups=n_groups, **settings)  # type: ignore[arg-type]
    return Own(thing)


def _made(thing: object, n_groups: Groups) -> Candidate:
    """An instance of a class, of so many groups if it takes their number."""
    from inspect import signature

    if not isinstance(thing, type):
        return cast(Candidate, thing)
    parameters = signature(thing).parameters
    try:
        return thing(n_groups=n_groups) if "n_groups" in parameters else thing()
    except TypeError as error:
        raise CoterieError(
            f"The method {thing.__name__!r} cannot be made without settings: {error}. Name an "
            "object, or use it from Python."
        ) from error
