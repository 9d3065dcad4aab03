"""Groups as clusters of an affinity that averages estimated scores of sampled subsets."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import comb
from typing import TYPE_CHECKING, Literal

from coterie.errors import require_type, require_whole
from coterie.estimators import AskingEstimator, JointEstimator
from coterie.estimators.sampling import N_SUBSETS, sampled_affinity, usual_size
from coterie.grouping import AFFINITY_METHODS, check_clustering, check_n_groups, group
from coterie.grouping.own import Clustering, clustering_name
from coterie.labels import unlike
from coterie.methods._method import Case, Groups, Method
from coterie.methods.select import Select
from coterie.results import About, Cost, Found

if TYPE_CHECKING:
    from coterie.methods.timing import Timing


@dataclass(frozen=True, kw_only=True)
class ClusterScores(Method):
    """Cluster the affinity by which tasks score better in sampled subsets that hold another task.

    Grad-TAG (Li, Sharma & Zhang, KDD 2024) with the estimator of that name, "Boosting multitask
    learning on graphs" (Li et al., KDD 2023) where "train" trains the subsets. ``estimator`` and
    ``measure`` are those of :class:`Select`, ``n_subsets``, ``size`` and ``adaptive`` those of
    :func:`coterie.estimators.sampled_affinity`: adaptive draws are made within ``n_groups`` clusters.
    ``by`` is the clustering of the affinity, as :func:`coterie.group` has them.

    Raises:
        CoterieError: an unknown estimator or clustering, a number that does not fit.

    >>> ClusterScores("gradtag", n_groups=3).label
    'gradtag averages K=3'
    >>> ClusterScores("train", n_groups=3, n_subsets=40, by="spectral").label
    'train averages n_subsets=40 spectral K=3'
    """

    estimator: str | AskingEstimator | JointEstimator = field(default="gradtag", kw_only=False)
    n_groups: Groups = 2
    by: str | Clustering = "sdp"
    measure: Literal["loss", "score"] = "loss"
    n_subsets: int = N_SUBSETS
    size: int | None = None
    adaptive: bool = False

    def __post_init__(self) -> None:
        """Refuse settings that are impossible for any number of tasks."""
        object.__setattr__(self, "estimator", self._estimating.estimator)
        check_clustering("by", self.by, AFFINITY_METHODS)
        require_whole("n_subsets", self.n_subsets, 1)
        if self.size is not None:
            require_whole("size", self.size, 2)
        require_type("adaptive", self.adaptive, bool)
        check_n_groups(self.n_groups)
        if self.adaptive:
            require_whole("n_groups", self.n_groups, 1)

    @cached_property
    def _estimating(self) -> Select:
        """What estimates, and would select."""
        return Select(self.estimator, measure=self.measure)

    @property
    def about(self) -> About:  # type: ignore[override]
        """What is averaged, and that it is clustered."""
        estimated = self._estimating.about.measures
        return About(family="affinity", measures=f"{estimated}; averages over sampled subsets")

    @property
    def name(self) -> str:
        """The name of the estimator."""
        return self._estimating.name

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        usual = {"n_subsets": N_SUBSETS, "size": None, "adaptive": False}
        own = unlike(usual, {name: getattr(self, name) for name in usual})
        by = "" if self.by == "sdp" else f" {clustering_name(self.by)}"
        return f"{self._estimating.told} averages{own}{by} K={self.n_groups}"

    def price(self, timing: Timing) -> Cost | None:
        """What estimating the subsets takes."""
        n_tasks = len(timing.data.tasks)
        existing = comb(n_tasks, self.size or usual_size(n_tasks))
        return self._estimating.price_of(timing, min(self.n_subsets, existing))

    def __call__(self, case: Case, *, seed: int) -> Found:
        """Estimate, average and cluster."""
        measured = sampled_affinity(
            self._estimating.estimate(case, seed=seed),
            n_subsets=self.n_subsets,
            size=self.size,
            adaptive=self.n_groups if self.adaptive else None,  # type: ignore[arg-type]
            seed=seed,
            method=self.name,
        )
        return Found(
            grouping=group(measured, self.n_groups, method=self.by, seed=seed),
            cost=Cost.of(measured.cost),
            evidence=measured,
        )
