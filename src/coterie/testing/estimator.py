"""Checks of a score estimator of your own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Protocol, cast

import numpy as np

from coterie.data import Dataset
from coterie.estimators import Estimator, random_subsets, subsets_of_size
from coterie.estimators.base import MEASURES
from coterie.estimators.judge import within_target_correlation
from coterie.fitting import fit
from coterie.models import ModelStack
from coterie.testing._checks import Suite, require
from coterie.testing._oracle import RuleScores
from coterie.testing._world import (
    MIXED,
    ORDER,
    SETTINGS,
    content,
    encoder,
    not_applicable,
    other_test_part,
    random_state_kept,
    refused_or_done,
    require_close,
    require_identity,
    require_unchanged,
    same,
    starts,
    table,
    unlabelled_pair,
)

_ROWS = np.array(
    [[1, 1, 1, 1], [1, 1, 0, 0], [0, 1, 1, 1], [0, 0, 1, 0], [1, 0, 0, 1]], dtype=np.float64
)
_INFORMED = 0.5


class _Fitted(Estimator, Protocol):
    def fit(self, *on: object) -> Estimator: ...


_Subject = Estimator | type[Estimator] | Callable[..., Estimator]


def check_estimator(
    subject: _Subject, *, expected_failures: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Check a score estimator, in one of three forms.

    * An object with ``fit(oracle)`` and ``predict``, or its class: fitted on an oracle that follows
      a rule.
    * The same with ``on_joint_model = True`` and ``fit(joint, data)``: fitted on a joint model of
      four tasks.
    * A function ``(model, data, **settings)`` that makes one that needs no fitting, such as
      ``TrainedScores``.

    The checks, in order: *scores*, *rows apart*, *relabelling*, *informed*, *missing labels*, *the
    test part*, *seed*, *random state*, *untouched*, *identity*, *price*, *unfitted*, *fitted anew*,
    *two tasks*, *one task*, *gaps*, *mixed kinds*; :func:`checks_of` tells what each one says.

    Args:
        subject: what to check; of an object copies are used.
        expected_failures: by check, the reason why it fails; such a check must fail.

    Returns:
        Names of the checks that hold; those with nothing to look at are not among them.

    Raises:
        CheckFailed: one does not hold.

    >>> from coterie.estimators import PairScores
    >>> check_estimator(PairScores)[:3]
    ('scores', 'rows apart', 'relabelling')
    """
    return _SUITE.run(subject, expected_failures)


class _Estimating:
    """An estimator, in whichever form."""

    def __init__(self, subject: _Subject) -> None:
        self.subject = subject
        self.fits = callable(getattr(subject, "fit", None))
        self.on_joint_model = bool(getattr(subject, "on_joint_model", False))
        self.asks = self.fits and not self.on_joint_model

    def fresh(self) -> _Fitted:
        """One that knows nothing yet."""
        if not self.fits:
            not_applicable("it is not fitted")
        made = self.subject() if isinstance(self.subject, type) else deepcopy(self.subject)
        return cast(_Fitted, made)

    def ready(self, n_tasks: int = 4, order: list[int] | None = None) -> Estimator:
        """One that may be asked, of tasks in an order."""
        if self.asks:
            return self.fresh().fit(RuleScores(n_tasks, order))
        return self.on(table(("binary",) * n_tasks, order=order))

    def on(self, data: Dataset, start: ModelStack | None = None) -> Estimator:
        """One that may be asked about trainings on these data."""
        if self.asks:
            not_applicable("it reads an oracle only")
        if self.on_joint_model:
            return self.fresh().fit(fit(encoder, data, start=start, **SETTINGS), data)
        return cast(Callable[..., Estimator], self.subject)(encoder, data, **SETTINGS)


_SUITE = Suite("estimator", _Estimating)


