"""What every score estimator offers, and the subsets of tasks that they ask about.

Shapes: ``M`` models, ``T`` tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from math import comb
from typing import Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from torch import Tensor

from coterie.data import Dataset
from coterie.errors import CoterieError, require_whole
from coterie.results import Fit
from coterie.seeds import numpy_generator
from coterie.training import StaticWeights

Weights = np.ndarray | Tensor | Sequence[Sequence[float]]
Fitted = TypeVar("Fitted")
MEASURES = ("score", "loss")
_ENUMERATED = 100_000


@runtime_checkable
class Estimator(Protocol):
    """Answers what models trained under the rows of W would score, without training all of them.

    ``measure`` is "score" (the task's validation metric, as in ``Fit.scores``) or "loss" (minus the
    validation loss of the epoch that is kept). ``cost`` holds ``model_steps`` (steps of one model,
    forward and backward) and ``seconds`` spent so far. An estimator that is exact, because it
    trains or looks up, serves the others as their *oracle*.
    """

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, in the order of the columns."""
        ...

    @property
    def measure(self) -> str:
        """What is estimated."""
        ...

    @property
    def cost(self) -> Mapping[str, float]:
        """What was spent so far."""
        ...

    def predict(self, weights: Weights) -> np.ndarray:
        """Scores (M, T) in float64 of the rows of ``weights`` (M, T).

        Higher is better, NaN where the weight is 0.
        """
        ...


class JointEstimator(Protocol):
    """An estimator that reads the joint model: ``fit(joint, data)``, and then :class:`Estimator`.

    It has ``on_joint_model = True`` and a ``seed``. By ``steps(data, batch_size)``, if it has that,
    it tells how many steps of one model fitting amounts to.
    """

    seed: int

    @property
    def cost(self) -> Mapping[str, float]:
        """What was spent so far."""
        ...

    def fit(self, joint: Fit, data: Dataset, /) -> Self:
        """Read the joint model that was trained on these data."""
        ...

    def predict(self, weights: Weights, /) -> np.ndarray:
        """Scores (M, T) of the rows of ``weights``."""
        ...


class AskingEstimator(Protocol):
    """An estimator that learns from rows which it has an oracle answer: ``fit(oracle)``.

    By ``trainings(n_tasks)``, if it has that, it tells how many rows it asks about; by ``rounds``
    how many in each question, by ``own_seconds`` what it takes besides.
    """

    def fit(self, oracle: Estimator, /) -> Estimator:
        """Ask, and be ready to predict."""
        ...


class FromOracle:
    """What estimators that ask an oracle have in common.

    Its tasks, its measure, and what asking it has cost.

    ``cost`` is what the oracle had spent when the estimator was done with it, so give each
    estimator an oracle of its own where costs are to be compared.
    """

    _about: tuple[tuple[str, ...], str, Mapping[str, float]] | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, in the order of the columns."""
        return require_fitted(self, self._about)[0]

    @property
    def measure(self) -> str:
        """What the oracle measures, "score" or "loss"."""
        return require_fitted(self, self._about)[1]

    @property
    def cost(self) -> Mapping[str, float]:
        """What was spent.

        ``model_steps`` and ``trainings`` of the oracle, ``seconds`` of oracle and estimator.
        """
        return dict(require_fitted(self, self._about)[2])

    def _asked(self, oracle: Estimator, seconds: float = 0.0) -> None:
        """Note who was asked; ``seconds`` are the estimator's own."""
        cost = dict(oracle.cost)
        self._about = (
            tuple(oracle.tasks),
            oracle.measure,
            {**cost, "seconds": cost.get("seconds", 0.0) + seconds},
        )


def ask(oracle: Estimator, rows: np.ndarray) -> np.ndarray:
    """The oracle's scores (M, T) of 0/1 rows (M, T), complete.

    Raises:
        CoterieError: a task of a row has no score, as when a metric is not defined on its few
            validation examples.
    """
    scores = oracle.predict(rows)
    missing = np.argwhere(np.isnan(scores) & (rows > 0))
    if len(missing):
        row, task = missing[0]
        raise CoterieError(
            f"Task {oracle.tasks[task]!r} has no {oracle.measure} in the row "
            f"{rows[row].astype(int).tolist()}: its metric may not be defined on the validation "
            "part. Estimate measure='loss', or give that task more validation examples."
        )
    return scores


