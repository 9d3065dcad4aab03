"""How unlike each other the examples of a class are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np

from coterie.codec import Layout, Record, Size, settle
from coterie.results.views import as_html
from coterie.wording import number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, repr=False)
class Diversity(Record, format="diversity"):
    """Of several ``sets`` of examples, by cell, from a model's features (DELT, figure 2).

    ``centroid`` (sets, cells) is the mean cosine similarity of a cell's examples to the mean of their
    features: lower is more diverse. It rises as there are fewer examples in a cell, so only cells of
    equal size compare. ``pairwise`` (sets, cells) is 1 - mean cosine similarity of two of them:
    higher is more diverse, whatever the size; NaN of one example. ``cells`` are their numbers.

    >>> one = Diversity(sets=("real",), cells=np.array([0]), centroid=np.array([[0.9]]),
    ...                 pairwise=np.array([[0.2]]))
    >>> one
    Diversity(real: similarity to the centroid 0.900, pairwise distance 0.200)
    """

    sets: Annotated[tuple[str, ...], Size("sets")]
    cells: Annotated[np.ndarray, Layout("iu cells")]
    centroid: Annotated[np.ndarray, Layout("f sets cells")]
    pairwise: Annotated[np.ndarray, Layout("f sets cells")]

    def __post_init__(self) -> None:
        """Refuse what does not fit together."""
        settle(self)

    @property
    def means(self) -> list[tuple[str, float, float]]:
        """Name of each set, its ``centroid`` and ``pairwise``, means over cells."""
        measured = (_mean(self.centroid).tolist(), _mean(self.pairwise).tolist())
        return list(zip(self.sets, *measured, strict=True))

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each set: means over cells."""
        import pandas as pd

        found = pd.DataFrame(self.means, columns=["set", "centroid", "pairwise"])
        return found.set_index("set")

    def _repr_html_(self) -> str:
        return as_html(self, self.frame)

    def __repr__(self) -> str:
        told = [
            f"{name}: similarity to the centroid {number(centroid)}, pairwise distance "
            f"{number(pairwise)}"
            for name, centroid, pairwise in self.means
        ]
        return f"Diversity({'; '.join(told)})"


def _mean(values: np.ndarray) -> np.ndarray:
    """Over cells (sets,), of those where it is known."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0).sum(1)
    return np.divide(total, known.sum(1), out=np.full(len(values), np.nan), where=known.any(1))
