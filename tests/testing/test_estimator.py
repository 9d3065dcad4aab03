"""Each check of an estimator fails on what violates it and on little else; and ours hold."""

import random

import numpy as np
import pytest

from coterie.estimators import ESTIMATORS, GradTagScores, PairScores, TableScores, TrainedScores
from coterie.grouping import candidates
from coterie.testing import (
    CheckFailed,
)

from .suites import EVER, OfBroken, SmallNet, by_time, check_named, mean_of


class Base(PairScores):
    """An estimator of an oracle, to be broken: ``after(rows, scores)`` is what it answers."""

    after = staticmethod(lambda rows, scores: scores)

    def predict(self, weights):
        return self.after(weights, super().predict(weights))


def estimator_that(after=None, base=Base, **methods):
    return type(
        "Broken", (base,), {**methods, **({} if after is None else {"after": staticmethod(after)})}
    )


def fit_refusing(n_tasks):
    def fit(self, oracle):
        if len(oracle.tasks) == n_tasks:
            raise ZeroDivisionError
        return PairScores.fit(self, oracle)

    return fit


def asked_in_place(rows, scores):
    rows[:] = 1
    return scores


def drawn(rows, scores):
    random.random()
    return scores


class OfJoint(GradTagScores):
    """An estimator of a joint model, to be broken."""

    part = None

    def fit(self, joint, data):
        self.look(data)
        self.offset = 0.0 if self.part is None else mean_of(data, self.part)
        return super().fit(joint, data)

    def look(self, data):
        pass

    def predict(self, weights):
        return super().predict(weights) + self.offset


def no_gaps(self, data):
    if data.targets[data.split.validation].isnan().any():
        raise ZeroDivisionError


def one_column(self, data):
    if data.tasks.n_outputs != len(data.tasks):
        raise ZeroDivisionError


class Forgetful(Base):
    """Has a setting that its key does not tell."""

    key = "mine"

    def __init__(self, share=1):
        super().__init__()
        self.share = share


BROKEN = {
    "scores": estimator_that(lambda rows, scores: scores.astype(np.float32)),
    "rows apart": estimator_that(
        lambda rows, scores: scores + 0.01 * np.arange(len(scores))[:, None]
    ),
    "relabelling": estimator_that(lambda rows, scores: scores + np.arange(scores.shape[1])),
    "informed": estimator_that(lambda rows, scores: 0 * scores),
    "missing labels": estimator_that(base=OfJoint, part="train"),
    "the test part": estimator_that(base=OfJoint, part="test"),
    "seed": estimator_that(lambda rows, scores: scores + next(EVER) % 2),
    "random state": estimator_that(drawn),
    "untouched": estimator_that(asked_in_place),
    "identity": Forgetful,
    "price": estimator_that(trainings=lambda self, n_tasks: 1),
    "unfitted": estimator_that(
        predict=lambda self, w: (
            np.zeros_like(w) if self._matrix is None else PairScores.predict(self, w)
        )
    ),
    "fitted anew": estimator_that(
        fit=lambda self, oracle: PairScores.fit(self, oracle) if self._matrix is None else self
    ),
    "two tasks": estimator_that(
        lambda rows, scores: scores * (np.nan if scores.shape[1] == 2 else 1)
    ),
    "one task": estimator_that(fit=fit_refusing(1)),
    "gaps": estimator_that(base=OfJoint, look=no_gaps),
    "mixed kinds": estimator_that(base=OfJoint, look=one_column),
}


ALSO = {
    "seed": {"relabelling", "rows apart", "fitted anew"},
    # The rows asked about are compared with.
    "untouched": {"fitted anew", "informed", "two tasks"},
    "gaps": {"missing labels"},
}


class TestBroken(OfBroken):
    suite, broken, also, sound = "estimator", BROKEN, ALSO, (Base,)


@pytest.mark.parametrize("setting", [1, 0.5, True])
def test_every_setting_that_is_a_number_must_tell_objects_apart(setting):
    class Told(Base):
        def __init__(self, share=setting):
            super().__init__()
            self.share = share

    check = check_named("estimator", "identity")
    check(Told)
    Told.key = {"is": "told"}
    with pytest.raises(CheckFailed, match="expected another identity with another 'share'"):
        check(Told)
    Told.key = property(lambda self: {"is": "told", "share": self.share})
    check(Told)


HEADS = {
    "relabelling": "rows start from the seed's initialisation, whose heads belong to positions"
}
EMBEDDINGS = {"relabelling": "its embeddings start by the positions of the tasks"}


def looked_up(model, data, **settings):
    """A table of the rows that would be asked for."""
    oracle = TrainedScores(model, data, **settings)
    oracle.predict(candidates(len(data.tasks))[0])
    return TableScores(oracle.table())


SOME, OTHERS = by_time(
    "estimator",
    {**ESTIMATORS, "mtgnet": SmallNet, "table": looked_up},
    quick={"pairs", "surrogate", "gradtag"},
    expected={"train": HEADS, "early": HEADS, "table": HEADS, "mtgnet": EMBEDDINGS},
)


@SOME
def test_ours(subject, check):
    check(subject)


@pytest.mark.slow
@OTHERS
def test_others_of_ours(subject, check):
    check(subject)
