"""Histogram gradient boosting, as in LightGBM (Ke et al., NeurIPS 2017), of each task on its own.

All of scikit-learn's settings are its defaults, but none stops early: it would from 10,000 rows on,
on a random part of them, and whether would differ between tasks. So the seed changes nothing below
200,000 rows. Nodes are read from an attribute that is not public; whether they were read as they
are meant is checked on each fit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from coterie.errors import CoterieError, blame
from coterie.families.base import Estimand, Family
from coterie.families.predictors import Tree, Trees

_CHECKED = 200


class Boosting(Family):
    """scikit-learn's ``HistGradientBoostingClassifier`` and ``HistGradientBoostingRegressor``."""

    link = "canonical"
    together = False

    def fit(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        estimand: Estimand,
        *,
        seed: int,
        n_jobs: int | None,  # noqa: ARG002
    ) -> Trees:
        """100 rounds of trees; rates by the Poisson deviance."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        settings: dict[str, Any] = {"early_stopping": False, "random_state": seed}
        if estimand == "class":
            fitted = HistGradientBoostingClassifier(**settings)
        else:
            loss = "poisson" if estimand == "rate" else "squared_error"
            fitted = HistGradientBoostingRegressor(loss=loss, **settings)
        fitted.fit(inputs, labels[:, 0])
        return trees_of(fitted, inputs[:_CHECKED], estimand)


def trees_of(fitted: Any, inputs: np.ndarray, estimand: Estimand) -> Trees:
    """The trees of scikit-learn's model, which predict what it does.

    Raises:
        CoterieError: they do not, of these ``inputs``: scikit-learn keeps them in another way.
    """
    import sklearn

    what = f"Trees of scikit-learn {sklearn.__version__} cannot be read by this version of coterie"
    with blame(what):
        rounds = fitted._predictors
        trees = [_tree(each.nodes) for one_round in rounds for each in one_round]
        column = np.tile(np.arange(len(rounds[0])), len(rounds))
        baseline = np.ravel(fitted._baseline_prediction).astype(np.float64)
        found = Trees.of(trees, column, baseline)
        predicted = found.predict(inputs)
    if estimand == "class":
        meant = fitted.decision_function(inputs)
    else:
        meant = fitted.predict(inputs)
        predicted = np.exp(predicted) if estimand == "rate" else predicted
    if not np.allclose(predicted, meant.reshape(predicted.shape), rtol=1e-6, atol=1e-9):
        raise CoterieError(f"{what}: they predict otherwise.")
    return found


def _tree(nodes: np.ndarray) -> Tree:
    if nodes["is_categorical"].any():
        raise CoterieError("a split by categories")
    return Tree(
        is_leaf=nodes["is_leaf"],
        feature=nodes["feature_idx"],
        threshold=nodes["num_threshold"],
        left=nodes["left"],
        right=nodes["right"],
        missing_left=nodes["missing_go_to_left"],
        value=nodes["value"][:, None],
    )
