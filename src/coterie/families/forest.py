"""Extremely randomised trees (Geurts, Ernst & Wehenkel, Machine Learning 2006), 300 of them.

Tasks with labels on the same rows share one forest, whose splits are those that are best for the
mean over the tasks. Beside a forest per task, that took a sixth to a third of the time, kept fewer
numbers, and was as good or better on three tables (``benchmarks/families.py``).

Leaves are pure, so that a forest often says 0 or 1. Of classes and rates, what was seen in training
without any inputs (their shares, the mean) votes as one tree more: logarithms are finite, no order
changes, and no two predictions become equal, as they would if they were clipped.
"""

from __future__ import annotations

import numpy as np

from coterie.families.base import Estimand, Family, n_columns
from coterie.families.predictors import Tree, Trees

N_TREES = 300


class Forest(Family):
    """scikit-learn's ``ExtraTreesClassifier`` and ``ExtraTreesRegressor``."""

    link = "identity"
    together = True
    most_cells = 3e7
    most_labels = 1e5

    def fit(
        self,
        inputs: np.ndarray,
        labels: np.ndarray,
        estimand: Estimand,
        *,
        seed: int,
        n_jobs: int | None,
    ) -> Trees:
        """One forest of all tasks."""
        from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

        sort = ExtraTreesClassifier if estimand == "class" else ExtraTreesRegressor
        fitted = sort(N_TREES, random_state=seed, n_jobs=n_jobs).fit(
            inputs, labels[:, 0] if labels.shape[1] == 1 else labels
        )
        sizes = [int(each.max()) + 1 if estimand == "class" else 0 for each in labels.T]
        if estimand == "mean":
            votes, baseline = N_TREES, np.zeros(len(sizes))
        else:
            votes = N_TREES + 1
            baseline = np.concatenate(
                [
                    _columns(np.bincount(each.astype(int)) / len(each), size)
                    if size
                    else [each.mean()]
                    for each, size in zip(labels.T, sizes, strict=True)
                ]
            )
        trees = [tree_of(each.tree_, sizes, votes) for each in fitted.estimators_]
        return Trees.of(trees, np.zeros(N_TREES), baseline / votes)


def tree_of(tree: object, sizes: list[int], votes: int) -> Tree:
    """One of scikit-learn's trees; its values, divided by ``votes``, are those of our columns.

    ``sizes`` are the numbers of classes of the tasks, 0 where labels are numbers.
    """
    found = {
        name: np.asarray(getattr(tree, name))
        for name in ("feature", "threshold", "children_left", "children_right", "value")
    }
    value = np.concatenate(
        [_columns(found["value"][:, t], size) for t, size in enumerate(sizes)], axis=1
    )
    # Before 1.6, these trees take no missing values, and nothing is kept of them.
    missing = getattr(tree, "missing_go_to_left", np.zeros(len(value), dtype=bool))
    return Tree(
        is_leaf=found["children_left"] < 0,
        feature=found["feature"],
        threshold=found["threshold"],
        left=found["children_left"],
        right=found["children_right"],
        missing_left=np.asarray(missing),
        value=value / votes,
    )


def _columns(shares: np.ndarray, size: int) -> np.ndarray:
    """Those of the last axis that are columns of a predictor: of two classes the second."""
    return shares[..., 1:2] if size == 2 else shares[..., : n_columns(size)]
