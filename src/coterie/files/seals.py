"""Binary files that know when they are damaged: a SHA-256 of all their bytes lies in them."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
from pathlib import Path
from typing import Any

from coterie.errors import CoterieError
from coterie.files.damage import REMEDY, explained

SEAL = "coterie-sha256:" + "0" * 64
_MARK, _DIGITS = SEAL.rstrip("0").encode(), 64
_NEAR = 4096
CHECKSUM = "checksum"


def checksum(path: str | Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with explained(path, "read"), Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sealed_text(about: object) -> str:
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
            raise CoterieError(f"{path} is damaged: it is empty. {REMEDY}")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            start = _seal_start(mapped)
            if (
                start is not None
                and mapped[start : start + _DIGITS] != _digest(mapped, start).encode()
            ):
                raise CoterieError(
                    f"{path} is damaged: its bytes are not those that were written. {REMEDY}"
                )


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
