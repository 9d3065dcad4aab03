"""Each check of a provider of weights fails on what violates it and on little else; and ours hold."""

import numpy as np
import pytest
import torch
from torch import nn

import coterie as ct
from coterie import AdaptiveWeights, DifferentiableGrouping
from coterie.differentiable import MODES
from coterie.testing import (
    CheckFailed,
)
from coterie.training import LearntWeights, StaticWeights

from .suites import EVER, READ_TWICE, OfBroken, by_time, check_named, mean_of


class Two(LearntWeights):
    """Two models of all tasks, to be broken."""

    n_rows = 2

    def __init__(self, n_tasks):
        self.n_tasks, self.factor, self.calls = n_tasks, 1.0, 0

    def prepare(self, data, n_steps, seed, device="cpu"):
        self.names, self.factor, self.calls = data.tasks.names, 1.0, 0
        self.look(data)

    def look(self, data):
        pass

    def weights(self, step):
        return self.factor * torch.ones(2, self.n_tasks) / self.n_tasks

    def settings(self):
        return {"tasks": self.n_tasks}


def provider_that(**methods):
    kind = type("Broken", (Two,), methods)

    def made(n_tasks):
        return kind(n_tasks)

    made.key = "broken"
    return made


def factor_from(read):
    def look(self, data):
        self.factor = read(data)

    return look


def refusing_data(when):
    def look(self, data):
        if when(data):
            raise ZeroDivisionError

    return look


def per_epoch(self, epoch):
    self.factor *= 1.5


def for_good(self, data):
    """Never back to the beginning, but kept."""
    self.factor = self.__dict__.setdefault("kept", 1.0)


def kept_per_epoch(self, epoch):
    self.kept = self.factor = self.kept * 1.5


def restored(self, arrays):
    self.kept = self.factor = float(arrays["kept"])


def ever_less(self, step):
    self.calls += 1
    return Two.weights(self, step) / self.calls


def drawn_weights(self, step):
    torch.rand(1)
    return Two.weights(self, step)


def on_and_off(self, step):
    mask = torch.ones(2, self.n_tasks)
    mask[step % 2, 0] = 0
    return mask


class WithShare(Two):
    """A setting that its key does not tell."""

    def __init__(self, n_tasks=4, share=1):
        super().__init__(n_tasks)
        self.share = share


def of_others(self):
    return ct.Grouping(
        tasks=tuple("wxyz"[: self.n_tasks]),
        membership=np.eye(2)[np.arange(self.n_tasks) % 2],
        method="mine",
    )


def unreached(self):
    return (self.__dict__.setdefault("parameter", nn.Parameter(torch.ones(1))),)


BROKEN = {
    "weights": provider_that(
        weights=lambda self, step: (
            Two.weights(self, step) - 0.6 * (torch.arange(2)[:, None] == 0) / 2
        )
    ),
    "steps apart": provider_that(weights=ever_less),
    "seed": provider_that(look=factor_from(lambda data: 1.0 + next(EVER))),
    "prepared anew": provider_that(
        look=for_good,
        on_epoch_end=kept_per_epoch,
        state=lambda self: {"kept": np.array(self.kept)},
        restore=restored,
    ),
    "random state": provider_that(weights=drawn_weights),
    "data untouched": provider_that(look=lambda self, data: data.targets[0].mul_(0)),
    "identity": WithShare(),
    "learning": provider_that(parameters=unreached),
    "training": provider_that(
        on_epoch_end=lambda self, epoch: setattr(self, "factor", 1.0 + next(EVER))
    ),
    "missing labels": provider_that(look=factor_from(lambda data: 1 + abs(mean_of(data, "train")))),
    "the test part": provider_that(look=factor_from(lambda data: 1 + abs(mean_of(data, "test")))),
    "resume": provider_that(on_epoch_end=per_epoch),
    "result": provider_that(result=of_others),
    "settled": provider_that(settled=on_and_off),
    "two tasks": provider_that(look=refusing_data(lambda data: len(data.tasks) == 2)),
    "one task": provider_that(look=refusing_data(lambda data: len(data.tasks) == 1)),
    "gaps": provider_that(
        look=refusing_data(lambda data: data.targets[data.split.validation].isnan().any())
    ),
    "mixed kinds": provider_that(
        look=refusing_data(lambda data: data.tasks.n_outputs != len(data.tasks))
    ),
}


ALSO = {
    "steps apart": {"resume"},
    "seed": {"steps apart", "prepared anew", "training", *READ_TWICE},
    "identity": {"one task", "two tasks", "mixed kinds"},  # an object, which is of four tasks
    "training": READ_TWICE,
    "gaps": {"missing labels"},
}


class TestBroken(OfBroken):
    suite, broken, also, sound = "weights", BROKEN, ALSO, (provider_that(),)
    unbroken = frozenset({"row sums"})


def test_rows_must_sum_to_what_is_promised():
    check = check_named("weights", "row sums")
    check(provider_that(), row_sums=1.0)
    with pytest.raises(CheckFailed, match="rows that sum to 2"):
        check(provider_that(), row_sums=2.0)


def static(n_tasks):
    return StaticWeights(np.eye(n_tasks) + 1, n_tasks=n_tasks)


def adaptive(n_tasks):
    return AdaptiveWeights([f"task {task}" for task in range(n_tasks)], every=1, least=2)


SOME, OTHERS = by_time(
    "weights",
    {
        "static": static,
        "adaptive": adaptive,
        **{f"dmtg {mode}": DifferentiableGrouping(2, mode) for mode in MODES},
        "dmtg held out": DifferentiableGrouping(
            2, held_out=0.2, warmup=0.2, balance=0.1, entropy=0.1
        ),
    },
    quick={"static", "dmtg straight_through"},
)


@SOME
def test_ours(subject, check):
    check(subject)


@pytest.mark.slow
@OTHERS
def test_others_of_ours(subject, check):
    check(subject)


@pytest.mark.parametrize("weights", [static, adaptive])
def test_rows_of_ours_sum_to_one(weights):
    check_named("weights", "row sums")(weights, row_sums=1.0)
