"""What estimating costs in floating-point operations, beside training.

Counted are products of matrices and convolutions, in both; what is elementwise is not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch.utils.flop_counter import FlopCounterMode

from coterie.data import Batches, Dataset
from coterie.estimators._features import Projection
from coterie.estimators._linearised import cells
from coterie.results import Fit
from coterie.training.work import Work


@dataclass(frozen=True, kw_only=True)
class Flops:
    """Operations of one example ``forward`` and of one cell ``backward``, projected, and the ``work`` to be multiplied by."""

    forward: float
    backward: float
    work: Work
    n_features: int
    n_tasks: int
    n_train: int
    epochs: int
    train_cells: int
    validation_cells: int

    @classmethod
    def measure(cls, projection: Projection, joint: Fit, data: Dataset) -> Flops:
        """Count one small batch, to be multiplied by the work that was done."""
        work = replace(projection.linearised.work)
        train = data.split.train
        n_train_cells, n_validation_cells = (
            int((~data.targets[p].isnan()).sum()) for p in (train, data.split.validation)
        )
        batch = next(
            Batches(
                data,
                train[:2],
                batch_size=2,
                seed=0,
                device=projection.linearised.tasks.pos_weight.device,
            ).ordered()
        )
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            projection.linearised.model(batch.inputs)
        forward = counter.get_total_flops()
        with FlopCounterMode(display=False) as counter:
            projection.features(batch.inputs, batch.targets)
        backward = counter.get_total_flops() - forward
        return cls(
            forward=forward / len(batch.inputs),
            backward=backward / cells(batch.targets)[0].numel(),
            work=work,
            n_features=projection.n_features,
            n_tasks=len(data.tasks),
            n_train=len(train),
            epochs=int(joint.config["epochs"]),
            train_cells=n_train_cells,
            validation_cells=n_validation_cells,
        )

    def of_rows(self, n_rows: int) -> dict[str, float]:
        """Operations by part; a training step is three forward passes.

        Rows are read out for all tasks at most.
        """
        d = self.n_features
        joint = 3.0 * self.epochs * self.n_train * self.forward
        parts = {
            "joint": joint,
            "features": (
                self.work.forwards * self.forward
                + self.work.backwards * self.backward
                + 2.0 * self.train_cells * d**2
            ),
            "solves": n_rows * (d**3 / 3 + 2.0 * d**2 * (1 + self.n_tasks)),
            "readout": 2.0 * n_rows * self.validation_cells * d,
        }
        direct = n_rows * joint
        return {**parts, "direct": direct, "share": sum(parts.values()) / direct}
