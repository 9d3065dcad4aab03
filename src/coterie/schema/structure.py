"""JSON against type hints."""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    NoReturn,
    NotRequired,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from coterie.errors import CoterieError

if TYPE_CHECKING:
    Json = None | bool | int | float | str | list["Json"] | dict[str, "Json"]
else:  # a hint that takes whatever JSON gave: who wants more of it says so by another hint
    Json = Any
Hint = Any
"""A type hint, for which there is no type."""
Details = Mapping[str, Any]
"""What a method or a user wants kept: values of theirs, which who knows them reads."""
T = TypeVar("T")
OPEN = "open"
"""In ``Annotated``: a typed dictionary may hold more than it names, which is left as it is."""


@contextmanager
def within(path: object, what: str) -> Iterator[None]:
    """Errors of the block name the file whose content they are about, and ``what`` it should be."""
    try:
        yield
    except CoterieError as error:
        raise CoterieError(f"{path} is not a valid {what}: {error}") from error


def least(bound: float) -> Callable[[float], str | None]:
    """A check for ``Annotated``: the number is at least ``bound``."""
    return lambda value: None if value >= bound else f"at least {bound}"


def structure(value: object, hint: type[T] | Hint, name: str = "") -> T:
    """Turn what JSON gave into what ``hint`` says, or say which field is wrong.

    Hints are dataclasses and typed dictionaries of hints, ``list``, ``tuple`` (a list in JSON),
    ``dict`` and ``Mapping`` with text as keys, unions, ``Literal``, enumerations, ``Path``, text,
    whole numbers, finite numbers, truth values, ``Any``; ``Annotated`` adds checks, functions that
    answer None or what would be right, and :data:`OPEN`.

    Args:
        value: JSON types.
        hint: what it should be.
        name: of the field, for the message.

    Raises:
        CoterieError: naming the field, what was found and what would be right.

    >>> structure({"a": [1, 2]}, dict[str, tuple[int, ...]])
    {'a': (1, 2)}
    >>> structure({"a": [1, None]}, dict[str, tuple[int, ...]])
    Traceback (most recent call last):
    coterie.errors.CoterieError: `a[1]` must be a whole number; found None.
    """
    return cast(T, _structured(value, hint, name))


def _structured(value: object, hint: Hint, name: str) -> object:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin in (Annotated, NotRequired):
        return _annotated(value, arguments, name)
    if origin in (Union, types.UnionType):
        return _union(value, arguments, name)
    if origin is Literal:
        return _one_of(value, arguments, name)
    if is_dataclass(hint) or is_typeddict(hint):
        return _record(value, hint, name)
    if origin in (list, tuple, Sequence):
        return _items(value, origin, arguments, name)
    if origin in (dict, Mapping):
        found = _expect(value, dict, "an object", name)
        return {
            key: _structured(each, arguments[1], _join(name, key)) for key, each in found.items()
        }
    return _scalar(value, hint, name)


def distinct(names: Sequence[str], what: str = "tasks") -> None:
    """Refuse an empty list of names, or one that holds a name twice."""
    if not names:
        raise CoterieError(f"`{what}` must not be empty.")
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise CoterieError(f"`{what}` must have names that differ; {twice!r} is there twice.")


def _annotated(value: object, arguments: tuple[Hint, ...], name: str) -> object:
    found = (
        _record(value, arguments[0], name, closed=False)
        if OPEN in arguments
        else _structured(value, arguments[0], name)
    )
    for check in arguments[1:]:
        # Other libraries annotate too; only our checks are functions.
        if isinstance(check, types.FunctionType) and (right := check(found)) is not None:
            _wrong(name, right, value)
    return found


def _union(value: object, hints: tuple[Hint, ...], name: str) -> object:
    if value is None and types.NoneType in hints:
        return None
    hints = tuple(hint for hint in hints if hint is not types.NoneType)
    if len(hints) == 1:
        return _structured(value, hints[0], name)
    for hint in hints:
        with suppress(CoterieError):
            return _structured(value, hint, name)
    return _wrong(name, " or ".join(_described(hint) for hint in hints), value)


def _record(value: object, hint: Hint, name: str, *, closed: bool = True) -> object:
    hints, needed = _fields(hint)
    return hint(**entries_of(value, hints, needed, name, closed=closed))


