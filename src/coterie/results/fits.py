"""What a training gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, TypedDict

import numpy as np

from coterie.errors import CoterieError, shown
from coterie.files import path_of, read_arrays, write_arrays
from coterie.results.data_maps import DataMap
from coterie.results.groupings import Grouping
from coterie.schema import OPEN, arrays_of, least, structure, within

if TYPE_CHECKING:
    from coterie.data.schema import Schema
    from coterie.models import GroupedModel, ModelStack
    from coterie.tasks import Tasks


class _Cost(TypedDict):
    seconds: float


class _Saved(TypedDict):
    model: str
    input_shape: tuple[Annotated[int, least(1)], ...]
    options: dict[str, Any]
    tasks: dict[str, Any]
    cost: Annotated[_Cost, OPEN]
    config: dict[str, Any]
    stem: NotRequired[Annotated[int, least(0)]]
    preprocessing: NotRequired[dict[str, Any] | None]


@dataclass(frozen=True, kw_only=True)
class History:
    """Training curves.

    ``train_loss``, ``validation_loss``, ``validation_score`` of shape (E, M, T), NaN where W = 0.

    ``best_epoch`` (M,) counts from 0 and names the epoch whose state each model keeps.
    ``learning_rate`` has shape (E,).
    """

    train_loss: np.ndarray
    validation_loss: np.ndarray
    validation_score: np.ndarray
    learning_rate: np.ndarray
    best_epoch: np.ndarray

    def arrays(self) -> dict[str, np.ndarray]:
        """The curves by name, for saving."""
        return dict(vars(self))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], **sizes: int) -> History:
        """What :meth:`arrays` gave; ``sizes`` are those known of E, M, T.

        Raises:
            CoterieError: an array is missing, unknown or does not fit; it is named.
        """
        curves = dict.fromkeys(("train_loss", "validation_loss", "validation_score"), "f E M T")
        arrays_of(arrays, {**curves, "learning_rate": "f E", "best_epoch": "iu M"}, sizes=sizes)
        best, n_epochs = arrays["best_epoch"], len(arrays["learning_rate"])
        if best.size and not (int(best.min()) >= 0 and int(best.max()) < max(n_epochs, 1)):
            raise CoterieError(
                f"`best_epoch` must count from 0 and lie within {n_epochs} epochs; found "
                f"{best.tolist()}."
            )
        return cls(**arrays)


@dataclass(frozen=True, kw_only=True, repr=False)
class Fit:
    """A trained stack of M models and how it got there.

    ``scores`` (M, T) is the task's metric on validation, higher is better, NaN where W = 0.
    ``cost`` holds ``seconds``, ``model_steps`` (optimiser steps summed over models), ``parameters``
    (of one model), ``strategy`` and why it was chosen.
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

    def grouped(self, grouping: Grouping | None = None) -> GroupedModel:
        """The models of groups as one module that predicts all tasks, to be saved and shipped.

        Args:
            grouping: what the models were trained as: ``fit(..., weights=grouping.weights())``;
                that of the fit itself, where it learnt one, if left out.

        Raises:
            CoterieError: there is no grouping, or not one model for each of its groups, or the fit
                does not know its data.

        >>> import coterie as ct
        >>> data = ct.load("digits", targets=["even", "random"])
        >>> settings = {"epochs": 1, "model_options": {"hidden": (8,)}}
        >>> groups = ct.group(ct.fit("mlp", data, record=True, **settings), 2)
        >>> ct.fit("mlp", data, groups.weights(), **settings).grouped(groups).predict(data.inputs[:3]).shape
        torch.Size([3, 2])
        """
        from coterie.models import (
            GroupedModel,
        )  # here only: results know models by name, not the other way round

        grouping = self.grouping if grouping is None else grouping
        if not isinstance(grouping, Grouping):
            raise CoterieError(
                "`grouping` must be a Grouping, since the fit learnt none; found "
                f"{shown(grouping)}."
            )
        if grouping.tasks != self.tasks.names:
            raise CoterieError(
                f"`grouping` must be of the tasks of the fit, {self.tasks.names}; found "
                f"{grouping.tasks}."
            )
        if grouping.n_groups != len(self.weights):
            raise CoterieError(
                f"`grouping` must have a group for each of {len(self.weights)} models; found "
                f"{grouping.n_groups}."
            )
        if self.schema is None:
            raise CoterieError(
                "The fit does not say how its data were encoded: it was saved by an early version."
            )
        return GroupedModel.from_stack(
            self.stack, grouping.membership, self.tasks, self.schema.preprocessing
        )

    def save(self, folder: str | Path) -> None:
        """Write ``fit.safetensors`` and, where there are any, ``data_map.safetensors`` and ``grouping.json`` into a folder.

        Raises:
            CoterieError: the encoder's factory could not be found again by its name when loading.
        """
        folder, architecture = path_of(folder, "folder"), self.stack.architecture
        architecture.require_importable()
        arrays = {
            f"stack/{name}": tensor.cpu().numpy() for name, tensor in self.stack.state().items()
        }
        arrays |= {f"history/{name}": array for name, array in self.history.arrays().items()}
        about = {
            "model": architecture.name,
            "input_shape": architecture.input_shape,
            "options": dict(architecture.options),
            "tasks": self.tasks.to_dict(),
            "cost": dict(self.cost),
            "config": dict(self.config),
            "stem": 0 if self.stack.stem is None else self.stack.stem.n_layers,
            "preprocessing": None if self.schema is None else self.schema.preprocessing.to_dict(),
        }
        write_arrays(
            folder / "fit.safetensors",
            {**arrays, "weights": self.weights, "scores": self.scores},
            about,
        )
        if self.data_map is not None:
            self.data_map.save(folder / "data_map.safetensors")
        if self.grouping is not None:
            self.grouping.save(folder / "grouping.json")

    @classmethod
    def load(cls, folder: str | Path, *, model: Any = None, trust: bool = False) -> Fit:
        """Read what :meth:`save` wrote.

        ``model`` and ``trust`` are those of :meth:`coterie.GroupedModel.load`.

        Raises:
            CoterieError: a damaged file, or an encoder that ``model`` must provide.
        """
        folder = path_of(folder, "folder")
        file, data_map, grouping = (
            folder / name for name in ("fit.safetensors", "data_map.safetensors", "grouping.json")
        )
        from coterie.models.architecture import (
            trusted,
        )  # here only: results know models by name, not the other way round

        arrays, about = read_arrays(file)
        with within(file, "fit"):
            found: _Saved = structure(about, _Saved)
        factory = trusted(found["model"], model, file, trust=trust)
        with within(file, "fit"):
            parts = _parts(arrays, found, factory)
        return cls(
            **parts,
            data_map=DataMap.load(data_map) if data_map.exists() else None,
            grouping=Grouping.load(grouping) if grouping.exists() else None,
        )

    def __repr__(self) -> str:
        (m, t), known = self.weights.shape, self.scores[~np.isnan(self.scores)]
        score = f"mean score {known.mean():.3f}" if known.size else "no score"
        return f"Fit({m} models x {t} tasks, {score}, {self.cost['seconds']:.1f} s)"


