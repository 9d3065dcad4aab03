"""An oracle that looks scores up: published tables, and ground truth trained before.

Shapes: ``M`` models, ``R`` rows of the table, ``T`` tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import compress

import numpy as np

from coterie.errors import CoterieError
from coterie.estimators.base import Weights, as_rows
from coterie.results import ScoreTable
from coterie.results.subsets import join


class TableScores:
    """Scores from a table of task subsets.

    Where the table has a subset at several costs, its dearest row (the network of full size)
    answers. To tell what a method would have cost, every distinct row asked for counts
    ``steps_per_row`` model steps.

    Raises:
        CoterieError: the table has the same subset twice at the same cost.

    >>> known = TableScores(ScoreTable.of(("a", "b"), {("a",): [0.5], ("a", "b"): [0.75, 0.25]}))
    >>> known.predict([[1, 1], [1, 0]]).tolist(), known.cost["trainings"]
    ([[0.75, 0.25], [0.5, nan]], 2)
    """

    def __init__(
        self, table: ScoreTable, steps_per_row: float = 1.0, *, measure: str = "score"
    ) -> None:
        self.tasks, self.measure, self.steps_per_row = tuple(table.tasks), measure, steps_per_row
        self._row: dict[bytes, int] = {}
        self._scores = np.asarray(table.scores, dtype=np.float64)
        for row in np.argsort(table.costs, kind="stable"):
            earlier = self._row.get(key := _key(table.subsets[row]))
            if earlier is not None and table.costs[earlier] == table.costs[row]:
                raise CoterieError(
                    f"`table` has the row {table.names[row]!r} twice at cost {table.costs[row]:g}."
                )
            self._row[key] = int(row)
        self._asked: set[int] = set()

    @property
    def cost(self) -> Mapping[str, float]:
        """``model_steps`` and number of ``trainings`` that the rows asked for stand for.

        Looking up takes no ``seconds``.
        """
        return {
            "model_steps": len(self._asked) * self.steps_per_row,
            "seconds": 0.0,
            "trainings": len(self._asked),
        }

    def predict(self, weights: Weights) -> np.ndarray:
        """Scores (M, T) of the rows of ``weights`` (M, T), NaN where the weight is 0.

        Raises:
            CoterieError: a row whose weights are unequal, or whose subset the table lacks.
        """
        places = [self._place(row) for row in as_rows(weights, len(self.tasks))]
        self._asked.update(places)
        return self._scores[places].reshape(len(places), len(self.tasks))

    def _place(self, row: np.ndarray) -> int:
        if len(np.unique(row[row > 0])) > 1:
            raise CoterieError(
                f"A table knows subsets, not weights: a row must be 0/1; found {row.tolist()}."
            )
        place = self._row.get(_key(row > 0))
        if place is None:
            name = join(compress(self.tasks, row))
            raise CoterieError(
                f"The table has no row {name!r}; it has {len(self._row)} subsets of "
                f"{len(self.tasks)} tasks."
            )
        return place

    def __repr__(self) -> str:
        return f"TableScores({len(self._row)} rows x {len(self.tasks)} tasks)"


def _key(subset: np.ndarray) -> bytes:
    return np.packbits(np.asarray(subset, dtype=bool)).tobytes()
