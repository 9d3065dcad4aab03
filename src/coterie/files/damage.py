"""What systems and libraries say of files that cannot be read or written, as one line."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from coterie.errors import CoterieError

TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)(-\d+)?\.tmp", re.DOTALL)
# What parsers answer garbage with: a wrong type where a table was expected, nesting too deep, a
# size too large.
GARBAGE = (
    SafetensorError,
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)
REMEDY = "Restore it, or delete it to compute it anew."


@contextmanager
def explained(path: str | Path, what: str) -> Iterator[None]:
    """Turn what the system says of a file into one line that names ``path``.

    ``what`` could not be done: it could not be "read", or "written".

    >>> with explained("/proc/none", "read"):
    ...     open("/proc/none")
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: '/proc/none' cannot be read: No such file or directory.
    """
    if "\0" in str(path):
        raise CoterieError(
            f"{str(path)!r} cannot be {what}: no file's name holds a null character."
        )
    try:
        yield
    except (OSError, SafetensorError) as error:
        code = error.errno if isinstance(error, OSError) else _code(error)
        if code is None and isinstance(error, SafetensorError):
            raise
        # The libraries' own texts are long, and name their temporaries.
        reason = os.strerror(code) if code else " ".join(str(error).split()).rstrip(".")
        raise CoterieError(
            f"{str(path)!r} cannot be {what}: {reason}{_elsewhere(error, path)}."
        ) from error


def _elsewhere(error: Exception, path: str | Path) -> str:
    """The file at fault where it is another one, such as a parent that is no folder."""
    name = getattr(error, "filename", None)
    named = Path(os.fsdecode(name)) if isinstance(name, str | bytes) else Path(path)
    return "" if named == Path(path) or is_temporary(named) else f" ({named})"


def _code(error: Exception) -> int | None:
    """Number of the system's error that safetensors tells as text."""
    found = re.search(r"\(os error (\d+)\)", str(error))
    return int(found[1]) if found else None


def is_temporary(path: Path) -> bool:
    """Whether ``path`` is one that :func:`atomic` makes, or lies in one.

    >>> is_temporary(Path("run/.scores.parquet.17-0.tmp/file")), is_temporary(Path("a.parquet"))
    (True, False)
    """
    return any(TEMPORARY.fullmatch(part) for part in path.parts)


@contextmanager
def naming_damage(path: str | Path) -> Iterator[None]:
    """Turn what libraries raise on an unreadable or damaged file into an error that names it."""
    try:
        yield
    except CoterieError:
        raise
    except GARBAGE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise CoterieError(f"{path} cannot be read: {error.strerror}.") from error
        raise CoterieError(
            f"{path} is damaged: {str(error).rstrip('.') or type(error).__name__}. {REMEDY}"
        ) from error