def entries_of(
    value: object,
    hints: Mapping[str, Hint],
    needed: Sequence[str],
    name: str = "",
    *,
    closed: bool = True,
) -> dict[str, Any]:
    """The entries of an object of JSON, each as the hint of its name says.

    Raises:
        CoterieError: it is no object, one of those ``needed`` is missing, one is wrong or, where
            that matters (``closed``), there is one without a hint.

    >>> entries_of({"a": 1}, {"a": int, "b": str}, ["b"])
    Traceback (most recent call last):
    coterie.errors.CoterieError: Field `b` is missing.
    """
    found = _expect(value, dict, "an object", name)
    if missing := [field for field in needed if field not in found]:
        raise CoterieError(f"Field `{_join(name, missing[0])}` is missing.")
    if closed and (unknown := [field for field in found if field not in hints]):
        raise CoterieError(
            f"There is an unknown field `{_join(name, unknown[0])}`; known are {', '.join(hints)}."
        )
    return {
        field: _structured(each, hints.get(field, Any), _join(name, field))
        for field, each in found.items()
    }


@lru_cache(maxsize=64)
def _fields(hint: Hint) -> tuple[dict[str, Hint], tuple[str, ...]]:
    """Hints of all fields, and the names of those without a default."""
    hints = get_type_hints(hint, include_extras=True)
    if is_typeddict(hint):
        # Not `__required_keys__`, which does not see through annotations that are text.
        return hints, tuple(
            name
            for name, each in hints.items()
            if hint.__total__ and get_origin(each) is not NotRequired
        )
    own = [field for field in fields(hint) if field.init]
    needed = tuple(f.name for f in own if f.default is MISSING and f.default_factory is MISSING)
    return {field.name: hints[field.name] for field in own}, needed


def _items(value: object, origin: object, arguments: tuple[Hint, ...], name: str) -> object:
    if not isinstance(value, list | tuple):
        _wrong(name, "a list", value)
    if origin is tuple and arguments[-1] is not Ellipsis:
        if len(value) != len(arguments):
            _wrong(name, f"a list of {len(arguments)}", value)
        hints = arguments
    else:
        hints = arguments[:1] * len(value)
    parts = [
        _structured(each, hint, f"{name}[{i}]")
        for i, (each, hint) in enumerate(zip(value, hints, strict=True))
    ]
    return tuple(parts) if origin is tuple else parts


def _scalar(value: object, hint: Hint, name: str) -> object:
    if hint is float:
        if not isinstance(value, int | float) or isinstance(value, bool):
            _wrong(name, "a finite number", value)
        if abs(value) > _LARGEST or not math.isfinite(value):
            _wrong(name, "a finite number", value)
        return float(value)
    if hint is int:
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) >= 2**63:
            _wrong(name, "a whole number", value)
        return value
    if hint is Path:
        return Path(_expect(value, str, "text", name))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return hint(_one_of(value, [each.value for each in hint], name))
    if hint is str:
        # Half of a surrogate pair is text in memory only: no file or screen could hold it.
        text = _expect(value, str, "text", name)
        if any("\ud800" <= letter <= "\udfff" for letter in text):
            _wrong(name, "text", value)
        return text
    return _expect(value, hint, _described(hint), name)


_LARGEST = 1.7e308


def _expect(value: object, kind: type[T], description: str, name: str) -> T:
    if not isinstance(value, kind):
        _wrong(name, description, value)
    return value


def _one_of(value: object, options: Sequence[object], name: str) -> object:
    if not any(type(value) is type(option) and value == option for option in options):
        _wrong(name, " or ".join(map(repr, options)), value)
    return value


def _wrong(name: str, right: str, value: object) -> NoReturn:
    raise CoterieError(
        f"{f'`{name}`' if name else 'The content'} must be {right}; found {value!r:.80}."
    )


def _join(name: str, field: str) -> str:
    return f"{name}.{field}" if name else field


def _described(hint: Hint) -> str:
    words = {
        str: "text",
        int: "a whole number",
        float: "a finite number",
        bool: "true or false",
        dict: "an object",
    }
    return words.get(hint) or (
        _described(get_args(hint)[0]) if get_origin(hint) is Annotated else str(hint)
    )
