"""A data map of examples that stay the same, whatever the training trains on."""

from __future__ import annotations

import numpy as np
import torch

from coterie.data import Batches, Dataset
from coterie.datamaps import DataMapRecorder
from coterie.errors import CoterieError, require_type, require_whole
from coterie.results import DataMap
from coterie.tasks import confidence
from coterie.training import Moment
from coterie.training.prediction import EVALUATION_BATCH


class DataMapProbe:
    """Records a data map on fixed examples, before every ``every``-th step of a training.

    Maps of several trainings, on all data, on a small part or on distilled examples, are so of the
    same points, and what a model learns by heart is not in them. Each recording is one forward pass
    over the points, in evaluation; the training is left as it is. The map is of all of the
    training, whichever epoch the model keeps. Pass it to ``fit(..., probes=[probe])``, one to each
    training.

    Args:
        points: what is recorded on: its training part, such as that of
            ``coterie.subset(data, 2000)``; prepared as what is trained on.
        every: steps between recordings; each counts as an epoch of the map.
        row: number of the model, where several train.

    Raises:
        CoterieError: no such settings; when training, points that were prepared otherwise, or a
            training other than the one that it has recorded.

    >>> import coterie as ct
    >>> data = ct.load("digits")
    >>> probe = DataMapProbe(ct.subset(data, 200), every=4)
    >>> _ = ct.fit("mlp", ct.subset(data, 100, seed=1), probes=[probe], batch_size=25, epochs=3)
    >>> probe.data_map()
    DataMap(200 examples x 14 tasks, epochs [2])
    """

    def __init__(self, points: Dataset, *, every: int = 10, row: int = 0) -> None:
        require_type("points", points, Dataset)
        require_whole("every", every, 1)
        require_whole("row", row, 0)
        self.points, self.every, self.row = points, every, row
        self.recorder = DataMapRecorder(
            len(points.tasks),
            len(points.split.train),
            names=points.tasks.names,
            kinds=[task.kind.value for task in points.tasks],
            ids=points.ids[points.split.train.numpy()],
        )
        self._batches: Batches | None = None

    def on_step(self, moment: Moment) -> None:
        """Record once, if the model still trains."""
        at = (moment.rows == self.row).nonzero().flatten().tolist()
        if not at:
            return
        if moment.step != self.every * (self.recorder.epoch + 1):
            raise CoterieError(
                "`probes` holds a DataMapProbe that has recorded another training: make a new one."
            )
        stack = moment.stack if moment.stack.n_models == 1 else moment.stack.select(at)
        mode = stack.training
        stack.train(False)
        with torch.no_grad():
            for batch in self._of(moment).ordered():
                with moment.place.autocast():
                    outputs = stack(batch.inputs)[0].float()
                found = confidence(outputs, batch.targets, moment.tasks)
                self.recorder.update(batch.position, found.cpu())
        stack.train(mode)
        self.recorder.end_epoch()

    def data_map(self) -> DataMap:
        """The map so far, (N, T) of the points.

        Raises:
            CoterieError: nothing was recorded.
        """
        if not self.recorder.epoch:
            raise CoterieError(
                f"Nothing was recorded: the training ended before step {self.every}, the first, or "
                f"had no model {self.row}."
            )
        return self.recorder.data_map()

    def state(self) -> dict[str, np.ndarray]:
        """What a checkpoint must hold."""
        return self.recorder.state()

    def restore(self, arrays: dict[str, np.ndarray]) -> None:
        """Continue from a checkpoint.

        Raises:
            CoterieError: it was written without this probe, or with other points.
        """
        self.recorder.restore(arrays)

    def _of(self, moment: Moment) -> Batches:
        """The points, where the model is."""
        if difference := moment.data.schema.difference(self.points.schema):
            raise CoterieError(f"`points` were not prepared as what is trained on: {difference}.")
        device = moment.stack.device
        if self._batches is None or self._batches.device != device:
            self._batches = Batches(
                self.points,
                self.points.split.train,
                batch_size=EVALUATION_BATCH,
                seed=0,
                device=device,
            )
        return self._batches
