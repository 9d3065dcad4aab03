from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from coterie.evaluation import Comparison
from coterie.report import write_report

from .synthetic import comparison, learnt, several_methods

HOSTILE = (
    "<script>document.title='hacked'</script>",
    "$x_1$",
    "a&b\"'",
    "日本語",
    "x" * 120,
    "<img src=x onerror=alert(1)>",
    'style="fill: #0072b2" id="a"',
    "mean",
    "control",
)


@pytest.fixture(scope="session")
def hostile() -> Comparison:
    """Task and grouping names that want to be markup or formulas, and one like the mean."""
    return comparison(HOSTILE, groupings=("$g_1$ <b onclick=alert(1)>", "K=3"), n_examples=60)


@pytest.fixture(scope="session")
def hostile_page(hostile: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(hostile, tmp_path_factory.mktemp("hostile") / "report.html")


@pytest.fixture(scope="session")
def large_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """100 tasks in 8 groups."""
    made = comparison([f"task_{i}" for i in range(100)], n_groups=8, n_examples=200)
    return write_report(made, tmp_path_factory.mktemp("large") / "report.html")


@pytest.fixture(scope="session")
def several() -> Comparison:
    """Five methods on eight tasks, the best on validation chosen."""
    return several_methods()


@pytest.fixture(scope="session")
def several_page(several: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(several, tmp_path_factory.mktemp("several") / "report.html")


@pytest.fixture(scope="session")
def hundred_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five methods on a hundred tasks, some with names that want to be markup or formulas."""
    names = [
        *(f"task_{i}" for i in range(96)),
        "<script>alert(1)</script>",
        "$x_1$",
        "long " * 30,
        'a"b<&>',
    ]
    made = replace(several_methods(names, n_groups=8, recorded=False), history={})
    return write_report(made, tmp_path_factory.mktemp("hundred") / "report.html")


@pytest.fixture(scope="session")
def searches() -> Comparison:
    """Two groupings that were learnt while models train, on hostile names.

    One of them was chosen.
    """
    return learnt(HOSTILE)


@pytest.fixture(scope="session")
def searches_page(searches: Comparison, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(searches, tmp_path_factory.mktemp("searches") / "report.html")


@pytest.fixture(scope="session")
def large_search_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hundred tasks whose groups were learnt in 300 epochs."""
    made = learnt([f"task_{i}" for i in range(100)], n_groups=8, n_seeds=2, n_epochs=300)
    return write_report(made, tmp_path_factory.mktemp("large_search") / "report.html")
