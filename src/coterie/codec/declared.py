"""What the types of a dataclass's fields say of how they are kept.

Arrays have a :class:`Layout`. Those that are ``listed`` are rows of numbers among the JSON. A field
may also be a record of arrays, or a mapping of arrays or of such records: their names in the file
begin with the field's. All else is JSON, checked as :func:`coterie.schema.structure` does, of the
field's own type or of another (:class:`As`); classes with ``to_dict`` and ``from_dict`` become what
these say.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, is_dataclass, replace
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Union, get_args, get_origin, get_type_hints

import numpy as np

from coterie.schema import Hint, Json

ELSEWHERE = "elsewhere"
"""In ``Annotated``: the field is not in the file of its record."""
SPARSE = "sparse"
"""In ``Annotated``: the field is left out of a file where it is None or empty."""
SPREAD = "spread"
"""In ``Annotated``: names of a mapping's arrays begin with its keys, not with the field's name."""
LISTED: dict[str, type] = {"f": float, "i": int, "b": bool}


@dataclass(frozen=True)
class Layout:
    """In ``Annotated``: kinds of numbers and letters of dimensions, such as "fi N T".

    See :func:`coterie.schema.arrays_of`.

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
    """In ``Annotated``: in files the field is of this type, and JSON's null is ``null``."""

    hint: Hint
    null: float | None = None


@dataclass(frozen=True)
class Field:
    """One field: its JSON by ``hint``, its array by ``layout``, or a group of arrays, ``inner``."""

    name: str
    needed: bool
    hint: Hint = None
    layout: Layout | None = None
    letters: tuple[str, ...] = ()
    null: float | None = None
    revive: Callable[[dict[str, Json]], object] | None = None
    inner: type | None = None
    is_mapping: bool = False
    prefix: str = ""
    is_sparse: bool = False


def has_arrays(kind: type) -> bool:
    """Whether a dataclass has arrays that JSON does not hold."""
    return any(is_stored(field) for field in declared(kind))


@lru_cache(maxsize=64)
def declared(kind: type) -> tuple[Field, ...]:
    """The fields that are in the file of a record."""
    hints = get_type_hints(kind, include_extras=True)
    made = (_field(field, hints[field.name]) for field in dataclasses.fields(kind))
    return tuple(field for field in made if field is not None)


def _field(field: dataclasses.Field[object], hint: Hint) -> Field | None:
    """One field by its type, None where it is elsewhere."""
    marks = get_args(hint)[1:] if get_origin(hint) is Annotated else ()
    if ELSEWHERE in marks:
        return None
    bare = get_args(hint)[0] if marks else hint
    needed = field.default is MISSING and field.default_factory is MISSING
    prefix = "" if SPREAD in marks else f"{field.name}/"
    made = Field(field.name, needed, hint, prefix=prefix, is_sparse=SPARSE in marks)
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


def _listed(layout: Layout, bare: Hint) -> Hint:
    """What JSON holds of an array: rows, texts or nothing."""
    kinds, *letters = layout.text.split()
    if not layout.listed:
        return list[str] if "U" in kinds else None
    hint: Hint = LISTED[kinds[0]]
    for _ in letters:
        hint = list[hint]
    return hint | None if NoneType in get_args(bare) else hint


def is_stored(field: Field) -> bool:
    """Whether safetensors hold it."""
    return field.inner is not None or (field.layout is not None and not field.layout.listed)
