"""What ``fit`` is given, read and checked before anything is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from coterie.data import Dataset
from coterie.errors import CoterieError, is_listed, require_settings, require_type, shown
from coterie.models import Architecture, ModelStack
from coterie.models.width import resized
from coterie.training import StaticWeights, TrainingConfig, WeightsProvider
from coterie.training.config import MOST_EPOCHS, TrainingSettings, spelled
from coterie.training.weights import Reduction

Matrix = np.ndarray | Tensor | Sequence[Sequence[float]]
_CALLED = {"observers": ("on_batch", "on_epoch_end"), "probes": ("every", "on_step")}


def make_config(settings: Mapping[str, Any]) -> TrainingConfig:
    """Training settings from keywords; an unknown one is answered with the closest.

    Raises:
        CoterieError: an unknown name or a value that cannot work.
    """
    settings = spelled(settings)
    require_settings(TrainingConfig, settings, "fit")
    return TrainingConfig(**settings)


def architecture_of(
    model: str | Callable[..., nn.Module], data: Dataset, settings: TrainingSettings | None = None
) -> Architecture:
    """The model for these data, with the options that are among the settings."""
    options = (settings or {}).get("model_options", {})
    return Architecture.of(model, data.input_shape, data.tasks, options)


def resized_settings(
    model: str | Callable[..., nn.Module], data: Dataset, settings: TrainingSettings, size: float
) -> TrainingSettings:
    """Settings under which a model has ``size`` times the parameters that it has under these.

    Raises:
        CoterieError: the encoder has no option for its width.

    >>> import coterie as ct
    >>> settings = resized_settings("mlp", ct.load("digits"), {"epochs": 2}, 0.5)
    >>> sorted(settings), settings["model_options"]["hidden"] < (128, 128)
    (['epochs', 'model_options'], True)
    """
    if size == 1:
        return settings
    return {**settings, "model_options": resized(architecture_of(model, data, settings), size)}


def make_provider(
    weights: Matrix | WeightsProvider | None, n_tasks: int, reduction: Reduction = "mean"
) -> WeightsProvider:
    """The weights as a provider; one row of ones if there are none.

    Raises:
        CoterieError: they are no loss weights.
    """
    if isinstance(weights, WeightsProvider):
        return weights
    if weights is None:
        weights = np.ones((1, n_tasks))
    given = weights.detach().cpu() if isinstance(weights, Tensor) else weights
    return StaticWeights(given, n_tasks=n_tasks, reduction=reduction)


def check_types(
    checkpoint: object, start: object, progress: object, **lists: Sequence[object]
) -> None:
    """Refuse objects of another type.

    Raises:
        CoterieError: naming the argument.
    """
    if checkpoint is not None:
        require_type("checkpoint", checkpoint, str, Path)
    if start is not None:
        require_type("start", start, ModelStack)
    if progress is not None and not callable(progress):
        raise CoterieError(
            "`progress` must be called with (steps done, all steps, text); found "
            f"{shown(progress)}."
        )
    for name, methods in _CALLED.items():
        value = lists[name]
        if not is_listed(value) or not all(
            hasattr(each, method) for each in value for method in methods
        ):
            raise CoterieError(
                f"`{name}` must be a list of objects with {', '.join(methods)}; found "
                f"{shown(value)}."
            )


def check_start(start: ModelStack | None, architecture: Architecture, n_rows: int) -> None:
    """Refuse models that cannot be continued here.

    Raises:
        CoterieError: another architecture, or another number of models.
    """
    if start is None:
        return
    if start.architecture != architecture or start.n_models != n_rows:
        raise CoterieError(
            f"`start` must hold {n_rows} models of the same architecture, one for each row of the "
            f"weights; found {start!r}."
        )


def recorded_row(record: bool | int, n_models: int) -> int | None:
    """The number of the row that is recorded, or None.

    Raises:
        CoterieError: no number of a row.
    """
    if record is False:
        return None
    if record is True:
        if n_models > 1:
            raise CoterieError(
                f"`record=True` needs one model; there are {n_models}. Give the number of the row "
                "to record."
            )
        return 0
    if not isinstance(record, Integral) or not 0 <= record < n_models:
        raise CoterieError(
            f"`record` must be a row of the weights, 0 to {n_models - 1}; found {record}."
        )
    return int(record)


def check_snapshots(snapshots: Sequence[int], epochs: int | None) -> tuple[int, ...]:
    """The epochs after which a map is kept; ``epochs`` are those of the training, where given.

    Raises:
        CoterieError: they are no epochs of the training.
    """
    listed = list(snapshots) if is_listed(snapshots) else None
    if listed is None or any(
        isinstance(each, bool) or not isinstance(each, Integral) for each in listed
    ):
        raise CoterieError(
            f"`snapshots` must be a list of epochs, counted from 1; found {shown(snapshots)}."
        )
    most = MOST_EPOCHS if epochs is None else epochs
    if wrong := [epoch for epoch in listed if not 1 <= epoch <= most]:
        raise CoterieError(f"`snapshots` must be epochs from 1 to {most}; found {wrong[0]}.")
    return tuple(map(int, listed))
