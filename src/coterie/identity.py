"""What tells pieces of code apart, in every process alike.

A name and settings as JSON types, never an address.
"""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from functools import partial
from math import isfinite
from numbers import Integral, Real
from types import MethodType
from typing import TYPE_CHECKING, cast

from coterie.errors import CoterieError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

_HOUSE = "coterie"


def identity(thing: object, what: str) -> object:
    """A name and settings of a function, a class, an object or a value, as JSON types.

    An attribute ``key`` of JSON types (or a method that gives it) is taken as it is, and nothing
    else is read. Else a function or a class is its module and name, a partial the function and its
    arguments, an object its class and its attributes (the fields of a dataclass), each of them
    likewise. The code itself is not compared.

    Args:
        thing: what a user gave.
        what: how to call it in a message.

    Raises:
        CoterieError: nothing tells it from others: a lambda, a closure, or an attribute that is no
            setting.

    >>> identity(partial(sorted, reverse=True), "`order`")
    {'is': 'builtins:sorted', 'arguments': [], 'keywords': {'reverse': True}}
    >>> identity(lambda x: x, "`order`")
    Traceback (most recent call last):
    coterie.errors.CoterieError: `order` is a lambda, which nothing tells from another one. ...
    """
    try:
        return _identity(thing, "", ())
    except _UnknownError as error:
        place, why = error.args
        raise CoterieError(
            f"{what}{place and f': `{place}`'} is {why}, which nothing tells from another one. "
            "What a run directory holds is continued with the same code and settings only: give it "
            'a key of your own, such as `mine.key = "first"` (and another one when it changes), '
            "define it at the top level of a module, or do without `run`."
        ) from None


def identity_or_name(thing: object) -> object:
    """The :func:`identity`, or where there is none the name alone.

    >>> identity_or_name(lambda x: x).endswith("<lambda>")
    True
    """
    try:
        return identity(thing, "")
    except CoterieError:
        return qualified(thing)


def qualified(thing: object) -> str:
    """Module and name of a function or a class, or of the class of an object.

    Those of this package go by their name alone.

    >>> qualified(hashlib.sha256), qualified(CoterieError), qualified(CoterieError("no"))
    ('_hashlib:openssl_sha256', 'CoterieError', 'CoterieError')
    """
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    name: str = getattr(named, "__qualname__")  # noqa: B009
    module = getattr(named, "__module__", None) or "builtins"
    # Rooms of the house move, and a run does not.
    return name if module.split(".")[0] == _HOUSE else f"{module}:{name}"


def in_words(told: object) -> str:
    """An identity as a user would write it.

    >>> in_words({"is": "Cluster", "by": {"is": "Sdp"}, "name": "mine"})
    "Cluster(by=Sdp(), name='mine')"
    >>> in_words("module:mine"), in_words({"key": [1, 2]})
    ('module:mine', '[1, 2]')
    """
    if not isinstance(told, Mapping):
        return str(told)
    if set(told) == {"key"}:
        return in_words(told["key"])
    settings = {
        name: repr(value) if isinstance(value, str) else in_words(value)
        for name, value in told.items()
        if name != "is"
    }
    inside = ", ".join(f"{name}={value}" for name, value in settings.items())
    return f"{told.get('is', 'dict')}({inside})"


class _UnknownError(Exception):
    """Where something is that has no identity, and what it is."""


def _identity(thing: object, place: str, above: tuple[int, ...]) -> object:
    if id(thing) in above:
        raise _UnknownError(place, "an object within itself")

    def inner(value: object, name: str) -> object:
        return _identity(value, f"{place}.{name}".lstrip("."), (*above, id(thing)))

    if not isinstance(thing, type) and (key := getattr(thing, "key", None)) is not None:
        return {"key": inner(key() if callable(key) else key, "key")}
    if thing is None or isinstance(thing, bool | str):
        return thing
    if isinstance(thing, Integral):
        return int(thing)
    if isinstance(thing, Real):
        return float(thing) if isfinite(thing) else str(float(thing))
    if isinstance(thing, list | tuple):
        return [inner(each, str(position)) for position, each in enumerate(thing)]
    if isinstance(thing, set | frozenset):
        return sorted((inner(each, "item") for each in thing), key=repr)
    if isinstance(thing, Mapping) and all(isinstance(name, str | int) for name in thing):
        return {str(name): inner(value, str(name)) for name, value in thing.items()}
    if isinstance(thing, os.PathLike):
        return os.fspath(thing)
    if hasattr(thing, "__array__"):
        return _of_array(thing, place)
    if isinstance(thing, partial):
        return {
            "is": inner(thing.func, "func"),
            "arguments": inner(thing.args, "args"),
            "keywords": inner(thing.keywords, "keywords"),
        }
    if isinstance(thing, MethodType) and not isinstance(thing.__self__, type):
        return {"is": qualified(thing.__func__), "of": inner(thing.__self__, "__self__")}
    if callable(thing) and hasattr(thing, "__qualname__"):
        return _of_function(thing, place)
    return {
        "is": qualified(thing),
        **{name: inner(value, name) for name, value in _settings(thing, place).items()},
    }


def _of_function(function: Callable[..., object], place: str) -> str:
    if "<lambda>" in function.__qualname__:
        raise _UnknownError(place, "a lambda")
    # A decorator leaves a closure, too, but under a name at which it is found.
    if (
        getattr(function, "__closure__", None)
        and _named(function.__module__, function.__qualname__) is not function
    ):
        raise _UnknownError(place, f"the closure {qualified(function)!r}")
    return qualified(function)


def _named(module: str, name: str) -> object:
    found: object = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _of_array(array: object, place: str) -> dict[str, object]:
    import numpy as np

    if (detach := getattr(array, "detach", None)) is not None:
        tensor = detach().cpu()
        # numpy has no bfloat16.
        small = tensor.is_floating_point() and tensor.itemsize < 4
        array = tensor.float() if small else tensor
    values = np.ascontiguousarray(cast("ArrayLike", array))
    if values.dtype.hasobject:
        raise _UnknownError(place, f"a {qualified(array)} of objects")
    return {
        "array": list(values.shape),
        "type": str(values.dtype),
        "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
    }


def _settings(thing: object, place: str) -> Mapping[str, object]:
    """What was chosen when an object was made: fields of a dataclass, attributes of others."""
    if is_dataclass(thing):
        return {each.name: getattr(thing, each.name) for each in fields(thing) if each.init}
    try:
        found = vars(thing)
    except TypeError:
        raise _UnknownError(place, f"a {qualified(thing)}") from None
    # The house's constructors store, under the names of their arguments.
    if type(thing).__module__.split(".")[0] == _HOUSE:
        return {name: value for name, value in found.items() if not name.startswith("_")}
    from torch import nn

    if isinstance(thing, nn.Module):
        own = {name: value for name, value in found.items() if name not in vars(nn.Module())}
        return {**own, **dict(thing.named_children()), "state": dict(thing.state_dict())}
    return found
