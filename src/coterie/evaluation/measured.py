"""Grouping methods that measure: affinities, which are clustered; score estimators, from which rows are selected; DMTG."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from coterie.affinities import METHODS as AFFINITIES
from coterie.affinities import data_map_affinity
from coterie.differentiable import MODES, DifferentiableGrouping
from coterie.errors import CoterieError, require_choice, require_positive, require_type, require_whole, shown
from coterie.estimators import EARLY_SHARE, ESTIMATORS, Estimator, MTGNetScores
from coterie.evaluation.methods import Case, file_name
from coterie.fitting import fit
from coterie.grouping import AFFINITY_METHODS, candidates, group, select
from coterie.grouping._candidates import most_asked
from coterie.grouping._group import check_n_groups
from coterie.results import Affinity, Grouping
from coterie.training import Probe

_ON_THE_JOINT_MODEL, _TRAINS = ("gradtag",), ("train", "early")


@dataclass(frozen=True, kw_only=True)
class AffinityMethod:
    """Measure an affinity on the joint training of every seed, and cluster it.

    ``affinity`` is a name in :data:`coterie.affinities.METHODS`, ``clustering`` one of "sdp", "spectral", "hierarchical";
    ``every`` is the number of steps between measurements.

    >>> AffinityMethod(affinity="cosine", n_groups=3).label
    'cosine K=3'
    """

    affinity: str = "lookahead"
    n_groups: int | Literal["auto"] = "auto"
    clustering: str = "sdp"
    every: int = 10

    def __post_init__(self) -> None:
        """Refuse names that are not registered."""
        require_choice("affinity", self.affinity, AFFINITIES)
        require_choice("clustering", self.clustering, AFFINITY_METHODS)
        check_n_groups(self.n_groups)
        require_whole("every", self.every, 1)

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        clustering = "" if self.clustering == "sdp" else f" {self.clustering}"
        return f"{self.affinity}{clustering} K={self.n_groups}"

    @property
    def measurement(self) -> tuple[Any, ...]:
        """What is measured: methods that differ in the clustering only share it."""
        return (self.affinity, self.every)

    def probe(self, seed: int) -> Probe | None:  # noqa: ARG002
        """What rides on the joint training; a data map needs none."""
        return None if self.affinity == "data_map" else AFFINITIES[self.affinity](every=self.every)

    def __call__(self, case: Case, *, seed: int) -> Grouping:
        """Group the tasks by what was measured while the joint model of this case trained."""
        measured = self._measured(case, seed)
        grouping = group(measured, self.n_groups, method=self.clustering, seed=seed)
        return replace(grouping, details={**grouping.details, "cost": dict(measured.cost), "affinity": _shown(measured)})

    def _measured(self, case: Case, seed: int) -> Affinity:
        if self.affinity == "data_map":
            if case.joint.data_map is None:
                raise CoterieError("`joint` has no data map; fit with record=True.")
            return data_map_affinity(case.joint.data_map, seed=seed)
        return case.probes[self.measurement].affinity()


@dataclass(frozen=True, kw_only=True)
class EstimatorMethod:
    """Estimate the scores of many task subsets on every seed, and select the best ``n_groups`` of them.

    ``estimator`` is a name in :data:`coterie.estimators.ESTIMATORS`; ``measure`` what is estimated on validation ("loss" tells
    more of few examples than "score"); with ``partition`` every task is trained in one model only.

    >>> EstimatorMethod(estimator="pairs", n_groups=2).label
    'pairs K=2'
    """

    estimator: str = "gradtag"
    n_groups: int = 2
    measure: Literal["loss", "score"] = "loss"
    partition: bool = False
    time_limit: float = 60.0

    def __post_init__(self) -> None:
        """Refuse names that are not registered, and K that is not a number."""
        require_choice("estimator", self.estimator, ESTIMATORS)
        _require_number(self.n_groups, self.estimator)
        require_choice("measure", self.measure, ("loss", "score"))
        require_type("partition", self.partition, bool)
        require_positive("time_limit", self.time_limit)

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        return f"{self.estimator}{' partition' if self.partition else ''} K={self.n_groups}"

    def estimate(self, case: Case, *, seed: int) -> Estimator:
        """The estimator, ready to predict; it trains what it needs on the case."""
        made = ESTIMATORS[self.estimator]
        if self.estimator in _ON_THE_JOINT_MODEL:
            return made(measure=self.measure, seed=seed).fit(case.joint, case.data)
        trains = made if self.estimator in _TRAINS else ESTIMATORS["train"]
        oracle = trains(case.model, case.data, seed=seed, measure=self.measure, progress=case.progress, **case.settings)
        return oracle if self.estimator in _TRAINS else made().fit(oracle)

    @property
    def share(self) -> float:
        """Part of the epochs that the models it trains are trained for."""
        return EARLY_SHARE if self.estimator == "early" else 1.0

    def questions(self, n_tasks: int) -> list[int]:
        """How many models measuring trains, stack by stack."""
        if self.estimator in _ON_THE_JOINT_MODEL:
            return []
        if self.estimator in _TRAINS:
            return [len(candidates(n_tasks)[0])]
        made = ESTIMATORS[self.estimator]()
        return made.rounds(n_tasks) if isinstance(made, MTGNetScores) else [made.trainings(n_tasks)]

    def predictions(self, n_tasks: int) -> int:
        """For about how many rows an estimator on the joint model is asked: to find candidates, then for their scores."""
        return most_asked(n_tasks) + len(candidates(n_tasks)[0])

    def own_seconds(self, n_tasks: int) -> float:
        """Estimated seconds beside the trainings: those of a network that learns from them."""
        return MTGNetScores().own_seconds(n_tasks) if self.estimator == "mtgnet" else 0.0

    def __call__(self, case: Case, *, seed: int) -> Grouping:
        """Select groups by estimated validation scores; each task is served by the best row that trains it."""
        estimator = self.estimate(case, seed=seed)
        # Rows are grown by cheap predictions only: to train thousands more is no search.
        rows, how = candidates(case.data.tasks.names, None if self.estimator in _TRAINS else estimator.predict)
        chosen = select(
            estimator.predict(rows), rows, tasks=case.data.tasks.names, budget=self.n_groups, partition=self.partition,
            time_limit=self.time_limit,
        )  # fmt: skip
        grouping = chosen.grouping
        return replace(
            grouping, method=self.estimator,
            details={**grouping.details, "cost": _plain(estimator.cost), "candidates": how},
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class DifferentiableMethod:
    """Learn the grouping while ``n_groups`` branches train, as :class:`coterie.DifferentiableGrouping` does (DMTG).

    The groups found are then trained anew, like those of every other method.

    >>> DifferentiableMethod(n_groups=2).label
    'dmtg K=2'
    """

    n_groups: int = 2
    mode: Literal["paper", "annealed", "expected", "straight_through"] = "annealed"

    def __post_init__(self) -> None:
        """Refuse what cannot be searched for."""
        _require_number(self.n_groups, "dmtg")
        require_choice("mode", self.mode, MODES)

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        return f"dmtg{'' if self.mode == 'annealed' else f' {self.mode}'} K={self.n_groups}"

    def provider(self) -> DifferentiableGrouping:
        """What learns while the models train."""
        return DifferentiableGrouping(self.n_groups, self.mode)

    def __call__(self, case: Case, *, seed: int) -> Grouping:
        """Search on this case; a search that was stopped is continued."""
        provider = self.provider()
        checkpoint = None if case.checkpoints is None else case.checkpoints / file_name(self.label)
        search = fit(
            case.model, case.data, provider, seed=seed, progress=case.progress, checkpoint=checkpoint, **case.settings
        )  # fmt: skip
        grouping = provider.result()
        return replace(grouping, details={**grouping.details, "cost": _plain(search.cost)})


def _require_number(n_groups: Any, name: str) -> None:
    if isinstance(n_groups, bool) or not isinstance(n_groups, int) or n_groups < 1:
        raise CoterieError(
            f"`n_groups` must be a number of at least 1 for {name!r}, which has a budget of models; found {shown(n_groups)}."
        )


def _shown(affinity: Affinity) -> dict[str, Any]:
    """What a report draws, as JSON types."""
    as_list = lambda a: None if a is None else [[None if np.isnan(x) else float(x) for x in row] for row in a]  # noqa: E731
    return {"method": affinity.method, "matrix": as_list(affinity.matrix), "stderr": as_list(affinity.stderr)}


def _plain(cost: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(cost[name]) for name in ("model_steps", "seconds") if name in cost}
