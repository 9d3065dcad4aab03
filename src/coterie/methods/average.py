"""Groups by averages of an affinity, some of which a budget of models selects: they may overlap."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

from coterie.affinities import AffinityProbe
from coterie.errors import require_positive
from coterie.grouping import candidates, select, subset_scores
from coterie.grouping.subset_scores import mean_over_others
from coterie.methods._method import Case, Method
from coterie.methods.cluster import Cluster
from coterie.methods.select import require_number
from coterie.results import About, Affinity, Cost, Found, Selection

if TYPE_CHECKING:
    from coterie.methods.timing import Timing


@dataclass(frozen=True, kw_only=True)
class Average(Method):
    """Select the models whose groups help their tasks most, by means of a measured affinity.

    As TAG (Fifty et al., NeurIPS 2021) selects networks: a group is worth to task t the mean
    affinity of its other members with t; of all groups of at least two tasks ``n_groups`` are
    selected, which may overlap, such that the sum over tasks of what their best group is worth is
    largest. Each task is served by its best group, and helps in the others that it is in. Tasks
    alone are no candidates: what a look-ahead does to its own task is on another scale.

    ``source`` and ``every`` are those of :class:`Cluster`, which shares the measurement. Groups of
    more than 12 tasks are not all listed, see :func:`coterie.grouping.candidates`. ``time_limit``
    is that of :func:`coterie.select`, in seconds.

    Raises:
        CoterieError: an unknown source, a number of groups that is none, a time that is none.

    >>> Average("lookahead", n_groups=3).label, Average("cosine", n_groups=2, every=1).label
    ('lookahead average K=3', 'cosine every=1 average K=2')
    """

    source: str | AffinityProbe = field(default="lookahead", kw_only=False)
    n_groups: int = 2  # type: ignore[assignment]
    every: int | None = None
    time_limit: float = 60.0

    def __post_init__(self) -> None:
        """Refuse what cannot be measured, and K that is not a number."""
        require_positive("time_limit", self.time_limit)
        object.__setattr__(self, "source", self._measuring.source)
        require_number(self.n_groups, self.name)

    @cached_property
    def _measuring(self) -> Cluster:
        """What measures, and would cluster."""
        return Cluster(self.source, by="sdp", every=self.every)  # type: ignore[arg-type]

    @property
    def about(self) -> About:  # type: ignore[override]
        """What is averaged."""
        return self._measuring.about

    @property
    def name(self) -> str:
        """The name of what is averaged."""
        return self._measuring.name

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        every = "" if self.every is None else f" every={self.every}"
        return f"{self._measuring.told}{every} average K={self.n_groups}"

    @property
    def measurement(self) -> Hashable | None:
        """What is measured, which clusterings share."""
        return self._measuring.measurement

    def probe(self, seed: int) -> AffinityProbe | None:
        """What rides on the joint training."""
        return self._measuring.probe(seed)

    def price(self, timing: Timing) -> Cost:
        """What the measurements take."""
        return self._measuring.price(timing)

    def __call__(self, case: Case, *, seed: int) -> Found:
        """Select by what was measured while the joint model trained."""
        measured = self._measuring.measured(case, seed=seed)
        chosen = self.select(measured)
        return Found(
            grouping=replace(chosen.grouping, method=self.name, details={}),
            cost=Cost.of(measured.cost),
            evidence=chosen,
        )

    def select(self, measured: Affinity) -> Selection:
        """The selection from an affinity of T tasks.

        Raises:
            CoterieError: pairs that were never measured.

        >>> import numpy as np
        >>> helps = np.array([[0, 4, 1], [4, 0, 3], [0, 1, 0]])
        >>> measured = Affinity(tasks=("a", "b", "c"), matrix=helps, method="by hand")
        >>> Average(n_groups=2).select(measured)
        Selection({a b}, {b c}; objective 11, proven best)
        """
        measured.require_complete()
        rows, how = candidates(
            measured.tasks, lambda weights: mean_over_others(measured.matrix, weights > 0)
        )
        chosen = select(
            subset_scores(measured, rows[rows.sum(axis=1) > 1]),
            budget=self.n_groups,
            time_limit=self.time_limit,
        )
        return replace(chosen, details={**chosen.details, "candidates": f"{how}, none alone"})
