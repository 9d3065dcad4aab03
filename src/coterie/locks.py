"""One process at a time writes in a folder.

The lock is the operating system's (``flock``) on a small file that names its holder. It ends with
the process, however that ends, so nothing is ever left locked; the file is removed with the lock,
and one that was left by a kill is taken over.
"""

from __future__ import annotations

import errno
import os
import platform
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from coterie.errors import CoterieError
from coterie.files import explained

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

LOCK = ".lock"
_TAKEN, _UNSUPPORTED = (errno.EAGAIN, errno.EACCES), (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
# Folder to descriptor and thread. A thread may take a lock that it has; another one, or another
# process, may not.
_held: dict[str, tuple[int, int]] = {}


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Make ``folder`` if need be, and keep others from writing in it while the block runs.

    Others are processes and threads.

    A process forked in the block does not hold the lock. A folder that was made and is still empty
    at the end is removed. Where the system has no locks (Windows, some network file systems), a
    warning says so and nobody is kept out.

    Raises:
        CoterieError: it is in use, by which process is said, or it cannot be written.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> with locked(folder), locked(folder):
    ...     [path.name for path in folder.iterdir()]
    ['.lock']
    >>> list(folder.iterdir())
    []
    """
    folder, name = Path(folder), os.path.realpath(folder)
    if _held.get(name, (0, 0))[1] == threading.get_ident():
        yield
        return
    with _no_trace(folder):
        with explained(folder, "written"):
            descriptor = _acquire(folder)
        _held[name] = (descriptor, threading.get_ident())
        try:
            yield
        finally:
            if (
                _held.get(name, (None,))[0] == descriptor
            ):  # else this is a forked child, which has nothing to let go
                del _held[name]
                _release(folder, descriptor)


@contextmanager
def _no_trace(folder: Path) -> Iterator[None]:
    """Remove the folders that the block made in order to have ``folder``, if nothing is in them."""
    with explained(folder, "written"):
        missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        yield
    finally:
        with suppress(OSError):
            for path in missing:
                path.rmdir()


def _acquire(folder: Path) -> int:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # the last holder has just removed the folder
            continue
        try:
            ours = not _lock(folder, descriptor) or _is_at(folder / LOCK, descriptor)
        except BaseException:
            os.close(descriptor)
            raise
        if not ours:  # the last holder has just removed the file: it keeps nobody out
            os.close(descriptor)
            continue
        try:
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()} {platform.node()}\n".encode())
        except BaseException:
            _release(folder, descriptor)
            raise
        return descriptor


def _lock(folder: Path, descriptor: int) -> bool:
    """Lock the open file, if the system can."""
    try:
        if fcntl is None:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _TAKEN:
            raise CoterieError(
                f"{str(folder)!r} is in use by {_holder(descriptor)}: wait for it, or stop it."
            ) from error
        if error.errno not in _UNSUPPORTED:
            raise
        warnings.warn(
            f"{folder} cannot be locked on this system: use it from one process at a time.",
            stacklevel=5,
        )
        return False
    return True


def _holder(descriptor: int) -> str:
    pid, _, host = os.read(descriptor, 300).decode(errors="replace").strip().partition(" ")
    if not pid:
        return "another process"
    if host != platform.node():
        return f"process {pid} on {host}"
    return f"another thread of this process, {pid}" if pid == str(os.getpid()) else f"process {pid}"


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _release(folder: Path, descriptor: int) -> None:
    """Remove the file while it is locked, so that nobody else's can be meant."""
    with suppress(OSError):
        if _is_at(folder / LOCK, descriptor):
            (folder / LOCK).unlink()
    os.close(descriptor)


def _let_go() -> None:
    """Close what a forked child inherits: a lock that it kept would outlive its holder."""
    for descriptor, _ in _held.values():
        os.close(descriptor)
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
