"""A fitted family: outputs, predictions, one file.

Shapes: ``n`` examples, ``F`` features, ``T`` tasks, ``P`` output columns, ``C`` columns of all
predictors, ``K`` classes of a task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast, overload

import numpy as np
import torch
from scipy.special import log_softmax
from torch import Tensor, nn

from coterie.codec import Record, name_in
from coterie.data import Dataset
from coterie.data.dataset import require_positions
from coterie.data.preprocessing import Preprocessing
from coterie.data.schema import Schema
from coterie.errors import CoterieError, require_type, shown
from coterie.families.base import Link, n_columns
from coterie.families.predictors import Linear, Trees
from coterie.metrics.calibration import Calibration, Rule, calibrations
from coterie.models import GroupedModel
from coterie.models.predictions import predict_as_given, predicted, require_calibration
from coterie.schema import least
from coterie.tasks import Task, Tasks

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Where a task stands among the predictors' columns, and how it is read.

    ``classes`` are the codes of those that training saw, () where labels are numbers; ``n_labels``
    how many labels it saw.
    """

    first: Annotated[int, least(0)]
    classes: tuple[Annotated[int, least(0)], ...]
    n_labels: Annotated[int, least(1)]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class FamilyModel(Record, format="family model"):
    """What :func:`coterie.families.fit` gives.

    ``family`` is its name, ``trees`` or ``linear`` hold its predictors by number, ``seconds`` is
    what fitting took. ``calibration``, one for each task once :meth:`calibrate` was called, is
    applied by :meth:`predict`. :meth:`save` writes one file of safetensors without any object of another
    library, and nothing is unpickled when it is read.
    """

    family: str
    link: Link
    tasks: Tasks
    preprocessing: Preprocessing
    readings: tuple[Reading, ...]
    trees: Mapping[str, Trees]
    linear: Mapping[str, Linear]
    seconds: Annotated[float, least(0)] = field(default=0.0)
    calibration: tuple[Calibration | None, ...] = ()

    def __post_init__(self) -> None:
        """Refuse parts that do not fit together."""
        shape = self.preprocessing.input_shape
        if len(shape) != 1:
            raise CoterieError(f"`preprocessing` must give rows of numbers; found shape {shape}.")
        for predictor in self.predictors:
            predictor.require_features(shape[0])
        if len(self.readings) != len(self.tasks):
            raise CoterieError(
                f"`readings` must be {len(self.tasks)}, one a task; found {len(self.readings)}."
            )
        require_calibration(self.calibration, self.tasks)
        n = sum(predictor.n_columns for predictor in self.predictors)
        for task, reading in zip(self.tasks, self.readings, strict=True):
            rising = all(a < b for a, b in zip(reading.classes, reading.classes[1:], strict=False))
            n_known = _n_classes(task) if task.kind.has_classes else 0
            fits = bool(reading.classes) == task.kind.has_classes and rising
            if not fits or any(code >= n_known for code in reading.classes):
                raise CoterieError(
                    f"`readings` of task {task.name!r} must have rising codes of its {n_known} "
                    f"classes; found {list(reading.classes)}."
                )
            if reading.first + n_columns(len(reading.classes)) > n:
                raise CoterieError(
                    f"`readings` of task {task.name!r} must lie within {n} columns; found "
                    f"{reading.first} as the first."
                )
            if task.kind.estimand is None:
                raise CoterieError(f"A family cannot express the {task.kind} task {task.name!r}.")

    @property
    def predictors(self) -> tuple[Trees | Linear, ...]:
        """Trees or linear models, in order.

        Raises:
            CoterieError: their names are not 0, 1, 2, ...
        """
        found = {**self.trees, **self.linear}
        names = [str(number) for number in range(len(self.trees) + len(self.linear))]
        if set(found) != set(names):
            raise CoterieError(
                f"Predictors must be named 0 to {len(names) - 1}; found {shown(sorted(found))}."
            )
        return tuple(found[name] for name in names)

    @property
    def schema(self) -> Schema:
        """How the data of the training were encoded; new data are read by it."""
        return Schema(self.tasks, self.preprocessing)

    @property
    def n_models(self) -> int:
        """How many models serve the tasks: forests that tasks share count once."""
        return len(self.predictors)

    @property
    def parameters(self) -> int:
        """Numbers kept."""
        return sum(predictor.parameters for predictor in self.predictors)

    def outputs(self, inputs: Tensor | Dataset, positions: Tensor | None = None) -> Tensor:
        """Outputs (n, P), float32, that mean what a network's do.

        The balanced logit of two classes, logarithms of the probabilities of more, cumulative
        logits of ordered ones, the value on the scale of training, the logarithm of a rate.

        Args:
            inputs: encoded, (N, F), or the data set that holds them.
            positions: (n,) of these, all if None.

        Raises:
            CoterieError: inputs of another shape, or data that were prepared otherwise.
        """
        if isinstance(inputs, Dataset):
            self.schema.require(inputs)
            if positions is not None:
                require_positions(positions, inputs)
        given = inputs.inputs if isinstance(inputs, Dataset) else inputs
        require_type("inputs", given, Tensor)
        given = cast("Tensor", given)
        self.preprocessing.require_shape(given, "`inputs`")
        chosen = (given if positions is None else given[positions]).cpu().numpy()
        # A file may hold any numbers: where they lead nowhere, the output is NaN.
        with np.errstate(all="ignore"):
            estimates = [torch.from_numpy(each) for each in self._estimates(chosen)]
        return torch.cat(
            [
                task.kind.from_estimates(each, pos_weight).float()
                for task, each, pos_weight in zip(
                    self.tasks, estimates, self.tasks.pos_weight, strict=True
                )
            ],
            dim=1,
        )

    def _estimates(self, inputs: np.ndarray) -> Iterator[np.ndarray]:
        """What the kind of each task is asked for its outputs."""
        found = [predictor.predict(inputs) for predictor in self.predictors]
        columns = np.concatenate([np.zeros((len(inputs), 0)), *found], axis=1)
        for task, reading in zip(self.tasks, self.readings, strict=True):
            mine = columns[:, reading.first :][:, : n_columns(len(reading.classes))]
            if reading.classes:
                known = log_probabilities(mine, self.link)
                yield with_unseen(known, reading.classes, _n_classes(task), reading.n_labels)
            else:
                is_rate = task.kind.estimand == "rate" and self.link == "identity"
                yield np.log(mine) if is_rate else mine

    def calibrate(self, data: Dataset, *, rule: Rule = "balanced accuracy") -> FamilyModel:
        """The same model with calibration and thresholds, fitted on the validation examples.

        As :meth:`coterie.GroupedModel.calibrate`, but a new object.

        Args:
            data: what it was fitted on.
            rule: of thresholds, see :func:`coterie.metrics.calibration.threshold`.

        Raises:
            CoterieError: data that were prepared otherwise, or no such rule.
        """
        require_type("data", data, Dataset)
        positions = data.split.validation
        outputs, targets = self.outputs(data, positions), data.targets[positions]
        return replace(self, calibration=calibrations(outputs, targets, self.tasks, rule))

    @overload
    def predict(self, inputs: Tensor) -> Tensor: ...
    @overload
    def predict(self, inputs: np.ndarray) -> np.ndarray: ...
    @overload
    def predict(self, inputs: pd.DataFrame) -> pd.DataFrame: ...
    def predict(
        self, inputs: Tensor | np.ndarray | pd.DataFrame
    ) -> Tensor | np.ndarray | pd.DataFrame:
        """Return predictions in the sort that was given, as :meth:`coterie.GroupedModel.predict`.

        Raises:
            CoterieError: a column is absent or of another type, or inputs have another shape or are
                not finite.
        """
        return predict_as_given(
            inputs,
            self.tasks,
            self.preprocessing,
            lambda tensor: predicted(self.outputs(tensor), self.tasks, self.calibration),
        )

    def __repr__(self) -> str:
        return (
            f"FamilyModel({self.family}: {self.n_models} model{'s'[: self.n_models != 1]} of "
            f"{len(self.tasks)} task{'s'[: len(self.tasks) != 1]}, {self.parameters} numbers)"
        )


