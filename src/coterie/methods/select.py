"""Groups as a selection: of many task subsets, those of the best estimated scores."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, cast

from coterie.errors import CoterieError, require_choice, require_positive, require_type, shown
from coterie.estimators import ESTIMATORS, AskingEstimator, Estimator, JointEstimator, TrainedScores
from coterie.grouping import candidates, most_asked, select
from coterie.labels import changed
from coterie.methods._method import Case, Method
from coterie.results import About, Cost, Found

if TYPE_CHECKING:
    from coterie.methods.timing import Timing

_NAMES = {kind: name for name, kind in ESTIMATORS.items() if isinstance(kind, type)}


@dataclass(frozen=True, kw_only=True)
class Select(Method):
    """Estimate the scores of many task subsets on every seed, and select the best of them.

    ``estimator`` is a name in :data:`coterie.estimators.ESTIMATORS` or an estimator with settings
    of its own, of which copies are fitted: as ``fit(joint, data)`` with the unit's seed, where it
    has ``on_joint_model = True``, else as ``fit(oracle)`` on one that trains. ``measure`` is what
    is estimated on validation ("loss" tells more of few examples than "score"); one on the joint
    model that is given has its own. With ``partition`` every task is trained in one model only.

    >>> from coterie.estimators import GradTagScores
    >>> Select("pairs", n_groups=2).label, Select(GradTagScores(n_features=512), n_groups=2).label
    ('pairs K=2', 'gradtag n_features=512 K=2')
    """

    estimator: str | AskingEstimator | JointEstimator = field(default="gradtag", kw_only=False)
    n_groups: int = 2  # type: ignore[assignment]
    measure: Literal["loss", "score"] = "loss"
    partition: bool = False
    time_limit: float = 60.0

    def __post_init__(self) -> None:
        """Refuse names that are not registered, and K that is not a number."""
        require_choice("measure", self.measure, ("loss", "score"))
        require_type("partition", self.partition, bool)
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
        own = "" if isinstance(self.estimator, str) else changed(self.estimator)
        return f"{self.name}{own}{' partition' if self.partition else ''} K={self.n_groups}"

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
        oracle = (self._kind if self.trains else TrainedScores)(
            case.model,
            case.data,
            seed=seed,
            measure=self.measure,
            progress=case.progress,
            **case.settings,
        )
        return oracle if self.trains else cast(AskingEstimator, self.unfitted()).fit(oracle)

    def price(self, timing: Timing) -> Cost | None:
        """What the trainings take that the estimator asks for, or reading the joint model."""
        n_tasks = len(timing.data.tasks)
        if self.on_joint_model:
            # To find candidates, then for their scores.
            asked = most_asked(n_tasks) + len(candidates(n_tasks)[0])
            return timing.cost_of_reading(cast(JointEstimator, self.unfitted()), asked)
        if self.trains:
            return timing.cost_of([len(candidates(n_tasks)[0])], share=self._kind.usual_share)
        made = self.unfitted()
        told, own = getattr(made, "trainings", None), getattr(made, "own_seconds", None)
        if told is None:
            return None
        in_rounds = getattr(made, "rounds", lambda n: [told(n)])
        return timing.cost_of(in_rounds(n_tasks), seconds=own(n_tasks) if own else 0.0)

    def __call__(self, case: Case, *, seed: int) -> Found:
        """Select groups by estimated validation scores.

        Each task is served by the best row that trains it.
        """
        estimator, tasks = self.estimate(case, seed=seed), case.data.tasks.names
        # Rows are grown by cheap predictions only: to train thousands more is no search.
        rows, how = candidates(tasks, None if self.trains else estimator.predict)
        chosen = select(
            estimator.predict(rows),
            rows,
            tasks=tasks,
            budget=self.n_groups,
            partition=self.partition,
            time_limit=self.time_limit,
        )
        return Found(
            grouping=replace(chosen.grouping, method=self.name, details={}),
            cost=Cost.of(estimator.cost),
            evidence=replace(chosen, details={**chosen.details, "candidates": how}),
        )


def require_number(n_groups: object, name: str) -> None:
    """Refuse a number of groups that is none, for methods that need one."""
    if isinstance(n_groups, bool) or not isinstance(n_groups, int) or n_groups < 1:
        raise CoterieError(
            f"`n_groups` must be a number of at least 1 for {name!r}, which has a budget of "
            f"models; found {shown(n_groups)}."
        )
