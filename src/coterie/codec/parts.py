"""Dataclasses to arrays with names and JSON, and back, by what their fields declare.

What has a default may be missing, for earlier versions did not know it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np

from coterie.codec.declared import LISTED, Field, Layout, declared, is_stored
from coterie.errors import CoterieError, require_texts
from coterie.schema import Json, array_of, arrays_of, entries_of, matrix_of

R = TypeVar("R")
Arrays = Mapping[str, np.ndarray]


def to_parts(record: object) -> tuple[dict[str, np.ndarray], dict[str, Json]]:
    """Arrays of a dataclass by their names in a file, and all else as JSON types.

    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True)
    ... class Pair:
    ...     names: tuple[str, str]
    >>> to_parts(Pair(("a", "b")))
    ({}, {'names': ['a', 'b']})
    """
    arrays: dict[str, np.ndarray] = {}
    about: dict[str, Json] = {}
    for field in declared(type(record)):
        value = getattr(record, field.name)
        if field.is_sparse and (value is None or not len(value)):
            continue
        if field.inner is not None:
            arrays |= {field.prefix + name: array for name, array in _flat(value).items()}
        elif field.layout is not None and field.layout.listed:
            about[field.name] = None if value is None else value.tolist()
        elif field.layout is None:
            is_null = field.null is not None and value == field.null
            about[field.name] = None if is_null else plain(value)
        elif value is not None and value.dtype.kind in "fiub":
            arrays[field.name] = value
        elif value is not None:
            about[field.name] = [str(each) for each in value]
    return arrays, about


def from_parts(kind: type[R], arrays: Arrays, about: Json, **sizes: int) -> R:
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


def values_of(kind: type, arrays: Arrays, about: Json, **sizes: int) -> dict[str, Any]:
    """The fields of a dataclass from what :func:`to_parts` gave of it, before it is made.

    Raises:
        CoterieError: as :func:`from_parts`.
    """
    fields = declared(kind)
    hints = {field.name: field.hint for field in fields if field.hint is not None}
    needed = [field.name for field in fields if field.needed and not is_stored(field)]
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
    optional = [field.name for field in fields if not field.needed or not is_stored(field)]
    sizes = arrays_of(own, layouts, optional=optional, sizes=sizes)
    revived = {
        field.name: _revived(field, groups[field.name], sizes) for field in fields if field.inner
    }
    return {**values, **own, **revived}


def settle(record: object) -> None:
    """Make arrays and tuples of what users gave for them, in place, or refuse it.

    Raises:
        CoterieError: a field with a size is no list of texts, or an empty one, or one with a
            layout is no such array.
    """
    sizes: dict[str, int] = {}
    for field in declared(type(record)):
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


def plain(value: object) -> Json:
    """A value as JSON types, as far as it has any.

    What has none is for whoever writes it to refuse.

    >>> plain({"a": (1, 0.5), "b": ({},)})
    {'a': [1, 0.5], 'b': [{}]}
    """
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if hasattr(value, "to_dict"):
        return value.to_dict()  # type: ignore[attr-defined]
    if dataclasses.is_dataclass(value):
        return {each.name: plain(getattr(value, each.name)) for each in dataclasses.fields(value)}
    return value  # type: ignore[return-value]


def _flat(value: object) -> dict[str, np.ndarray]:
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
    fields: tuple[Field, ...], arrays: Arrays
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


def _is_of(name: str, group: Field) -> bool:
    """Whether an array's name is one of a group; in records a key stands before their names."""
    rest = name.removeprefix(group.prefix)
    keyed = group.is_mapping and group.inner is not np.ndarray
    return name.startswith(group.prefix) and (not keyed or "/" in rest)


def _revived(field: Field, arrays: Arrays, sizes: Mapping[str, int]) -> object:
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


def _unlisted(
    name: str, layout: Layout, rows: list[list[object]], sizes: Mapping[str, int]
) -> np.ndarray:
    """The array of what JSON holds of it."""
    kinds, *letters = layout.text.split()
    if not layout.listed:
        return np.asarray(rows, dtype=str)
    dtype = LISTED[kinds[0]]
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
