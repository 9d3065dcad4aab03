"""A data map from the forward passes that train."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from coterie.data import Dataset
from coterie.datamaps import DataMapRecorder
from coterie.results import DataMap
from coterie.tasks import confidence


class MapObserver:
    """Feeds a recorder with the confidences of one row, from the forward pass that trains it.

    The map is over the epochs up to the one that the row keeps: beyond its best epoch it learns
    examples by heart, whatever their tasks have in common. With ``snapshots`` it is over all epochs
    that the row trained, as the choice is made. ``positions`` (N,) are the examples that it
    trains on; the map names them by their ids.
    """

    def __init__(
        self,
        data: Dataset,
        positions: Tensor,
        row: int,
        snapshots: Sequence[int] = (),
        device: torch.device | str = "cpu",
    ) -> None:
        self.row, self.windowed = row, not snapshots
        self.trained = torch.empty(0)
        self.met = np.zeros(len(positions), dtype=bool)
        self.tasks = data.tasks.to(device)
        self.recorder = DataMapRecorder(
            len(data.tasks),
            len(positions),
            names=data.tasks.names,
            kinds=[task.kind.value for task in data.tasks],
            ids=data.ids[positions.numpy()],
            device=device,
        )
        for epoch in snapshots:
            self.recorder.snapshot(epoch)

    def on_batch(self, position: Tensor, outputs: Tensor, targets: Tensor) -> None:
        """Record one batch."""
        self.trained = outputs[self.row]
        found = confidence(
            outputs[self.row], targets[self.row] if targets.dim() == 3 else targets, self.tasks
        )
        if position.dim() == 2:
            # A row with few examples meets some of them twice to fill its last batch; an epoch
            # counts once.
            unique, first = np.unique(position[self.row].cpu().numpy(), return_index=True)
            first = first[~self.met[unique]]
            self.met[unique] = True
            position, found = position[self.row][first], found[first]
        self.recorder.update(position, found)

    def on_epoch_end(self, epoch: int) -> None:  # noqa: ARG002
        """Close the epoch, if the row still trained in it."""
        if bool(self.trained.isnan().all()):
            return
        self.met[:] = False
        self.recorder.end_epoch()

    def on_kept(self, models: Tensor) -> None:
        """Remember the map as it stands, if the row is at its best."""
        if self.windowed and bool(models[self.row]):
            self.recorder.forget()
            self.recorder.snapshot(self.recorder.epoch)

    def data_map(self) -> DataMap:
        """The map up to the epoch that is kept, or with the snapshots that were asked for."""
        found = self.recorder.data_map()
        return found.snapshots[0] if self.windowed else found

    def state(self) -> dict[str, np.ndarray]:
        """The recorder's state."""
        return self.recorder.state()

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue recording."""
        self.recorder.restore(arrays)
