"""One seed, many independent streams: each use of randomness names itself."""

from __future__ import annotations

import hashlib

import numpy as np
import torch

MOST_SEED = 2**63 - 1


def derive(seed: int, *names: str | int) -> int:
    """Return a 63-bit seed that depends on ``seed`` and on the names of the stream.

    The value is stable across machines and Python versions, so that a resumed run draws what the
    uninterrupted one would have drawn without any random state being stored.

    >>> derive(0, "order", 3) == derive(0, "order", 3)
    True
    >>> derive(0, "order", 3) == derive(0, "order", 4)
    False
    """
    text = "/".join(str(part) for part in (seed, *names))
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def torch_generator(seed: int, *names: str | int) -> torch.Generator:
    """Return a CPU generator for the named stream."""
    return torch.Generator().manual_seed(derive(seed, *names))


def numpy_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return a NumPy generator for the named stream."""
    return np.random.default_rng(derive(seed, *names))


def seed_layers(seed: int) -> None:
    """Seed torch's global generators, which random layers draw from.

    ``torch.manual_seed`` does, but where no accelerator is it queues a call for one with the
    traceback of its caller, each time, which takes time and memory in every step.

    >>> seed_layers(3)
    >>> first = torch.rand(2)
    >>> _ = torch.manual_seed(3)
    >>> bool((torch.rand(2) == first).all())
    True
    """
    if torch.accelerator.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)
