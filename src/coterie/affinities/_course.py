"""How a measurement stood at the end of each epoch, so that it can end at any of them.

Shapes: ``T`` tasks, ``E`` epochs in which something was measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

import numpy as np

from coterie.affinities._running import Running

_ROUNDING = 1e-9


class Course:
    """A running measurement, and what it was at the end of each epoch.

    ``ends`` maps epochs, counted from 0, to the measurement of everything up to their end: what a
    training that had stopped there would have given, to the last bit.

    >>> course = Course()
    >>> for epoch, value in enumerate((1.0, 3.0, 80.0)):
    ...     course.add(np.full((2, 2), value), epoch)
    >>> course.until(1).mean[0, 1], course.until(None).mean[0, 1]
    (np.float64(2.0), np.float64(28.0))
    """

    def __init__(self) -> None:
        self.running = Running()
        self.ends: dict[int, Running] = {}

    def add(self, values: np.ndarray, epoch: int) -> None:
        """Fold one measurement (T, T) of this epoch in."""
        if epoch not in self.ends:
            self.running = self.ends[epoch] = deepcopy(self.running)
        self.running.add(values)

    def until(self, epoch: int | None) -> Running:
        """Everything measured up to the end of an epoch, of all epochs if None.

        Where nothing was measured by then, what was measured in the first epoch after it.
        """
        if epoch is None or not self.ends:
            return self.running
        return self.ends[max((e for e in self.ends if e <= epoch), default=min(self.ends))]

    def drift(self, epoch: int | None) -> float | None:
        """Agreement of the first with the second half of what was measured :meth:`until` ``epoch``.

        The halves are of whole epochs, as equal as may be. None where there are not two of them.
        """
        kept = self.until(epoch)
        total = kept.count.max(initial=0)
        earlier = [end for end in self.ends.values() if end.count.max() < total]
        if not earlier:
            return None
        half = min(earlier, key=lambda end: abs(2 * end.count.max() - total))
        return agreement(half.mean_or_nan(), _between(half, kept))

    def agreements(self, epoch: int | None) -> list[float | None]:
        """Agreement of each epoch's own measurements with all :meth:`until` ``epoch``, (E,)."""
        kept, before = self.until(epoch).mean_or_nan(), Running()
        before.allocate(len(kept))
        found = []
        for end in self.ends.values():
            found.append(agreement(_between(before, end), kept))
            before = end
        return found

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint must hold."""
        ends = [end.state() for end in self.ends.values()] or [Running().state()]
        stacked = {f"ends_{name}": np.stack([end[name] for end in ends]) for name in ends[0]}
        return {"epochs": np.array(list(self.ends), dtype=np.int64), **stacked}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Continue from a checkpoint."""
        for place, epoch in enumerate(arrays["epochs"].tolist()):
            self.running = Running()
            self.running.restore(
                {
                    name.removeprefix("ends_"): array[place]
                    for name, array in arrays.items()
                    if name.startswith("ends_")
                }
            )
            self.ends[epoch] = self.running


def agreement(one: np.ndarray, other: np.ndarray) -> float | None:
    """Correlation of two matrices (T, T) within their targets.

    That is of what grouping reads: over the pairs measured in both, diagonal left out, each
    target's mean subtracted. None where either does not tell the sources of any target apart.

    >>> agreement(np.array([[0, 1, 2], [3, 0, 1], [4, 2, 0]]), np.array([[0, 7, 3], [1, 0, 2], [2, 8, 0]]))
    1.0
    """
    known = np.isfinite(one) & np.isfinite(other) & ~np.eye(len(one), dtype=bool)
    deviations = []
    for values in (one, other):
        values = np.where(known, values, 0)
        centred = np.where(known, values - values.sum(0) / np.maximum(known.sum(0), 1), 0)
        length = np.sqrt((centred**2).sum())
        if length <= _ROUNDING * np.abs(values).max(initial=0):
            return None
        deviations.append(centred / length)
    return float(np.clip((deviations[0] * deviations[1]).sum(), -1, 1))


def _between(earlier: Running, later: Running) -> np.ndarray:
    """Mean (T, T) of what came after ``earlier`` and up to ``later``, NaN where nothing did."""
    count = later.count - earlier.count
    total = later.count * later.mean - earlier.count * earlier.mean
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
