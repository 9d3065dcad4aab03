"""Grouping methods that measure: affinities, which are clustered.

Score estimators, from which rows are selected; DMTG.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass, field, replace
from inspect import signature
from typing import Any, Literal

import numpy as np

from coterie.affinities import METHODS as AFFINITIES
from coterie.affinities import AffinityProbe, data_map_affinity, fresh_probe
from coterie.differentiable import MODES, DifferentiableGrouping
from coterie.differentiable.provider import Mode
from coterie.errors import (
    CoterieError,
    require_choice,
    require_positive,
    require_type,
    require_whole,
    shown,
)
from coterie.estimators import EARLY_SHARE, ESTIMATORS, Estimator
from coterie.evaluation.methods import Case, file_name
from coterie.fitting import fit
from coterie.grouping import (
    AFFINITY_METHODS,
    candidates,
    check_clustering,
    check_n_groups,
    group,
    most_asked,
    select,
)
from coterie.grouping.own import Clustering, clustering_name
from coterie.identity import identity
from coterie.results import Affinity, Grouping

_TRAINS = ("train", "early")
_NAMES = {kind: name for name, kind in ESTIMATORS.items() if isinstance(kind, type)}
_EVERY = 10


@dataclass(frozen=True, kw_only=True)
class AffinityMethod:
    """Measure an affinity on the joint training of every seed, and cluster it.

    ``affinity`` is a name in :data:`coterie.affinities.METHODS` or a probe with settings of its
    own, of which copies are used; ``clustering`` one of "sdp", "spectral", "hierarchical" or a
    function ``(matrix, n_groups, seed)`` as for :func:`coterie.group`; ``every`` is the number of
    steps between measurements: 10, or what the probe says.

    >>> from coterie.affinities import Lookahead
    >>> AffinityMethod("cosine", n_groups=3).label, AffinityMethod(Lookahead(batch_size=256), n_groups=3).label
    ('cosine K=3', 'lookahead batch_size=256 K=3')
    """

    affinity: str | AffinityProbe = field(default="lookahead", kw_only=False)
    n_groups: int | Literal["auto"] = "auto"
    clustering: str | Clustering = "sdp"
    every: int = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Refuse names that are not registered."""
        named = not isinstance(self.affinity, AffinityProbe)
        if named and (not isinstance(self.affinity, str) or self.affinity not in AFFINITIES):
            raise CoterieError(
                f"`affinity` must be one of {', '.join(AFFINITIES)}, or a probe such as "
                "Lookahead(batch_size=256); found "
                f"{shown(self.affinity)}."
            )
        check_clustering("clustering", self.clustering, AFFINITY_METHODS)
        check_n_groups(self.n_groups)
        if self.every is None:
            object.__setattr__(
                self, "every", _EVERY if isinstance(self.affinity, str) else self.affinity.every
            )
        require_whole("every", self.every, 1)

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        affinity = (
            self.affinity
            if isinstance(self.affinity, str)
            else f"{self.affinity.name}{_changed(self.affinity)}"
        )
        clustering = "" if self.clustering == "sdp" else f" {clustering_name(self.clustering)}"
        return f"{affinity}{clustering} K={self.n_groups}"

    @property
    def measurement(self) -> str:
        """What is measured: methods that differ in the clustering only share it."""
        try:
            return json.dumps(identity(self.probe(0), "`affinity`"))
        except CoterieError:  # one that cannot be told from others is itself only
            return f"{id(self.affinity)} every {self.every}"

    def probe(self, seed: int) -> AffinityProbe | None:  # noqa: ARG002
        """What rides on the joint training; a data map needs none."""
        return fresh_probe(self.affinity, self.every)

    def __call__(self, case: Case, *, seed: int) -> Grouping:
        """Group the tasks by what was measured while the joint model of this case trained."""
        measured = self._measured(case, seed)
        grouping = group(measured, self.n_groups, method=self.clustering, seed=seed)
        return replace(
            grouping,
            details={**grouping.details, "cost": dict(measured.cost), "affinity": _shown(measured)},
        )

    def _measured(self, case: Case, seed: int) -> Affinity:
        if self.affinity == "data_map":
            if case.joint.data_map is None:
                raise CoterieError("`joint` has no data map; fit with record=True.")
            return data_map_affinity(case.joint.data_map, seed=seed)
        return case.probes[self.measurement].affinity()


