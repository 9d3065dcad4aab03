"""What a recording of a training gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from coterie.files import read_arrays, write_arrays

_STATISTICS = ("confidence", "variability", "correctness", "count")


@dataclass(frozen=True, kw_only=True, repr=False)
class DataMap:
    """How each task learnt each training example (Swayamdipta et al. 2020).

    ``confidence`` (mean over epochs), ``variability`` (sample standard deviation), ``correctness`` (share of epochs above
    1/2) and ``count`` (epochs observed) have shape (N, T), float32 or float16, NaN where never observed, where ``count`` is 0.
    ``ids`` (N,) names the examples, ``epoch`` is the number of epochs recorded, ``earlier`` holds snapshots of the same
    run taken before, oldest first.
    """

    tasks: tuple[str, ...]
    kinds: tuple[str, ...]
    ids: np.ndarray
    epoch: int
    confidence: np.ndarray
    variability: np.ndarray
    correctness: np.ndarray
    count: np.ndarray
    earlier: tuple[DataMap, ...] = ()

    @property
    def snapshots(self) -> tuple[DataMap, ...]:
        """Every recorded snapshot, oldest first, this one last."""
        return (*self.earlier, self)

    def save(self, path: str | Path) -> None:
        """Write the map with all its snapshots as one safetensors file."""
        arrays = {f"{s.epoch}/{name}": getattr(s, name) for s in self.snapshots for name in _STATISTICS}
        about = {"tasks": self.tasks, "kinds": self.kinds, "epochs": [s.epoch for s in self.snapshots]}
        ids = self.ids
        if ids.dtype.kind not in "iu":
            about["ids"] = [str(i) for i in ids]
        else:
            arrays["ids"] = ids
        write_arrays(path, arrays, about)

    @classmethod
    def load(cls, path: str | Path) -> DataMap:
        """Read a map written by :meth:`save`."""
        arrays, about = read_arrays(path)
        ids = arrays["ids"] if "ids" in arrays else np.asarray(about["ids"])
        snapshots: list[DataMap] = []
        for epoch in about["epochs"]:
            statistics = {name: arrays[f"{epoch}/{name}"] for name in _STATISTICS}
            last = epoch == about["epochs"][-1]
            snapshots.append(
                cls(tasks=tuple(about["tasks"]), kinds=tuple(about["kinds"]), ids=ids, epoch=epoch,
                    earlier=tuple(snapshots) if last else (), **statistics)
            )  # fmt: skip
        return snapshots[-1]

    def __repr__(self) -> str:
        n, t = self.confidence.shape
        return f"DataMap({n} examples x {t} tasks, epochs {[s.epoch for s in self.snapshots]})"
