"""Each check of an affinity fails on what violates it and on little else; and ours hold."""

import random
from dataclasses import replace

import pytest
import torch

from coterie.affinities import AFFINITIES, AuxiliaryGain, Cosine, Lookahead, TransferGain
from coterie.testing import (
    CheckFailed,
    check_affinity,
)
from coterie.training.work import Work

from .suites import EVER, READ_TWICE, OfBroken, by_time, mean_of


def probe_that(after=None, **methods):
    """The cosine with ``after(probe, trial, matrix)`` as its measurement and other methods."""
    if after is not None:
        methods["measure"] = lambda self, trial: after(self, trial, Cosine.measure(self, trial))
    return type("Broken", (Cosine,), {"every": 2, **methods})()


def touching(self, moment):
    Cosine.on_step(self, moment)
    with torch.no_grad():
        moment.stack.parameters["head.bias"].add_(1e-3)


def dividing(self, moment):
    if len(moment.tasks) == 1:
        raise ZeroDivisionError
    Cosine.on_step(self, moment)


def seen_so_far(self, trial, matrix):
    self.seen = getattr(self, "seen", 0) + 1
    return matrix + self.seen


def drawing(self, trial, matrix):
    random.random()
    return matrix


def only_plain(self, trial, matrix):
    if trial.moment.tasks.n_outputs != trial.n_tasks:
        raise IndexError("one column a task")
    return matrix


BROKEN = {
    "matrix": probe_that(
        affinity=lambda self, training=None: replace(
            Cosine.affinity(self), tasks=tuple("abcd"[: len(self.tasks)])
        )
    ),
    "relabelling": probe_that(lambda self, trial, matrix: matrix + torch.arange(len(matrix))),
    "missing labels": probe_that(
        lambda self, trial, matrix: matrix + mean_of(trial.moment.data, "train")
    ),
    "the test part": probe_that(
        lambda self, trial, matrix: matrix + mean_of(trial.moment.data, "test")
    ),
    "seed": probe_that(lambda self, trial, matrix: matrix + next(EVER)),
    "random state": probe_that(drawing),
    "training untouched": probe_that(on_step=touching),
    "identity": probe_that(key="mine"),
    "resume": probe_that(seen_so_far),
    "price": probe_that(price=lambda self, n_tasks: Work(0, 0)),
    "two tasks": probe_that(
        lambda self, trial, matrix: matrix * (torch.nan if len(matrix) == 2 else 1)
    ),
    "one task": probe_that(on_step=dividing),
    "gaps": probe_that(
        lambda self, trial, matrix: matrix * (torch.nan if trial.batch.targets.isnan().any() else 1)
    ),
    "mixed kinds": probe_that(only_plain),
    "saved": probe_that(details=lambda self: {"pair": (1, 2)}),
}


ALSO = {"seed": {"relabelling", *READ_TWICE}}


class TestBroken(OfBroken):
    suite, broken, also, sound = "affinity", BROKEN, ALSO, (Cosine(),)


def test_a_suite_stops_at_the_first_failure():
    with pytest.raises(
        CheckFailed,
        match=r"Broken fails check 'price' \(What a measurement took is at most its price",
    ):
        check_affinity(BROKEN["price"])


def test_an_error_of_the_object_is_a_failure_that_names_it():
    with pytest.raises(CheckFailed, match="expected no error; found ZeroDivisionError"):
        check_affinity(BROKEN["one task"])


# What a hundredth of a step changes is, in tables as small as these, near the rounding.
WHOLE = {
    "lookahead": Lookahead(step=1.0),
    "transfer_gain": TransferGain(step=1.0),
    "auxiliary_gain": AuxiliaryGain(step=1.0),
}
SOME, OTHERS = by_time("affinity", {**AFFINITIES, **WHOLE}, quick={"cosine", "data_map"})


@SOME
def test_ours(subject, check):
    check(subject)


@pytest.mark.slow
@OTHERS
def test_others_of_ours(subject, check):
    check(subject)
