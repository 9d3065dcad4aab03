"""Files that are whole or absent: everything is written beside its place, synced and renamed."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from coterie.errors import CoterieError

_NOT_REGULAR = {
    stat.S_IFDIR: "a directory",
    stat.S_IFIFO: "a named pipe (FIFO)",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def regular_file(path: str | Path, argument: str) -> Path:
    """Return the path of a file that can be read; anything else is refused before it is opened, since that might wait for ever.

    Args:
        path: what a user, or a file of theirs, names.
        argument: who names it: the beginning of the message.

    Raises:
        CoterieError: it is no path, or there is nothing, or a directory, pipe, socket, device, an empty or unreadable file.

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
        raise CoterieError(f"{argument} must name a file with something in it; {str(path)!r} is empty.")
    if not os.access(path, os.R_OK):
        raise CoterieError(f"{argument} must name a file; {str(path)!r} may not be read (permission denied).")
    return Path(path)


def _absence(path: str, error: OSError | ValueError) -> str:
    if "://" in path:
        return f"{path!r} is a URL: download it first"
    if isinstance(error, FileNotFoundError):
        return f"there is no file {path!r}"
    return f"{path!r} cannot be read ({(error.strerror if isinstance(error, OSError) else None) or error})"


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path; when the block ends without error it becomes ``path``, synced to disk."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        # Some writers make files that only their owner can read; results are shared like any other file.
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as readable JSON, atomically. NaN is not JSON: use None."""
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read JSON; a damaged file is named."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CoterieError(f"{path} is damaged: not JSON ({error}). Delete it to compute it anew.") from error


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], about: Any = None) -> None:
    """Write named arrays as safetensors with ``about`` (JSON types) in the header, atomically."""
    with atomic(path) as temporary:
        contiguous = {name: np.require(array, requirements="C") for name, array in arrays.items()}
        save_file(contiguous, temporary, metadata={"coterie": json.dumps(about)})


def read_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], Any]:
    """Read what :func:`write_arrays` wrote; a damaged file is named."""
    try:
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, json.loads((file.metadata() or {}).get("coterie", "null"))
    except (SafetensorError, json.JSONDecodeError) as error:
        raise CoterieError(f"{path} is damaged: {error}. Delete it to compute it anew.") from error


def checksum(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
