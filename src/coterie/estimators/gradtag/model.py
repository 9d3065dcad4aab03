"""Everything that Grad-TAG keeps of a joint model.

Sums over training cells, and features of the validation cells.

Shapes: ``M`` rows, ``T`` tasks, ``d`` features.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from coterie.data import Batches, Dataset
from coterie.errors import CoterieError
from coterie.estimators.gradtag.features import (
    Cells,
    DenseProjection,
    Projection,
    examples_that_fit,
    extract,
)
from coterie.estimators.gradtag.kronecker import KroneckerProjection, bytes_of_sampling
from coterie.estimators.gradtag.layers import UnsupportedError
from coterie.estimators.gradtag.linearised import Linearised
from coterie.estimators.gradtag.newton import Moments, losses
from coterie.estimators.gradtag.readout import scores
from coterie.results import Fit
from coterie.seeds import torch_generator
from coterie.tasks import Tasks

SAMPLE = 512
_CHECKED = 2


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of :class:`coterie.estimators.gradtag.GradTagScores`."""

    projection: str
    n_features: int
    chunk: int | None
    memory: int
    seed: int


@dataclass(frozen=True, eq=False)
class LinearModel:
    """A joint model to first order; ``details`` says how it was made."""

    settings: Settings
    tasks: Tasks
    moments: Moments
    validation: list[Cells | None]
    model_steps: float
    details: Mapping[str, object]

    @classmethod
    def of(cls, joint: Fit, data: Dataset, settings: Settings) -> LinearModel:
        """Take the features of all cells of the training and validation parts."""
        linearised = Linearised.of(joint)
        features = 12 * settings.n_features * len(linearised.tasks)
        chunk = settings.chunk or examples_that_fit(linearised, data, features, settings.memory)
        projection, notes = _project(linearised, data, settings)
        return cls(
            settings,
            linearised.tasks,
            _summed(projection, data, chunk),
            _validation(projection, data, chunk),
            model_steps=linearised.work.model_steps / int(joint.config["batch_size"]),
            details={
                "projection": "dense" if isinstance(projection, DenseProjection) else "kronecker",
                "features": projection.n_features,
                "parameters": linearised.n_parameters,
                "notes": notes,
            },
        )

    def estimate(self, shares: Tensor, ridge: float, measure: str) -> Tensor:
        """Scores (M, T), float64, higher is better, NaN where the share is 0.

        Args:
            shares: rows of weights over their sum, (M, T).
            ridge: relative to the mean over tasks of the mean squared norm of the features.
            measure: "loss" or "score".
        """
        energy = self.moments.energy[self.moments.energy > 0]
        absolute = ridge * (energy.mean().item() if len(energy) else 1.0)
        shares, memory = shares.to(self.moments.gradient), self.settings.memory
        steps = self.moments.steps(shares, absolute, memory)
        if measure == "loss":
            return -losses(self.validation, steps, shares > 0, memory)
        return scores(self.validation, steps, shares > 0, self.tasks, memory)


def _project(
    linearised: Linearised, data: Dataset, settings: Settings
) -> tuple[Projection, list[str]]:
    """The projection asked for, or the one that any module bears and a note why."""
    dense = DenseProjection(linearised, settings.n_features, settings.seed, settings.memory)
    if settings.projection == "dense":
        return dense, []
    train, device = _labelled(data, data.split.train), linearised.tasks.pos_weight.device
    order = torch.randperm(len(train), generator=torch_generator(settings.seed, "sample"))[:SAMPLE]

    def batches(positions: Tensor, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        found = Batches(data, positions, batch_size=size, seed=0, device=device).ordered()
        return ((batch.inputs, batch.targets) for batch in found)

    try:
        some, targets = next(batches(train[order[:_CHECKED]], _CHECKED))
        beside = bytes_of_sampling(linearised, some, settings.n_features)
        size = settings.chunk or examples_that_fit(linearised, data, beside, settings.memory)
        sample = partial(batches, train[order].sort().values, size)
        projection = KroneckerProjection.fit(linearised, sample, settings.n_features, settings.seed)
        if projection.agrees(some, targets):
            return projection, []
        reason = "weights are used outside of their layers, or examples depend on each other"
    except UnsupportedError as error:
        reason = str(error)
    return dense, [
        "Dense projection: the encoder is not made of linear, convolution and normalisation "
        f"layers only ({reason})."
    ]


def _summed(projection: Projection, data: Dataset, chunk: int) -> Moments:
    """Sums over the training cells."""
    tasks, positions = projection.linearised.tasks, _labelled(data, data.split.train)
    n_cells = (~data.targets[positions].isnan()).sum(0).float()
    moments = Moments.empty(len(tasks), projection.n_features, tasks.pos_weight.device)
    for found in extract(projection, data, positions, n_cells * data.tasks.loss_scale, chunk):
        for task, cells in found.items():
            moments.add(task, cells, n_cells[task].item())
    return moments


def _validation(projection: Projection, data: Dataset, chunk: int) -> list[Cells | None]:
    """The validation cells, weighted as a training weights the losses of its validation part.

    A mean over observed cells.
    """
    positions = _labelled(data, data.split.validation)
    divisor = (~data.targets[positions].isnan()).sum(0) * data.tasks.loss_scale
    kept: list[list[Cells]] = [[] for _ in data.tasks]
    for found in extract(projection, data, positions, divisor, chunk):
        for task, cells in found.items():
            kept[task].append(cells)
    return [Cells.joined(parts) for parts in kept]


def _labelled(data: Dataset, positions: Tensor) -> Tensor:
    """Those of the positions with a label.

    Raises:
        CoterieError: there are none.
    """
    found = positions[(~data.targets[positions].isnan()).any(1)]
    if not len(found):
        raise CoterieError(
            "`data` has no labels in its training part, or none in its validation part."
        )
    return found
