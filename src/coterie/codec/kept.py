"""Files of records, each of which says what it is."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar

from coterie.codec.declared import has_arrays
from coterie.codec.parts import Arrays, from_parts, to_parts
from coterie.errors import CoterieError, shown
from coterie.files import naming_damage, path_of, read_arrays, read_json, write_arrays, write_json
from coterie.schema import Json, within

if TYPE_CHECKING:
    import pyarrow as pa

R = TypeVar("R", bound="Record")
Reader = Callable[[Path], tuple[Arrays, Json]]
FORMAT = "format"


@dataclass(frozen=True)
class Format:
    """What a file says of itself, such as "coterie data map 1"; ``earlier`` texts say the same."""

    name: str
    version: int = 1
    earlier: tuple[str, ...] = ()

    @property
    def tag(self) -> str:
        """The text in the file."""
        return f"coterie {self.name} {self.version}"

    def marked(self, about: Mapping[str, Json]) -> dict[str, Json]:
        """What a file is to say, with what it is in front."""
        return {FORMAT: self.tag, **about}

    def unmarked(self, about: Json, path: object) -> Json:
        """What :meth:`marked` was given, or a file without a mark says.

        Raises:
            CoterieError: it is of another type, or of a later version, or not ours.

        >>> Format("grouping").unmarked({"format": "coterie data map 1"}, "map.json")
        Traceback (most recent call last):
        ...
        coterie.errors.CoterieError: map.json holds a data map, not a grouping.
        """
        if about is None:
            raise CoterieError(f"{path} is not a valid {self.name}: coterie did not write it.")
        if not isinstance(about, dict) or FORMAT not in about:
            return about
        if about[FORMAT] not in (self.tag, *self.earlier):
            self._refuse(about[FORMAT], path)
        return {name: value for name, value in about.items() if name != FORMAT}

    def _refuse(self, tag: object, path: object) -> None:
        parts = re.fullmatch(r"coterie (.+) (\d{1,9})", tag) if isinstance(tag, str) else None
        if parts is None:
            raise CoterieError(
                f"{path} is not a valid {self.name}: `{FORMAT}` must be {self.tag!r}; found "
                f"{shown(tag)}."
            )
        if parts[1] != self.name:
            raise CoterieError(f"{path} holds {_one(parts[1])}, not {_one(self.name)}.")
        raise CoterieError(
            f"{path} holds {_one(self.name)} in version {parts[2]} of its format; this version of "
            f"coterie reads version {self.version}."
        )


class Record:
    """A frozen dataclass that is kept in a file.

    >>> import tempfile
    >>> @dataclass(frozen=True)
    ... class Pair(Record, format="pair"):
    ...     names: tuple[str, str]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Pair(("a", "b")).save(f"{folder}/pair.json")
    ...     print(Path(f"{folder}/pair.json").read_text()[:28])
    ...     Pair.load(f"{folder}/pair.json")
    {
     "format": "coterie pair 1
    Pair(names=('a', 'b'))
    """

    format: ClassVar[Format]

    def __init_subclass__(cls, *, format: str | Format | None = None) -> None:  # noqa: A002
        if format is not None:
            cls.format = Format(format) if isinstance(format, str) else format

    def save(self, path: str | Path) -> None:
        """Write it as one file."""
        save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what :meth:`save` wrote; JSON may also be written by hand, without a checksum.

        Raises:
            CoterieError: the file is damaged, or holds something else.
        """
        return load(cls, path)


def save(record: Record, path: str | Path) -> None:
    """Write a record as one file."""
    arrays, about = to_parts(record)
    write(path, record.format, about, arrays if has_arrays(type(record)) else None)


def load(kind: type[R], path: str | Path, *, reader: Reader = read_arrays, **sizes: int) -> R:
    """Read a record from its file.

    Args:
        kind: its class.
        path: the file.
        reader: of a file of arrays.
        sizes: those of letters that are known.

    Raises:
        CoterieError: the file is damaged, of another type or of a later version.
    """
    arrays, about = read(path, kind.format, reader if has_arrays(kind) else read_plain)
    with within(path, kind.format.name):
        return from_parts(kind, arrays, about, **sizes)


def write(
    path: str | Path, kind: Format, about: Mapping[str, Json], arrays: Arrays | None = None
) -> None:
    """Write arrays with what there is to say of them, and of what kind all is."""
    if arrays is None:
        write_json(path, kind.marked(about))
    else:
        write_arrays(path, arrays, kind.marked(about))


def read(path: str | Path, kind: Format, reader: Reader) -> tuple[Arrays, Json]:
    """Read what :func:`write` wrote: arrays, none of a file of JSON, and all else.

    Raises:
        CoterieError: as :func:`load`.
    """
    path = path_of(path)
    with recognised(path, kind):
        arrays, about = reader(path)
    return arrays, kind.unmarked(about, path)


@contextmanager
def recognised(path: Path, kind: Format) -> Iterator[None]:
    """Say of a file that cannot be read what it is, if that is of another kind."""
    try:
        yield
    except CoterieError:
        kind.unmarked(_mark_in(path), path)
        raise


def read_plain(path: Path) -> tuple[Arrays, Json]:
    """No arrays, and what a file of JSON holds."""
    return {}, read_json(path)


def mark_table(table: pa.Table, kind: Format, about: Mapping[str, Json]) -> pa.Table:
    """A table that says what it is, and ``about``, when it is written as Parquet."""
    return table.replace_schema_metadata({"coterie": json.dumps(kind.marked(about))})


def unmark_table(table: pa.Table, kind: Format, path: str | Path) -> tuple[pa.Table, Json]:
    """What :func:`mark_table` was given; an empty ``about`` if nothing was.

    Raises:
        CoterieError: the table is of another type, or of a later version.
    """
    with naming_damage(path):
        about = json.loads((table.schema.metadata or {}).get(b"coterie", b"{}"))
    return table.replace_schema_metadata(None), kind.unmarked(about, path)


def to_dict(record: Record) -> dict[str, Json]:
    """A record as plain JSON types."""
    return to_parts(record)[1]


def from_dict(kind: type[R], saved: Json) -> R:
    """Rebuild what :func:`to_dict` gave.

    Raises:
        CoterieError: a field is missing, unknown or wrong, or they do not fit together; it is
            named.
    """
    return from_parts(kind, {}, kind.format.unmarked(saved, "`saved`"))


def name_in(path: str | Path) -> str | None:
    """The name of the format that a file says it has, None if there is none to be told."""
    tag = _mark_in(path_of(path)).get(FORMAT)
    return tag.removeprefix("coterie ").rsplit(" ", 1)[0] if isinstance(tag, str) else None


def _mark_in(path: Path) -> dict[str, Json]:
    """What a file of whichever sort says it is, if it can be told."""
    from pyarrow import parquet

    with suppress(Exception):  # whatever is in there: the file was refused already
        with path.open("rb") as file:
            head = file.read(9)
        if head.startswith(b"PAR1"):
            metadata = parquet.read_schema(path).metadata or {}
            about = json.loads(metadata.get(b"coterie", b"{}"))
        else:
            about = read_arrays(path)[1] if head[8:] == b"{" else read_json(path)
        return {FORMAT: about[FORMAT]}
    return {}


def _one(name: str) -> str:
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}"
