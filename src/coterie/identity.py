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
from typing import Any

from coterie.errors import CoterieError

_HOUSE = "coterie"


def identity(thing: Any, what: str) -> Any:
    """A name and settings of a function, a class, an object with settings or a value, as JSON types.

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
            "What a run directory holds is "
            f'continued with the same code and settings only: give it a key of your own, such as `mine.key = "first"` (and '
            "another one when it changes), define it at the top level of a module, or do without "
            "`run`."
        ) from None


def identity_or_name(thing: Any) -> Any:
    """The :func:`identity`, or where there is none the name alone.

    >>> identity_or_name(lambda x: x).endswith("<lambda>")
    True
    """
    try:
        return identity(thing, "")
    except CoterieError:
        return qualified(thing)


def qualified(thing: Any) -> str:
    """Module and name of a function or a class, or of the class of an object.

    Those of this package go by their name alone.

    >>> qualified(hashlib.sha256), qualified(CoterieError), qualified(CoterieError("no"))
    ('_hashlib:openssl_sha256', 'CoterieError', 'CoterieError')
    """
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    module = getattr(named, "__module__", None) or "builtins"
    # Rooms of the house move, and a run does not.
    return (
        named.__qualname__ if module.split(".")[0] == _HOUSE else f"{module}:{named.__qualname__}"
    )


def in_words(told: Any) -> str:
    """An identity as a user would write it.

    >>> in_words({"is": "Cluster", "by": {"is": "Sdp"}, "name": "mine"}), in_words("module:mine"), in_words({"key": [1, 2]})
    ("Cluster(by=Sdp(), name='mine')", 'module:mine', '[1, 2]')
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
    return f"{told.get('is', 'dict')}({', '.join(f'{name}={value}' for name, value in settings.items())})"


class _UnknownError(Exception):
    """Where something is that has no identity, and what it is."""


def _identity(thing: Any, place: str, above: tuple[int, ...]) -> Any:
    if id(thing) in above:
        raise _UnknownError(place, "an object within itself")
    inner = lambda value, name: _identity(value, f"{place}.{name}".lstrip("."), (*above, id(thing)))  # noqa: E731
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


def _of_function(function: Callable[..., Any], place: str) -> str:
    if "<lambda>" in function.__qualname__:
        raise _UnknownError(place, "a lambda")
    # A decorator leaves a closure, too, but under a name at which it is found.
    if (
        getattr(function, "__closure__", None)
        and _named(function.__module__, function.__qualname__) is not function
    ):
        raise _UnknownError(place, f"the closure {qualified(function)!r}")
    return qualified(function)


def _named(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    return found


def _of_array(array: Any, place: str) -> dict[str, Any]:
    import numpy as np

    if hasattr(array, "detach"):
        array = array.detach().cpu()
        array = (
            array.float() if array.is_floating_point() and array.itemsize < 4 else array
        )  # numpy has no bfloat16
    values = np.ascontiguousarray(array)
    if values.dtype.hasobject:
        raise _UnknownError(place, f"a {qualified(array)} of objects")
    return {
        "array": list(values.shape),
        "type": str(values.dtype),
        "sha256": hashlib.sha256(values.tobytes()).hexdigest(),
    }


def _settings(thing: Any, place: str) -> Mapping[str, Any]:
    """What was chosen when an object was made: fields of a dataclass, attributes of others."""
    if is_dataclass(thing):
        return {each.name: getattr(thing, each.name) for each in fields(thing) if each.init}
    try:
        found = vars(thing)
    except TypeError:
        raise _UnknownError(place, f"a {qualified(thing)}") from None
    if (
        type(thing).__module__.split(".")[0] == _HOUSE
    ):  # whose constructors store, under the names of their arguments
        return {name: value for name, value in found.items() if not name.startswith("_")}
    from torch import nn

    if isinstance(thing, nn.Module):
        own = {name: value for name, value in found.items() if name not in vars(nn.Module())}
        return {**own, **dict(thing.named_children()), "state": dict(thing.state_dict())}
    return found
