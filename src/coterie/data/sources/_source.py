"""What a kind of source is, and the register of all kinds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from coterie.data.arrays import describe
from coterie.data.sources._columns import from_table
from coterie.data.sources._raw import RawData, Reading
from coterie.errors import CoterieError, shown

if TYPE_CHECKING:
    import pyarrow as pa


class Source(ABC):
    """A kind of source.

    To add one, subclass this or :class:`TableSource`, and :func:`register` one object of the class.
    """

    sentence: ClassVar[str]
    """What it is, for messages: "`source` must be ``sentence`` or ...; found ..."."""
    names_tasks: ClassVar[bool] = False
    """Whether it has no names for its targets, so that ``names`` may give them."""

    @abstractmethod
    def accepts(self, source: object) -> bool:
        """Whether ``source`` is of this kind; nothing is read, and nothing refused."""

    @abstractmethod
    def read(self, source: Any, how: Reading) -> RawData:
        """Read what was accepted, whole.

        Raises:
            CoterieError: it cannot be read, or does not fit together.
        """


class TableSource(Source):
    """A source that has columns: an Arrow table is all that it needs to give."""

    @abstractmethod
    def table(self, source: Any, how: Reading) -> pa.Table:
        """Return the columns as they are stored; what cells mean is decided for all sources alike.

        Raises:
            CoterieError: it cannot be read.
        """

    def read(self, source: Any, how: Reading) -> RawData:
        """The table, its cells understood."""
        return from_table(self.table(source, how), how)


SOURCES: list[Source] = []
"""All kinds of sources, in the order in which they are asked."""


def register(source: Source) -> Source:
    """Make a kind of source known to :func:`coterie.load`, and return it.

    It is asked before all others, so that it may claim what one of them would take.

    Raises:
        CoterieError: no kind of source.
    """
    if not isinstance(source, Source) or not isinstance(getattr(source, "sentence", None), str):
        raise CoterieError(
            "`source` must be an object of a subclass of Source with a `sentence`; found "
            f"{shown(source)}."
        )
    # A cell of a notebook may run twice.
    SOURCES[:] = [source, *(each for each in SOURCES if _origin(each) != _origin(source))]
    return source


def read_source(source: object, how: Reading | None = None) -> RawData:
    """Recognise the kind of ``source`` and read it.

    Args:
        source: see :func:`coterie.data.load`.
        how: which cells are missing, and the like.

    Raises:
        CoterieError: unknown kind of source, unreadable file, lengths that do not match.

    >>> read_source({"inputs": [[1.0], [2.0]], "targets": [0, 1]}).frame
       target
    0       0
    1       1
    """
    how = how or Reading()
    kind = next((kind for kind in SOURCES if kind.accepts(source)), None)
    if kind is None:
        *others, last = (each.sentence for each in SOURCES)
        raise CoterieError(
            f"`source` must be {', '.join(others)} or {last}; found {describe(source)}."
        )
    if how.names is not None and not kind.names_tasks:
        raise CoterieError(
            "`names` is for targets without names: the columns of `source` have theirs."
        )
    found = kind.read(source, how)
    if not len(found):
        raise CoterieError("`source` is empty: it has no rows.")
    return found


def _origin(source: Source) -> tuple[str, str]:
    return type(source).__module__, type(source).__qualname__
