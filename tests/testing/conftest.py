"""Tests of what is broken run once for each check."""

import pytest

from .suites import OfBroken


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "name" in metafunc.fixturenames and metafunc.cls and issubclass(metafunc.cls, OfBroken):
        metafunc.parametrize("name", metafunc.cls.broken)
