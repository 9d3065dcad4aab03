"""Groups as a selection: of many task subsets, those of the best estimated scores."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from coterie.errors import CoterieError, require_choice, require_positive, require_type, shown
from coterie.estimators import ESTIMATORS, AskingEstimator, Estimator, JointEstimator, TrainedScores
from coterie.fitting import architecture_of, resized_settings
from coterie.grouping import candidates, most_asked, select
from coterie.identity import qualified
from coterie.labels import changed
from coterie.methods._method import Case, Method
from coterie.methods.timing import Timing
from coterie.models.width import widening
from coterie.results import About, Cost, Found, Grouping

if TYPE_CHECKING:
    from coterie.training.config import TrainingSettings

_HALF = 0.5
_TRIED = "Networks of half the size were tried for tasks alone, at half the cost; selected for: {}."
_NONE = "No networks of half the size were tried: the encoder has no option for its width."
_SWITCHES = ("partition", "half_size", "relative")
_NAMES = {kind: name for name, kind in ESTIMATORS.items() if isinstance(kind, type)}


@dataclass(frozen=True, kw_only=True)
class Select(Method):
    """Estimate the scores of many task subsets on every seed, and select the best of them.

    ``estimator`` is a name in :data:`coterie.estimators.ESTIMATORS` or an estimator with settings
    of its own, of which copies are fitted: as ``fit(joint, data)`` with the unit's seed, where it
    has ``on_joint_model = True``, else as ``fit(oracle)`` on one that trains. ``measure`` is what
    is estimated on validation ("loss" tells more of few examples than "score"); one on the joint
    model that is given has its own. With ``partition`` every task is trained in one model only.

    ``half_size`` tries a network of half the parameters for each task alone, too, at half the cost
    (HOA; Standley et al., ICML 2020, section 4): ``n_groups`` is then a budget in networks of full
    size, and a comparison trains those selected at half the size. With ``relative`` losses count as
    shares of each task's loss alone (the gains of MTG-Net; Song et al., NeurIPS 2022), so that tasks
    of large losses do not rule the sum.

    >>> from coterie.estimators import GradTagScores
    >>> Select("pairs", n_groups=2).label, Select(GradTagScores(n_features=512), n_groups=2).label
    ('pairs K=2', 'gradtag n_features=512 K=2')
    """

    estimator: str | AskingEstimator | JointEstimator = field(default="gradtag", kw_only=False)
    n_groups: int = 2  # type: ignore[assignment]
    measure: Literal["loss", "score"] = "loss"
    partition: bool = False
    half_size: bool = False
    relative: bool = False
    time_limit: float = 60.0

    def __post_init__(self) -> None:
        """Refuse names that are not registered, and K that is not a number."""
        require_choice("measure", self.measure, ("loss", "score"))
        for name in _SWITCHES:
            require_type(name, getattr(self, name), bool)
        if self.relative and self.measure != "loss":
            raise CoterieError(
                "`relative` is of losses, for a score may be 0: it takes measure='loss'; found "
                f"{self.measure!r}."
            )
        require_positive("time_limit", self.time_limit)
        if isinstance(self.estimator, str):
            object.__setattr__(self, "estimator", self.estimator.replace("-", "_"))
            known = self.estimator in ESTIMATORS
        else:
            works = all(
                callable(getattr(self.estimator, verb, None)) for verb in ("fit", "predict")
            )
            known = works and not isinstance(self.estimator, type)
        if not known:
            raise CoterieError(
                f"`estimator` must be one of {', '.join(ESTIMATORS)}, or an estimator that can be "
                f"fitted, such as SurrogateScores(n_subsets=40); found {shown(self.estimator)}."
            )
        require_number(self.n_groups, self.name)

    @property
    def about(self) -> About:  # type: ignore[override]
        """What is trained or read to estimate."""
        return getattr(self._kind, "about", None) or About(family="selection")

    @property
    def name(self) -> str:
        """The name of the estimator, or of its class where it is not registered."""
        if isinstance(self.estimator, str):
            return self.estimator
        kind = type(self.estimator)
        return _NAMES.get(kind, kind.__name__)

    @property
    def label(self) -> str:
        """A short name that tells methods of one comparison apart."""
        switched = [f" {name}" for name in _SWITCHES if getattr(self, name)]
        return f"{self.told}{''.join(switched)} K={self.n_groups}"

    @property
    def told(self) -> str:
        """The estimator, with what is unusual about it."""
        return f"{self.name}{'' if isinstance(self.estimator, str) else changed(self.estimator)}"

    @property
    def itself(self) -> object:
        """As it was before it had switches that are off: earlier runs are continued."""
        own = {each.name: getattr(self, each.name) for each in fields(self)}
        off = [name for name in ("half_size", "relative") if not own[name]]
        return {"is": qualified(self)} | {n: value for n, value in own.items() if n not in off}

    @property
    def _kind(self) -> Any:  # a class of ours, or an object with attributes of its own
        return ESTIMATORS[self.estimator] if isinstance(self.estimator, str) else self.estimator

    @property
    def trains(self) -> bool:
        """Whether every row that is asked about is trained."""
        return isinstance(self.estimator, str) and getattr(self._kind, "trains", False)

    @property
    def on_joint_model(self) -> bool:
        """Whether the estimate reads the joint model instead of training rows."""
        return getattr(self._kind, "on_joint_model", False)

    def unfitted(self, seed: int = 0) -> AskingEstimator | JointEstimator:
        """A fresh estimator; not of those that train, which start from the data."""
        if isinstance(self.estimator, str):
            own = {"measure": self.measure, "seed": seed} if self.on_joint_model else {}
            return self._kind(**own)
        made = copy(self.estimator)
        if self.on_joint_model:
            made.seed = seed  # type: ignore[union-attr]
        return made

    def estimate(self, case: Case, *, seed: int) -> Estimator:
        """The estimator, ready to predict; it trains what it needs on the case."""
        if self.on_joint_model:
            return cast(JointEstimator, self.unfitted(seed)).fit(case.joint, case.data)  # type: ignore[return-value]
        oracle = self._oracle(case, case.settings, seed)
        return oracle if self.trains else cast(AskingEstimator, self.unfitted()).fit(oracle)

    def _oracle(self, case: Case, settings: TrainingSettings, seed: int) -> TrainedScores:
        """What trains the rows that it is asked about."""
        return (self._kind if self.trains else TrainedScores)(
            case.model,
            case.data,
            seed=seed,
            measure=self.measure,
            progress=case.progress,
            **settings,
        )

    def price(self, timing: Timing) -> Cost | None:
        """What the trainings take that the estimator asks for, or reading the joint model."""
        n_tasks = len(timing.data.tasks)
        # Some to find candidates, then all for their scores.
        before = 0 if self.trains else most_asked(n_tasks)
        told = self.price_of(timing, before + len(candidates(n_tasks)[0]))
        half = self._halved(timing)
        if told is None or half is None:
            return told
        small = timing.with_settings(half)
        return told + small.cost_of([n_tasks], share=self._share)

    def price_of(self, timing: Timing, n_rows: int) -> Cost | None:
        """What an estimator takes that is asked about so many rows; None if it does not tell."""
        n_tasks = len(timing.data.tasks)
        if self.on_joint_model:
            return timing.cost_of_reading(cast(JointEstimator, self.unfitted()), n_rows)
        if self.trains:
            return timing.cost_of([n_rows], share=self._share)
        made = self.unfitted()
        told, own = getattr(made, "trainings", None), getattr(made, "own_seconds", None)
        if told is None:
            return None
        in_rounds = getattr(made, "rounds", lambda n: [told(n)])
        return timing.cost_of(in_rounds(n_tasks), seconds=own(n_tasks) if own else 0.0)

    @property
    def _share(self) -> float:
        """Of the epochs, for which rows are trained."""
        return self._kind.usual_share if self.trains else 1.0

    def __call__(self, case: Case, *, seed: int) -> Found:
        """Select groups by estimated validation scores.

        Each task is served by the best row that trains it.
        """
        estimator, tasks = self.estimate(case, seed=seed), case.data.tasks.names
        # Rows are grown by cheap predictions only: to train thousands more is no search.
        rows, how = candidates(tasks, None if self.trains else estimator.predict)
        scores, sizes, spent = estimator.predict(rows), np.ones(len(rows)), Cost.of(estimator.cost)
        alone = rows.sum(axis=1) == 1
        weights = 1 / np.abs(np.nansum(scores[alone], axis=0)) if self.relative else None
        half = self._halved(case)
        if half is not None:
            small = self._oracle(case, half, seed)
            scores = np.vstack([scores, small.predict(rows[alone])])
            rows, sizes = np.vstack([rows, rows[alone]]), np.r_[sizes, np.full(len(tasks), _HALF)]
            spent += Cost.of(small.cost)
        chosen = select(
            scores,
            rows,
            tasks=tasks,
            costs=sizes,
            budget=self.n_groups,
            partition=self.partition,
            task_weights=weights,
            time_limit=self.time_limit,
        )
        grouping = replace(chosen.grouping, method=self.name, details={})
        if self.half_size:
            grouping = _sized(grouping, None if half is None else sizes[chosen.rows])
        return Found(
            grouping=grouping,
            cost=spent,
            evidence=replace(chosen, details={**chosen.details, "candidates": how}),
        )

    def _halved(self, of: Case | Timing) -> TrainingSettings | None:
        """Settings of networks with half the parameters.

        None if there are to be none, or the encoder has no width.
        """
        if not self.half_size or widening(architecture_of(of.model, of.data, of.settings)) is None:
            return None
        return resized_settings(of.model, of.data, of.settings, _HALF)


def _sized(grouping: Grouping, sizes: np.ndarray | None) -> Grouping:
    """The grouping with the sizes (K,) of its networks, if there were several, and a note of them."""
    if sizes is None:
        return replace(grouping, details={"notes": [_NONE]})
    alone = [names for names, size in zip(grouping.groups, sizes, strict=True) if size == _HALF]
    note = _TRIED.format(", ".join(name for names in alone for name in names) or "no task")
    return replace(grouping, details={"notes": [note]}, network_sizes=sizes if alone else None)


def require_number(n_groups: object, name: str) -> None:
    """Refuse a number of groups that is none, for methods that need one."""
    if isinstance(n_groups, bool) or not isinstance(n_groups, int) or n_groups < 1:
        raise CoterieError(
            f"`n_groups` must be a number of at least 1 for {name!r}, which has a budget of "
            f"models; found {shown(n_groups)}."
        )
