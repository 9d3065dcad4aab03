"""Files that are whole or absent, and that know when they are damaged.

Everything is written beside its place, synced and renamed. What is written here carries a checksum
of its own: binary files a *seal*, a SHA-256 of all their bytes (with zeros in its own place), JSON
objects the entry ``checksum`` over all other entries, however they are laid out. Reading checks it
before anything else looks at the file. A file without one, written by hand or by an earlier
version, is read as it is.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import json
import mmap
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from coterie.errors import CoterieError, shown

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
    return f"{path!r} cannot be read ({(error.strerror if isinstance(error, OSError) else None) or error})"


def path_of(value: Any, name: str = "path") -> Path:
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


_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)(-\d+)?\.tmp", re.DOTALL)
_LONGEST_NAME = 200
_numbers = itertools.count()
_in_use: set[Path] = set()

SEAL = "coterie-sha256:" + "0" * 64
_MARK, _DIGITS = SEAL.rstrip("0").encode(), 64
_NEAR = 4096
CHECKSUM = "checksum"
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
_REMEDY = "Restore it, or delete it to compute it anew."


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


@contextmanager
def explained(path: str | Path, what: str) -> Iterator[None]:
    """Turn what the system says of a file that cannot be ``what`` (read, written) into one line that names ``path``.

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
        found = [path for path in folder.rglob(".*.tmp") if _TEMPORARY.fullmatch(path.name)]
        return [path for path in found if path not in _in_use]
    matches = ((entry, _TEMPORARY.fullmatch(entry.name)) for entry in folder.iterdir())
    return [
        path
        for path, match in matches
        if match
        and match["name"] == _short(name)
        and path not in _in_use
        and not _lives(int(match["pid"]))
    ]


def is_temporary(path: Path) -> bool:
    """Whether ``path`` is one that :func:`atomic` makes, or lies in one.

    >>> is_temporary(Path("run/.scores.parquet.17-0.tmp/file")), is_temporary(Path("run/scores.parquet"))
    (True, False)
    """
    return any(_TEMPORARY.fullmatch(part) for part in path.parts)


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


def allocate(file: BinaryIO, size: int) -> None:
    """Give ``file`` its ``size`` in bytes, the space being there.

    Who writes to a map of a hole on a full disk is killed.
    """
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, max(size, 1))
        except OSError as error:
            # Not all file systems can.
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                raise
    file.truncate(size)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_json(path: str | Path, value: Any) -> None:
    """Write ``value`` as readable JSON, atomically; an object gets a checksum. NaN is not JSON.

    Use None.
    """
    if isinstance(value, Mapping):
        value = json.loads(json.dumps(value, allow_nan=False))
        value[CHECKSUM] = _checksum_of(value)
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> Any:
    """Read JSON, an object without its checksum; a damaged file is named.

    Raises:
        CoterieError: the file cannot be read, is not JSON, or is not what its checksum was made of.
    """
    path = path_of(path)
    with naming_damage(path), explained(path, "read"):
        text = path.read_text(encoding="utf-8")
        value = json.loads(text, parse_constant=_no_constant)
        # Half of a surrogate pair is a legal escape and 1e999 a legal number, but neither could be
        # written again.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    if (
        isinstance(value, dict)
        and (expected := value.pop(CHECKSUM, None)) is not None
        and expected != _checksum_of(value)
    ):
        raise CoterieError(
            f"{path} is damaged, or was edited by hand: it is not what its checksum was made of. "
            "Restore it, or remove the "
            f"entry {CHECKSUM!r} to use it as it is."
        )
    return value


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], about: Any = None) -> None:
    """Write named arrays as sealed safetensors with ``about`` (JSON types) in the header, atomically."""
    with atomic(path) as temporary:
        contiguous = {name: np.require(array, requirements="C") for name, array in arrays.items()}
        save_file(contiguous, temporary, metadata={"coterie": sealed_text(about)})
        seal(temporary)


def read_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], Any]:
    """Read what :func:`write_arrays` wrote.

    Raises:
        CoterieError: the file cannot be read or is damaged; it is named.
    """
    path = path_of(path)
    with naming_damage(path), explained(path, "read"):
        check_seal(path)
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, unsealed((file.metadata() or {}).get("coterie", "null"))


def checksum(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with explained(path, "read"), Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sealed_text(about: Any) -> str:
    """JSON of ``about`` with room for the seal of the file that it goes into."""
    return json.dumps({CHECKSUM: SEAL, "about": about})


def unsealed(text: str) -> Any:
    """What :func:`sealed_text` was given; files of earlier versions hold it bare."""
    value = json.loads(text)
    return (
        value["about"] if isinstance(value, dict) and value.keys() == {CHECKSUM, "about"} else value
    )


def seal(path: str | Path) -> None:
    """Put the SHA-256 of a file that holds :data:`SEAL` in the place of its zeros.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "file"
    ...     _ = path.write_text(f"begins {SEAL} ends")
    ...     seal(path)
    ...     check_seal(path)
    ...     _ = path.write_bytes(path.read_bytes().replace(b"ends", b"endz"))
    ...     check_seal(path)
    Traceback (most recent call last):
    coterie.errors.CoterieError: ...file is damaged: its bytes are not those that were written. ...
    """
    with Path(path).open("rb+") as file, mmap.mmap(file.fileno(), 0) as mapped:
        start = _seal_start(mapped)
        if start is None:
            raise RuntimeError(f"{path} has no room for a seal.")
        mapped[start : start + _DIGITS] = _digest(mapped, start).encode()


def check_seal(path: str | Path) -> None:
    """Refuse a sealed file of which a bit has changed; it is read once, a piece at a time.

    Raises:
        CoterieError: the file is damaged.
    """
    with Path(path).open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise CoterieError(f"{path} is damaged: it is empty. {_REMEDY}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            start = _seal_start(mapped)
            if (
                start is not None
                and mapped[start : start + _DIGITS] != _digest(mapped, start).encode()
            ):
                raise CoterieError(
                    f"{path} is damaged: its bytes are not those that were written. {_REMEDY}"
                )


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
            f"{path} is damaged: {str(error).rstrip('.') or type(error).__name__}. {_REMEDY}"
        ) from error


def _seal_start(mapped: mmap.mmap) -> int | None:
    """Where the digits of the seal begin.

    At the beginning of safetensors, in the footer of Parquet, whose length ends it.
    """
    footer = int.from_bytes(mapped[-8:-4], "little") + 8
    at = mapped.find(_MARK, 0, _NEAR)
    at = mapped.rfind(_MARK, max(0, len(mapped) - footer)) if at < 0 else at
    return None if at < 0 else at + len(_MARK)


def _digest(mapped: mmap.mmap, start: int) -> str:
    found = hashlib.sha256()
    with memoryview(mapped) as view:
        for part in (view[:start], b"0" * _DIGITS, view[start + _DIGITS :]):
            found.update(part)
            if isinstance(part, memoryview):
                part.release()
    return found.hexdigest()


def _checksum_of(value: Mapping[str, Any]) -> str:
    """SHA-256 of a JSON object, whatever the order of its entries and its white space."""
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