def _parts(arrays: Mapping[str, np.ndarray], found: _Saved, factory: Any) -> dict[str, Any]:
    """What the fit's own file holds."""
    import torch

    from coterie.data.preprocessing import Preprocessing
    from coterie.data.schema import Schema
    from coterie.models import Architecture, ModelStack
    from coterie.models.state import check_stack_state
    from coterie.tasks import Tasks

    tasks, stem = Tasks.from_dict(found["tasks"]), found.get("stem", 0)
    part = lambda name: {k.removeprefix(name): a for k, a in arrays.items() if k.startswith(name)}  # noqa: E731
    history, state = part("history/"), {k: torch.from_numpy(a) for k, a in part("stack/").items()}
    rest = {k: a for k, a in arrays.items() if not k.startswith(("history/", "stack/"))}
    arrays_of(rest, {"weights": "iuf M T", "scores": "f M T"}, sizes={"T": len(tasks)})
    n_models = len(rest["weights"])
    architecture = Architecture(factory, found["input_shape"], tasks.n_outputs, found["options"])
    check_stack_state(architecture, state, n_models, stem=stem)
    stack = ModelStack.from_state(architecture, state, stem=stem)
    stack.train(False)
    if (preprocessing := found.get("preprocessing")) is not None:
        stack.schema = Schema(tasks, Preprocessing.from_dict(preprocessing))
    return {
        "tasks": tasks,
        **rest,
        "history": History.from_arrays(history, M=n_models, T=len(tasks)),
        "cost": found["cost"],
        "config": found["config"],
        "stack": stack,
    }
