"""Files that are whole or absent: everything is written beside its place, synced and renamed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from coterie.errors import CoterieError


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
