"""A training set distilled into a few examples of each class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch

from coterie.codec import Layout, Record, settle
from coterie.data import Dataset, Preprocessing, Schema
from coterie.data.training_part import with_training
from coterie.errors import CoterieError, require_type
from coterie.results.views import as_html
from coterie.schema import Details, array_of
from coterie.tasks import Tasks

if TYPE_CHECKING:
    import pandas as pd

_PER_EXAMPLE = "iu n"


@dataclass(frozen=True, kw_only=True, repr=False)
class Distilled(Record, format="distilled data set"):
    """n examples that stand for the training part of a data set (Shen et al. 2025, DELT).

    ``inputs`` are as the data set stores them: images (n, H, W, C), channels last, uint8 (int32 where
    channels have 16 bits, float32 where pixels came as such); all else (n, ...) float32, columns of a
    table scaled as in training. ``targets`` (n, T) are encoded as those of the data set, NaN where
    missing. ``ids`` (n,) name the training example that each started from, ``cells`` (n,) number the
    class (or cell of labels) that it stands for, ``ranks`` (n,) its place there, from 0, and
    ``iterations`` (n,) say how long it was optimised. ``scores`` (n,) are those of the teacher by
    which the real examples were chosen (the confidence of a data map), NaN where by none.
    ``outputs`` (n, P) are what the teacher says of the final inputs as they are stored, ``known`` (T,)
    the tasks that it knows: soft labels for who has not got the teacher, which
    :func:`coterie.post_train` asks of augmented inputs instead. ``teacher`` is its fingerprint.
    ``history`` holds curves (I,) over iterations, ``settings`` what
    was asked for.

    Raises:
        CoterieError: arrays whose shapes do not fit together, or the data's tasks and inputs.

    >>> import coterie as ct
    >>> data = ct.load("digits", targets=["even"])
    >>> some = data.split.train[:4]
    >>> real = Distilled(
    ...     tasks=data.tasks,
    ...     preprocessing=data.preprocessing,
    ...     inputs=data.inputs[some].numpy().transpose(0, 2, 3, 1),
    ...     targets=data.targets[some].numpy(),
    ...     ids=data.ids[some.numpy()],
    ...     cells=np.array([0, 1, 0, 1]),
    ...     ranks=np.array([0, 0, 1, 1]),
    ...     iterations=np.zeros(4, dtype=np.int64),
    ...     scores=np.full(4, np.nan),
    ...     outputs=np.zeros((4, 1), dtype=np.float32),
    ...     known=np.array([True]),
    ...     teacher="none",
    ... )
    >>> real
    Distilled(4 examples of 2 cells x 1 tasks, mean 0 iterations)
    >>> real.dataset(data).split
    Split(4 train, 359 validation, 359 test)
    """

    tasks: Tasks
    preprocessing: Preprocessing
    inputs: Annotated[np.ndarray, Layout("uif n ...")]
    targets: Annotated[np.ndarray, Layout("f n T")]
    ids: Annotated[np.ndarray, Layout("iuU n")]
    cells: Annotated[np.ndarray, Layout(_PER_EXAMPLE)]
    ranks: Annotated[np.ndarray, Layout(_PER_EXAMPLE)]
    iterations: Annotated[np.ndarray, Layout(_PER_EXAMPLE)]
    scores: Annotated[np.ndarray, Layout("f n")]
    outputs: Annotated[np.ndarray, Layout("f n P")]
    known: Annotated[np.ndarray, Layout("b T")]
    teacher: str
    history: Mapping[str, np.ndarray] = field(default_factory=dict)
    settings: Details = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        require_type("tasks", self.tasks, Tasks)
        require_type("preprocessing", self.preprocessing, Preprocessing)
        require_type("teacher", self.teacher, str)
        require_type("settings", self.settings, Mapping)
        require_type("history", self.history, Mapping)
        for name, curve in self.history.items():
            array_of(f"history/{name}", curve, "f I")
        settle(self)
        sizes = {
            "targets": (len(self.tasks), self.targets.shape[1]),
            "outputs": (self.tasks.n_outputs, self.outputs.shape[1]),
        }
        for name, (wanted, found) in sizes.items():
            if wanted != found:
                raise CoterieError(f"`{name}` must have {wanted} columns; found {found}.")
        self.preprocessing.require(self.stored, "`inputs`")

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def images(self) -> np.ndarray:
        """The inputs as images, (n, H, W, C).

        Raises:
            CoterieError: they are none.
        """
        if self.inputs.ndim != 4:
            raise CoterieError(
                f"The distilled examples are no images but have shape {self.inputs.shape[1:]}; use "
                "`inputs`."
            )
        return self.inputs

    @property
    def labels(self) -> np.ndarray:
        """The class of each example in the only task, (n,) int64.

        Raises:
            CoterieError: there are several tasks, or it has no classes.
        """
        if len(self.tasks) > 1 or not self.tasks[0].kind.has_classes:
            raise CoterieError(
                "`labels` are the classes of one task; found "
                f"{', '.join(f'{task.name!r} ({task.kind})' for task in self.tasks)}. Use `targets`."
            )
        return self.targets[:, 0].astype(np.int64)

    def dataset(self, like: Dataset) -> Dataset:
        """The data set that the teacher was trained on, its training part replaced by these.

        Validation and test stay as they are; what is measured on the training part of the tasks
        (balance, observed shares) is measured anew, units and preprocessing stay.

        Args:
            like: the data set.

        Raises:
            CoterieError: it has other tasks or inputs, or is streamed.
        """
        require_type("like", like, Dataset)
        if difference := Schema(self.tasks, self.preprocessing).difference(like.schema):
            raise CoterieError(
                f"`like` must be the data set that the examples were distilled from: {difference}."
            )
        return with_training(like, self.stored, torch.from_numpy(self.targets), self.ids)

    @property
    def stored(self) -> torch.Tensor:
        """The inputs as a data set holds them: images (n, C, H, W)."""
        channels_first = self.inputs.transpose(0, 3, 1, 2) if self.inputs.ndim == 4 else self.inputs
        return torch.from_numpy(np.ascontiguousarray(channels_first))

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each example: what it started from, its cell, rank, iterations and score."""
        import pandas as pd

        return pd.DataFrame(
            {
                "id": self.ids,
                "cell": self.cells,
                "rank": self.ranks,
                "iterations": self.iterations,
                "score": self.scores,
            }
        )

    def _repr_html_(self) -> str:
        return as_html(self, self.frame)

    def __repr__(self) -> str:
        of = f"{len(self)} examples of {len(np.unique(self.cells))} cells x {len(self.tasks)} tasks"
        return f"Distilled({of}, mean {self.iterations.mean():.4g} iterations)"
