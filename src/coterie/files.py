"""Files that are whole or absent, and that know when they are damaged.

Everything is written beside its place, synced and renamed. What is written here carries a checksum of its own: binary files a
*seal*, a SHA-256 of all their bytes (with zeros in its own place), JSON objects the entry ``checksum`` over all other entries,
however they are laid out. Reading checks it before anything else looks at the file. A file without one, written by hand or by
an earlier version, is read as it is.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from coterie.errors import CoterieError

SEAL = "coterie-sha256:" + "0" * 64
_MARK, _DIGITS = SEAL.rstrip("0").encode(), 64
_NEAR = 4096
CHECKSUM = "checksum"
# What parsers answer garbage with: a wrong type where a table was expected, nesting too deep, a size too large.
GARBAGE = (
    SafetensorError, OSError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError,
)  # fmt: skip
_REMEDY = "Restore it, or delete it to compute it anew."


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
    """Write ``value`` as readable JSON, atomically; an object gets a checksum. NaN is not JSON: use None."""
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
    with naming_damage(path):
        text = Path(path).read_text(encoding="utf-8")
        value = json.loads(text, parse_constant=_no_constant)
        # Half of a surrogate pair is a legal escape and 1e999 a legal number, but neither could be written again.
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    if isinstance(value, dict) and (expected := value.pop(CHECKSUM, None)) is not None and expected != _checksum_of(value):
        raise CoterieError(
            f"{path} is damaged, or was edited by hand: it is not what its checksum was made of. Restore it, or remove the "
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
    with naming_damage(path):
        check_seal(path)
        with safe_open(path, framework="numpy") as file:
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            return arrays, unsealed((file.metadata() or {}).get("coterie", "null"))


def checksum(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sealed_text(about: Any) -> str:
    """JSON of ``about`` with room for the seal of the file that it goes into."""
    return json.dumps({CHECKSUM: SEAL, "about": about})


def unsealed(text: str) -> Any:
    """What :func:`sealed_text` was given; files of earlier versions hold it bare."""
    value = json.loads(text)
    return value["about"] if isinstance(value, dict) and value.keys() == {CHECKSUM, "about"} else value


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
            if start is not None and mapped[start : start + _DIGITS] != _digest(mapped, start).encode():
                raise CoterieError(f"{path} is damaged: its bytes are not those that were written. {_REMEDY}")


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
        raise CoterieError(f"{path} is damaged: {str(error).rstrip('.') or type(error).__name__}. {_REMEDY}") from error


def _seal_start(mapped: mmap.mmap) -> int | None:
    """Where the digits of the seal begin: at the beginning of safetensors, in the footer of Parquet, whose length ends it."""
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
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
