"""Score estimators: what models of many task subsets would score, without training all of them.

The exact estimator trains (:class:`TrainedScores`) or looks up (:class:`TableScores`); as an
*oracle* it answers the questions of the cheaper ones, each of which has a file of its own. All
share one question, ``predict(W) -> scores (M, T)``, where W is the loss-weight matrix (M, T) of
:func:`coterie.fit`; a selection of rows reads any of them::

    from coterie.estimators import PairScores, TrainedScores

    oracle = TrainedScores("mlp", data, epochs=20, measure="loss")
    pairs = PairScores().fit(oracle)
    pairs.predict([[1, 1, 1, 0], [0, 0, 1, 1]]), pairs.cost

:mod:`coterie.estimators.judge` says how good an estimate is, given the truth.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from coterie.estimators.base import (
    AskingEstimator,
    Estimator,
    JointEstimator,
    as_rows,
    random_subsets,
    subsets_of_size,
)
from coterie.estimators.gradtag import GradTagScores
from coterie.estimators.mtgnet import MTGNetScores
from coterie.estimators.pairs import PairScores
from coterie.estimators.sampling import adaptive_subsets, sampled_affinity
from coterie.estimators.surrogate import SourceChoice, SurrogateScores
from coterie.estimators.table import TableScores
from coterie.estimators.train import EarlyScores, TrainedScores

ESTIMATORS: dict[str, Callable[..., Any]] = {
    "train": TrainedScores,
    "early": EarlyScores,
    "pairs": PairScores,
    "surrogate": SurrogateScores,
    "mtgnet": MTGNetScores,
    "gradtag": GradTagScores,
}

__all__ = [
    "ESTIMATORS",
    "AskingEstimator",
    "EarlyScores",
    "Estimator",
    "GradTagScores",
    "JointEstimator",
    "MTGNetScores",
    "PairScores",
    "SourceChoice",
    "SurrogateScores",
    "TableScores",
    "TrainedScores",
    "adaptive_subsets",
    "as_rows",
    "random_subsets",
    "sampled_affinity",
    "subsets_of_size",
]
