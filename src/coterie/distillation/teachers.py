"""The models that examples are optimised for: frozen, with the tasks that each of them knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from torch import Tensor, nn

from coterie.data import Dataset
from coterie.distillation.statistics import BatchNormStatistics
from coterie.errors import CoterieError, require_type
from coterie.metrics import deciding
from coterie.results import Fit
from coterie.training.device import Place

LEAST_SKILL = 0.1
"""Of a teacher that knows a task: 0 is chance, 1 perfect. An AUROC of .55 is as much."""


def skills(teacher: Fit) -> np.ndarray:
    """How much each model of a fit knows of each task on validation, (M, T).

    0 is chance, 1 perfect; NaN where it was not trained for the task.

    >>> import coterie as ct
    >>> data = ct.load("digits", targets=["even", "random"])
    >>> even, random = skills(ct.fit("mlp", data, epochs=3))[0]
    >>> bool(even > 0.5 > 0.1 > random)
    True
    """
    priors = teacher.tasks.priors or ((),) * len(teacher.tasks)
    found = [
        [metric.skill(float(score), shares) for score in scores]
        for metric, shares, scores in zip(
            deciding(teacher.tasks), priors, teacher.scores.T, strict=True
        )
    ]
    return np.where(teacher.weights > 0, np.array(found).T, np.nan)


@dataclass(frozen=True, kw_only=True)
class Teachers:
    """M models on one device, in evaluation, whose weights need no gradient.

    ``knows`` (M, T) says which tasks each knows, ``columns`` (M, P) the outputs of these.
    """

    models: tuple[nn.Module, ...]
    knows: Tensor
    columns: Tensor
    place: Place

    @classmethod
    def of(cls, teacher: Fit, data: Dataset, place: Place) -> Self:
        """The models of a fit.

        Raises:
            CoterieError: it is no fit, or of other data, or knows nothing.
        """
        require_type("teacher", teacher, Fit)
        if teacher.schema is None:
            raise CoterieError("`teacher` does not say how its data were encoded: fit it anew.")
        teacher.schema.require(data)
        knows = torch.from_numpy(skills(teacher) >= LEAST_SKILL)
        if ignorant := (~knows.any(1)).nonzero().flatten().tolist():
            raise CoterieError(
                f"`teacher` must be better than chance on validation; model {ignorant[0]} is on "
                "none of its tasks. Train it longer."
            )
        stack = teacher.stack.to(place.device)
        models = [stack.model(row).requires_grad_(False).eval() for row in range(stack.n_models)]
        if len(data.input_shape) == 3:
            for model in models:
                model.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
        widths = torch.tensor([task.width for task in data.tasks])
        return cls(
            models=tuple(models),
            knows=knows.to(place.device),
            columns=knows.repeat_interleave(widths, dim=1).to(place.device),
            place=place,
        )

    def require_batch_norm(self, input_shape: tuple[int, ...]) -> None:
        """Refuse models whose inputs could not be matched to those of training.

        Raises:
            CoterieError: a model has no BatchNorm with statistics of training.
        """
        require_batch_norm(self.models, input_shape, self.place.device)

    def outputs(self, inputs: Tensor, batch_size: int = 512) -> Tensor:
        """What they say of inputs (n, ...) on the CPU, (n, P), there, too."""
        return torch.cat(
            [self.say(batch.to(self.place.device)).cpu() for batch in inputs.split(batch_size)]
        )

    @torch.no_grad()
    def say(self, inputs: Tensor) -> Tensor:
        """What the models that know a task say of it, their mean, (B, P); 0 of other tasks."""
        with self.place.autocast():
            each = torch.stack([model(inputs) for model in self.models])
        used = self.columns.unsqueeze(1)
        return (each.float() * used).sum(0) / used.sum(0).clamp_min(1)


def first_of(teacher: Fit) -> Fit:
    """The first of the models of a fit, as a fit of its own: it ranks the examples."""
    return replace(
        teacher,
        weights=teacher.weights[:1],
        scores=teacher.scores[:1],
        history=teacher.history.of_rows(np.array([0])),
        stack=teacher.stack.select([0]),
    )


def require_batch_norm(
    models: Sequence[nn.Module], input_shape: tuple[int, ...], device: torch.device | str = "cpu"
) -> None:
    """Refuse models in evaluation whose inputs could not be matched to those of training.

    Raises:
        CoterieError: a model has no BatchNorm with statistics of training.
    """
    for row, model in enumerate(models):
        with torch.no_grad(), BatchNormStatistics() as noted:
            model(torch.zeros(2, *input_shape, device=device))
        if not noted.layers:
            raise CoterieError(
                f"`teacher` must have BatchNorm layers, whose statistics examples are matched "
                f"to; model {row} has none. Take another model, such as convnet or mlp."
            )
