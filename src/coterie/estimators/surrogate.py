"""Surrogate task models: a score is linear in who else is in the group, fitted on random groups.

Shapes: ``M`` models, ``R`` trained subsets, ``T`` tasks, ``B`` bootstrap samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import ClassVar, Self

import numpy as np

from coterie.errors import CoterieError, require_positive, require_whole
from coterie.estimators._relevance import ridge_relevance
from coterie.estimators.base import (
    Estimator,
    FromOracle,
    Weights,
    as_rows,
    ask,
    require_fitted,
    require_several_tasks,
)
from coterie.estimators.sampling import covering_subsets
from coterie.results import About, Affinity
from coterie.seeds import numpy_generator

_PER_TASK = 8
_ALL_PREFIXES = 10


@dataclass(frozen=True, kw_only=True)
class SourceChoice:
    """The ``sources`` that serve a ``target`` best.

    ``scores`` of the target with the first ``sizes`` sources by relevance.

    ``threshold`` is the relevance that the sources reach and the others do not: infinite if there
    are none.
    """

    target: str
    sources: tuple[str, ...]
    threshold: float
    sizes: tuple[int, ...]
    scores: np.ndarray


class SurrogateScores(FromOracle):
    """Scores by one linear model per target.

    Its score in a group is an intercept plus a relevance for each other member.

    Li, Nguyen and Zhang, "Identification of negative transfers in multitask learning using
    surrogate models", TMLR 2023, with every member of a trained subset as a target, as in their
    "Boosting multitask learning on graphs", KDD 2023. Subsets are of one size, drawn such that
    every pair of tasks meets; targets are standardised, the intercept is free and the relevances
    shrink by ridge. As subsets of one size cannot tell what size itself does, a target's relevances
    add up to zero and groups of other sizes are guessed without such an effect. Single tasks are
    trained too and answer for themselves, so that ``predict(W) - diag(predict(I))`` tells negative
    transfer. In the paper relevance is of losses and low is good; here scores are modelled and high
    is good.

    Args:
        n_subsets: R; 8 T by default, or all subsets of the size if there are fewer. With the
            default size each target is in a third of them, which leaves 8/3 equations for each of
            its unknowns.
        size: tasks of a subset; a third of all by default, but at least 3.
        ridge: penalty of squared relevances against the sum of squared errors of the standardised
            scores.
        bootstraps: B, resamplings of the subsets for :meth:`interval`.
        seed: of the subsets and the resamplings.

    >>> from coterie.estimators.table import TableScores
    >>> from coterie.estimators.base import subsets_of_size
    >>> from coterie.results import ScoreTable
    >>> rows = np.vstack([subsets_of_size(4, size) for size in (1, 2, 3, 4)]) > 0
    >>> scores = np.where(rows, (rows @ [1.0, 2.0, 3.0, 4.0])[:, None], np.nan)
    >>> costs = np.ones(len(rows))
    >>> table = ScoreTable(tasks=tuple("abcd"), subsets=rows, scores=scores, costs=costs)
    >>> SurrogateScores().fit(TableScores(table)).predict([[1, 1, 0, 1]]).round(1)
    array([[ 7.,  7., nan,  7.]])
    """

    about: ClassVar[About] = About(
        family="selection",
        measures="trained random groups; a linear model of them predicts the others",
    )

    def __init__(
        self,
        n_subsets: int | None = None,
        size: int | None = None,
        ridge: float = 1e-2,
        bootstraps: int = 200,
        seed: int = 0,
    ) -> None:
        # At 0 few subsets have no unique fit.
        require_positive("ridge", ridge)
        require_whole("bootstraps", bootstraps, 2)
        if n_subsets is not None:
            require_whole("n_subsets", n_subsets, 1)
        self.n_subsets, self.size = n_subsets, size
        self.ridge, self.bootstraps, self.seed = ridge, bootstraps, seed
        self._oracle: Estimator | None = None
        self._model: _Fitted | None = None

    def trainings(self, n_tasks: int) -> int:
        """How many rows fitting asks for: single tasks and subsets."""
        return n_tasks + self._design_size(n_tasks)[1]

    def fit(self, oracle: Estimator) -> Self:
        """Ask the oracle for all singles and random subsets, in one question, and fit.

        Raises:
            CoterieError: fewer than 2 tasks, or subsets of a size or number that cannot bring every
                pair of tasks together.
        """
        n_tasks = require_several_tasks(oracle, "SurrogateScores")
        size, n_subsets = self._design_size(n_tasks)
        rows = covering_subsets(n_tasks, size, n_subsets, self.seed)
        scores = ask(oracle, np.vstack([np.eye(n_tasks), rows]))
        self._model = _Fitted.to(rows, scores[n_tasks:], np.diag(scores[:n_tasks]), self.ridge)
        self._oracle = oracle
        self._asked(oracle)
        return self

    @property
    def relevance(self) -> np.ndarray:
        """What a source in the group does for a target, (T, T) [source, target].

        In the unit of the scores; the diagonal is NaN.
        """
        return require_fitted(self, self._model).relevance

    def predict(self, weights: Weights) -> np.ndarray:
        """Scores (M, T) of the rows of ``weights`` (M, T), NaN where the weight is 0.

        Weights above 0 say who is a member.

        Raises:
            CoterieError: not fitted yet, or weights that name no group.
        """
        model = require_fitted(self, self._model)
        members = as_rows(weights, len(model.single)) > 0
        guess = model.intercept + members @ np.nan_to_num(model.relevance)
        alone = members.sum(axis=1, keepdims=True) == 1
        return np.where(members, np.where(alone, model.single, guess), np.nan)

    def interval(self, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends (T, T) of percentile bootstrap intervals of the relevance.

        Subsets are resampled.

        Raises:
            CoterieError: not fitted yet, or a level that is not between 0 and 1.
        """
        if not 0 < level < 1:
            raise CoterieError(f"`level` must be between 0 and 1; found {level!r}.")
        alone = np.eye(len(self.tasks), dtype=bool)
        found = np.where(alone, 0.0, self._resampled())
        lower, upper = np.where(
            alone, np.nan, np.nanquantile(found, [(1 - level) / 2, (1 + level) / 2], axis=0)
        )
        return lower, upper

    def affinity(self) -> Affinity:
        """Relevances of standardised scores, comparable between targets.

        Stderr by the bootstrap, counts of subsets shared.

        Raises:
            CoterieError: not fitted yet.
        """
        model = require_fitted(self, self._model)
        matrix = np.where(np.eye(len(model.scale), dtype=bool), 0.0, model.relevance / model.scale)
        stderr = np.nan_to_num(self._resampled() / model.scale).std(axis=0, ddof=1)
        together = model.rows.T.astype(np.float64) @ model.rows
        return Affinity(
            tasks=self.tasks,
            matrix=matrix,
            method="surrogate",
            counts=together,
            stderr=stderr,
            cost=self.cost,
            details={"measure": self.measure, "subsets": len(model.rows)},
        )

    def choose_sources(self, target: str, oracle: Estimator | None = None) -> SourceChoice:
        """Sources for one target, above a threshold of relevance.

        It is chosen by the scores of trained prefixes. The target is trained with its most relevant
        source, its two most relevant ones and so on (all numbers up to ten tasks, powers of two and
        all beyond) and alone; the best score decides. The oracle is asked in one question.

        Args:
            target: name of the task.
            oracle: whom to ask; by default, who was asked before.

        Raises:
            CoterieError: not fitted yet, or no such task.
        """
        model = require_fitted(self, self._model)
        asked = require_fitted(self, self._oracle) if oracle is None else oracle
        if target not in self.tasks:
            raise CoterieError(
                f"`target` {target!r} is unknown; the tasks are {', '.join(self.tasks)}."
            )
        place, n_tasks = self.tasks.index(target), len(self.tasks)
        relevance = model.relevance[:, place]
        order = [int(source) for source in np.argsort(-relevance, kind="stable") if source != place]
        sizes = _prefixes(n_tasks)
        rows = np.zeros((len(sizes), n_tasks))
        rows[:, place] = 1
        for row, size in zip(rows, sizes, strict=True):
            row[order[:size]] = 1
        scores = ask(asked, rows)[:, place]
        best = sizes[int(np.argmax(scores))]
        self._asked(asked)
        return SourceChoice(
            target=target,
            sources=tuple(self.tasks[source] for source in order[:best]),
            sizes=tuple(sizes),
            scores=scores,
            threshold=float(relevance[order[best - 1]]) if best else float("inf"),
        )

    def _design_size(self, n_tasks: int) -> tuple[int, int]:
        largest = max(2, n_tasks - 1)
        size = min(max(3, round(n_tasks / 3)), largest) if self.size is None else self.size
        if not 2 <= size <= largest:
            raise CoterieError(
                f"`size` must be from 2 to {largest} for {n_tasks} tasks; found {size}."
            )
        wanted = _PER_TASK * n_tasks if self.n_subsets is None else self.n_subsets
        return size, min(wanted, comb(n_tasks, size))

    def _resampled(self) -> np.ndarray:
        """Relevances (B, T, T) of resampled subsets."""
        model = require_fitted(self, self._model)
        n = len(model.rows)
        draws = numpy_generator(self.seed, "surrogate", "bootstrap").multinomial(
            n, np.full(n, 1 / n), size=self.bootstraps
        )
        return ridge_relevance(
            model.rows, model.scores, draws.astype(np.float64), self.ridge, model.scale
        )[0]


def _prefixes(n_tasks: int) -> list[int]:
    """With how many sources a target is trained to choose among them."""
    if n_tasks <= _ALL_PREFIXES:
        return list(range(n_tasks))
    powers = (2**power for power in range(10))
    return sorted({0, n_tasks - 1, *(size for size in powers if size < n_tasks)})


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """Trained ``rows`` (R, T) with their ``scores``, and what was fitted.

    Per target an intercept and relevances.
    """

    rows: np.ndarray
    scores: np.ndarray
    single: np.ndarray
    scale: np.ndarray
    intercept: np.ndarray
    relevance: np.ndarray

    @classmethod
    def to(cls, rows: np.ndarray, scores: np.ndarray, single: np.ndarray, ridge: float) -> Self:
        """Fit all targets."""
        scale = np.array([scores[rows[:, t], t].std() for t in range(rows.shape[1])])
        scale = np.where(scale > 0, scale, 1.0)
        relevance, intercept = ridge_relevance(rows, scores, np.ones((1, len(rows))), ridge, scale)
        return cls(
            rows=rows,
            scores=scores,
            single=single,
            scale=scale,
            intercept=intercept[0],
            relevance=relevance[0],
        )
