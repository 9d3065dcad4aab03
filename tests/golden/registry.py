"""The list of cases."""

from __future__ import annotations

import random
import secrets
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from tests.golden.reading import read
from tests.golden.records import Record


@dataclass(frozen=True, kw_only=True)
class Case:
    """``compute`` returns named results of any type that :mod:`tests.golden.reading` knows.

    Patterns of names for what holds on every machine: ``exact`` values, values that are ``close``,
    and parts whose very shape is ``loose``."""

    name: str
    compute: Callable[[], Mapping[str, Any]]
    exact: tuple[str, ...] = ()
    close: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()

    def run(self) -> Record:
        """Compute, on one thread, with global random states that nobody may depend on."""
        torch.set_num_threads(1)
        random.seed(secrets.randbits(32))
        np.random.seed(secrets.randbits(32))  # noqa: NPY002
        torch.manual_seed(secrets.randbits(32))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return read(self.compute())


CASES: dict[str, Case] = {}


def case(
    *, exact: tuple[str, ...] = (), close: tuple[str, ...] = (), loose: tuple[str, ...] = ()
) -> Callable[..., Any]:
    """Enter a function in the list under its own name."""

    def enter(compute: Callable[[], Mapping[str, Any]]) -> Callable[[], Mapping[str, Any]]:
        name = compute.__name__
        CASES[name] = Case(name=name, compute=compute, exact=exact, close=close, loose=loose)
        return compute

    return enter
