"""What stands in the manifest of a run: its settings, where it ran, and its finished stages."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypedDict

from coterie.errors import CoterieError
from coterie.files import read_json
from coterie.schema import structure, within

MANIFEST, FORMAT = "manifest.json", "coterie run 1"
# JSON: whoever wrote it knows what it means.
Facts = dict[str, Any]
_PACKAGES = (
    "coterie",
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "lightning",
    "pyarrow",
    "safetensors",
)
_SHOWN_DIFFERENCES = 5


class Stage(TypedDict):
    """A finished stage: checksums of its files, and facts."""

    files: dict[str, str]
    about: Facts


class Manifest(TypedDict):
    """The whole of it."""

    format: str
    created: str
    config: Facts
    fingerprint: str
    environments: list[Facts]
    stages: dict[str, Stage]


def read_manifest(folder: Path) -> Manifest:
    """The manifest in ``folder``.

    Raises:
        CoterieError: it is damaged, or was not written by us.
    """
    manifest = read_json(folder / MANIFEST)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CoterieError(
            f"{str(folder)!r} is not a run directory: its {MANIFEST} was not written by coterie."
        )
    with within(folder / MANIFEST, "manifest of a run"):
        found = structure(manifest, Manifest)
        for stage, entry in found["stages"].items():
            for name in entry["files"]:
                if Path(name).is_absolute() or ".." in Path(name).parts:
                    raise CoterieError(
                        f"`stages.{stage}.files` must name files of the run; found {name!r}."
                    )
    return found


def environment() -> Facts:
    """Versions and platform, as kept in the manifest.

    >>> sorted(environment())
    ['machine', 'python', 'system', 'versions']
    """
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "machine": platform.machine(),
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def differences(old: Facts, new: Facts) -> str:
    """Where two settings differ, in words; nothing where they agree.

    >>> differences({"lr": 0.1, "data": {"limit": 3}}, {"lr": 0.1, "data": {"limit": None}})
    'data.limit was 3, now null'
    """
    found = list(_differences(old, new))
    more = len(found) - _SHOWN_DIFFERENCES
    return "; ".join(found[:_SHOWN_DIFFERENCES]) + (f"; and {more} more" if more > 0 else "")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _differences(old: object, new: object, name: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(old.get(key), new.get(key), f"{name}.{key}" if name else key)
    elif old != new:
        yield f"{name} was {json.dumps(old)}, now {json.dumps(new)}"
