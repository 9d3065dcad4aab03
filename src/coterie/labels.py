"""Short names of objects by what is unusual about them."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature


def changed(thing: object) -> str:
    """Settings of an object that are not the usual ones, each after a space, if short.

    >>> from coterie.affinities import Lookahead
    >>> changed(Lookahead()), changed(Lookahead(batch_size=256))
    ('', ' batch_size=256')
    """
    usual = {name: each.default for name, each in signature(type(thing)).parameters.items()}
    return unlike(usual, {name: getattr(thing, name, value) for name, value in usual.items()})


def unlike(usual: Mapping[str, object], own: Mapping[str, object]) -> str:
    """The ``own`` settings that differ from the ``usual`` ones, as :func:`changed` has them."""
    return "".join(
        f" {name}={_short(value)}"
        for name, value in own.items()
        if isinstance(value, bool | int | float | str | None) and value != usual.get(name)
    )


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace(" ", "")
