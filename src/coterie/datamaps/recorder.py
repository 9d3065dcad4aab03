"""The recorder.

Watches a training loop and keeps, per task and training example, how right the model was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from coterie.datamaps._folder import RecorderFolder
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
from coterie.files import path_of
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
        folder: keep the state in memory-mapped files there instead of in memory. What is published
            there holds whole epochs only; opening the folder again continues after the last whole
            epoch.
        device: where the state lives (in memory only).

    Raises:
        CoterieError: sizes that do not fit together, or a folder written for another recorder.

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
        ids: Sequence[Any] | np.ndarray | None = None,
        folder: str | Path | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        require_count("n_tasks", n_tasks, _MOST_TASKS)
        require_count("n_examples", n_examples, _MOST_EXAMPLES)
        if folder is not None:
            folder = path_of(folder, "folder")
        n_tasks, n_examples = int(n_tasks), int(n_examples)
        a_row = 8 + (
            4 * N_NUMBERS * n_tasks if folder is None and str(device).startswith("cpu") else 0
        )
        require_memory(
            a_row * n_examples,
            f"{n_examples} examples of {n_tasks} tasks",
            "Give a `folder`, or fewer of them.",
        )
        self.n_tasks, self.n_examples = n_tasks, n_examples
        self.names = (
            tuple(f"task {t}" for t in range(n_tasks))
            if names is None
            else require_texts("names", names)
        )
        distinct(self.names, "names")
        self.kinds = ("binary",) * n_tasks if kinds is None else require_texts("kinds", kinds)
        if unknown := [kind for kind in self.kinds if kind not in KINDS]:
            raise CoterieError(f"`kinds` must be {', '.join(KINDS)}; found {unknown[0]!r}.")
        self.ids = np.arange(n_examples) if ids is None else _ids(ids)
        for name, wanted in (("names", n_tasks), ("kinds", n_tasks), ("ids", n_examples)):
            if len(getattr(self, name)) != wanted:
                raise CoterieError(
                    f"`{name}` must have {wanted} entries; found {len(getattr(self, name))}."
                )
        self.epoch = 0
        self._kept: dict[int, Tensor] = {}
        self._wanted: set[int] = set()
        self._folder: RecorderFolder | None = None
        if folder is None:
            with blame(f"`device` {shown(device)} cannot be used"):
                self._state = torch.zeros(n_examples, N_NUMBERS, n_tasks, device=device)
        else:
            self._folder = RecorderFolder(folder, (n_examples, N_NUMBERS, n_tasks), self.names)
            self._state, self.epoch = self._folder.open()
            self._wanted = self._folder.wanted()
            self._kept = self._folder.snapshots()

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
        index, confidence = _tensor("index", index), _tensor("confidence", confidence).detach()
        observed = None if observed is None else _tensor("observed", observed)
        self._check(index, confidence, observed)
        confidence = confidence.to(self._state.device, torch.float32)
        seen = ~confidence.isnan()
        if observed is not None:
            seen &= observed.to(seen.device)
        confidence = confidence.masked_fill(~seen, 0.0)
        if (
            confidence.device.type == "cpu" and confidence.numel()
        ):  # elsewhere the check would wait for the device
            low, high = (float(v) for v in confidence.aminmax())
            if low < -1e-4 or high > 1 + 1e-4:
                raise CoterieError(
                    f"`confidence` must lie in [0, 1]; found {low:.4g} to {high:.4g}. See "
                    "coterie.confidence."
                )
        for rows in _rounds(index):
            if rows is None:
                fold(self._state, index.to(self._state.device), confidence, seen)
            else:
                fold(self._state, index[rows].to(self._state.device), confidence[rows], seen[rows])

    def end_epoch(self) -> None:
        """Close an epoch: take the snapshot asked for it and, with a folder, publish the state."""
        self.epoch += 1
        if self._folder is not None:
            self._folder.publish(self._state, self.epoch, self._wanted | set(self._kept))
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
        if self._folder is not None:
            self._folder.want(self._wanted | set(self._kept))
        if epoch == self.epoch:
            self._keep()

    def data_map(self) -> DataMap:
        """The map so far, with the snapshots taken before.

        With a folder it is written there and memory-mapped.

        Cells never observed are NaN, with count 0.
        """
        states = {epoch: state for epoch, state in sorted(self._kept.items()) if epoch < self.epoch}
        states[self.epoch or int(self._state[:, 3].max())] = self._state
        if self._folder is not None:
            return self._folder.data_map(states, self.names, self.kinds, self.ids)
        about: dict[str, Any] = {"tasks": self.names, "kinds": self.kinds, "ids": self.ids}
        snapshots = [
            DataMap(epoch=epoch, **about, **statistics(state.cpu().numpy()))
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
        if self._folder is not None:
            raise CoterieError(
                "`merge` adds to a recorder in memory; this one lives in a folder. Merge it into "
                "another one."
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
        self._kept[self.epoch] = (
            self._state.clone()
            if self._folder is None
            else self._folder.published(self.epoch, verify=False)
        )

    def _check(self, index: Tensor, confidence: Tensor, observed: Tensor | None) -> None:
        if index.dim() != 1 or index.is_floating_point() or index.dtype == torch.bool:
            raise CoterieError(
                f"`index` must be a vector of integers (B,); found {index.dtype} of shape "
                f"{tuple(index.shape)}."
            )
        wanted = (len(index), self.n_tasks)
        if tuple(confidence.shape) != wanted:
            raise CoterieError(
                f"`confidence` must have shape {wanted}, (B, T); found {tuple(confidence.shape)}."
            )
        if observed is not None and (
            tuple(observed.shape) != wanted or observed.dtype != torch.bool
        ):
            raise CoterieError(
                f"`observed` must be bool of shape {wanted}; found {observed.dtype}, "
                f"{tuple(observed.shape)}."
            )
        if len(index) and (int(index.min()) < 0 or int(index.max()) >= self.n_examples):
            raise CoterieError(
                f"`index` must lie in 0 .. {self.n_examples - 1}; found {int(index.min())} to "
                f"{int(index.max())}."
            )

    def __repr__(self) -> str:
        return f"DataMapRecorder({self.n_examples} examples x {self.n_tasks} tasks, {self.epoch} epochs)"


def _ids(ids: Any) -> np.ndarray:
    """Names of the examples as a vector."""
    with blame("`ids` must be a list of numbers or texts"):
        found = np.asarray(ids)
    if found.ndim != 1:
        raise CoterieError(f"`ids` must be a list of numbers or texts; found {shown(ids)}.")
    return found


def _tensor(name: str, value: Any) -> Tensor:
    with blame(f"`{name}` must be a tensor or an array"):
        found = torch.as_tensor(value)
    if found.is_complex():
        raise CoterieError(f"`{name}` must hold real numbers; found {found.dtype}.")
    return found


def _rounds(index: Tensor) -> list[Tensor | None]:
    """Split a batch into rounds without repeated examples: a scatter would keep only one of them.

    None: all rows.
    """
    order = index.argsort(stable=True)
    ordered = index[order]
    new = torch.ones_like(ordered, dtype=torch.bool)
    new[1:] = ordered[1:] != ordered[:-1]
    if bool(new.all()):
        return [None]
    place = torch.arange(len(index), device=index.device)
    occurrence = place - torch.where(new, place, 0).cummax(0).values
    return [order[occurrence == k] for k in range(int(occurrence.max()) + 1)]
