"""Metrics of trained models, as rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coterie.results.views import as_html

if TYPE_CHECKING:
    import pandas as pd


class Evaluation(list[dict[str, object]]):
    """Rows ``{"task", "metric", "value"}``, of a fit with ``"model"`` in front.

    Also as a :attr:`frame`.

    >>> Evaluation([{"task": "a", "metric": "AUROC", "value": 0.75}]).frame
      task metric  value
    0    a  AUROC   0.75
    """

    @property
    def frame(self) -> pd.DataFrame:
        """A column for each key."""
        import pandas as pd

        return pd.DataFrame.from_records(self)

    def _repr_html_(self) -> str:
        tasks = {row["task"] for row in self}
        return as_html(f"{len(self)} metrics of {len(tasks)} tasks", self.frame)