@dataclass(frozen=True, kw_only=True)
class EstimatorMethod:
    """Estimate the scores of many task subsets on every seed, and select the best ``n_groups`` of them.

    ``estimator`` is a name in :data:`coterie.estimators.ESTIMATORS` or an estimator with settings
    of its own, of which copies are fitted: as ``fit(joint, data)`` with the unit's seed, where it
    has ``on_joint_model = True``, else as ``fit(oracle)`` on one that trains. ``measure`` is what
    is estimated on validation ("loss" tells more of few examples than "score"); one on the joint
    model that is given has its own. With ``partition`` every task is trained in one model only.

    >>> from coterie.estimators import GradTagScores
    >>> EstimatorMethod("pairs", n_groups=2).label, EstimatorMethod(GradTagScores(n_features=512), n_groups=2).label
    ('pairs K=2', 'gradtag n_features=512 K=2')
    """

    estimator: Any = field(default="gradtag", kw_only=False)
    n_groups: int = 2
    measure: Literal["loss", "score"] = "loss"
    partition: bool = False
    time_limit: float = 60.0

    def __post_init__(self) -> None:
        """Refuse names that are not registered, and K that is not a number."""
        require_choice("measure", self.measure, ("loss", "score"))
        require_type("partition", self.partition, bool)
        require_positive("time_limit", self.time_limit)
        if isinstance(self.estimator, str):
            known = self.estimator in ESTIMATORS
        else:
            works = all(
                callable(getattr(self.estimator, verb, None)) for verb in ("fit", "predict")
            )
            known = works and not isinstance(self.estimator, type)
        if not known:
            raise CoterieError(
                f"`estimator` must be one of {', '.join(ESTIMATORS)}, or an estimator that can be "
                "fitted, such as "
                f"SurrogateScores(n_subsets=40); found {shown(self.estimator)}."
            )
        _require_number(self.n_groups, self.name)

    @property
    def name(self) -> str:
        """The name of the estimator, or of its class where it is not registered."""
        kind = type(self.estimator)
        return self.estimator if kind is str else _NAMES.get(kind, kind.__name__)

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        changed = "" if isinstance(self.estimator, str) else _changed(self.estimator)
        return f"{self.name}{changed}{' partition' if self.partition else ''} K={self.n_groups}"

    @property
    def trains(self) -> bool:
        """Whether every row that is asked about is trained."""
        return isinstance(self.estimator, str) and self.estimator in _TRAINS

    @property
    def on_joint_model(self) -> bool:
        """Whether the estimate reads the joint model instead of training rows."""
        kind = ESTIMATORS[self.estimator] if isinstance(self.estimator, str) else self.estimator
        return getattr(kind, "on_joint_model", False)

    def unfitted(self, seed: int = 0) -> Any:
        """A fresh estimator; not of those that train, which start from the data."""
        if not isinstance(self.estimator, str):
            made = copy(self.estimator)
            if self.on_joint_model:
                made.seed = seed
            return made
        return ESTIMATORS[self.estimator](
            **({"measure": self.measure, "seed": seed} if self.on_joint_model else {})
        )

    def estimate(self, case: Case, *, seed: int) -> Estimator:
        """The estimator, ready to predict; it trains what it needs on the case."""
        if self.on_joint_model:
            return self.unfitted(seed).fit(case.joint, case.data)
        oracle = ESTIMATORS[self.estimator if self.trains else "train"](
            case.model,
            case.data,
            seed=seed,
            measure=self.measure,
            progress=case.progress,
            **case.settings,
        )
        return oracle if self.trains else self.unfitted().fit(oracle)

    @property
    def share(self) -> float:
        """Part of the epochs that the models it trains are trained for."""
        return EARLY_SHARE if self.estimator == "early" else 1.0

    def questions(self, n_tasks: int) -> list[int] | None:
        """How many models measuring trains, stack by stack.

        None where the estimator does not tell.
        """
        if self.on_joint_model:
            return []
        if self.trains:
            return [len(candidates(n_tasks)[0])]
        made = self.unfitted()
        if hasattr(made, "rounds"):
            return made.rounds(n_tasks)
        return [made.trainings(n_tasks)] if hasattr(made, "trainings") else None

    def predictions(self, n_tasks: int) -> int:
        """For about how many rows an estimator on the joint model is asked.

        To find candidates, then for their scores.
        """
        return most_asked(n_tasks) + len(candidates(n_tasks)[0])

    def own_seconds(self, n_tasks: int) -> float:
        """Estimated seconds beside the trainings: those of a network that learns from them."""
        own = None if self.trains else getattr(self.unfitted(), "own_seconds", None)
        return 0.0 if own is None else own(n_tasks)

    def __call__(self, case: Case, *, seed: int) -> Grouping:
        """Select groups by estimated validation scores.

        Each task is served by the best row that trains it.
        """
        estimator = self.estimate(case, seed=seed)
        # Rows are grown by cheap predictions only: to train thousands more is no search.
        rows, how = candidates(case.data.tasks.names, None if self.trains else estimator.predict)
        chosen = select(
            estimator.predict(rows),
            rows,
            tasks=case.data.tasks.names,
            budget=self.n_groups,
            partition=self.partition,
            time_limit=self.time_limit,
        )
        grouping = chosen.grouping
        return replace(
            grouping,
            method=self.name,
            details={**grouping.details, "cost": _plain(estimator.cost), "candidates": how},
        )


