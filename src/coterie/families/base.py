"""What a family of models must answer.

Shapes: ``n`` examples, ``F`` features, ``t`` tasks that are fitted together, ``C`` columns.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import numpy as np

from coterie.families.predictors import Linear, Trees

Estimand = Literal["class", "mean", "rate"]
Link = Literal["identity", "canonical"]


class Family(ABC):
    """How one family is fitted."""

    link: ClassVar[Link]
    """What predictors give: means (probabilities, values), or those under the canonical link.

    That is the logit of two classes, logits up to a constant of several, the logarithm of a rate,
    and the mean itself of a mean (McCullagh & Nelder, "Generalized linear models", 1989, 2.2.4).
    """
    together: ClassVar[bool]
    """Whether tasks of one estimand with labels on the same rows share one predictor."""
    most_cells: ClassVar[float] = 1e8
    """Labels x features beyond which it is left out: a few minutes on one core."""
    most_labels: ClassVar[float] = math.inf
    """Labels beyond which it is left out: what it would keep takes some gigabytes."""

    @abstractmethod
    def fit(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        estimand: Estimand,
        *,
        seed: int,
        n_jobs: int | None,
    ) -> Trees | Linear:
        """The predictor of labels (n, t) by inputs (n, F), float32, whose columns are tasks in order.

        Labels of a class are codes 0 to k - 1, all of them there, k at least 2; the task has one
        column if k = 2, that of code 1, else k. Labels of other estimands have one column.
        """


def n_columns(n_classes: int) -> int:
    """How many columns a predictor has of a task of so many classes, 0 if its labels are numbers.

    >>> [n_columns(k) for k in (0, 1, 2, 3)]
    [1, 0, 1, 3]
    """
    return {0: 1, 1: 0, 2: 1}.get(n_classes, n_classes)
