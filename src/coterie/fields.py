"""What the types of a dataclass's fields say of how they are kept: as arrays with names, and as JSON.

Arrays have a :class:`Layout`. Those that are ``listed`` are rows of numbers among the JSON. A field
may also be a record of arrays, or a mapping of arrays or of such records: their names in the file
begin with the field's. All else is JSON, checked as :func:`coterie.schema.structure` does, of the
field's own type or of another (:class:`As`); classes with ``to_dict`` and ``from_dict`` become what
these say. What has a default may be missing, for earlier versions did not know it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, is_dataclass, replace
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np

from coterie.errors import CoterieError, require_texts
from coterie.schema import Json, array_of, arrays_of, entries_of, matrix_of

R = TypeVar("R")
Arrays = Mapping[str, np.ndarray]
ELSEWHERE = "elsewhere"
"""In ``Annotated``: the field is not in the file of its record."""
SPREAD = "spread"
"""In ``Annotated``: the names of a mapping's arrays begin with its keys, not with the field's name."""
_LISTED: dict[str, type] = {"f": float, "i": int, "b": bool}


@dataclass(frozen=True)
class Layout:
    """In ``Annotated``: kinds of numbers and letters of dimensions, such as "fi N T" (:func:`coterie.schema.arrays_of`).

    A ``listed`` array is read as what the first kind says. Texts, kind "U", are listed always.
    """

    text: str
    listed: bool = False


@dataclass(frozen=True)
class Size:
    """In ``Annotated``: there is one text for each place along the dimensions of these letters."""

    letters: str


@dataclass(frozen=True)
class As:
    """In ``Annotated``: in files the field is of this type, of JSON, and null stands for ``null``."""

    hint: Any
    null: float | None = None


@dataclass(frozen=True)
class _Field:
    """One field: its JSON by ``hint``, or its array by ``layout``, or a group of arrays, ``inner``."""

    name: str
    needed: bool
    hint: Any = None
    layout: Layout | None = None
    letters: tuple[str, ...] = ()
    null: float | None = None
    revive: Callable[[Any], Any] | None = None
    inner: type | None = None
    is_mapping: bool = False
    prefix: str = ""


def to_parts(record: Any) -> tuple[dict[str, np.ndarray], dict[str, Json]]:
    """Arrays of a dataclass by their names in a file, and all else as JSON types.

    >>> @dataclass(frozen=True)
    ... class Curve:
    ...     names: Annotated[tuple[str, ...], Size("T")]
    ...     values: Annotated[np.ndarray, Layout("f E T")]
    >>> to_parts(Curve(("a",), np.zeros((2, 1))))
    ({'values': array([[0.],
           [0.]])}, {'names': ['a']})
    """
    arrays: dict[str, np.ndarray] = {}
    about: dict[str, Json] = {}
    for field in _fields(type(record)):
        value = getattr(record, field.name)
        if field.inner is not None:
            arrays |= {field.prefix + name: array for name, array in _flat(value).items()}
        elif field.layout is None or field.layout.listed:
            is_null = field.null is not None and value == field.null
            about[field.name] = None if is_null else plain(value)
        elif value is not None and value.dtype.kind in "fiub":
            arrays[field.name] = value
        elif value is not None:
            about[field.name] = [str(each) for each in value]
    return arrays, about


def from_parts(kind: type[R], arrays: Arrays, about: Any, **sizes: int) -> R:
    """Make a dataclass again of what :func:`to_parts` gave of it.

    Args:
        kind: its class.
        arrays: by name.
        about: all else, JSON types.
        sizes: those of letters that are known.

    Raises:
        CoterieError: something is missing, unknown or does not fit; it is named.
    """
    return kind(**values_of(kind, arrays, about, **sizes))


def values_of(kind: type, arrays: Arrays, about: Any, **sizes: int) -> dict[str, Any]:
    """The fields of a dataclass from what :func:`to_parts` gave of it, before it is made.

    Raises:
        CoterieError: as :func:`from_parts`.
    """
    fields = _fields(kind)
    hints = {field.name: field.hint for field in fields if field.hint is not None}
    needed = [field.name for field in fields if field.needed and not _is_stored(field)]
    values = entries_of(about, hints, needed)
    own, groups = _dealt(fields, arrays)
    for field in fields:
        if (value := values.get(field.name)) is None:
            if field.null is not None and field.name in values:
                values[field.name] = field.null
        elif field.letters:
            sizes |= dict.fromkeys(field.letters, len(value))
        elif field.revive is not None:
            values[field.name] = field.revive(value)
        elif field.layout is not None:
            own[field.name] = _unlisted(field.name, field.layout, values.pop(field.name), sizes)
            if field.layout.listed:
                sizes = _bound(field.name, field.layout, own[field.name], sizes)
    layouts = {field.name: field.layout.text for field in fields if field.layout is not None}
    optional = [field.name for field in fields if not field.needed or not _is_stored(field)]
    sizes = arrays_of(own, layouts, optional=optional, sizes=sizes)
    revived = {
        field.name: _revived(field, groups[field.name], sizes) for field in fields if field.inner
    }
    return {**values, **own, **revived}


def settle(record: Any) -> None:
    """Make arrays and tuples of what users gave for them, in place, or refuse it.

    Raises:
        CoterieError: a field with a size is no list of texts, or an empty one, or one with a
            layout is no such array.
    """
    sizes: dict[str, int] = {}
    for field in _fields(type(record)):
        value = getattr(record, field.name)
        if field.letters:
            if not (value := require_texts(field.name, value)):
                raise CoterieError(f"`{field.name}` must not be empty.")
            sizes |= dict.fromkeys(field.letters, len(value))
        elif field.layout is not None and (value is not None or field.needed):
            value = array_of(field.name, value, field.layout.text, **sizes)
            sizes = _bound(field.name, field.layout, value, sizes)
        else:
            continue
        object.__setattr__(record, field.name, value)


def has_arrays(kind: type) -> bool:
    """Whether a dataclass has arrays that JSON does not hold."""
    return any(_is_stored(field) for field in _fields(kind))


def plain(value: Any) -> Any:
    """A value as JSON types, as far as it has any.

    >>> plain({"a": (1, np.float32(0.5)), "b": np.eye(1)})
    {'a': [1, 0.5], 'b': [[1.0]]}
    """
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return value.to_dict() if hasattr(value, "to_dict") else value


@lru_cache(maxsize=64)
def _fields(kind: type) -> tuple[_Field, ...]:
    """The fields that are in the file of a record."""
    hints = get_type_hints(kind, include_extras=True)
    made = (_field(field, hints[field.name]) for field in dataclasses.fields(kind))
    return tuple(field for field in made if field is not None)


def _field(field: dataclasses.Field[Any], hint: Any) -> _Field | None:
    """One field by its type, None where it is elsewhere."""
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    if ELSEWHERE in marks:
        return None
    bare = get_args(hint)[0] if marks else hint
    needed = field.default is MISSING and field.default_factory is MISSING
    made = _Field(field.name, needed, hint, prefix="" if SPREAD in marks else f"{field.name}/")
    for mark in marks:
        match mark:
            case Layout():
                return replace(made, layout=mark, hint=_listed(mark, bare))
            case Size():
                return replace(made, hint=bare, letters=tuple(mark.letters.split()))
            case As():
                return replace(made, hint=mark.hint, null=mark.null)
    is_mapping = get_origin(bare) is Mapping
    options = [option for option in get_args(bare) if option is not NoneType]
    is_optional = get_origin(bare) in (Union, UnionType) and len(options) == 1
    kind = options[-1] if is_mapping or is_optional else bare
    if hasattr(kind, "from_dict") and not is_mapping:
        objects = dict[str, Json] | None if is_optional else dict[str, Json]
        return replace(made, hint=objects, revive=kind.from_dict)
    if (is_mapping and kind is np.ndarray) or (
        isinstance(kind, type) and is_dataclass(kind) and has_arrays(kind)
    ):
        return replace(made, hint=None, inner=kind, is_mapping=is_mapping)
    return made


def _listed(layout: Layout, bare: Any) -> Any:
    """What JSON holds of an array: rows, texts or nothing."""
    kinds, *letters = layout.text.split()
    if not layout.listed:
        return list[str] if "U" in kinds else None
    hint: Any = _LISTED[kinds[0]]
    for _ in letters:
        hint = list[hint]
    return hint | None if NoneType in get_args(bare) else hint


def _is_stored(field: _Field) -> bool:
    """Whether safetensors hold it."""
    return field.inner is not None or (field.layout is not None and not field.layout.listed)


def _flat(value: Any) -> dict[str, np.ndarray]:
    """The arrays of a record, or of a mapping of arrays or records."""
    if not isinstance(value, Mapping):
        return to_parts(value)[0]
    found: dict[str, np.ndarray] = {}
    for key, each in value.items():
        if isinstance(each, np.ndarray):
            found[key] = each
        else:
            found |= {f"{key}/{name}": array for name, array in to_parts(each)[0].items()}
    return found


def _dealt(
    fields: tuple[_Field, ...], arrays: Arrays
) -> tuple[dict[str, np.ndarray], dict[str, dict[str, np.ndarray]]]:
    """Arrays of the record itself, and of each of its groups."""
    groups = [field for field in fields if field.inner is not None]
    groups.sort(key=lambda field: not field.prefix)  # who takes any name takes what is left
    own: dict[str, np.ndarray] = {}
    dealt: dict[str, dict[str, np.ndarray]] = {field.name: {} for field in groups}
    names = {field.name for field in fields if field.layout is not None}
    for name, array in arrays.items():
        group = next((each for each in groups if _is_of(name, each)), None)
        if group is None or name in names:
            own[name] = array
        else:
            dealt[group.name][name.removeprefix(group.prefix)] = array
    return own, dealt


def _is_of(name: str, group: _Field) -> bool:
    """Whether an array's name is one of a group; records in it have a key before their own names."""
    rest = name.removeprefix(group.prefix)
    keyed = group.is_mapping and group.inner is not np.ndarray
    return name.startswith(group.prefix) and (not keyed or "/" in rest)