@dataclass(frozen=True, kw_only=True)
class DifferentiableMethod:
    """Learn the grouping while ``n_groups`` branches train, as :class:`coterie.DifferentiableGrouping` does (DMTG).

    ``search`` is one with settings of its own, of which copies are used; ``n_groups`` and ``mode``
    are then its own. The groups found are trained anew, like those of every other method.

    >>> DifferentiableMethod(n_groups=2).label, DifferentiableMethod(DifferentiableGrouping(3, held_out=0.2)).label
    ('dmtg K=2', 'dmtg held_out=0.2 K=3')
    """

    search: DifferentiableGrouping | None = field(default=None, kw_only=False)
    n_groups: int = None  # type: ignore[assignment]
    mode: Mode = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        """Refuse what cannot be searched for."""
        if self.search is not None:
            require_type("search", self.search, DifferentiableGrouping)
        for name, own, usual in (("n_groups", "n_rows", 2), ("mode", "mode", "annealed")):
            given, settled = (
                getattr(self, name),
                usual if self.search is None else getattr(self.search, own),
            )
            if self.search is not None and given not in (None, settled):
                raise CoterieError(
                    f"`{name}` is {given!r}, but `search` has its own: {settled!r}. Give it to the "
                    "search only."
                )
            if given is None:
                object.__setattr__(self, name, settled)
        _require_number(self.n_groups, "dmtg")
        require_choice("mode", self.mode, MODES)

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        usual = DifferentiableGrouping(self.n_groups, self.mode).settings()
        own = self.provider().settings()
        changed = "".join(
            f" {name.replace('asked', 'learning')}={_short(value)}"
            for name, value in own.items()
            if value != usual.get(name)
        )
        return (
            f"dmtg{'' if self.mode == 'annealed' else f' {self.mode}'}{changed} K={self.n_groups}"
        )

    def provider(self) -> DifferentiableGrouping:
        """What learns while the models train."""
        return (
            DifferentiableGrouping(self.n_groups, self.mode)
            if self.search is None
            else copy(self.search)
        )

    def __call__(self, case: Case, *, seed: int) -> Grouping:
        """Search on this case; a search that was stopped is continued."""
        provider = self.provider()
        checkpoint = None if case.checkpoints is None else case.checkpoints / file_name(self.label)
        search = fit(
            case.model,
            case.data,
            provider,
            seed=seed,
            progress=case.progress,
            checkpoint=checkpoint,
            **case.settings,
        )
        grouping = provider.result()
        return replace(grouping, details={**grouping.details, "cost": _plain(search.cost)})


def _changed(thing: Any) -> str:
    """Settings of an object that are not the usual ones, each after a space, as far as they are short."""
    usual = {name: each.default for name, each in signature(type(thing)).parameters.items()}
    given = {name: getattr(thing, name, default) for name, default in usual.items()}
    return "".join(
        f" {name}={_short(value)}"
        for name, value in given.items()
        if isinstance(value, bool | int | float | str | None) and value != usual[name]
    )


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).replace(" ", "")


def _require_number(n_groups: Any, name: str) -> None:
    if isinstance(n_groups, bool) or not isinstance(n_groups, int) or n_groups < 1:
        raise CoterieError(
            f"`n_groups` must be a number of at least 1 for {name!r}, which has a budget of "
            f"models; found {shown(n_groups)}."
        )


def _shown(affinity: Affinity) -> dict[str, Any]:
    """What a report draws, as JSON types."""
    as_list = lambda a: (  # noqa: E731
        None if a is None else [[None if np.isnan(x) else float(x) for x in row] for row in a]
    )
    return {
        "method": affinity.method,
        "matrix": as_list(affinity.matrix),
        "stderr": as_list(affinity.stderr),
    }


def _plain(cost: Mapping[str, Any]) -> dict[str, float]:
    return {name: float(cost[name]) for name in ("model_steps", "seconds") if name in cost}