def as_rows(weights: Weights, n_tasks: int) -> np.ndarray:
    """The weights as training would use them, (M, T) in float64: negligible ones are 0.

    Raises:
        CoterieError: another number of columns, weights that are negative or not finite, or a row
            of zeros.

    >>> as_rows([[1, 0, 1]], 3)
    array([[1., 0., 1.]])
    """
    given = weights.detach().cpu().numpy() if isinstance(weights, Tensor) else weights
    return StaticWeights(given, n_tasks=n_tasks).matrix


def subsets_of_size(n_tasks: int, size: int) -> np.ndarray:
    """All subsets of ``size`` tasks as 0/1 rows (C, T), in lexicographic order.

    Raises:
        CoterieError: ``size`` is not from 1 to ``n_tasks``.

    >>> subsets_of_size(3, 2)
    array([[1., 1., 0.],
           [1., 0., 1.],
           [0., 1., 1.]])
    """
    _check_size(n_tasks, size)
    return _rows(list(combinations(range(n_tasks), size)), n_tasks)


def random_subsets(n_tasks: int, size: int, n_subsets: int, seed: int) -> np.ndarray:
    """Distinct subsets of ``size`` tasks, drawn uniformly, as 0/1 rows (R, T).

    All of them if there are no more than asked for.

    Raises:
        CoterieError: ``size`` is not from 1 to ``n_tasks``, or no subset is wanted.

    >>> random_subsets(9, 4, 20, seed=0).sum(axis=1).tolist() == [4] * 20
    True
    """
    _check_size(n_tasks, size)
    require_whole("n_subsets", n_subsets, 1)
    existing, rng = comb(n_tasks, size), numpy_generator(seed, "subsets", n_tasks, size)
    if existing <= max(_ENUMERATED, n_subsets):
        return subsets_of_size(n_tasks, size)[rng.permutation(existing)[:n_subsets]]
    found: dict[tuple[int, ...], None] = {}
    while len(found) < n_subsets:
        found[tuple(sorted(rng.choice(n_tasks, size, replace=False).tolist()))] = None
    return _rows(list(found), n_tasks)


def check_measure(measure: str) -> None:
    """Refuse a measure that is neither "score" nor "loss".

    Raises:
        CoterieError: naming what was found.
    """
    if measure not in MEASURES:
        raise CoterieError(
            f"`measure` must be one of {', '.join(map(repr, MEASURES))}; found {measure!r}."
        )


def require_fitted(estimator: object, found: Fitted | None) -> Fitted:
    """What fitting gave an estimator.

    Raises:
        CoterieError: it was not fitted yet.
    """
    if found is None:
        raise CoterieError(
            f"This {type(estimator).__name__} knows nothing yet: call fit(...) before asking it."
        )
    return found


def require_several_tasks(oracle: Estimator, name: str) -> int:
    """The number of tasks T.

    Raises:
        CoterieError: there is one only, so that there are no groups to tell apart.
    """
    if len(oracle.tasks) < 2:
        raise CoterieError(
            f"{name} compares groups of tasks and needs at least 2 tasks; found "
            f"{len(oracle.tasks)}."
        )
    return len(oracle.tasks)


def _rows(subsets: Sequence[tuple[int, ...]], n_tasks: int) -> np.ndarray:
    rows = np.zeros((len(subsets), n_tasks))
    for row, subset in enumerate(subsets):
        rows[row, list(subset)] = 1
    return rows


def _check_size(n_tasks: int, size: int) -> None:
    require_whole("size", size, 1)
    if size > n_tasks:
        raise CoterieError(
            f"`size` must be from 1 to the number of tasks, {n_tasks}; found {size}."
        )
