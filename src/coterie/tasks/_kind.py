"""What a kind of target is: everything that the library asks of it, and the register of all kinds.

Shapes: ``B`` examples of a batch, ``T`` tasks, ``n`` tasks of this kind, ``K`` classes, ``w``
output columns of one task, ``C`` those of the widest, ``...`` any leading dimensions such as the
models of a stack.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import torch
from torch import Tensor

from coterie.errors import CoterieError, shown
from coterie.tasks._column import Column
from coterie.tasks._margins import Margin

if TYPE_CHECKING:
    import pyarrow as pa

    from coterie.tasks._blocks import Block
    from coterie.tasks._tasks import Task, Tasks


class Kind(str, ABC):  # noqa: SLOT000
    """What a target is. A kind is its name as well: ``task.kind == "binary"``.

    To add a kind, subclass this, name it, answer what is asked below, and :func:`register` one
    object of the class. Labels are encoded as one number a cell, NaN where missing. Methods that
    get outputs of several tasks see all ``n`` tasks of the kind at once, (..., B, n), or (..., B,
    n, C) if :attr:`wide`; so a step of training has no loop over tasks.
    """

    BINARY: ClassVar[Kind]
    MULTICLASS: ClassVar[Kind]
    REGRESSION: ClassVar[Kind]
    ORDINAL: ClassVar[Kind]
    COUNT: ClassVar[Kind]

    name: ClassVar[str]
    """What users call it; also in files."""
    metric_name: ClassVar[str]
    """Name of the metric by which tasks of this kind are compared, unless a user names another."""
    has_classes: ClassVar[bool]
    """Whether labels are classes with names, else numbers in units."""
    has_positive: ClassVar[bool] = False
    """Whether one of two classes is the positive one, which a user may name."""
    wide: ClassVar[bool] = False
    """Whether a task may have several output columns; outputs are then padded to the widest."""
    padding: ClassVar[float] = -torch.inf
    """What outputs are padded with."""
    has_likelihood: ClassVar[bool] = False
    """Whether predictions have a second column, ``NAME probability``."""
    margin: ClassVar[Margin | None] = None
    """What Grad-TAG needs of a kind; it refuses those without."""
    estimand: ClassVar[Literal["class", "mean", "rate"] | None] = None
    """What models of other families estimate: the class, the mean label, or a rate above 0.

    None: they cannot express it, and leave tasks of this kind out.
    """

    def __new__(cls) -> Self:
        missing = [
            name for name in ("name", "metric_name", "has_classes") if not hasattr(cls, name)
        ]
        if missing := missing + sorted(cls.__abstractmethods__):
            raise TypeError(f"A kind must have {', '.join(missing)}; {cls.__name__} lacks them.")
        return str.__new__(cls, cls.name)

    def __reduce__(self) -> tuple[object, ...]:
        return kind_named, (self.value,)

    @property
    def value(self) -> str:
        """The name, as plain text."""
        return str(self)

    # Labels

    def recognises(self, column: Column) -> bool:  # noqa: ARG002
        """Whether a column is taken for this kind where the user does not say.

        Kinds are asked in the order of ``KINDS``.
        """
        return False

    @abstractmethod
    def read(
        self, column: Column, positive: str | None = None
    ) -> tuple[tuple[str, ...], np.ndarray]:
        """Names of the classes, or none, and the labels, (N,) float64, NaN if missing.

        Labels are codes, or numbers in their own units.

        ``positive`` is None unless the kind :attr:`has_positive`.

        Raises:
            CoterieError: the column does not suit the kind.
        """

    @abstractmethod
    def fits(self, classes: Sequence[str]) -> bool:
        """Whether a task of this kind can have these classes."""

    def scarce(self, values: np.ndarray) -> list[tuple[str, np.ndarray, int]]:
        """What a part of the data must hold.

        What it is called, how many there are, (n,), and the least number.

        ``values`` (rows, n) are labels of the part.
        """
        return [("labels", (~np.isnan(values)).sum(0), 2)]

    # Measured on the training part. ``values`` (rows, T) has columns of other kinds, too; what is
    # said of them is not read.

    def pos_weight(self, values: np.ndarray) -> np.ndarray:
        """Weight of a label of 1 in the loss, (T,); 1 where classes are not balanced."""
        return np.ones(values.shape[1])

    def units(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What numbers are shifted and divided by before training, (T,) each."""
        return np.zeros(values.shape[1]), np.ones(values.shape[1])

    # Outputs

    def width(self, classes: Sequence[str]) -> int:  # noqa: ARG002
        """Number of output columns of a task, w."""
        return 1

    @abstractmethod
    def loss(self, outputs: Tensor, labels: Tensor, block: Block) -> Tensor:
        """Loss of each cell, (..., B, n).

        ``labels`` (..., B, n) are 0 where missing, whose loss is not read.

        ``block`` has what was measured of the tasks, ``pos_weight``, ``mean`` and ``std`` (n,).
        """

    @abstractmethod
    def confidence(self, outputs: Tensor, labels: Tensor) -> Tensor:
        """How right the model is about each label, in [0, 1], (..., B, n).

        ``labels`` are 0 where missing.
        """

    @abstractmethod
    def constant(self, labels: Tensor, n_classes: int, pos_weight: float) -> Tensor:
        """The constant output (w,) of least loss for the labels (rows,) of one task.

        None of them is missing.
        """

    # What metrics read. ``outputs`` (..., w) are those of one task.

    @abstractmethod
    def said(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:
        """The class, or the number on the scale of the labels, that is predicted, (...).

        NaN where outputs are.
        """

    def log_probabilities(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:
        """Logarithms of the probabilities of K classes, without the balance of training, (..., K).

        Asked of kinds that have classes only.
        """
        raise NotImplementedError

    # Predictions

    def inverse_link(self, outputs: Tensor) -> Tensor:
        """What models average where they do not average outputs (..., w) of one task, (..., w).

        Such as probabilities.
        """
        return outputs

    def link(self, means: Tensor) -> Tensor:
        """The outputs (..., w) again, from such averages."""
        return means

    def from_estimates(self, estimates: Tensor, pos_weight: Tensor) -> Tensor:  # noqa: ARG002
        """The outputs (n, w) that say what was estimated of the :attr:`estimand`.

        ``estimates`` are logarithms of the probabilities of all classes (n, K), a mean on the scale
        of training (n, 1), or the logarithm of a rate on this scale (n, 1). Models of other
        families do not weigh positives; their outputs are as if they did, by ``pos_weight`` ().
        """
        return estimates

    @abstractmethod
    def predict(self, outputs: Tensor, tasks: Tasks, position: int) -> Tensor:
        """What a user sees of outputs (B, w) of the task at ``position``.

        Calibrated probabilities, or values in units.
        """

    def n_predictions(self, classes: Sequence[str]) -> int:
        """Number of columns that :meth:`predict` gives."""
        return self.width(classes)

    @abstractmethod
    def meanings(self, task: Task) -> list[dict[str, str]]:
        """What each column of :meth:`predict` means."""

    @abstractmethod
    def columns(self, values: Tensor, task: Task) -> tuple[pa.Array, ...]:
        """Columns of a table of predictions from what :meth:`predict` gave.

        One, and the likelihood if there is one.
        """

    @abstractmethod
    def described(self, task: Task, likelihood: str) -> dict[str, object]:
        """What these columns hold, as JSON types; ``likelihood`` is the name of the second."""


KINDS: dict[str, Kind] = {}
"""All kinds by name. Where a user does not say what a target is, they are asked in this order."""


def register(kind: Kind) -> Kind:
    """Make a kind known by its name, and return it.

    ``kinds=`` of :func:`coterie.load`, ``--kind`` and saved models then find it.

    Raises:
        CoterieError: no kind, or another one goes by this name.
    """
    if not isinstance(kind, Kind) or not kind.value.isidentifier():
        raise CoterieError(
            "`kind` must be an object of a subclass of Kind whose `name` is a word; found "
            f"{shown(kind)}."
        )
    known = KINDS.get(kind)
    if known is not None and _origin(known) != _origin(kind):  # a cell of a notebook may run twice
        raise CoterieError(f"`kind`: another kind is called {kind!r}; choose another name.")
    KINDS[kind.value] = kind
    return kind


def kind_named(name: str) -> Kind:
    """The kind of this name.

    Raises:
        CoterieError: there is none.

    >>> kind_named("binary") is Kind.BINARY
    True
    >>> kind_named("ranking")
    Traceback (most recent call last):
    coterie.errors.CoterieError: `kind` must be one of 'binary', 'multiclass', 'regression', ...
    """
    if (wrong := unknown_kind(name)) is not None:
        raise CoterieError(f"`kind` must be {wrong}; found {shown(name)}.")
    return KINDS[name]


def unknown_kind(name: object) -> str | None:
    """What would be right, unless ``name`` is that of a kind."""
    if isinstance(name, str) and name in KINDS:
        return None
    return f"one of {', '.join(map(repr, KINDS))}, or a kind that coterie.tasks.register made known"


def _origin(kind: Kind) -> tuple[str, str]:
    return type(kind).__module__, type(kind).__qualname__
