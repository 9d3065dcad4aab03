"""Files that are whole or absent: written beside their place, synced and renamed."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from coterie.errors import CoterieError
from coterie.files.damage import TEMPORARY, explained
from coterie.files.paths import path_of

_LONGEST_NAME = 200
_numbers = itertools.count()
_in_use: set[Path] = set()


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path.

    When the block ends without error it becomes ``path``, synced to disk.

    It lies in a folder of its own beside ``path``, because some writers make temporaries
    themselves. What processes that were killed left there of the same file is removed.

    Raises:
        CoterieError: the disk is full, read-only, ...; it names ``path``, at which everything is as
            it was.
    """
    path = path_of(path)
    if (
        path in _in_use
    ):  # a block within a block: the outer one decides when the file takes its place
        yield path
        return
    if not path.name:
        raise CoterieError(f"{str(path)!r} cannot be written: it names no file.")
    folder = path.with_name(f".{_short(path.name)}.{os.getpid()}-{next(_numbers)}.tmp")
    temporary = folder / "file"
    _in_use.update((folder, temporary))
    try:
        with explained(path, "written"):
            path.parent.mkdir(parents=True, exist_ok=True)
            for stray in temporaries(path.parent, path.name):
                remove(stray)
            folder.mkdir()
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            # Some writers make files that only their owner can read; results are shared like any
            # other file.
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
            sync_folder(path.parent)
    finally:
        remove(folder)
        _in_use.difference_update((folder, temporary))


def _short(name: str) -> str:
    """The name, or of one that leaves no room for more a digest."""
    return (
        name
        if len(os.fsencode(name)) <= _LONGEST_NAME
        else hashlib.sha256(os.fsencode(name)).hexdigest()
    )


def temporaries(folder: Path, name: str | None = None) -> list[Path]:
    """What :func:`atomic` left of the file ``name`` in ``folder`` when its process was killed.

    Without ``name`` it is all that is there and below, whether or not its process lives: only for
    who holds the folder's lock.
    """
    if name is None:
        found = [path for path in folder.rglob(".*.tmp") if TEMPORARY.fullmatch(path.name)]
        return [path for path in found if path not in _in_use]
    matches = ((entry, TEMPORARY.fullmatch(entry.name)) for entry in folder.iterdir())
    return [
        path
        for path, match in matches
        if match
        and match["name"] == _short(name)
        and path not in _in_use
        and not _lives(int(match["pid"]))
    ]


def _lives(pid: int) -> bool:
    """Whether another process has this number.

    One of ours that is not in use was left by a process that had our number.
    """
    if pid == os.getpid():
        return False
    if os.name == "nt":  # where signal 0 is Ctrl-C
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OverflowError:
        return False
    except PermissionError:
        return True
    return True


def remove(path: Path) -> None:
    """Remove a file or a folder as far as that is possible, which is no condition for anything."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError, ValueError):
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make renamed files survive a loss of power."""
    if os.name == "nt":  # where folders cannot be opened
        return
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
