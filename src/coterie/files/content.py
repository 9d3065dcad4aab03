"""JSON and arrays, in files that are whole and know when they are damaged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from coterie.errors import CoterieError
from coterie.files.damage import explained, naming_damage
from coterie.files.paths import path_of
from coterie.files.seals import CHECKSUM, check_seal, seal, sealed_text, unsealed
from coterie.files.whole import atomic


def write_json(path: str | Path, value: object) -> None:
    """Write ``value`` as readable JSON, atomically; an object gets a checksum. NaN is not JSON.

    Use None.
    """
    if isinstance(value, Mapping):
        plain = json.loads(json.dumps(value, allow_nan=False))
        value = {**plain, CHECKSUM: _checksum_of(plain)}
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
            f"Restore it, or remove the entry {CHECKSUM!r} to use it as it is."
        )
    return value


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], about: object = None) -> None:
    """Write named arrays as sealed safetensors, atomically, ``about`` in the header as JSON."""
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


def _checksum_of(value: Mapping[str, object]) -> str:
    """SHA-256 of a JSON object, whatever the order of its entries and its white space."""
    return hashlib.sha256(
        json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    ).hexdigest()


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")
