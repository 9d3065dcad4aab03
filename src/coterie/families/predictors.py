"""Fitted models as plain arrays: their numbers, what is wrong with them, and what they predict.

Shapes: ``n`` examples, ``F`` features, ``C`` columns, ``t`` trees, ``s`` splits of all trees, ``l``
leaves of all trees, ``V`` values of a leaf.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np

from coterie.codec import Layout
from coterie.errors import CoterieError

_CELLS = 2**20


@dataclass(frozen=True, kw_only=True, eq=False)
class Linear:
    """Sums of features times coefficients (F, C), and intercepts (C,)."""

    coefficient: Annotated[np.ndarray, Layout("f F C")]
    intercept: Annotated[np.ndarray, Layout("f C")]

    def __post_init__(self) -> None:
        """Refuse what is not finite."""
        _require_finite(self, "coefficient", "intercept")

    @property
    def n_columns(self) -> int:
        """C."""
        return len(self.intercept)

    @property
    def parameters(self) -> int:
        """Numbers kept."""
        return self.coefficient.size + self.intercept.size

    def require_features(self, n_features: int) -> None:
        """Refuse another number of features."""
        if len(self.coefficient) != n_features:
            raise CoterieError(
                f"Array `coefficient` must have {n_features} rows, one a feature; found "
                f"{len(self.coefficient)}."
            )

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """The sums, (n, C) float64."""
        return inputs.astype(np.float64) @ self.coefficient + self.intercept


class Tree(NamedTuple):
    """One tree as libraries have it: arrays over its nodes, splits and leaves, from the root on."""

    is_leaf: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class Trees:
    """Sums over trees of the values of the leaves that an example comes to, and a ``baseline``.

    Splits and leaves of all trees are counted on. ``root`` and the children ``left`` and ``right``
    say k for split k and -1 - k for leaf k, as LightGBM's files do; children come after their
    parents. An example goes left where its feature is at most the threshold, or is NaN and
    ``missing_left``. Tree i adds its leaf's V values to the columns from ``column[i]`` on.
    """

    root: Annotated[np.ndarray, Layout("i t")]
    column: Annotated[np.ndarray, Layout("i t")]
    feature: Annotated[np.ndarray, Layout("i s")]
    threshold: Annotated[np.ndarray, Layout("f s")]
    left: Annotated[np.ndarray, Layout("i s")]
    right: Annotated[np.ndarray, Layout("i s")]
    missing_left: Annotated[np.ndarray, Layout("b s")]
    value: Annotated[np.ndarray, Layout("f l V")]
    baseline: Annotated[np.ndarray, Layout("f C")]

    def __post_init__(self) -> None:
        """Refuse what is no tree: no end may be missing, and no way may come back."""
        _require_finite(self, "threshold", "value", "baseline")
        n_splits, (n_leaves, n_values) = len(self.feature), self.value.shape
        for name, least in (
            ("root", np.zeros(len(self.root), dtype=np.int64)),
            ("left", np.arange(1, n_splits + 1)),
            ("right", np.arange(1, n_splits + 1)),
        ):
            found = getattr(self, name)
            if ((found >= n_splits) | (found < -n_leaves) | ((found >= 0) & (found < least))).any():
                raise CoterieError(
                    f"Array `{name}` must name one of {n_leaves} leaves, or a later one of "
                    f"{n_splits} splits."
                )
        if (self.feature < 0).any():
            raise CoterieError("Array `feature` must not be negative.")
        if ((self.column < 0) | (self.column > self.n_columns - n_values)).any():
            raise CoterieError(
                f"Array `column` must leave room for {n_values} of {self.n_columns} columns."
            )

    @classmethod
    def of(
        cls, trees: Sequence[Tree], column: Sequence[int] | np.ndarray, baseline: np.ndarray
    ) -> Trees:
        """All trees in one, each adding from its ``column`` on.

        >>> tree = Tree(*map(np.array, ([0, 1, 1], [2, 0, 0], [0.5, 0, 0], [1, 0, 0], [2, 0, 0],
        ...                             [False] * 3, [[0.0], [-1.0], [1.0]])))
        >>> trees = Trees.of([tree, tree], [0, 0], np.array([0.25]))
        >>> trees.predict(np.array([[0, 0, 0.5], [0, 0, 0.75]], dtype=np.float32)).tolist()
        [[-1.75], [2.25]]
        """
        n_splits = n_leaves = 0
        parts: list[tuple[np.ndarray, ...]] = []
        for tree in trees:
            leaf = tree.is_leaf.astype(bool)
            name = np.where(
                leaf, -leaf.cumsum() - n_leaves, (~leaf).cumsum() - 1 + n_splits
            ).astype(np.int32)
            parts.append(
                (
                    name[:1],
                    tree.feature[~leaf].astype(np.int32),
                    # A split of what is missing from what is not; inputs are finite or missing.
                    tree.threshold[~leaf].clip(max=np.finfo(np.float64).max),
                    name[tree.left[~leaf]],
                    name[tree.right[~leaf]],
                    tree.missing_left[~leaf].astype(bool),
                    tree.value[leaf],
                )
            )
            n_splits, n_leaves = n_splits + int((~leaf).sum()), n_leaves + int(leaf.sum())
        root, feature, threshold, left, right, missing_left, value = map(
            np.concatenate, zip(*parts, strict=True)
        )
        return cls(
            root=root,
            column=np.asarray(column, dtype=np.int32),
            feature=feature,
            threshold=threshold,
            left=left,
            right=right,
            missing_left=missing_left,
            value=value,
            baseline=baseline,
        )

    @property
    def n_columns(self) -> int:
        """C."""
        return len(self.baseline)

    @property
    def parameters(self) -> int:
        """Numbers kept."""
        return sum(array.size for array in vars(self).values())

    def require_features(self, n_features: int) -> None:
        """Refuse splits by features that are not there."""
        if (self.feature >= n_features).any():
            raise CoterieError(
                f"Array `feature` must be below {n_features}, the number of features."
            )

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """The sums, (n, C) float64; inputs are read as float32."""
        inputs = inputs.astype(np.float32, copy=False)
        rows = max(1, _CELLS // max(1, len(self.root) * self.value.shape[1]))
        parts = [self._sums(inputs[start : start + rows]) for start in range(0, len(inputs), rows)]
        return np.concatenate([np.zeros((0, self.n_columns)), *parts])

    def _sums(self, inputs: np.ndarray) -> np.ndarray:
        leaves = self._leaves(inputs)
        total = np.tile(self.baseline, (len(inputs), 1))
        n_values = self.value.shape[1]
        for first in np.unique(self.column):
            mine = self.value[leaves[:, self.column == first]]
            total[:, first : first + n_values] += mine.sum(1)
        return total

    def _leaves(self, inputs: np.ndarray) -> np.ndarray:
        """Which leaf each example comes to in each tree, (n, t); all go one split a time."""
        n_trees = len(self.root)
        at = np.tile(self.root, len(inputs))
        moving = np.flatnonzero(at >= 0)
        while len(moving):
            split = at[moving]
            cell = inputs[moving // n_trees, self.feature[split]]
            goes_left = (cell <= self.threshold[split]) | (
                np.isnan(cell) & self.missing_left[split]
            )
            at[moving] = np.where(goes_left, self.left[split], self.right[split])
            moving = moving[at[moving] >= 0]
        return (-1 - at).reshape(len(inputs), n_trees)


def _require_finite(record: object, *names: str) -> None:
    for name in names:
        if not np.isfinite(getattr(record, name)).all():
            raise CoterieError(f"Array `{name}` must be finite.")
