"""What a recording of a training gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np

from coterie import codec
from coterie.codec import SPREAD, Layout, Record, Size, settle
from coterie.drawing.maps import data_map, density
from coterie.errors import CoterieError, require_choice, require_texts, require_type, require_whole
from coterie.files import read_arrays
from coterie.results.views import as_html
from coterie.schema import Json, least, within

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_SHOWN = 100_000
_STATISTICS = ("confidence", "variability", "correctness", "count")


@dataclass(frozen=True)
class _Snapshot:
    """The statistics of one epoch."""

    confidence: Annotated[np.ndarray, Layout("f N T")]
    variability: Annotated[np.ndarray, Layout("f N T")]
    correctness: Annotated[np.ndarray, Layout("f N T")]
    count: Annotated[np.ndarray, Layout("f N T")]


@dataclass(frozen=True, kw_only=True)
class _File(Record, format="data map"):
    """What a file holds of a map: its snapshots by epoch."""

    tasks: Annotated[tuple[str, ...], Size("T")]
    kinds: tuple[str, ...]
    epochs: tuple[Annotated[int, least(0)], ...]
    ids: Annotated[np.ndarray, Layout("iuU N")]
    snapshots: Annotated[Mapping[str, _Snapshot], SPREAD]

    def __post_init__(self) -> None:
        if len(self.kinds) != len(self.tasks):
            raise CoterieError(
                f"`kinds` must have one entry for each of `tasks`; found {len(self.kinds)} for "
                f"{len(self.tasks)}."
            )
        if not self.epochs or tuple(sorted(set(self.epochs))) != self.epochs:
            raise CoterieError(
                f"`epochs` must be rising numbers, at least one; found {list(self.epochs)}."
            )
        if {*map(str, self.epochs)} != self.snapshots.keys():
            raise CoterieError(
                f"There must be arrays of the epochs {list(self.epochs)}; found those of "
                f"{', '.join(self.snapshots) or 'none'}."
            )


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

    tasks: Annotated[tuple[str, ...], Size("T")]
    kinds: tuple[str, ...]
    ids: Annotated[np.ndarray, Layout("iufbUOM N")]
    epoch: int
    confidence: Annotated[np.ndarray, Layout("fiub N T")]
    variability: Annotated[np.ndarray, Layout("fiub N T")]
    correctness: Annotated[np.ndarray, Layout("fiub N T")]
    count: Annotated[np.ndarray, Layout("fiub N T")]
    earlier: tuple[DataMap, ...] = ()

    def __post_init__(self) -> None:
        """Refuse arrays that do not fit together.

        Values are not looked at, they may lie on disk.
        """
        settle(self)
        object.__setattr__(self, "kinds", require_texts("kinds", self.kinds))
        require_whole("epoch", self.epoch, 0)
        if len(self.kinds) != len(self.tasks):
            raise CoterieError(
                f"`kinds` must have one entry for each of `tasks`; found {len(self.kinds)}."
            )
        require_type("earlier", self.earlier, tuple)
        for each in self.earlier:
            require_type("earlier", each, DataMap)

    @property
    def snapshots(self) -> tuple[DataMap, ...]:
        """Every recorded snapshot, oldest first, this one last."""
        return (*self.earlier, self)

    def save(self, path: str | Path) -> None:
        """Write the map with all its snapshots as one safetensors file."""
        snapshots = {
            str(each.epoch): _Snapshot(*(getattr(each, name) for name in _STATISTICS))
            for each in self.snapshots
        }
        codec.save(
            _File(
                tasks=self.tasks,
                kinds=self.kinds,
                epochs=tuple(each.epoch for each in self.snapshots),
                ids=self.ids
                if self.ids.dtype.kind in "iu"
                else np.array([str(each) for each in self.ids], dtype=str),
                snapshots=snapshots,
            ),
            path,
        )

    @classmethod
    def load(cls, path: str | Path) -> DataMap:
        """Read a map written by :meth:`save`.

        Raises:
            CoterieError: the file is damaged or no data map.
        """
        found = cls.open(path, read_arrays)
        with within(path, _File.format.name):
            for snapshot in found.snapshots:
                snapshot._check_values()
        return found

    @classmethod
    def open(cls, path: str | Path, reader: codec.Reader) -> DataMap:
        """Put together what a file of a map holds; values are not looked at.

        ``reader`` gives its arrays, such as memory maps, and what its header says.

        Raises:
            CoterieError: something is missing, unknown or does not fit; it is named.
        """
        file = codec.load(_File, path, reader=reader)
        about = {"tasks": file.tasks, "kinds": file.kinds, "ids": file.ids}
        snapshots = [
            cls(**about, epoch=epoch, **vars(file.snapshots[str(epoch)])) for epoch in file.epochs
        ]
        return replace(snapshots[-1], earlier=tuple(snapshots[:-1]))

    @staticmethod
    def header(
        tasks: Sequence[str], kinds: Sequence[str], epochs: Sequence[int]
    ) -> dict[str, Json]:
        """What the file of a map says besides its arrays, for who writes it piece by piece."""
        about = {"tasks": list(tasks), "kinds": list(kinds), "epochs": list(epochs)}
        return _File.format.marked(about)

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

    def plot(self, ax: Axes | None = None, *, task: str | None = None) -> Axes:
        """Draw how many examples have which confidence and variability.

        Args:
            ax: axes to draw on, instead of a new figure.
            task: one task; all together if left out.

        Raises:
            CoterieError: there is no such task.
        """
        columns = slice(None)
        if task is not None:
            require_choice("task", task, self.tasks)
            columns = slice(where := self.tasks.index(task), where + 1)
        parts = (self.confidence[:, columns].ravel(), self.variability[:, columns].ravel())
        return data_map(density(*parts), ax=ax)

    def _repr_html_(self) -> str:
        import pandas as pd

        every = max(1, len(self.confidence) // _MOST_SHOWN)  # maps may lie on disk, and be large
        seen = np.isfinite(self.confidence[::every])
        shares = {"observed": seen.mean(0)}
        for name in ("confidence", "variability", "correctness"):
            values = np.where(seen, getattr(self, name)[::every], 0).sum(0, dtype=np.float64)
            shares[f"mean {name}"] = values / np.maximum(seen.sum(0), 1)
        return as_html(self, pd.DataFrame(shares, pd.Index(list(self.tasks), name="task")))

    def __repr__(self) -> str:
        n, t = self.confidence.shape
        return f"DataMap({n} examples x {t} tasks, epochs {[s.epoch for s in self.snapshots]})"
