"""What a recording of a training gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

import numpy as np

from coterie.errors import CoterieError, require_texts, require_type, require_whole
from coterie.files import read_arrays, write_arrays
from coterie.schema import array_of, arrays_of, least, structure, within

_STATISTICS = ("confidence", "variability", "correctness", "count")


class _Saved(TypedDict):
    tasks: tuple[str, ...]
    kinds: tuple[str, ...]
    epochs: list[Annotated[int, least(0)]]
    ids: NotRequired[list[str]]


@dataclass(frozen=True, kw_only=True, repr=False)
class DataMap:
    """How each task learnt each training example (Swayamdipta et al. 2020).

    ``confidence`` (mean over epochs), ``variability`` (sample standard deviation), ``correctness``
    (share of epochs above 1/2) and ``count`` (epochs observed) have shape (N, T), float32 or
    float16, NaN where never observed, where ``count`` is 0. ``ids`` (N,) names the examples,
    ``epoch`` is the number of epochs recorded, ``earlier`` holds snapshots of the same run taken
    before, oldest first.

    Raises:
        CoterieError: arrays whose shapes do not fit.
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

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together.

        Values are not looked at, they may lie on disk.
        """
        for name in ("tasks", "kinds"):
            object.__setattr__(self, name, require_texts(name, getattr(self, name)))
        require_whole("epoch", self.epoch, 0)
        sizes = {"T": len(self.tasks)}
        if len(self.kinds) != len(self.tasks):
            raise CoterieError(
                f"`kinds` must have one entry for each of `tasks`; found {len(self.kinds)}."
            )
        for name in _STATISTICS:
            array = array_of(name, getattr(self, name), "fiub N T", **sizes)
            sizes["N"] = len(array)
            object.__setattr__(self, name, array)
        object.__setattr__(self, "ids", array_of("ids", self.ids, "iufbUOM N", **sizes))
        require_type("earlier", self.earlier, tuple)
        for each in self.earlier:
            require_type("earlier", each, DataMap)

    @property
    def snapshots(self) -> tuple[DataMap, ...]:
        """Every recorded snapshot, oldest first, this one last."""
        return (*self.earlier, self)

    def save(self, path: str | Path) -> None:
        """Write the map with all its snapshots as one safetensors file."""
        arrays = {
            f"{s.epoch}/{name}": getattr(s, name) for s in self.snapshots for name in _STATISTICS
        }
        about = {
            "tasks": self.tasks,
            "kinds": self.kinds,
            "epochs": [s.epoch for s in self.snapshots],
        }
        ids = self.ids
        if ids.dtype.kind not in "iu":
            about["ids"] = [str(i) for i in ids]
        else:
            arrays["ids"] = ids
        write_arrays(path, arrays, about)

    @classmethod
    def load(cls, path: str | Path) -> DataMap:
        """Read a map written by :meth:`save`.

        Raises:
            CoterieError: the file is damaged or no data map.
        """
        arrays, about = read_arrays(path)
        with within(path, "data map"):
            found = cls.from_arrays(arrays, about)
            for snapshot in found.snapshots:
                snapshot._check_values()
            return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], about: Any) -> DataMap:
        """Put together what a file of a map holds; values are not looked at.

        Raises:
            CoterieError: something is missing, unknown or does not fit; it is named.
        """
        found: _Saved = structure(about, _Saved)
        tasks, kinds, epochs = found["tasks"], found["kinds"], found["epochs"]
        if not tasks or len(kinds) != len(tasks):
            raise CoterieError(
                f"`kinds` must have one entry for each of `tasks`; found {len(kinds)} for "
                f"{len(tasks)}."
            )
        if not epochs or sorted(set(epochs)) != epochs:
            raise CoterieError(f"`epochs` must be rising numbers, at least one; found {epochs}.")
        arrays = (
            {**arrays, "ids": np.asarray(found["ids"], dtype=str)} if "ids" in found else arrays
        )
        names = {f"{epoch}/{name}": "f N T" for epoch in epochs for name in _STATISTICS}
        arrays_of(arrays, {**names, "ids": "iuU N"}, sizes={"T": len(tasks)})
        snapshots: list[DataMap] = []
        for epoch in epochs:
            statistics: dict[str, Any] = {name: arrays[f"{epoch}/{name}"] for name in _STATISTICS}
            snapshots.append(
                cls(tasks=tasks, kinds=kinds, ids=arrays["ids"], epoch=epoch, **statistics)
            )
        return replace(snapshots[-1], earlier=tuple(snapshots[:-1]))

    def _check_values(self) -> None:
        """Refuse shares outside [0, 1] and counts below 0; NaN is a cell never observed."""
        for name in _STATISTICS:
            values = getattr(self, name)
            low, high = (
                float(f.reduce(values, axis=None, initial=0.0)) for f in (np.fmin, np.fmax)
            )
            top = np.inf if name == "count" else 1.001
            if (
                low < -1e-3
                or high > top
                or np.isposinf(high)
                or (name == "count" and np.isnan(values).any())
            ):
                right = "finite and not negative" if name == "count" else "in [0, 1]"
                raise CoterieError(
                    f"`{self.epoch}/{name}` must be {right}; found {low:.4g} to {high:.4g}."
                )

    def __repr__(self) -> str:
        n, t = self.confidence.shape
        return f"DataMap({n} examples x {t} tasks, epochs {[s.epoch for s in self.snapshots]})"
