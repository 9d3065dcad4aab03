"""What tests of comparisons share."""

import numpy as np
import pytest

import coterie as ct


@pytest.fixture(scope="module")
def data():
    """Digits as 14 tasks, few examples."""
    return ct.load("digits", limit=700)


@pytest.fixture(scope="module")
def halves(data):
    """Two groups, of neighbours."""
    t = len(data.tasks)
    return ct.Grouping(
        tasks=data.tasks.names, membership=np.eye(2)[np.arange(t) * 2 // t], method="halves"
    )


@pytest.fixture
def untrained(monkeypatch):
    """Nothing may be trained."""

    def never(*_, **__):
        raise AssertionError("nothing may be trained here")

    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
