"""What a training gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.files import read_arrays, write_arrays
from coterie.results.data_maps import DataMap
from coterie.results.groupings import Grouping

if TYPE_CHECKING:
    from coterie.data.schema import Schema
    from coterie.models import ModelStack
    from coterie.tasks import Tasks


@dataclass(frozen=True, kw_only=True)
class History:
    """Training curves: ``train_loss``, ``validation_loss``, ``validation_score`` of shape (E, M, T), NaN where W = 0.

    ``best_epoch`` (M,) counts from 0 and names the epoch whose state each model keeps. ``learning_rate`` has shape (E,).
    """

    train_loss: np.ndarray
    validation_loss: np.ndarray
    validation_score: np.ndarray
    learning_rate: np.ndarray
    best_epoch: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """The curves by name, for saving."""
        return dict(vars(self))


@dataclass(frozen=True, kw_only=True, repr=False)
class Fit:
    """A trained stack of M models and how it got there.

    ``scores`` (M, T) is the task's metric on validation, higher is better, NaN where W = 0. ``cost`` holds ``seconds``,
    ``model_steps`` (optimiser steps summed over models), ``parameters`` (of one model), ``strategy`` and why it was chosen.
    """

    tasks: Tasks
    weights: np.ndarray
    scores: np.ndarray
    history: History
    stack: ModelStack
    cost: Mapping[str, Any]
    config: Mapping[str, Any]
    data_map: DataMap | None = None
    grouping: Grouping | None = None

    @property
    def schema(self) -> Schema | None:
        """How the data of the training were encoded."""
        return self.stack.schema

    def save(self, folder: str | Path) -> None:
        """Write ``fit.safetensors`` and, where there are any, ``data_map.safetensors`` and ``grouping.json`` into a folder.

        Raises:
            CoterieError: the encoder's factory could not be found again by its name when loading.
        """
        folder, architecture = Path(folder), self.stack.architecture
        architecture.require_importable()
        arrays = {f"stack/{name}": tensor.cpu().numpy() for name, tensor in self.stack.state().items()}
        arrays |= {f"history/{name}": array for name, array in self.history.arrays().items()}
        about = {
            "model": architecture.name, "input_shape": architecture.input_shape, "options": dict(architecture.options),
            "tasks": self.tasks.to_dict(), "cost": dict(self.cost), "config": dict(self.config),
            "stem": 0 if self.stack.stem is None else self.stack.stem.n_layers,
            "preprocessing": None if self.schema is None else self.schema.preprocessing.to_dict(),
        }  # fmt: skip
        write_arrays(folder / "fit.safetensors", {**arrays, "weights": self.weights, "scores": self.scores}, about)
        if self.data_map is not None:
            self.data_map.save(folder / "data_map.safetensors")
        if self.grouping is not None:
            self.grouping.save(folder / "grouping.json")

    @classmethod
    def load(cls, folder: str | Path, *, model: Any = None, trust: bool = False) -> Fit:
        """Read what :meth:`save` wrote; ``model`` and ``trust`` are those of :meth:`coterie.GroupedModel.load`.

        Raises:
            CoterieError: a damaged file, or an encoder that ``model`` must provide.
        """
        # Made here only: results know models by name, not the other way round.
        import torch

        from coterie.data.preprocessing import Preprocessing
        from coterie.data.schema import Schema
        from coterie.models import Architecture, ModelStack
        from coterie.models.architecture import trusted
        from coterie.tasks import Tasks

        folder = Path(folder)
        arrays, about = read_arrays(folder / "fit.safetensors")
        tasks = Tasks.from_dict(about["tasks"])
        factory = trusted(about["model"], model, folder / "fit.safetensors", trust=trust)
        architecture = Architecture(factory, tuple(about["input_shape"]), tasks.n_outputs, about["options"])
        part = lambda name: {k.removeprefix(name): a for k, a in arrays.items() if k.startswith(name)}  # noqa: E731
        data_map, grouping = folder / "data_map.safetensors", folder / "grouping.json"
        stack = ModelStack.from_state(
            architecture, {k: torch.from_numpy(a) for k, a in part("stack/").items()}, stem=about.get("stem", 0)
        )
        if about.get("preprocessing") is not None:
            stack.schema = Schema(tasks, Preprocessing.from_dict(about["preprocessing"]))
        return cls(
            tasks=tasks, weights=arrays["weights"], scores=arrays["scores"], history=History(**part("history/")), stack=stack,
            cost=about["cost"], config=about["config"],
            data_map=DataMap.load(data_map) if data_map.exists() else None,
            grouping=Grouping.load(grouping) if grouping.exists() else None,
        )  # fmt: skip

    def __repr__(self) -> str:
        m, t = self.weights.shape
        return f"Fit({m} models x {t} tasks, mean score {np.nanmean(self.scores):.3f}, {self.cost['seconds']:.1f} s)"