@_SUITE.check
def scores(estimating: _Estimating) -> None:
    """Scores (M, T) in float64, finite where the weight is positive and NaN elsewhere.

    Tasks, measure and cost are told.
    """
    found = estimating.ready()
    predicted = found.predict(_ROWS.copy())
    require(
        isinstance(predicted, np.ndarray) and predicted.dtype == np.float64,
        "an array of float64",
        type(predicted).__name__,
    )
    require(predicted.shape == _ROWS.shape, f"scores of shape {_ROWS.shape}", predicted.shape)
    require(
        same(np.isfinite(predicted), _ROWS > 0),
        "finite scores where the weight is positive only",
        predicted,
    )
    require(bool(np.isnan(predicted[_ROWS == 0]).all()), "NaN where the weight is 0", predicted)
    require(tuple(found.tasks) == table().tasks.names, "the names of the tasks", found.tasks)
    require(found.measure in MEASURES, f"one of {MEASURES} as `measure`", found.measure)
    for what in ("model_steps", "seconds"):
        require(
            found.cost.get(what, -1) >= 0,
            f"a cost with {what!r} that is not negative",
            dict(found.cost),
        )


@_SUITE.check
def rows_apart(estimating: _Estimating) -> None:
    """A row's scores depend neither on its place nor on the other rows."""
    one = estimating.ready()

    def ask(rows: np.ndarray) -> np.ndarray:
        # What is not fitted may remember what it trained.
        return (one if estimating.fits else estimating.ready()).predict(rows)

    whole, turned, alone = ask(_ROWS.copy()), ask(_ROWS[::-1].copy())[::-1], ask(_ROWS[1:2].copy())
    require_close(whole, turned, "the same scores of rows in another order", 1e-4)
    require_close(whole[1:2], alone, "the same scores of a row alone", 1e-4)


@_SUITE.check
def relabelling(estimating: _Estimating) -> None:
    """Tasks in another order get the same scores in that order."""
    rows = _ROWS[:, ORDER]
    if estimating.on_joint_model:
        data, reordered = table(), table(order=ORDER)
        one, other = (
            estimating.on(d, s)
            for d, s in zip((data, reordered), starts(data, reordered, ORDER), strict=True)
        )
    else:
        one, other = estimating.ready(), estimating.ready(order=ORDER)
    require_close(
        one.predict(_ROWS.copy())[:, ORDER],
        other.predict(rows),
        "the same scores for tasks in another order",
    )


@_SUITE.check
def informed(estimating: _Estimating) -> None:
    """Within a task, the groups of three that are better by the oracle's rule score better.

    A correlation above 0.5.
    """
    if not estimating.asks:
        not_applicable("what it estimates has no rule")
    n_tasks = 5
    rows = subsets_of_size(n_tasks, 3)
    found = within_target_correlation(
        estimating.ready(n_tasks).predict(rows), RuleScores(n_tasks).predict(rows), rows
    )
    require(found > _INFORMED, f"a correlation within tasks above {_INFORMED}", f"{found:.2f}")


@_SUITE.check
def missing_labels(estimating: _Estimating) -> None:
    """Examples without any label have no influence, whatever their inputs are."""
    one, other = (estimating.on(data).predict(_ROWS.copy()) for data in unlabelled_pair())
    require(
        same(one, other), "the same scores with other inputs of unlabelled examples", other - one
    )


@_SUITE.check
def the_test_part(estimating: _Estimating) -> None:
    """The test part is not read."""
    one, other = (estimating.on(data).predict(_ROWS.copy()) for data in other_test_part())
    require(same(one, other), "the same scores with another test part", other - one)


@_SUITE.check
def seed(estimating: _Estimating) -> None:
    """The same seed gives the same bits."""
    one, other = (estimating.ready().predict(_ROWS.copy()) for _ in range(2))
    require(same(one, other), "the same scores from the same seed", other - one)


@_SUITE.check
def random_state(estimating: _Estimating) -> None:
    """The global random states of Python, numpy and torch stay as they are."""
    with random_state_kept():
        estimating.ready().predict(_ROWS.copy())


