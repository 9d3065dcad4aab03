"""Generalised linear models of each task on its own, on standardised inputs.

Logistic regression of classes, ridge regression of means, Poisson regression of rates (McCullagh &
Nelder, "Generalized linear models", 1989). The penalty is scikit-learn's default of the first two,
half the squared length of the coefficients beside the sum of the losses; that of the third is by
default beside their mean and much stronger, and is made the same.
"""

from __future__ import annotations

import warnings

import numpy as np

from coterie.families.base import Estimand, Family
from coterie.families.predictors import Linear

_ITERATIONS = 1000


class LinearFamily(Family):
    """scikit-learn's ``LogisticRegression``, ``Ridge`` and ``PoissonRegressor``."""

    link = "canonical"
    together = False

    def fit(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        estimand: Estimand,
        *,
        seed: int,  # noqa: ARG002
        n_jobs: int | None,  # noqa: ARG002
    ) -> Linear:
        """Coefficients of the inputs as they are: the standardisation is multiplied in."""
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression, PoissonRegressor, Ridge
        from sklearn.preprocessing import StandardScaler

        made = {
            "class": lambda: LogisticRegression(max_iter=_ITERATIONS),
            "mean": Ridge,
            "rate": lambda: PoissonRegressor(alpha=1 / len(labels), max_iter=_ITERATIONS),
        }
        scaler = StandardScaler().fit(inputs.astype(np.float64))
        with warnings.catch_warnings():
            # Of classes that inputs tell apart, the last digits are far away, and of no use.
            warnings.simplefilter("ignore", ConvergenceWarning)
            fitted = made[estimand]().fit(scaler.transform(inputs.astype(np.float64)), labels[:, 0])
        slope = np.atleast_2d(fitted.coef_).T
        origin = scaler.transform(np.zeros((1, inputs.shape[1])))[0]
        return Linear(
            coefficient=slope / np.asarray(scaler.scale_)[:, None],
            intercept=np.atleast_1d(fitted.intercept_) + origin @ slope,
        )
