"""Each check of a method fails on what violates it and on little else; and ours hold."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.affinities import AFFINITIES, Cosine
from coterie.estimators import ESTIMATORS
from coterie.methods import Cluster, Learn, Select, method_named

from .suites import EVER, OfBroken, SmallNet, by_time, mean_of


@dataclass(frozen=True)
class Mine:
    """A method: the data map of the joint training, clustered."""

    n_groups: int = 2

    def __call__(self, case, *, seed):
        return self.after(
            case, ct.group(case.joint.data_map, self.n_groups, method="kmeans", seed=seed)
        )

    @staticmethod
    def after(case, grouping):
        return grouping


def method_that(after=None, **more):
    """The same with ``after(case, grouping)`` as what it finds."""
    return type(
        "Broken", (Mine,), {**more, **({} if after is None else {"after": staticmethod(after)})}
    )()


def split_by(labels, grouping):
    return replace(grouping, membership=np.eye(2)[np.asarray(labels) % 2], distances=None)


def first_alone_if(holds, grouping):
    """Another grouping than the one that was found: its first task changes sides."""
    first = np.arange(len(grouping.tasks)) == 0
    return split_by(grouping.labels + first, grouping) if holds else grouping


def error_if(when):
    def after(case, grouping):
        if when(case):
            raise ZeroDivisionError
        return grouping

    return method_that(after)


def one_task_breaks(self, case, *, seed):
    if len(case.data.tasks) == 1:
        raise ZeroDivisionError
    return Mine.__call__(self, case, seed=seed)


def spoiling(case, grouping):
    case.joint.stack.state()["head.bias"].add_(1)
    return grouping


def training_for_nothing(case, grouping):
    ct.fit(case.model, case.data, **case.settings)
    return grouping


def changing_its_mind(case, grouping):
    """Trains, and finds something else where it left a trace."""
    again = False
    if case.checkpoints is not None:
        trace = case.checkpoints / "trace"
        again = trace.exists()
        trace.touch()
    cost = ct.fit(case.model, case.data, progress=case.progress, **case.settings).cost
    return replace(first_alone_if(again, grouping), details={"cost": cost})


def measured_anew(self):
    return next(EVER)


BROKEN = {
    "about": method_that(about="a method"),
    "grouping": method_that(
        lambda case, grouping: replace(grouping, tasks=tuple("abcd"[: len(grouping.tasks)]))
    ),
    "relabelling": method_that(
        lambda case, grouping: split_by(range(len(grouping.tasks)), grouping)
    ),
    "missing labels": method_that(
        lambda case, grouping: first_alone_if(mean_of(case.data, "train") > 2, grouping)
    ),
    "the test part": method_that(
        lambda case, grouping: first_alone_if(mean_of(case.data, "test") > 2, grouping)
    ),
    "seed": method_that(lambda case, grouping: first_alone_if(next(EVER) % 2, grouping)),
    "random state": method_that(lambda case, grouping: (torch.rand(1), grouping)[1]),
    "case untouched": method_that(spoiling),
    "identity": method_that(key="mine"),
    "measurement": method_that(
        measurement=property(measured_anew), probe=lambda self, seed: Cosine()
    ),
    "price": method_that(training_for_nothing),
    "resume": method_that(changing_its_mind),
    "two tasks": error_if(lambda case: len(case.data.tasks) == 2),
    "one task": method_that(__call__=one_task_breaks),
    "gaps": error_if(lambda case: case.data.targets[case.data.split.validation].isnan().any()),
    "mixed kinds": error_if(lambda case: case.data.tasks.n_outputs != len(case.data.tasks)),
    "saved": method_that(lambda case, grouping: replace(grouping, details={"how": {1, 2}})),
}


ALSO = {
    "grouping": {"two tasks", "gaps", "mixed kinds"},
    "seed": {"relabelling", "missing labels", "the test part"},
    "gaps": {"missing labels"},
}


class TestBroken(OfBroken):
    suite, broken, also, sound = "method", BROKEN, ALSO, (Mine(),)


SOME, OTHERS = by_time(
    "method",
    {
        **{name: method_named(name, 2) for name in ("data_map", "dmtg")},
        **{f"affinity {name}": Cluster(name, n_groups=2) for name in AFFINITIES},
        **{f"estimator {name}": Select(name, n_groups=2) for name in ESTIMATORS},
        "estimator mtgnet": Select(SmallNet(), n_groups=2),
        "data map, auto": Cluster(),
        "dmtg, paper": Learn(ct.DifferentiableGrouping(2, "paper", held_out=0.2)),
    },
    quick={"data_map", "dmtg", "affinity lookahead"},
)


@SOME
def test_ours(subject, check):
    check(subject)


@pytest.mark.slow
@OTHERS
def test_others_of_ours(subject, check):
    check(subject)
