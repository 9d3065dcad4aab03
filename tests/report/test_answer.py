"""The first chapter: the recommendation, the arms at their cost, and what to know besides."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from coterie.report import answer, write_report
from coterie.results import Finding
from coterie.results.recommendation import Standing

from .synthetic import EMOTIONS, MARGIN, bounded, comparison, recommended, several_methods


def test_the_recommendation_comes_first_and_the_judged_grouping_next() -> None:
    made = comparison(recorded=False)
    found = answer.chapter(made)
    assert made.recommendation is not None
    assert tuple(text.replace("\u00a0", " ") for text in found.sentences) == (
        made.recommendation.sentences
    )
    assert found.decided == (made.recommendation.outcome == "decided")
    assert [text.partition(":")[0] for text in found.headlines] == ["grouped"]
    assert [row.arm for row in found.rows] == [each.arm for each in made.standings]
    assert [row.arm for row in found.rows if row.chosen] == [made.recommendation.arm]


def test_where_one_was_chosen_the_others_are_findings() -> None:
    found = answer.chapter(several_methods(recorded=False))
    assert [text.partition(":")[0] for text in found.headlines] == ["chosen"]
    assert any(text.startswith("lookahead: ") for text in found.findings)


def test_every_finding_is_told_once() -> None:
    made = comparison(recorded=False)
    extra = (
        Finding(about="left out", outcome="not trained", of="wide", why="wide is too large."),
        Finding(about="headroom", outcome="below the margin", why="No grouping can gain much."),
    )
    made = replace(made, findings=(*made.findings, *extra))
    found = answer.chapter(made)
    told = [*found.headlines, *found.conditions, *found.findings]
    assert sorted(text.replace("\u00a0", " ") for text in told) == sorted(
        each.sentence for each in made.findings
    )
    assert found.conditions[0].startswith("Headroom: ")


def standing(arm: str, score: float, low: float | None, high: float | None) -> Standing:
    return Standing(arm=arm, role=arm, score=score, low=low, high=high, models=7 / 3)


def test_distances_are_to_the_best_of_the_others() -> None:
    arms = [standing(name, s, None, None) for name, s in (("a", 0.9), ("b", 0.88), ("c", 0.85))]
    assert [answer.distance(each, arms) for each in arms] == pytest.approx([2.0, -2.0, -5.0])
    assert answer.distance(arms[0], arms[:1]) == 0.0


@pytest.mark.parametrize(
    ("low", "high", "sign"),
    [
        (0.0, 1.5, "up"),
        (-1.5, 0.0, "down"),
        (-0.5, 0.5, "between"),
        (None, None, "between"),
    ],
)
def test_an_arm_has_a_colour_only_where_it_surely_is_the_best_or_not(
    low: float | None, high: float | None, sign: str
) -> None:
    standings = (standing("a", 0.9, low, high), standing("b", 0.9, -0.5, 0.5))
    made = replace(comparison(("a", "b"), n_groups=2, recorded=False), standings=standings)
    row = answer.chapter(made).rows[0]
    assert (row.sign, row.line is None) == (sign, low is None)
    assert row.models == "2.3"


def test_the_plot_shows_every_interval_and_the_margin() -> None:
    made = comparison(recorded=False)
    found = answer.chapter(made)
    assert found.limit is not None
    assert found.limit.text == "−0.5"
    assert 0 < found.limit.at < found.zero < 100
    ends = [end for row in found.rows for end in row.line or ()]
    assert min(ends) > 0
    assert max(ends) < 100
    for row, each in zip(found.rows, made.standings, strict=True):
        assert row.line is not None
        # To the right of the margin is what may be recommended.
        assert (row.line[0] > found.limit.at) == ((each.low or 0.0) > -MARGIN)


def test_a_comparison_of_an_earlier_version_has_headlines_only(tmp_path: Path) -> None:
    made = comparison(("a", "b"), n_groups=2, recorded=False)
    earlier = replace(made, standings=(), recommendation=None)
    found = answer.chapter(earlier)
    assert (found.sentences, found.rows, found.limit, found.metric) == ((), [], None, "")
    page = write_report(earlier, tmp_path / "r.html").read_text(encoding="utf-8")
    assert "Quality against cost" not in page
    assert re.findall(r'<p class="headline">(\w+): ', page) == ["grouped"]


@pytest.mark.parametrize("decided", [True, False])
def test_the_page_says_in_colour_whether_it_is_decided(tmp_path: Path, decided: bool) -> None:
    made = comparison(EMOTIONS, recorded=False)
    low = -0.1 if decided else -0.9
    standings = tuple(replace(each, low=low, high=0.9) for each in made.standings)
    made = replace(made, standings=standings, recommendation=recommended(standings))
    page = write_report(made, tmp_path / "r.html").read_text(encoding="utf-8")
    assert ('class="verdict open"' in page) != decided
    assert ("Undecided. Until more is known" in page) != decided


def test_after_the_groups_chapters_are_folded_with_what_links_lead_to_inside(
    tmp_path: Path,
) -> None:
    made = replace(comparison(("a", "b", "c"), n_groups=2), headroom=bounded(("a", "b", "c")))
    page = write_report(made, tmp_path / "r.html").read_text(encoding="utf-8")
    folded = re.findall(
        r'<details class="chapter"><summary><h2>[^<]+</h2></summary>\s*<section id="([\w-]+)">',
        page,
    )
    linked = re.findall(r'<li><a href="#([\w-]+)">', page)
    assert linked[:3] == ["answer", "headroom", "groups"]
    assert linked[3:] == folded
