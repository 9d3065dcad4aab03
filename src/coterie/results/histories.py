"""Files of the training curves of several arms."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypedDict

import numpy as np

from coterie.errors import CoterieError
from coterie.files import read_arrays, write_arrays
from coterie.results.fits import History
from coterie.schema import structure, within


def write_histories(path: Path, histories: Mapping[str, History]) -> None:
    """Write the curves of several arms as one file."""
    arrays = {
        f"{i}/{name}": array
        for i, h in enumerate(histories.values())
        for name, array in h.arrays().items()
    }
    write_arrays(path, arrays, {"arms": list(histories)})


class _Arms(TypedDict):
    arms: list[str]


def read_histories(path: Path, n_tasks: int) -> dict[str, History]:
    """Read what :func:`write_histories` wrote of ``n_tasks`` tasks.

    Raises:
        CoterieError: the file is damaged or holds no curves.
    """
    arrays, saved = read_arrays(path)
    parts: dict[str, dict[str, np.ndarray]] = {}
    for key, array in arrays.items():
        number, _, name = key.partition("/")
        parts.setdefault(number, {})[name] = array
    with within(path, "file of training curves"):
        about: _Arms = structure(saved, _Arms)
        if unknown := [
            number for number in parts if number not in map(str, range(len(about["arms"])))
        ]:
            raise CoterieError(f"There are arrays of the unknown arm number {unknown[0]!r}.")
        return {
            arm: History.from_arrays(parts.get(str(i), {}), T=n_tasks)
            for i, arm in enumerate(about["arms"])
        }
