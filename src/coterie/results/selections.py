"""Which of many candidate models to train or keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import compress
from math import inf
from numbers import Real
from pathlib import Path
from typing import Annotated, Any, Self, TypedDict

import numpy as np

from coterie.errors import CoterieError, require_number, require_texts, require_type, shown
from coterie.files import read_json, write_json
from coterie.results.groupings import Grouping
from coterie.schema import array_of, distinct, least, matrix_of, structure, within


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

    ``rows`` (K,) are the chosen candidates, sorted; ``serves`` (T,) the candidate that serves each
    task; ``subsets`` (K, T) which tasks each chosen row trains. ``objective`` is the sum over tasks
    of the (weighted) scores of who serves them, ``cost`` what the rows take of the budget. ``gap``
    bounds how far a better choice could be, relative to the objective: 0 where ``proven``.
    ``details`` say how the candidates came about, how many were dominated, seconds, status.
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

    def __post_init__(self) -> None:
        """Refuse arrays and numbers that do not fit together."""
        distinct(tasks := require_texts("tasks", self.tasks))
        rows = array_of("rows", self.rows, "iu K")
        serves = array_of("serves", self.serves, "iu T", T=len(tasks))
        subsets = array_of("subsets", self.subsets, "b K T", K=len(rows), T=len(tasks))
        if (np.diff(rows) <= 0).any():
            raise CoterieError(f"`rows` must be sorted, each once; found {shown(rows.tolist())}.")
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
        for name, value in {
            "tasks": tasks,
            "rows": rows,
            "serves": serves,
            "subsets": subsets,
        }.items():
            object.__setattr__(self, name, value)

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

    def save(self, path: str | Path) -> None:
        """Write the selection as JSON."""
        write_json(path, self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON types."""
        arrays = {name: getattr(self, name).tolist() for name in ("rows", "serves", "subsets")}
        plain = {
            "tasks": self.tasks,
            "objective": self.objective,
            "cost": self.cost,
            "gap": self._finite_gap,
            "proven": self.proven,
        }
        return {**plain, **arrays, "details": dict(self.details)}

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a selection written by :meth:`save`, or by hand: then without a checksum.

        Raises:
            CoterieError: the file is damaged or no selection.
        """
        saved = read_json(path)
        with within(path, "selection"):
            return cls.from_dict(saved)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Self:
        """Rebuild what :meth:`to_dict` gave.

        Raises:
            CoterieError: a field is missing, unknown or wrong; it is named.
        """
        found: _Saved = structure(saved, _Saved)
        rows, serves = (np.array(found[name], dtype=np.int64) for name in ("rows", "serves"))
        subsets = matrix_of(found["subsets"], (len(rows), len(found["tasks"])), "subsets", bool)
        gap = np.inf if found["gap"] is None else found["gap"]
        made: dict[str, Any] = {
            **found,
            "rows": rows,
            "serves": serves,
            "subsets": subsets,
            "gap": gap,
        }
        return cls(**made)

    def __repr__(self) -> str:
        groups = ", ".join("{" + " ".join(names) + "}" for names in self.groups)
        firm = "proven best" if self.proven else f"gap {self.gap:.1%}"
        return f"Selection({groups}; objective {self.objective:.4g}, {firm})"