def log_probabilities(columns: np.ndarray, link: Link) -> np.ndarray:
    """Logarithms of the probabilities of the classes that training saw, (n, k).

    From the columns of a predictor: none if there is one class, one if there are two.

    >>> np.exp(log_probabilities(np.array([[0.25]]), "identity")).round(3)
    array([[0.75, 0.25]])
    """
    if not columns.shape[1]:
        return np.zeros((len(columns), 1))
    if link == "canonical":
        pair = [np.zeros_like(columns), columns] if columns.shape[1] == 1 else [columns]
        return log_softmax(np.concatenate(pair, axis=1), axis=1)
    pair = [1 - columns, columns] if columns.shape[1] == 1 else [columns]
    return np.log(np.concatenate(pair, axis=1))


def with_unseen(
    known: np.ndarray, classes: tuple[int, ...], size: int, n_labels: int
) -> np.ndarray:
    """Logarithms of the probabilities of all K classes from those of the ones that training saw.

    A class that was not seen in N labels has 1 / (N + K): the rule of succession (Laplace).

    >>> np.exp(with_unseen(np.log([[0.5, 0.5]]), (0, 2), 3, 7)).round(2)
    array([[0.45, 0.1 , 0.45]])
    """
    unseen = 1 / (n_labels + size)
    answer = np.full((len(known), size), np.log(unseen))
    answer[:, classes] = known + np.log1p(-unseen * (size - len(classes)))
    return answer


def load_model(
    path: str | Path,
    *,
    model: str | Callable[..., nn.Module] | None = None,
    trust: bool = False,
) -> GroupedModel | FamilyModel:
    """Read a saved model of whichever family: networks, trees or linear ones.

    ``model`` and ``trust`` are those of :meth:`coterie.GroupedModel.load`.

    Raises:
        CoterieError: no such file, a damaged one, or one of another kind.
    """
    if name_in(path) == FamilyModel.format.name:
        return FamilyModel.load(path)
    return GroupedModel.load(path, model=model, trust=trust)


def _n_classes(task: Task) -> int:
    """K; a binary task need not name its two."""
    return len(task.classes) or 2
