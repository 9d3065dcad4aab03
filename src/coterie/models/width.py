"""The same encoder with wider or narrower layers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from inspect import Parameter, signature
from math import ceil
from typing import Any

from coterie.errors import CoterieError
from coterie.models.architecture import Architecture, find_factory

_STEPS = 64


def no_width(architecture: Architecture) -> str:
    """Why an encoder cannot be resized, for a message."""
    return f"`model` {architecture.name!r} has no option `width` or `hidden` to be made wider by."


def widening(architecture: Architecture) -> Callable[[float], dict[str, Any]] | None:
    """The options that make an encoder so many times as wide; None if it has none for that.

    They are ``width``, a factor, or ``hidden``, the sizes of layers.

    >>> widening(Architecture("mlp", (8,), 3, {"dropout": 0.1}))(1.5)
    {'dropout': 0.1, 'hidden': (192, 192)}
    """
    options = dict(architecture.options)
    known = signature(find_factory(architecture.model)).parameters
    for name, wider in (("width", _times), ("hidden", _each_times)):
        usual = known[name].default if name in known else Parameter.empty
        now = options.get(name, usual)
        if name in known and now is not Parameter.empty and now:
            return partial(_with, options, name, now, wider)
    return None


def _with(
    options: Mapping[str, Any],
    name: str,
    now: Any,
    wider: Callable[[Any, float], object],
    factor: float,
) -> dict[str, Any]:
    return {**options, name: wider(now, factor)}


def _times(width: float, factor: float) -> float:
    return width * factor


def _each_times(hidden: Sequence[int], factor: float) -> tuple[int, ...]:
    return tuple(max(1, round(factor * size)) for size in hidden)


def resized(architecture: Architecture, factor: float) -> dict[str, Any]:
    """Options under which a model has about ``factor`` times the parameters that it has now.

    Raises:
        CoterieError: the encoder has no option for its width.

    >>> architecture = Architecture("mlp", (8,), 3, {"hidden": (16,)})
    >>> resized(architecture, 4), resized(architecture, 0.5)
    ({'hidden': (65,)}, {'hidden': (8,)})
    """
    options = widening(architecture)
    if options is None:
        raise CoterieError(no_width(architecture))

    def size(steps: int) -> int:
        return replace(architecture, options=options(steps / _STEPS)).n_parameters

    wanted = factor * size(_STEPS)
    # Parameters grow at least as fast as widths, but for the biases of the head.
    least = 1 if factor < 1 else _STEPS
    above = bisect_left(range(ceil(_STEPS * (factor + 1))), wanted, lo=least, key=size)
    near = (max(above - 1, least), above)
    return options(min(near, key=lambda steps: abs(size(steps) - wanted)) / _STEPS)
