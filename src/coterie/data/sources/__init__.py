"""Where data come from: a kind of source is one file, and all end as the same :class:`RawData`.

A :class:`Source` says what it accepts and reads it; the rest of the library knows none by name. One
that has columns is a :class:`TableSource`, which gives an Arrow table and leaves to the house what
cells mean (:mod:`coterie.data.cells`); it may then be a part of a source of parts, too. A source of
your own is a subclass of either, of which :func:`register` makes an object known.
"""

from coterie.data.sources._raw import RawData, Reading
from coterie.data.sources._source import SOURCES, Source, TableSource, read_source, register
from coterie.data.sources.arrays import Arrays
from coterie.data.sources.digits import Digits
from coterie.data.sources.files import Files
from coterie.data.sources.frames import Frame
from coterie.data.sources.hub import HubDataset
from coterie.data.sources.pairs import Pairs
from coterie.data.sources.parts import Parts
from coterie.data.sources.tables import ArrowTable

# They are asked in this order, and named in it where none accepts.
SOURCES += [
    Digits(),
    Files(),
    Frame(),
    ArrowTable(),
    HubDataset(),
    Parts(),
    Arrays(),
    Pairs(),
]

__all__ = ["SOURCES", "RawData", "Reading", "Source", "TableSource", "read_source", "register"]