@_SUITE.check
def untouched(estimating: _Estimating) -> None:
    """What it is given stays as it is: the joint model and the data, or the oracle.

    And the weights that it is asked about.
    """
    rows = _ROWS.copy()
    if estimating.asks:
        oracle = RuleScores(4)
        before = deepcopy((oracle.effects, oracle.alone, oracle.tasks))
        estimating.fresh().fit(oracle).predict(rows)
        after = (oracle.effects, oracle.alone, oracle.tasks)
        require(
            all(same(a, b) for a, b in zip(before, after, strict=True)),
            "the oracle as it was",
            "another one",
        )
    elif estimating.on_joint_model:
        data = table()
        joint = fit(encoder, data, **SETTINGS)
        held, model = content(data), content(joint.stack)
        estimating.fresh().fit(joint, data).predict(rows)
        require_unchanged(model, content(joint.stack), "the joint model")
        require_unchanged(held, content(data), "the data")
    else:
        data = table()
        held = content(data)
        estimating.on(data).predict(rows)
        require_unchanged(held, content(data), "the data")
    require(same(rows, _ROWS), "the weights as they were", rows)


@_SUITE.check
def identity(estimating: _Estimating) -> None:
    """Two made alike have one identity of JSON types, and each setting tells estimators apart."""
    require_identity(
        estimating.fresh if estimating.fits else lambda: estimating.subject, "`estimator`"
    )


@_SUITE.check
def price(estimating: _Estimating) -> None:
    """Where it tells its price, the number of rows that fitting asks for, it keeps to it."""
    made = estimating.fresh()
    if not estimating.asks:
        not_applicable("it trains no rows")
    trainings, rounds = getattr(made, "trainings", None), getattr(made, "rounds", None)
    if trainings is None:
        not_applicable("it does not tell: a plan says that its price is unknown")
    for n_tasks in (3, 5):
        told, took = trainings(n_tasks), estimating.ready(n_tasks).cost["trainings"]
        require(told == took, f"{told} trainings for {n_tasks} tasks, as told", took)
        if rounds is not None:
            found = rounds(n_tasks)
            require(sum(found) == told, f"rounds that sum to {told}", found)


@_SUITE.check
def unfitted(estimating: _Estimating) -> None:
    """Asked before it was fitted, it refuses."""
    made = estimating.fresh()
    try:
        found = made.predict(_ROWS.copy())
    except Exception:
        return
    require(False, "an error", found)


@_SUITE.check
def fitted_anew(estimating: _Estimating) -> None:
    """Fitted again, it knows the last only."""
    if not estimating.asks:
        not_applicable("it is fitted on a model, or not at all")
    made, rows = estimating.fresh(), random_subsets(4, 2, 3, seed=0)
    made.fit(RuleScores(5))
    one, other = made.fit(RuleScores(4)).predict(rows), estimating.ready().predict(rows)
    require(same(one, other), "the same scores as from one that was fitted once", one - other)


@_SUITE.check
def two_tasks(estimating: _Estimating) -> None:
    """Two tasks are enough."""
    _require_finite(estimating.ready(2), np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))


@_SUITE.check
def one_task(estimating: _Estimating) -> None:
    """One task alone works or is refused with a CoterieError."""
    refused_or_done(lambda: estimating.ready(1).predict(np.ones((1, 1))))


@_SUITE.check
def gaps(estimating: _Estimating) -> None:
    """Where a third of all labels is missing, scores are still finite."""
    _require_finite(estimating.on(table(missing=1 / 3)), _ROWS)


@_SUITE.check
def mixed_kinds(estimating: _Estimating) -> None:
    """Tasks of mixed kinds are scored."""
    _require_finite(estimating.on(table(MIXED)), np.vstack([np.ones((1, 3)), np.eye(3)]))


def _require_finite(found: Estimator, rows: np.ndarray) -> None:
    predicted = found.predict(rows)
    require(
        same(np.isfinite(predicted), rows > 0),
        "finite scores where the weight is positive only",
        predicted,
    )
