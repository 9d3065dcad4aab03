"""What tests of comparisons share."""

import pytest


@pytest.fixture
def untrained(monkeypatch):
    """Nothing may be trained."""

    def never(*_, **__):
        raise AssertionError("nothing may be trained here")

    monkeypatch.setattr("coterie.training.loop.gradient_step", never)
