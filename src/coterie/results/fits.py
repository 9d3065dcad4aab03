"""What a training gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypedDict, cast

import numpy as np
import torch
from torch import nn

from coterie.codec import Layout
from coterie.data.preprocessing import Preprocessing
from coterie.data.schema import Schema
from coterie.errors import CoterieError, shown
from coterie.files import path_of
from coterie.metrics import mean_name
from coterie.models import GroupedModel, ModelStack
from coterie.models.architecture import trusted
from coterie.models.saved import SavedModel
from coterie.models.state import check_stack_state
from coterie.results.data_maps import DataMap
from coterie.results.groupings import Grouping
from coterie.results.histories import History
from coterie.results.views import as_html
from coterie.schema import OPEN, Details, Json, within
from coterie.tasks import Tasks

if TYPE_CHECKING:
    import pandas as pd


class _Cost(TypedDict):
    seconds: float


@dataclass(frozen=True, kw_only=True)
class _File(SavedModel, format="fit"):
    """What ``fit.safetensors`` holds."""

    preprocessing: Preprocessing | None = None
    cost: Annotated[_Cost, OPEN]
    config: dict[str, Json]
    weights: Annotated[np.ndarray, Layout("iuf M T")]
    scores: Annotated[np.ndarray, Layout("f M T")]
    history: History
    stack: Mapping[str, np.ndarray]
    metric_names: tuple[str, ...] = ()

    def restored(self, factory: str | Callable[..., nn.Module]) -> ModelStack:
        """The models, if the arrays are a state of them."""
        architecture, n_models = self.architecture(factory), len(self.weights)
        state = {name: torch.from_numpy(array) for name, array in self.stack.items()}
        check_stack_state(architecture, state, n_models, stem=self.stem)
        stack = ModelStack.from_state(architecture, state, stem=self.stem)
        stack.train(False)
        if self.preprocessing is not None:
            stack.schema = Schema(self.tasks, self.preprocessing)
        return stack


@dataclass(frozen=True, kw_only=True, repr=False)
class Fit:
    """A trained stack of M models and how it got there.

    ``scores`` (M, T) is each task's deciding metric on validation, higher is better, NaN where W = 0;
    ``metric_names`` (T) says which (none in files of early versions). ``cost`` holds ``seconds``,
    ``steps`` (the optimiser steps of each model), ``model_steps`` (their sum), ``parameters`` (of
    one model), ``strategy`` and why it was chosen.
    """

    tasks: Tasks
    weights: np.ndarray
    scores: np.ndarray
    history: History
    stack: ModelStack
    cost: Details
    config: Details
    data_map: DataMap | None = None
    grouping: Grouping | None = None
    metric_names: tuple[str, ...] = ()

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
            CoterieError: there is no grouping, or not one model for each of its groups, or they are
                to be of several sizes, or the fit does not know its data.

        >>> import coterie as ct
        >>> data = ct.load("digits", targets=["even", "random"])
        >>> settings = {"epochs": 1, "model_options": {"hidden": (8,)}}
        >>> groups = ct.group(ct.fit("mlp", data, record=True, **settings), 2)
        >>> models = ct.fit("mlp", data, groups.weights(), **settings).grouped(groups)
        >>> models.predict(data.inputs[:3]).shape
        torch.Size([3, 2])
        """
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
        if grouping.network_sizes is not None:
            raise CoterieError(
                "`grouping` has networks of several sizes, and a fit is of one: `compare` trains "
                "them."
            )
        if self.schema is None:
            raise CoterieError(
                "The fit does not say how its data were encoded: it was saved by an early version."
            )
        return GroupedModel.from_stack(
            self.stack, grouping.membership, self.tasks, self.schema.preprocessing
        )

    def save(self, folder: str | Path) -> None:
        """Write ``fit.safetensors`` and what else there is of it into a folder.

        That is ``data_map.safetensors`` and ``grouping.json``.

        Raises:
            CoterieError: the encoder's factory could not be found again by its name when loading.
        """
        folder, stack = path_of(folder, "folder"), self.stack
        stack.architecture.require_importable()
        file = _File(
            model=stack.architecture.name,
            input_shape=stack.architecture.input_shape,
            options=dict(stack.architecture.options),
            tasks=self.tasks,
            preprocessing=None if self.schema is None else self.schema.preprocessing,
            stem=0 if stack.stem is None else stack.stem.n_layers,
            cost=cast(_Cost, dict(self.cost)),
            config=dict(self.config),
            weights=self.weights,
            scores=self.scores,
            history=self.history,
            metric_names=self.metric_names,
            stack={name: tensor.cpu().numpy() for name, tensor in stack.state().items()},
        )
        file.save(folder / "fit.safetensors")
        if self.data_map is not None:
            self.data_map.save(folder / "data_map.safetensors")
        if self.grouping is not None:
            self.grouping.save(folder / "grouping.json")

    @classmethod
    def load(
        cls,
        folder: str | Path,
        *,
        model: str | Callable[..., nn.Module] | None = None,
        trust: bool = False,
    ) -> Fit:
        """Read what :meth:`save` wrote.

        ``model`` and ``trust`` are those of :meth:`coterie.GroupedModel.load`.

        Raises:
            CoterieError: a damaged file, or an encoder that ``model`` must provide.
        """
        folder = path_of(folder, "folder")
        path, data_map, grouping = (
            folder / name for name in ("fit.safetensors", "data_map.safetensors", "grouping.json")
        )
        file = _File.load(path)
        factory = trusted(file.model, model, path, trust=trust)
        with within(path, _File.format.name):
            stack = file.restored(factory)
        return cls(
            tasks=file.tasks,
            weights=file.weights,
            scores=file.scores,
            history=file.history,
            stack=stack,
            cost=file.cost,
            config=file.config,
            data_map=DataMap.load(data_map) if data_map.exists() else None,
            grouping=Grouping.load(grouping) if grouping.exists() else None,
            metric_names=file.metric_names,
        )

    @staticmethod
    def encoder_of(folder: str | Path) -> str:
        """The name of the encoder of a saved fit; nothing is imported.

        Raises:
            CoterieError: a damaged file.
        """
        return _File.load(path_of(folder, "folder") / "fit.safetensors").model

    @property
    def frame(self) -> pd.DataFrame:
        """The scores, a row for each model, counted from 0, a column for each task."""
        import pandas as pd

        models = pd.RangeIndex(len(self.scores), name="model")
        return pd.DataFrame(self.scores, models, pd.Index(list(self.tasks.names)))

    def _repr_html_(self) -> str:
        return as_html(self, self.frame)

    def __repr__(self) -> str:
        (m, t), known = self.weights.shape, self.scores[~np.isnan(self.scores)]
        name = mean_name(self.metric_names) if self.metric_names else "score"
        score = f"mean {name} {known.mean():.3f}" if known.size else "no score"
        return f"Fit({m} models x {t} tasks, {score}, {self.cost['seconds']:.1f} s)"
