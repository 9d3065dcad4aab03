"""The recorder.

Watches a training loop and keeps, per task and training example, how right the model was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from coterie.datamaps._updates import as_tensor, check_update, rounds
from coterie.datamaps._welford import N_NUMBERS, fold, merge, statistics
from coterie.errors import (
    CoterieError,
    blame,
    require_count,
    require_texts,
    require_type,
    require_whole,
    shown,
)
from coterie.memory import require_memory
from coterie.results import DataMap
from coterie.schema import distinct
from coterie.tasks import KINDS

_MERGE_CHUNK = 4096
_MOST_TASKS, _MOST_EXAMPLES = 10**6, 10**11


class DataMapRecorder:
    """Records a data map from any training loop, streaming (STG-MTL, section 1).

    Call :meth:`update` with the confidences of every training batch, :meth:`end_epoch` after every
    epoch and :meth:`data_map` at the end. The state is 4 float32 a cell, never a trajectory.

    Args:
        n_tasks: number of tasks, T.
        n_examples: number of training examples, N.
        names: task names, (T,); "task 0", "task 1", ... by default.
        kinds: kinds of the tasks (see :class:`coterie.tasks.Kind`), (T,); all binary by default.
        ids: example ids, (N,); 0 .. N-1 by default.
        device: where the state lives.

    Raises:
        CoterieError: sizes that do not fit together, or not into memory.

    >>> recorder = DataMapRecorder(n_tasks=1, n_examples=3)
    >>> for value in (0.2, 0.4):
    ...     recorder.update(torch.tensor([0, 2]), torch.full((2, 1), value))
    ...     recorder.end_epoch()
    >>> recorder.data_map().confidence.round(2).ravel()
    array([0.3, nan, 0.3], dtype=float32)
    """

    def __init__(
        self,
        n_tasks: int,
        n_examples: int,
        *,
        names: Sequence[str] | None = None,
        kinds: Sequence[str] | None = None,
        ids: Sequence[object] | np.ndarray | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        require_count("n_tasks", n_tasks, _MOST_TASKS)
        require_count("n_examples", n_examples, _MOST_EXAMPLES)
        self.n_tasks, self.n_examples = n_tasks, n_examples = int(n_tasks), int(n_examples)
        here = 4 * N_NUMBERS * n_tasks if str(device).startswith("cpu") else 0
        what = f"{n_examples} examples of {n_tasks} tasks"
        require_memory((8 + here) * n_examples, what, "Record fewer of them.")
        usual = tuple(f"task {t}" for t in range(n_tasks))
        self.names = usual if names is None else require_texts("names", names)
        distinct(self.names, "names")
        self.kinds = ("binary",) * n_tasks if kinds is None else require_texts("kinds", kinds)
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise CoterieError(f"`kinds` must be {', '.join(KINDS)}; found {unknown[0]!r}.")
        self.ids = np.arange(n_examples) if ids is None else _ids(ids)
        for name, wanted in (("names", n_tasks), ("kinds", n_tasks), ("ids", n_examples)):
            if (found := len(getattr(self, name))) != wanted:
                raise CoterieError(f"`{name}` must have {wanted} entries; found {found}.")
        self.epoch = 0
        self._kept: dict[int, Tensor] = {}
        self._wanted: set[int] = set()
        with blame(f"`device` {shown(device)} cannot be used"):
            self._state = torch.zeros(n_examples, N_NUMBERS, n_tasks, device=device)

    def update(self, index: Tensor, confidence: Tensor, observed: Tensor | None = None) -> None:
        """Take the confidences of one batch, from the forward pass that trains.

        Args:
            index: positions of the examples in 0 .. N-1, (B,) integers; an example may occur more
                than once.
            confidence: confidence of each cell in [0, 1], (B, T); NaN means not observed.
            observed: which cells count, (B, T) bool; all that are not NaN by default.

        Raises:
            CoterieError: wrong shapes, an index out of range, a confidence outside [0, 1].
        """
        index, confidence = as_tensor("index", index), as_tensor("confidence", confidence).detach()
        observed = None if observed is None else as_tensor("observed", observed)
        sizes = {"n_examples": self.n_examples, "n_tasks": self.n_tasks}
        check_update(index, confidence, observed, **sizes)
        confidence = confidence.to(self._state.device, torch.float32)
        seen = ~confidence.isnan()
        if observed is not None:
            seen &= observed.to(seen.device)
        confidence = confidence.masked_fill(~seen, 0.0)
        # Elsewhere the check would wait for the device.
        if confidence.device.type == "cpu" and confidence.numel():
            low, high = (float(v) for v in confidence.aminmax())
            if low < -1e-4 or high > 1 + 1e-4:
                raise CoterieError(
                    f"`confidence` must lie in [0, 1]; found {low:.4g} to {high:.4g}. See "
                    "coterie.confidence."
                )
        for rows in rounds(index):
            if rows is None:
                fold(self._state, index.to(self._state.device), confidence, seen)
            else:
                fold(self._state, index[rows].to(self._state.device), confidence[rows], seen[rows])

    def end_epoch(self) -> None:
        """Close an epoch, and take the snapshot asked for it."""
        self.epoch += 1
        if self.epoch in self._wanted:
            self._keep()

    def snapshot(self, epoch: int) -> None:
        """Keep the map as it stands at the end of ``epoch`` (counted from 1).

        The one just ended, or a later one.

        Raises:
            CoterieError: that epoch is already over.
        """
        require_whole("epoch", epoch, 1)
        if epoch < self.epoch:
            raise CoterieError(
                f"`epoch` must be {max(self.epoch, 1)} or later: {self.epoch} epochs have ended; "
                f"found {epoch}."
            )
        if epoch in self._kept:
            return
        self._wanted.add(epoch)
        if epoch == self.epoch:
            self._keep()

    def forget(self) -> None:
        """Drop all snapshots, those taken and those wanted."""
        self._kept.clear()
        self._wanted.clear()

    def data_map(self) -> DataMap:
        """The map so far, with the snapshots taken before.

        Cells never observed are NaN, with count 0.
        """
        states = {epoch: state for epoch, state in sorted(self._kept.items()) if epoch < self.epoch}
        states[self.epoch or int(self._state[:, 3].max())] = self._state
        snapshots = [
            DataMap(
                tasks=self.names,
                kinds=self.kinds,
                ids=self.ids,
                epoch=epoch,
                **statistics(state.cpu().numpy()),
            )
            for epoch, state in states.items()
        ]
        return replace(snapshots[-1], earlier=tuple(snapshots[:-1]))

    def merge(self, other: DataMapRecorder) -> None:
        """Add what ``other`` saw of the same tasks and examples, for instance on another device.

        Exact where each cell was seen by one recorder only, else to rounding (Chan et al. 1983).

        Raises:
            CoterieError: other tasks, kinds, examples or snapshots.
        """
        require_type("other", other, DataMapRecorder)
        for name in ("names", "kinds", "n_examples"):
            if getattr(self, name) != getattr(other, name):
                raise CoterieError(
                    f"`other` must have the same {name}: {getattr(self, name)}; found "
                    f"{getattr(other, name)}."
                )
        if (differ := np.flatnonzero(self.ids != other.ids)).size:
            mine, theirs = self.ids[differ[0]], other.ids[differ[0]]
            raise CoterieError(
                f"`other` must have the same ids: {mine!s} at position {differ[0]}; found "
                f"{theirs!s} ({differ.size} differ)."
            )
        if set(self._kept) != set(other._kept):
            raise CoterieError(
                f"`other` must have snapshots of epochs {sorted(self._kept)}; found "
                f"{sorted(other._kept)}."
            )
        pairs = [
            (self._state, other._state),
            *((self._kept[e], other._kept[e]) for e in self._kept),
        ]
        for mine, theirs in pairs:
            for a, b in zip(mine.split(_MERGE_CHUNK), theirs.split(_MERGE_CHUNK), strict=True):
                merge(a, b.to(a.device))
        self.epoch = max(self.epoch, other.epoch)

    def state(self) -> dict[str, np.ndarray]:
        """Everything that a checkpoint needs, copied.

        ``epoch``, ``state`` (N, 4, T) and one array per snapshot.
        """
        kept = {
            f"snapshot/{epoch}": state.cpu().numpy().copy() for epoch, state in self._kept.items()
        }
        wanted = np.asarray(sorted(self._wanted), dtype=np.int64)
        return {
            "epoch": np.asarray(self.epoch),
            "wanted": wanted,
            "state": self._state.cpu().numpy().copy(),
            **kept,
        }

    def restore(self, saved: Mapping[str, np.ndarray]) -> None:
        """Continue from what :meth:`state` gave.

        Raises:
            CoterieError: it is of another shape.
        """
        if "state" not in saved or saved["state"].shape != tuple(self._state.shape):
            found = saved["state"].shape if "state" in saved else "none"
            raise CoterieError(
                f"`saved` must hold a state of shape {tuple(self._state.shape)}; found {found}."
            )
        self._state.copy_(torch.from_numpy(saved["state"]))
        self.epoch = int(saved["epoch"])
        self._wanted = {int(epoch) for epoch in saved["wanted"]}
        kept = {
            int(name.split("/")[1]): value
            for name, value in saved.items()
            if name.startswith("snapshot/")
        }
        self._kept = {
            e: torch.from_numpy(np.array(value)).to(self._state.device) for e, value in kept.items()
        }

    def _keep(self) -> None:
        self._wanted.discard(self.epoch)
        self._kept[self.epoch] = self._state.clone()

    def __repr__(self) -> str:
        sizes = f"{self.n_examples} examples x {self.n_tasks} tasks"
        return f"DataMapRecorder({sizes}, {self.epoch} epochs)"


def _ids(ids: object) -> np.ndarray:
    """Names of the examples as a vector."""
    with blame("`ids` must be a list of numbers or texts"):
        found = np.asarray(ids)
    if found.ndim != 1:
        raise CoterieError(f"`ids` must be a list of numbers or texts; found {shown(ids)}.")
    return found
