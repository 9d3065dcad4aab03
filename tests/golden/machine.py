"""Where a folder was stored: bits are only the same on one machine with one set of libraries."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import torch

_FILE = "stored-on.txt"
_LIBRARIES = ("torch", "numpy", "scipy", "scikit-learn", "pandas", "pyarrow")


def about(folder: Path) -> None:
    """Note this machine beside what was stored."""
    (folder / _FILE).write_text(json.dumps(_here(), indent=1), encoding="utf-8")


def same_machine(folder: Path) -> Iterator[str]:
    """What is other than it was when the folder was stored."""
    file = folder / _FILE
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    yield from (
        f"{name} was {old}, is {_here()[name]}"
        for name, old in before.items()
        if _here()[name] != old
    )


def _here() -> dict[str, str]:
    return {
        "processor": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
        "python": platform.python_version(),
        **{name: version(name) for name in _LIBRARIES},
    }
