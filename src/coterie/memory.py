"""How much memory there is, so that too large a wish is refused before it is tried."""

from __future__ import annotations

import os
from pathlib import Path

from coterie.errors import CoterieError

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def available_memory() -> int:
    """Bytes of memory that can be had without swapping.

    What the system calls available, and at most a container's limit.

    A system that does not say (not Linux) answers with all its memory.

    >>> available_memory() > 0
    True
    """
    found = [_number(path.read_text()) for path in _LIMITS if path.is_file()]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        found += [
            _number(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")
        ]
    except OSError:
        found.append(
            os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            if hasattr(os, "sysconf")
            else 0
        )
    return min((limit for limit in found if limit > 0), default=2**63)


def require_memory(needed: int, what: str, remedy: str) -> None:
    """Refuse what does not fit into memory; ``what`` begins the sentence, ``remedy`` ends it.

    >>> require_memory(10**18, "The images of 'photo'", "Use fewer.")
    Traceback (most recent call last):
    ...
    coterie.errors.CoterieError: The images of 'photo' need 1000000000.0 GB of memory; ...
    """
    available = available_memory()
    if needed > available:
        raise CoterieError(
            f"{what} need {needed / 1e9:.1f} GB of memory; there are {available / 1e9:.1f} GB. "
            f"{remedy}"
        )


def _number(text: str) -> int:
    """A whole number, or 0 where there is none ("max")."""
    return int(text) if text.strip().isdigit() else 0
