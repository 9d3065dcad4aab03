"""Which of many candidate models to train or keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import compress
from pathlib import Path
from typing import Annotated, Any, Self, TypedDict

import numpy as np

from coterie.errors import CoterieError
from coterie.files import read_json, write_json
from coterie.results.groupings import Grouping
from coterie.schema import distinct, least, matrix_of, structure, within


class _Saved(TypedDict):
    tasks: tuple[str, ...]
    rows: list[Annotated[int, least(0)]]
    serves: list[int]
    subsets: list[list[bool]]
    objective: float
    cost: float
    gap: Annotated[float, least(0)] | None
    proven: bool
    details: dict[str, Any]


@dataclass(frozen=True, kw_only=True, repr=False)
class Selection:
    """The candidate rows that serve all tasks best within a budget.

    ``rows`` (K,) are the chosen candidates, sorted; ``serves`` (T,) the candidate that serves each task; ``subsets`` (K, T)
    which tasks each chosen row trains. ``objective`` is the sum over tasks of the (weighted) scores of who serves them,
    ``cost`` what the rows take of the budget. ``gap`` bounds how far a better choice could be, relative to the objective: 0
    where ``proven``. ``details`` say how the candidates came about, how many were dominated, seconds, status.
    """

    tasks: tuple[str, ...]
    rows: np.ndarray
    serves: np.ndarray
    subsets: np.ndarray
    objective: float
    cost: float
    gap: float
    proven: bool
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[tuple[str, ...], ...]:
        """Names of the tasks that each chosen row trains; overlaps are possible."""
        return tuple(tuple(compress(self.tasks, row)) for row in self.subsets)

    @property
    def grouping(self) -> Grouping:
        """The selection as a grouping: each task is served by one group, each group trains its whole row."""
        membership = (self.serves[:, None] == self.rows[None, :]).astype(np.float64)
        return Grouping(
            tasks=self.tasks, membership=membership, method="select", row_weights=self.subsets.astype(np.float64),
            details={"objective": self.objective, "gap": self._finite_gap, "proven": self.proven, **self.details},
        )  # fmt: skip

    @property
    def _finite_gap(self) -> float | None:
        """The gap as JSON has it: None where nothing bounds it."""
        return float(self.gap) if np.isfinite(self.gap) else None

    def save(self, path: str | Path) -> None:
        """Write the selection as JSON."""
        arrays = {name: getattr(self, name).tolist() for name in ("rows", "serves", "subsets")}
        plain = {
            "tasks": self.tasks, "objective": self.objective, "cost": self.cost, "gap": self._finite_gap,
            "proven": self.proven,
        }  # fmt: skip
        write_json(path, {**plain, **arrays, "details": dict(self.details)})

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a selection written by :meth:`save`, or by hand: then without a checksum.

        Raises:
            CoterieError: the file is damaged or no selection.
        """
        saved = read_json(path)
        with within(path, "selection"):
            found: _Saved = structure(saved, _Saved)
            distinct(found["tasks"])
            rows, serves = np.array(found["rows"], dtype=np.int64), np.array(found["serves"], dtype=np.int64)
            subsets = matrix_of(found["subsets"], (len(rows), len(found["tasks"])), "subsets", bool)
            if (np.diff(rows) <= 0).any():
                raise CoterieError(f"`rows` must be sorted, each once; found {found['rows']}.")
            if len(serves) != len(found["tasks"]) or not np.isin(serves, rows).all():
                raise CoterieError(f"`serves` must name one of `rows` for each task; found {found['serves']}.")
            gap = np.inf if found["gap"] is None else found["gap"]
            made: dict[str, Any] = {**found, "rows": rows, "serves": serves, "subsets": subsets, "gap": gap}
            return cls(**made)

    def __repr__(self) -> str:
        groups = ", ".join("{" + " ".join(names) + "}" for names in self.groups)
        firm = "proven best" if self.proven else f"gap {self.gap:.1%}"
        return f"Selection({groups}; objective {self.objective:.4g}, {firm})"
