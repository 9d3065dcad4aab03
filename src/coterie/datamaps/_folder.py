"""A recorder's state in files.

Updates go to a working map, and whole epochs are published beside it.

Files of a folder: ``working.bin`` (scratch, worthless after a crash), ``epoch-3.safetensors`` (the
state after epoch 3; older ones stay where they are wanted as snapshots), ``snapshots.json``
(which), ``data_map.safetensors`` (the finished map).
"""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Annotated, TypedDict

import numpy as np
import torch
from torch import Tensor

from coterie.datamaps._welford import statistics
from coterie.datamaps.storage import create_arrays, map_arrays, open_map, write_map
from coterie.errors import CoterieError
from coterie.files import allocate, explained, read_json, write_json
from coterie.results import DataMap
from coterie.schema import arrays_of, least, structure, within

_CHUNK_CELLS = 1 << 22


class _About(TypedDict):
    epoch: int
    tasks: tuple[str, ...]


class _Snapshots(TypedDict):
    epochs: list[Annotated[int, least(1)]]


class RecorderFolder:
    """Files of one recorder with a state of ``shape`` (N, 4, T)."""

    def __init__(self, folder: Path, shape: tuple[int, int, int], names: tuple[str, ...]) -> None:
        self.folder, self.shape, self.names = folder, shape, names
        self.step = max(1, _CHUNK_CELLS // (shape[1] * shape[2]))
        with explained(folder, "written"):
            folder.mkdir(parents=True, exist_ok=True)

    def open(self) -> tuple[Tensor, int]:
        """Start the working map from the last whole epoch, or from zero."""
        epoch = max(self._epochs(), default=0)
        file = self.folder / "working.bin"
        with explained(file, "written"), file.open("wb") as opened:
            allocate(opened, math.prod(self.shape) * np.dtype(np.float32).itemsize)
        working = np.memmap(file, np.float32, "r+", shape=self.shape)
        if epoch:
            self._copy(self.published(epoch).numpy(), working)
        self._tidy(epoch, self._listed())
        return torch.from_numpy(working), epoch

    def publish(self, state: Tensor, epoch: int, keep: set[int]) -> None:
        """Write the state of a whole epoch, whole or not at all.

        Then drop older epochs not wanted.
        """
        about = {"epoch": epoch, "tasks": list(self.names)}
        with create_arrays(
            self._path(epoch), {"state": (np.dtype(np.float32), self.shape)}, about
        ) as arrays:
            self._copy(state.numpy(), arrays["state"])
        self._tidy(epoch, keep)

    def published(self, epoch: int, *, verify: bool = True) -> Tensor:
        """The state after a whole epoch, memory-mapped copy on write, so that nobody can change it.

        Without ``verify`` the seal of the file is not checked again.
        """
        arrays, saved = map_arrays(self._path(epoch), mode="c", verify=verify)
        with within(self._path(epoch), "state of a recorder"):
            about: _About = structure(saved, _About)
            arrays_of(arrays, {"state": "f N numbers T"})
            state = arrays["state"]
            if verify and not (
                float(state.min(initial=0)) > -1e-3 and float(state.max(initial=0)) < np.inf
            ):
                raise CoterieError("`state` must be finite and not negative.")
        if arrays["state"].shape != self.shape or about["tasks"] != self.names:
            raise CoterieError(
                f"`folder` {self.folder} was recorded for other tasks or another number of "
                "examples."
            )
        return torch.from_numpy(arrays["state"])

    def want(self, epochs: set[int]) -> None:
        """Note which epochs are kept as snapshots."""
        write_json(self.folder / "snapshots.json", {"epochs": sorted(epochs)})

    def wanted(self) -> set[int]:
        """Snapshots asked for whose epoch has not ended."""
        last = max(self._epochs(), default=0)
        return {epoch for epoch in self._listed() if epoch > last}

    def snapshots(self) -> dict[int, Tensor]:
        """Snapshots taken."""
        return {epoch: self.published(epoch) for epoch in sorted(self._listed() & self._epochs())}

    def data_map(
        self,
        states: dict[int, Tensor],
        names: tuple[str, ...],
        kinds: tuple[str, ...],
        ids: np.ndarray,
    ) -> DataMap:
        """Write the finished map in chunks and open it memory-mapped."""
        path = self.folder / "data_map.safetensors"
        n, _, t = self.shape
        with write_map(
            path, (n, t), tasks=names, kinds=kinds, ids=ids, epochs=list(states)
        ) as arrays:
            for epoch, state in states.items():
                for start in range(0, n, self.step):
                    rows = slice(start, start + self.step)
                    for name, values in statistics(state[rows].numpy()).items():
                        arrays[f"{epoch}/{name}"][rows] = values
        return open_map(path, verify=False)

    def _path(self, epoch: int) -> Path:
        return self.folder / f"epoch-{epoch}.safetensors"

    def _epochs(self) -> set[int]:
        found = (
            re.fullmatch(r"epoch-(\d{1,9})", path.stem)
            for path in self.folder.glob("epoch-*.safetensors")
        )
        return {int(name[1]) for name in found if name}

    def _listed(self) -> set[int]:
        path = self.folder / "snapshots.json"
        if not path.exists():
            return set()
        saved = read_json(path)
        # Earlier versions wrote the bare list.
        with within(path, "list of snapshots"):
            found: _Snapshots = structure(
                {"epochs": saved} if isinstance(saved, list) else saved, _Snapshots
            )
        return set(found["epochs"])

    def _tidy(self, last: int, keep: set[int]) -> None:
        for epoch in self._epochs() - keep - {last}:
            self._path(epoch).unlink()

    def _copy(self, source: np.ndarray, target: np.ndarray) -> None:
        for start in range(0, len(source), self.step):
            target[start : start + self.step] = source[start : start + self.step]
