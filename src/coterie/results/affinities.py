"""How much each task helps each other one, by one measurement."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, TypedDict

import numpy as np

from coterie.codec import As, Layout, Record, Size, settle
from coterie.drawing.matrices import heat_map, off_diagonal
from coterie.errors import CoterieError, require_type
from coterie.pairs import symmetric
from coterie.results.views import as_html
from coterie.schema import OPEN, Details, distinct

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_PAIRS = "fiub source target"


class _Cost(TypedDict, total=False):
    seconds: float
    model_steps: float


@dataclass(frozen=True, kw_only=True, repr=False)
class Affinity(Record, format="affinity"):
    """``matrix[source, target]`` (T, T).

    What training on the source does for the target, higher is better.

    ``counts`` (T, T) says how many measurements each entry is the mean of, ``stderr`` (T, T) how
    firm that mean is (NaN below two measurements). Entries never measured are NaN. ``cost`` holds
    ``seconds`` and ``model_steps`` of the measurement, the training that it rode on included;
    ``details`` what the method wants shown.

    Raises:
        CoterieError: one task, or one twice, a matrix that is not square or not of numbers,
            infinite entries, or counts or errors that are negative.

    >>> matrix = np.array([[0.0, 2.0], [1.0, 0.0]])
    >>> Affinity(tasks=("a", "b"), matrix=matrix, method="by hand").symmetric()
    array([[0. , 1.5],
           [1.5, 0. ]])
    """

    tasks: Annotated[tuple[str, ...], Size("source target")]
    matrix: Annotated[np.ndarray, Layout(_PAIRS)]
    method: str
    counts: Annotated[np.ndarray | None, Layout(_PAIRS)] = None
    stderr: Annotated[np.ndarray | None, Layout(_PAIRS)] = None
    cost: Annotated[Details, As(Annotated[_Cost, OPEN])] = field(default_factory=dict)
    details: Details = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no grouping could read."""
        settle(self)
        if len(self.tasks) < 2:
            raise CoterieError(f"An affinity is between at least 2 tasks; found {len(self.tasks)}.")
        distinct(self.tasks)
        require_type("method", self.method, str)
        for name in ("cost", "details"):
            require_type(name, getattr(self, name), Mapping)
        if np.isinf(self.matrix).any():
            raise CoterieError(
                "`matrix` must not be infinite anywhere; NaN stands for a pair that was never "
                "measured."
            )
        for name in ("counts", "stderr"):
            array = getattr(self, name)
            if array is not None and ((array < 0) | np.isinf(array)).any():
                raise CoterieError(f"`{name}` must be finite and not negative.")
        if self.counts is not None and np.isnan(self.counts).any():
            raise CoterieError(
                "`counts` must be numbers; 0 stands for a pair that was never measured."
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
                f"(NaN), such as {source!r} to {target!r}: measure more often, or over more "
                "examples."
            )

    @property
    def frame(self) -> pd.DataFrame:
        """The matrix with its tasks, sources down, targets across."""
        import pandas as pd

        tasks = list(self.tasks)
        return pd.DataFrame(
            self.matrix, pd.Index(tasks, name="source"), pd.Index(tasks, name="target")
        )

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the matrix [source, target] in the order of its dendrogram, which stands above.

        Args:
            ax: axes to draw on, instead of a new figure.
        """
        signed = bool((off_diagonal(self.matrix) < 0).any())
        return heat_map(self.matrix, self.tasks, signed=signed, ax=ax)

    def _repr_html_(self) -> str:
        return as_html(self, self.frame)

    def __repr__(self) -> str:
        return f"Affinity({self.method}, {len(self.tasks)} tasks)"
