"""What any grouping could gain at most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

import numpy as np

from coterie.codec import Layout, Record, Size, settle, to_dict
from coterie.errors import CoterieError, require_number, require_type, require_whole
from coterie.results.views import as_html
from coterie.schema import Details, Json, distinct
from coterie.wording import number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True, repr=False)
class Headroom(Record, format="headroom"):
    """A limit on what groups can gain over one joint model, from trainings of random subsets.

    All numbers but ``scores`` are in points. ``bound`` is the upper 95 % limit on the expected gain
    of the best partition into at most ``n_groups`` groups, mean over tasks; ``estimate`` and
    ``low`` are the 50 and 5 % quantiles; ``overlapping_bound`` is the limit where groups may
    overlap and each task is served by the best of its groups. ``joint`` and ``single`` (T,) are
    mean scores over seeds, ``subset_variance`` (T,) the variance of a task's expected score between
    random subsets, ``seed_variance`` (T,) that of one training between seeds, of what the other
    rows of a seed do not share. ``pairs_met`` is the share of the pairs of tasks that were together
    in a random row. ``subsets`` (R, T) were trained, with scores (S, R, T) of the task's metric, NaN
    outside a subset.
    """

    tasks: Annotated[tuple[str, ...], Size("T")]
    n_groups: int
    margin: float
    low: float
    estimate: float
    bound: float
    overlapping_bound: float
    joint: Annotated[np.ndarray, Layout("fiu T", listed=True)]
    single: Annotated[np.ndarray, Layout("fiu T", listed=True)]
    subset_variance: Annotated[np.ndarray, Layout("fiu T", listed=True)]
    seed_variance: Annotated[np.ndarray, Layout("fiu T", listed=True)]
    pairs_met: float
    subsets: Annotated[np.ndarray, Layout("b R T")]
    scores: Annotated[np.ndarray, Layout("f S R T")]
    details: Details = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit together."""
        settle(self)
        distinct(self.tasks)
        require_whole("n_groups", self.n_groups, 2, len(self.tasks))
        require_type("details", self.details, Mapping)
        for name in ("margin", "low", "estimate", "bound", "overlapping_bound", "pairs_met"):
            require_number(name, getattr(self, name), least=0)
        if not self.low <= self.estimate <= self.bound <= self.overlapping_bound:
            raise CoterieError(
                "`low`, `estimate`, `bound` and `overlapping_bound` must rise; found "
                f"{self.low}, {self.estimate}, {self.bound} and {self.overlapping_bound}."
            )

    @property
    def below_margin(self) -> bool:
        """Whether no grouping can gain what would be worth having."""
        return self.bound < self.margin

    @property
    def enough(self) -> bool:
        """Whether there were enough rows and seeds to tell.

        There were if the bound is below the margin: pairs of tasks that were never together in a
        random row are in it with all that they may do. Else more rows could lower it if there are
        such pairs, and more rows or seeds if the estimate is below the margin.
        """
        return self.below_margin or (self.pairs_met == 1 and self.estimate >= self.margin)

    @property
    def sentence(self) -> str:
        """The outcome in plain words."""
        models = f"grouping into {self.n_groups} models"
        over = f"over one joint model, in the mean over {len(self.tasks)} tasks (95 %)"
        most = number(self.bound, 1)
        if self.below_margin:
            text = f"No {models} can gain more than {most} points {over}."
        elif self.enough:
            text = (
                f"The best {models} gains about {number(self.estimate, 1)} and at most {most} "
                f"points {over}."
            )
        else:
            text = f"The best {models} gains at most {most} points {over}."
        if self.enough:
            return text
        if self.pairs_met < 1:
            unmet = max(1, round(100 * (1 - self.pairs_met)))
            return (
                f"{text} {unmet} % of the pairs of tasks were never trained together: more rows "
                "(`--rows`) may lower this."
            )
        worth = number(self.margin, 1)
        return f"{text} Whether it can gain {worth} is not settled: more seeds or rows may."

    @property
    def frame(self) -> pd.DataFrame:
        """A row for each task, in points; variances as standard deviations."""
        import pandas as pd

        columns = {
            "joint": self.joint,
            "single": self.single,
            "between subsets": np.sqrt(self.subset_variance),
            "between seeds": np.sqrt(self.seed_variance),
        }
        return pd.DataFrame(columns, pd.Index(list(self.tasks), name="task"))

    def to_dict(self) -> dict[str, Json]:
        """All but the scores of the single trainings, as plain JSON types, and what follows."""
        follows: dict[str, Json] = {
            "below_margin": self.below_margin,
            "enough": self.enough,
            "sentence": self.sentence,
        }
        return to_dict(self) | follows

    def _repr_html_(self) -> str:
        return as_html(self, self.frame)

    def __repr__(self) -> str:
        return (
            f"Headroom({self.n_groups} groups of {len(self.tasks)} tasks: about "
            f"{self.estimate:.2f}, at most {self.bound:.2f} points over joint)"
        )
