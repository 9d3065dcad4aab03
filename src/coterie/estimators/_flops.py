"""What estimating costs in floating-point operations, beside training.

Counted are products of matrices and convolutions, in both; what is elementwise is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from coterie.data import Batches, Dataset
from coterie.estimators._features import Projection
from coterie.results import Fit


@dataclass(frozen=True, kw_only=True)
class Flops:
    """Counts that operations follow from: ``forward`` and ``features`` of one example; cells are (example, task) pairs."""

    forward: float
    features: float
    n_features: int
    n_tasks: int
    n_examples: int
    n_train: int
    epochs: int
    train_cells: int
    validation_cells: int

    @classmethod
    def measure(cls, projection: Projection, joint: Fit, data: Dataset, n_examples: int) -> Flops:
        """Count one small batch; ``n_examples`` have gone through the features, those of a sample repeatedly."""
        train = data.split.train
        n_train_cells, n_validation_cells = (int((~data.targets[p].isnan()).sum()) for p in (train, data.split.validation))
        batch = next(
            Batches(data, train[:2], batch_size=2, seed=0, device=projection.linearised.tasks.pos_weight.device).ordered()
        )
        counts = []
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            projection.linearised.model(batch.inputs)
        counts.append(counter.get_total_flops() / len(batch.inputs))
        with FlopCounterMode(display=False) as counter:
            projection.features(batch.inputs, batch.targets)
        counts.append(counter.get_total_flops() / len(batch.inputs))
        return cls(
            forward=counts[0], features=counts[1], n_features=projection.n_features, n_tasks=len(data.tasks),
            n_examples=n_examples, n_train=len(train), epochs=int(joint.config["epochs"]),
            train_cells=n_train_cells, validation_cells=n_validation_cells,
        )  # fmt: skip

    def of_rows(self, n_rows: int) -> dict[str, float]:
        """Operations by part; a training step is three forward passes; rows are read out for all tasks at most."""
        d = self.n_features
        joint = 3.0 * self.epochs * self.n_train * self.forward
        parts = {
            "joint": joint,
            "features": self.n_examples * self.features + 2.0 * self.train_cells * d**2,
            "solves": n_rows * (d**3 / 3 + 2.0 * d**2 * (1 + self.n_tasks)),
            "readout": 2.0 * n_rows * self.validation_cells * d,
        }
        direct = n_rows * joint
        return {**parts, "direct": direct, "share": sum(parts.values()) / direct}
