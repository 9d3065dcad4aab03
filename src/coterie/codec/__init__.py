"""Every result to a file and back, one way.

A :class:`Record` is a frozen dataclass whose fields declare how they are kept (``declared``): as
sealed safetensors with all else in the header if there are arrays, else as JSON, which can also be
written by hand. What is read is checked against the declaration (``parts``), then the class refuses
what does not fit together. Every file says what it is by a :class:`Format` (``kept``); those of the
first versions did not, and are read all the same.
"""

from coterie.codec.declared import ELSEWHERE, SPARSE, SPREAD, As, Layout, Size
from coterie.codec.kept import (
    FORMAT,
    Format,
    Reader,
    Record,
    from_dict,
    load,
    mark_table,
    name_in,
    read,
    read_plain,
    recognised,
    save,
    to_dict,
    unmark_table,
    write,
)
from coterie.codec.parts import Arrays, from_parts, plain, settle, to_parts, values_of

__all__ = [
    "ELSEWHERE",
    "FORMAT",
    "SPARSE",
    "SPREAD",
    "Arrays",
    "As",
    "Format",
    "Layout",
    "Reader",
    "Record",
    "Size",
    "from_dict",
    "from_parts",
    "load",
    "mark_table",
    "name_in",
    "plain",
    "read",
    "read_plain",
    "recognised",
    "save",
    "settle",
    "to_dict",
    "to_parts",
    "unmark_table",
    "values_of",
    "write",
]
