"""Higher-order approximation: all pairs are trained, a larger group is the mean of its pairs.

Shapes: ``M`` models, ``T`` tasks.
"""

from __future__ import annotations

from typing import ClassVar, Self

import numpy as np

from coterie.estimators.base import (
    Estimator,
    FromOracle,
    Weights,
    as_rows,
    ask,
    require_fitted,
    subsets_of_size,
)
from coterie.grouping.subset_scores import mean_over_others
from coterie.results import About, Affinity


class PairScores(FromOracle):
    """Scores from all single tasks and all pairs (HOA; Standley et al., ICML 2020, section 4.2).

    A single task scores what it was trained to, task t in a group A what it scored on average in
    its pairs with the other members: mean over s in A without t of score_t({s, t}). Weights above 0
    say who is a member; how large they are is not used.

    >>> from coterie.estimators.table import TableScores
    >>> from coterie.results import ScoreTable
    >>> alone = {("a",): [5], ("b",): [5], ("c",): [5]}
    >>> known = {**alone, ("a", "b"): [1, 2], ("a", "c"): [3, 4], ("b", "c"): [6, 8]}
    >>> pairs = PairScores().fit(TableScores(ScoreTable.of(("a", "b", "c"), known)))
    >>> pairs.predict([[1, 1, 1], [1, 0, 1]])
    array([[ 2.,  4.,  6.],
           [ 3., nan,  4.]])
    """

    about: ClassVar[About] = About(
        family="selection",
        measures="trained every task alone and every pair; larger groups are averages of pairs",
    )

    def __init__(self) -> None:
        self._matrix: np.ndarray | None = None

    @staticmethod
    def trainings(n_tasks: int) -> int:
        """How many rows fitting asks for: T + T (T - 1) / 2."""
        return n_tasks * (n_tasks + 1) // 2

    def fit(self, oracle: Estimator) -> Self:
        """Ask the oracle for all singles and pairs, in one question.

        Raises:
            CoterieError: the oracle has no score for one of them.
        """
        n_tasks = len(oracle.tasks)
        pairs = subsets_of_size(n_tasks, 2) if n_tasks > 1 else np.zeros((0, n_tasks))
        scores = ask(oracle, np.vstack([np.eye(n_tasks), pairs]))
        matrix = np.diag(np.diag(scores[:n_tasks]))
        one, other = np.nonzero(np.triu(np.ones((n_tasks, n_tasks)), 1))
        found = scores[n_tasks:]
        matrix[other, one] = found[np.arange(len(found)), one]
        matrix[one, other] = found[np.arange(len(found)), other]
        self._matrix = matrix
        self._asked(oracle)
        return self

    def predict(self, weights: Weights) -> np.ndarray:
        """Scores (M, T) of the rows of ``weights`` (M, T), NaN where the weight is 0.

        Raises:
            CoterieError: not fitted yet, or weights that name no group.
        """
        matrix = require_fitted(self, self._matrix)
        return mean_over_others(matrix, as_rows(weights, len(matrix)) > 0)

    def affinity(self) -> Affinity:
        """The pairs as an affinity.

        ``matrix[source, target]`` is the target's score with the source, the diagonal that alone.

        Raises:
            CoterieError: not fitted yet, or fewer than two tasks.
        """
        matrix = require_fitted(self, self._matrix)
        return Affinity(
            tasks=self.tasks,
            matrix=matrix.copy(),
            method="pairs",
            counts=np.ones_like(matrix),
            cost=dict(self.cost),
            details={"measure": self.measure},
        )
