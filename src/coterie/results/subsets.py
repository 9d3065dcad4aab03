r"""Subsets of tasks as text: names joined by +, whatever is in the names.

What is written can be read back: a + or a backslash within a name stands behind a backslash. What
others wrote, such as a published table, has names as they are, and is understood by the names that
are known.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

SEPARATOR = "+"
_MARKED = re.compile(r"\\(.)", re.DOTALL)
_NAME = re.compile(r"(?:\\.|[^+\\]|\\$)*", re.DOTALL)


def join(names: Iterable[str]) -> str:
    r"""Names as one text.

    >>> print(join(["C++", "a"]))
    C\+\++a
    """
    return SEPARATOR.join(map(_marked, names))


def split(text: str) -> tuple[str, ...]:
    r"""The names that :func:`join` made a text of.

    >>> split(r"C\+\++a"), split("a+b"), split("")
    (('C++', 'a'), ('a', 'b'), ('',))
    """
    names, start = [], 0
    while start <= len(text):
        piece = _NAME.match(text, start)[0]  # type: ignore[index], which matches nothing at least
        names.append(_MARKED.sub(r"\1", piece))
        start += len(piece) + len(SEPARATOR)
    return tuple(names)


def readings(text: str, known: Iterable[str], *, size: int | None = None) -> list[frozenset[str]]:
    r"""Every set of known names that, joined by +, gives a text; two are enough.

    Each name is as it is or as :func:`join` writes it.

    With ``size``, only sets of so many names.

    >>> readings("C+++a", ["a", "C++"]) == readings(r"C\+\++a", ["a", "C++"]) == [{"a", "C++"}]
    True
    >>> len(readings("a+b", ["a", "b", "a+b"])), readings("a+a", ["a"])
    (2, [])
    """
    meant: dict[str, set[str]] = {}
    for name in known:
        for spelling in {name, _marked(name)}:
            meant.setdefault(spelling, set()).add(name)
    longest = max((spelling.count(SEPARATOR) for spelling in meant), default=0)
    pieces = text.split(SEPARATOR)
    found: list[frozenset[str]] = []
    ahead: list[tuple[int, frozenset[str]]] = [(0, frozenset())]
    while ahead and len(found) < 2:
        start, used = ahead.pop()
        for stop in range(start + 1, min(start + longest + 1, len(pieces)) + 1):
            for name in meant.get(SEPARATOR.join(pieces[start:stop]), set()) - used:
                grown = used | {name}
                if stop < len(pieces):
                    ahead.append((stop, grown))
                elif size in (None, len(grown)) and grown not in found:
                    found.append(grown)
    return found


def _marked(name: str) -> str:
    return name.replace("\\", "\\\\").replace(SEPARATOR, "\\" + SEPARATOR)
