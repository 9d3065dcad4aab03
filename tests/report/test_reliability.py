"""The chapter of probabilities, and that a page has it where there is something to tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

from coterie.report import reliability, write_report
from coterie.results.reliability import Bin
from tests.results.test_reliability import made

from .synthetic import comparison


def test_a_page_tells_it_folded_and_its_twin_in_numbers(tmp_path: Path) -> None:
    found = made("a<b", "c")
    page = write_report(replace(comparison(recorded=False), reliability=found), tmp_path / "r.html")
    html = page.read_text(encoding="utf-8")
    chapter = html[html.index("Can its probabilities be believed?") :].partition("</details>")[0]
    assert "a&lt;b" in chapter
    assert "a<b" not in chapter
    assert "say yes from the threshold on, which lies where balanced accuracy" in chapter
    assert "needs no threshold" in chapter
    assert "0.750 → 0.500" in chapter
    assert ".100 → .020" in chapter
    twin = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["reliability"]
    assert [each["threshold"] for each in twin["tasks"]] == [0.3, 0.3]
    assert twin["tasks"][0]["after"]["bins"][1] == {
        "predicted": 0.95,
        "observed": 0.9,
        "count": 30,
    }


def test_a_page_without_it_has_no_such_chapter(tmp_path: Path) -> None:
    page = write_report(comparison(recorded=False), tmp_path / "r.html")
    assert "reliability" not in page.read_text(encoding="utf-8")


def test_a_threshold_that_decided_is_said_to_be_another(tmp_path: Path) -> None:
    found = made("a")
    at = replace(found, tasks=(replace(found.tasks[0], decided_at_threshold=True),))
    page = write_report(replace(comparison(recorded=False), reliability=at), tmp_path / "r.html")
    assert "Arms were compared at the threshold of training" in page.read_text(encoding="utf-8")


def test_many_tasks_are_shown_on_demand() -> None:
    few, many = (reliability.chapter(made(*(f"t{i}" for i in range(n)))).folded for n in (24, 25))
    assert (few, many) == (False, True)


@pytest.mark.parametrize("count", [4, 50])
def test_intervals_are_where_the_score_test_is_at_its_limit(count: int) -> None:
    bins = [Bin(predicted=0.5, observed=0.25 if count == 4 else 0.8, count=count)]
    ends = reliability.intervals(bins)[0]
    z = (bins[0].observed - ends) / np.sqrt(ends * (1 - ends) / count)
    np.testing.assert_allclose(np.abs(z), norm.ppf(0.975), rtol=1e-6)
