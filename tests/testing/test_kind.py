"""Each check of a kind fails on what violates it and on little else; and ours hold."""

import numpy as np
import pytest
import torch

from coterie.tasks import KINDS, Count, Kind
from coterie.testing import (
    parametrize_with_checks,
)

from .suites import OfBroken


def kind_that(own, **methods):
    """Counts, but for some methods."""
    return type("Broken", (Count,), {"name": f"broken_{own}", **methods})()


def overflowing(self, outputs, labels, block):
    return 2 * (torch.xlogy(labels, labels) - labels * outputs - labels + outputs.exp())


def of_company(self, outputs, labels):
    return Count.confidence(self, outputs, labels) / outputs.shape[-1]


def together(self, outputs, labels, block):
    return Count.loss(self, outputs - outputs.mean(-2, keepdim=True), labels, block)


def unlearnt(self, outputs, labels, block):
    return Count.loss(self, outputs.detach(), labels, block) + 0 * outputs


BROKEN = {
    "name": kind_that("name"),  # nobody registers it
    "labels": kind_that(
        "labels", read=lambda self, column, positive=None: ((), np.nan_to_num(column.numbers))
    ),
    "losses": kind_that("losses", loss=overflowing),
    "tasks apart": kind_that("apart", confidence=of_company),
    "missing labels": kind_that("gaps", loss=together),
    "confidences": kind_that(
        "sure", confidence=lambda self, z, y: 2 * Count.confidence(self, z, y)
    ),
    "constant": kind_that(
        "constant", constant=lambda self, y, n, w: Count.constant(self, y, n, w) + 0.5
    ),
    "said": kind_that("said", said=lambda self, outputs, tasks, position: outputs),
    "metrics": kind_that("metrics", metric_name="RMSE"),
    "link": kind_that("link", link=lambda self, means: means),
    "predictions": kind_that("predictions", meanings=lambda self, task: []),
    "estimates": kind_that("estimates", from_estimates=lambda self, told, weight: told.exp()),
    "training": kind_that("training", loss=unlearnt),
}


@pytest.fixture(autouse=True)
def registered(monkeypatch):
    for name, kind in BROKEN.items():
        if name != "name":
            monkeypatch.setitem(KINDS, str(kind), kind)


ALSO = {
    "name": set(BROKEN),  # nothing can be read
    "said": {"metrics"},  # which judge what is said
}


class TestBroken(OfBroken):
    suite, broken, also, sound = "kind", BROKEN, ALSO, (Kind.COUNT,)


PACKAGED = (Kind.BINARY, Kind.MULTICLASS, Kind.REGRESSION, Kind.ORDINAL, Kind.COUNT)


@parametrize_with_checks("kind", {str(kind): kind for kind in PACKAGED})
def test_ours(subject, check):
    check(subject)
