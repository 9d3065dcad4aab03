"""Which of many candidate models to train or keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import compress
from math import inf
from numbers import Real
from typing import TYPE_CHECKING, Annotated

import numpy as np

from coterie.codec import As, Layout, Record, Size, settle
from coterie.errors import CoterieError, require_number, require_type, shown
from coterie.results.groupings import Grouping
from coterie.results.views import as_html
from coterie.schema import Details, distinct

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, repr=False)
class Selection(Record, format="selection"):
    """The candidate rows that serve all tasks best within a budget.

    ``rows`` (K,) are the chosen candidates, sorted; ``serves`` (T,) the candidate that serves each
    task; ``subsets`` (K, T) which tasks each chosen row trains. ``objective`` is the sum over tasks
    of the (weighted) scores of who serves them, ``cost`` what the rows take of the budget. ``gap``
    bounds how far a better choice could be, relative to the objective: 0 where ``proven``.
    ``details`` say how the candidates came about, how many were dominated, seconds, status.
    """

    tasks: Annotated[tuple[str, ...], Size("T")]
    rows: Annotated[np.ndarray, Layout("iu K", listed=True)]
    serves: Annotated[np.ndarray, Layout("iu T", listed=True)]
    subsets: Annotated[np.ndarray, Layout("b K T", listed=True)]
    objective: float
    cost: float
    gap: Annotated[float, As(float | None, null=inf)]
    proven: bool
    details: Details = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse arrays and numbers that do not fit together."""
        settle(self)
        distinct(self.tasks)
        rows, serves = self.rows, self.serves
        if (np.diff(rows) <= 0).any() or (rows < 0).any():
            raise CoterieError(
                f"`rows` must be sorted, each once, from 0; found {shown(rows.tolist())}."
            )
        if not np.isin(serves, rows).all():
            raise CoterieError(
                f"`serves` must name one of `rows` for each task; found {shown(serves.tolist())}."
            )
        for name in ("objective", "cost"):
            require_number(name, getattr(self, name), least=-inf)
        if not isinstance(self.gap, Real) or not self.gap >= 0:
            raise CoterieError(f"`gap` must be a number of at least 0; found {shown(self.gap)}.")
        require_type("proven", self.proven, bool)
        require_type("details", self.details, Mapping)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the tasks that each chosen row trains; overlaps are possible."""
        return tuple(tuple(compress(self.tasks, row)) for row in self.subsets)

    @property
    def grouping(self) -> Grouping:
        """The selection as a grouping.

        Each task is served by one group, each group trains its whole row.
        """
        membership = (self.serves[:, None] == self.rows[None, :]).astype(np.float64)
        return Grouping(
            tasks=self.tasks,
            membership=membership,
            method="select",
            row_weights=self.subsets.astype(np.float64),
            details={
                "objective": self.objective,
                "gap": self._finite_gap,
                "proven": self.proven,
                **self.details,
            },
        )

    @property
    def _finite_gap(self) -> float | None:
        """The gap as JSON has it: None where nothing bounds it."""
        return float(self.gap) if np.isfinite(self.gap) else None

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each chosen candidate: the tasks that it trains, and those that it serves."""
        import pandas as pd

        served = [tuple(compress(self.tasks, self.serves == row)) for row in self.rows]
        columns = {"trains": map(", ".join, self.groups), "serves": map(", ".join, served)}
        return pd.DataFrame(
            {name: list(texts) for name, texts in columns.items()},
            pd.Index(self.rows, name="row"),
        )

    def _repr_html_(self) -> str:
        return as_html(self, self.frame)

    def __repr__(self) -> str:
        groups = ", ".join("{" + " ".join(names) + "}" for names in self.groups)
        firm = "proven best" if self.proven else f"gap {self.gap:.1%}"
        return f"Selection({groups}; objective {self.objective:.4g}, {firm})"
