"""Paths that users name: whether there is a file to be read, or a place to write one."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from coterie.errors import CoterieError, shown
from coterie.files.damage import explained

_NOT_REGULAR = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def regular_file(path: str | Path, argument: str) -> Path:
    """Return the path of a file that can be read.

    Anything else is refused before it is opened, since that might wait for ever.

    Args:
        path: what a user, or a file of theirs, names.
        argument: who names it: the beginning of the message.

    Raises:
        CoterieError: it is no path, or there is nothing, or a directory, pipe, socket, device, an
            empty or unreadable file.

    >>> regular_file("/dev/null", "`source`")
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `source` must name a file; '/dev/null' is a device.
    """
    if not isinstance(path, (str, Path)):
        raise CoterieError(f"{argument} must name a file; found {type(path).__name__}.")
    try:
        found = Path(path).stat()
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise CoterieError(f"{argument} must name a file; {_absence(str(path), error)}.") from error
    if not stat.S_ISREG(found.st_mode):
        sort = _NOT_REGULAR.get(stat.S_IFMT(found.st_mode), "no regular file")
        raise CoterieError(f"{argument} must name a file; {str(path)!r} is {sort}.")
    if found.st_size == 0:  # files that the system makes up as they are read (/proc) say so, too
        raise CoterieError(
            f"{argument} must name a file with something in it; {str(path)!r} is empty."
        )
    if not os.access(path, os.R_OK):
        raise CoterieError(
            f"{argument} must name a file; {str(path)!r} may not be read (permission denied)."
        )
    return Path(path)


def _absence(path: str, error: OSError | ValueError) -> str:
    if "://" in path:
        return f"{path!r} is a URL: download it first"
    if isinstance(error, FileNotFoundError):
        return f"there is no file {path!r}"
    reason = error.strerror if isinstance(error, OSError) else None
    return f"{path!r} cannot be read ({reason or error})"


def path_of(value: object, name: str = "path") -> Path:
    """What a user gave as a path.

    Raises:
        CoterieError: it is none.

    >>> path_of(3, "folder")
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: `folder` must be a path; found 3.
    """
    if not isinstance(value, str | os.PathLike) or not isinstance(os.fspath(value), str):
        raise CoterieError(f"`{name}` must be a path; found {shown(value)}.")
    return Path(value)


def check_target(path: str | Path) -> None:
    """Refuse a ``path`` where no file can be written, before there is something to write.

    Nothing is made.

    Raises:
        CoterieError: it is a folder, is below a file, or its folder is read-only.

    >>> check_target(Path.cwd())
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: ... cannot be written: Is a directory.
    """
    path = path_of(path)
    with explained(path, "written"):
        if path.is_dir():
            raise OSError(errno.EISDIR, "")
        check_writable(path.parent)


def check_writable(folder: Path) -> None:
    """Refuse a folder that cannot be made or written.

    Raises:
        OSError: says why.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise OSError(errno.ENOTDIR, "", str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        read_only = hasattr(os, "statvfs") and os.statvfs(there).f_flag & os.ST_RDONLY
        raise OSError(errno.EROFS if read_only else errno.EACCES, "")
