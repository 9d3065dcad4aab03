"""Pictures of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from coterie.drawing import bars, figures
from coterie.wording import is_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from coterie.results.comparisons import ComparisonRecord
    from coterie.results.tables import CostRow

_ENDS = ("gain", "low", "high")


def cost_axis(rows: Sequence[CostRow]) -> tuple[np.ndarray, str]:
    """What arms cost, NaN where unknown: steps if known of all, else seconds; and how to call it.

    >>> cost_axis([{"model_steps": None, "seconds": 1.5}])
    (array([1.5]), 'seconds of training')
    """
    in_steps = all(is_number(row["model_steps"]) for row in rows)
    column = "model_steps" if in_steps else "seconds"
    cost = [row[column] if is_number(row[column]) else np.nan for row in rows]
    what = "model-steps in training" if in_steps else "seconds of training"
    return np.array(cost, dtype=float), what


@dataclass(frozen=True, repr=False)
class Plot:
    """Pictures of a comparison: call it for costs and scores, or call one of its methods."""

    comparison: ComparisonRecord

    def __call__(self, ax: Axes | None = None) -> Axes:
        """Draw each arm at its cost and its mean score on test, with the spread over runs.

        Args:
            ax: axes to draw on, instead of a new figure.
        """
        scored, table = self.comparison.run_means, self.comparison.cost_rows
        rows = [row for row in table if row["arm"] in scored]
        cost, what = cost_axis(rows)
        scores = np.array([self.comparison.mean_score(row["arm"]) for row in rows]).reshape(-1, 2)
        roles = {row["arm"]: row["role"] for row in rows}
        return figures.cost_against_quality(
            list(roles), cost, *scores.T, what=what, roles=roles, ax=ax
        )

    def gains(self, ax: Axes | None = None) -> Axes:
        """Draw the mean gain of each pair of arms that was compared, with its 95 % interval.

        Args:
            ax: axes to draw on, instead of a new figure.
        """
        rows = self.comparison.mean_gains()
        numbers = np.array(
            [[np.nan if row[end] is None else row[end] for end in _ENDS] for row in rows], float
        ).reshape(-1, 3)
        names = [f"{row['arm']} – {row['reference']}" for row in rows]
        return bars.intervals(names, *numbers.T, what="gain (points, mean over tasks)", ax=ax)
