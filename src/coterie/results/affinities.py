"""How much each task helps each other one, by one measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self, TypedDict

import numpy as np

from coterie.errors import CoterieError, require_texts, require_type
from coterie.files import read_arrays, write_arrays
from coterie.schema import OPEN, array_of, arrays_of, distinct, structure, within


class _Cost(TypedDict, total=False):
    seconds: float
    model_steps: float


class _Saved(TypedDict):
    tasks: tuple[str, ...]
    method: str
    cost: Annotated[_Cost, OPEN]
    details: dict[str, Any]


@dataclass(frozen=True, kw_only=True, repr=False)
class Affinity:
    """``matrix[source, target]`` (T, T).

    What training on the source does for the target, higher is better.

    ``counts`` (T, T) says how many measurements each entry is the mean of, ``stderr`` (T, T) how
    firm that mean is (NaN below two measurements). Entries never measured are NaN. ``cost`` holds
    ``seconds`` and ``model_steps`` of the measurement, the training that it rode on included;
    ``details`` what the method wants shown.

    Raises:
        CoterieError: one task, or one twice, a matrix that is not square or not of numbers, or
            infinite entries.

    >>> Affinity(tasks=("a", "b"), matrix=np.array([[0.0, 2.0], [1.0, 0.0]]), method="by hand").symmetric()
    array([[0. , 1.5],
           [1.5, 0. ]])
    """

    tasks: tuple[str, ...]
    matrix: np.ndarray
    method: str
    counts: np.ndarray | None = None
    stderr: np.ndarray | None = None
    cost: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no grouping could read."""
        tasks = require_texts("tasks", self.tasks)
        object.__setattr__(self, "tasks", tasks)
        if len(tasks) < 2:
            raise CoterieError(f"An affinity is between at least 2 tasks; found {len(tasks)}.")
        distinct(tasks)
        require_type("method", self.method, str)
        for name in ("cost", "details"):
            require_type(name, getattr(self, name), Mapping)
        for name in ("matrix", "counts", "stderr"):
            if (value := getattr(self, name)) is not None or name == "matrix":
                array = array_of(
                    name, value, "fiub source target", source=len(tasks), target=len(tasks)
                )
                object.__setattr__(self, name, array)
        if np.isinf(self.matrix).any():
            raise CoterieError(
                "`matrix` must not be infinite anywhere; NaN stands for a pair that was never "
                "measured."
            )

    def symmetric(self) -> np.ndarray:
        """Mean of both directions, (T, T); where one was never measured, the other."""
        return symmetric(self.matrix)

    def require_complete(self) -> None:
        """Refuse a matrix with gaps.

        Raises:
            CoterieError: naming the first pair that was never measured.
        """
        gaps = np.argwhere(np.isnan(self.matrix) & ~np.eye(len(self.tasks), dtype=bool))
        if len(gaps):
            source, target = (self.tasks[position] for position in gaps[0])
            raise CoterieError(
                f"The affinity by {self.method!r} has {len(gaps)} pairs that were never measured "
                f"(NaN), such as {source!r} to "
                f"{target!r}: measure more often, or over more examples."
            )

    def save(self, path: str | Path) -> None:
        """Write the affinity as one safetensors file."""
        arrays = {
            name: getattr(self, name)
            for name in ("matrix", "counts", "stderr")
            if getattr(self, name) is not None
        }
        about = {
            "tasks": self.tasks,
            "method": self.method,
            "cost": dict(self.cost),
            "details": dict(self.details),
        }
        write_arrays(path, arrays, about)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read an affinity written by :meth:`save`.

        Raises:
            CoterieError: the file is damaged or no affinity.
        """
        arrays, saved = read_arrays(path)
        with within(path, "affinity"):
            found: _Saved = structure(saved, _Saved)
            layout = {
                "matrix": "biuf source target",
                "counts": "biuf source target",
                "stderr": "f source target",
            }
            n_tasks = len(found["tasks"])
            arrays_of(
                arrays,
                layout,
                optional=("counts", "stderr"),
                sizes={"source": n_tasks, "target": n_tasks},
            )
            for name in ("counts", "stderr"):
                if name in arrays and ((arrays[name] < 0) | np.isinf(arrays[name])).any():
                    raise CoterieError(f"`{name}` must be finite and not negative.")
            if np.isnan(arrays.get("counts", 0)).any():
                raise CoterieError(
                    "`counts` must be numbers; 0 stands for a pair that was never measured."
                )
            made: dict[str, Any] = {**found, **arrays}
            return cls(**made)

    def __repr__(self) -> str:
        return f"Affinity({self.method}, {len(self.tasks)} tasks)"


def symmetric(matrix: np.ndarray) -> np.ndarray:
    """Mean of both directions of a matrix (T, T); where one was never measured, the other.

    >>> symmetric(np.array([[0.0, 2.0], [np.nan, 0.0]])).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    both = np.stack([matrix, matrix.T])
    known = np.isfinite(both)
    with np.errstate(invalid="ignore"):
        return np.where(known, both, 0).sum(0) / known.sum(0)