def _revived(field: _Field, arrays: Arrays, sizes: Mapping[str, int]) -> Any:
    """A group of arrays."""
    if field.inner is np.ndarray or field.inner is None:
        return dict(arrays)
    if not field.is_mapping:
        with _inside(field.name):
            return from_parts(field.inner, arrays, {}, **sizes)
    parts: dict[str, dict[str, np.ndarray]] = {}
    for name, array in arrays.items():
        key, _, rest = name.partition("/")
        parts.setdefault(key, {})[rest] = array
    found = {}
    for key, each in parts.items():
        with _inside(key):
            found[key] = from_parts(field.inner, each, {}, **sizes)
    return found


@contextmanager
def _inside(name: str) -> Iterator[None]:
    try:
        yield
    except CoterieError as error:
        raise CoterieError(f"`{name}`: {error}") from error


def _unlisted(name: str, layout: Layout, rows: list[Any], sizes: Mapping[str, int]) -> np.ndarray:
    """The array of what JSON holds of it."""
    kinds, *letters = layout.text.split()
    if not layout.listed:
        return np.asarray(rows, dtype=str)
    dtype = _LISTED[kinds[0]]
    if len(letters) < 2:
        return np.array(rows, dtype=dtype)
    first, second = map(sizes.get, letters)
    n_columns = second if second is not None else len(rows[0]) if rows else 0
    return matrix_of(rows, (first, n_columns), name, dtype)


def _bound(
    name: str, layout: Layout, array: np.ndarray, sizes: Mapping[str, int]
) -> dict[str, int]:
    """The sizes that are known with an array."""
    return arrays_of({name: array}, {name: layout.text}, sizes=sizes)
