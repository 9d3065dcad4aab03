"""The page as a file: whole, offline, escaped, the same every time, with its twin."""

from __future__ import annotations

import base64
import io
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pyarrow import csv

from coterie.drawing.maps import density
from coterie.errors import CoterieError
from coterie.evaluation import Comparison
from coterie.files import read_json
from coterie.report import write_report
from coterie.report.curves import over_tasks

from .conftest import HOSTILE
from .synthetic import comparison, found_by

VOID = {"meta", "br", "link", "img", "hr", "col", "input"}


class Page(HTMLParser):
    """Elements, attributes and text of a page; notes tags that are not closed in order."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(hostile_page: Path) -> Page:
    return Page(hostile_page)


def test_elements_are_closed_in_order(page: Page, large_page: Path) -> None:
    for parsed in (page, Page(large_page)):
        assert not parsed.unbalanced
        assert not parsed.open


def test_every_chapter_has_a_heading_and_an_anchor(page: Page) -> None:
    anchors = [a["href"] for a in page.all("a") if (a["href"] or "").startswith("#")]
    ids = {attributes.get("id") for _, attributes in page.elements}
    expected = (
        "answer",
        "groups",
        "gains",
        "scores",
        "cost",
        "maps",
        "curves",
        "stability",
        "reading",
        "run",
        "tables",
    )
    assert [f"#{name}" for name in expected] == anchors[: len(expected)]
    assert {a.removeprefix("#") for a in anchors} <= ids
    assert len(page.all("h1")) == 1
    assert len(page.all("h2")) == len(expected)


def test_ids_are_unique_and_every_link_inside_a_figure_has_its_target(page: Page) -> None:
    ids = Counter(a["id"] for _, a in page.elements if a.get("id"))
    assert max(ids.values()) == 1
    linked = re.findall(
        r'(?:href="#|url\(#)([\w-]+)',
        " ".join(f'{k}="{v}"' for _, a in page.elements for k, v in a.items()),
    )
    assert set(linked) <= set(ids)


def test_figures_have_a_text_alternative(page: Page) -> None:
    pictures = page.all("svg")
    assert len(pictures) > 20
    assert all(
        a.get("aria-hidden") == "true" or a.get("role") == "presentation" or a.get("aria-label")
        for a in pictures
    )
    assert all(a.get("aria-label") for _, a in page.elements if a.get("role") == "region")


def test_nothing_is_fetched_and_nothing_runs(page: Page, hostile_page: Path) -> None:
    assert not page.all("script")
    assert not page.all("link")
    for tag, attributes in page.elements:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "action", "data", "srcset"):
            value = attributes.get(name) or ""
            assert value.startswith(("#", "data:")) or not value, (tag, value[:80])
        assert not re.search(r"url\((?!#)", attributes.get("style") or "")
    style = re.search(r"<style>(.*?)</style>", hostile_page.read_text(encoding="utf-8"), re.DOTALL)
    assert style
    assert not re.search(r"https?:|@import|url\(", style[1])
    policy = [
        a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_appear_as_they_are(page: Page, hostile: Comparison, name: str) -> None:
    text = [" ".join(t.split()) for t in page.texts]
    # Maps, scores, and one gain per grouping and reference.
    assert text.count(name) >= 2 + 4 * len(hostile.groupings)
    assert any(
        a.get("aria-label", "").startswith(f"Data map of task {name}:") for a in page.all("svg")
    )


def test_names_appear_as_they_are_in_drawn_figures(hostile_page: Path) -> None:
    drawn = re.findall(r"<text [^>]*>([^<]*)</text>", hostile_page.read_text(encoding="utf-8"))
    assert "$g_1$ &lt;b onclick=alert(1)&gt;" in drawn


def test_a_task_called_mean_is_not_taken_for_the_mean(hostile: Comparison, page: Page) -> None:
    rows = [
        r
        for r in hostile.gains_table.to_pylist()
        if (r["arm"], r["reference"], r["task"]) == ("K=3", "joint", "mean")
    ]
    assert len(rows) == 2
    shown = {f"{abs(row['gain']):.1f}" for row in rows}
    assert len(shown) == 2
    assert shown <= {text.lstrip("+−") for text in page.texts}


def test_the_verdict_comes_first_and_in_full(page: Page, hostile: Comparison) -> None:
    texts = [text.replace("\u00a0", " ") for text in page.texts]
    found = {finding.about: texts.index(finding.sentence) for finding in hostile.findings}
    assert max(found["worth"], found["rivals"]) < min(
        i for i, text in enumerate(texts) if text == "against"
    )


def test_the_twin_holds_the_whole_comparison(hostile: Comparison, hostile_page: Path) -> None:
    twin = read_json(hostile_page.with_suffix(".json"))
    drawn = {name: twin.pop(name) for name in ("curves", "data_maps")}
    assert twin == hostile.to_dict()
    assert set(drawn["curves"]) == {
        arm for arm in hostile.history if hostile.arms[arm].role != "random"
    }
    curve = drawn["curves"]["single"]["validation_score"]
    assert curve["mean"] == pytest.approx(
        over_tasks(hostile, "single", "validation_score"), rel=1e-3
    )
    assert curve["tasks"][HOSTILE[1]] == pytest.approx(
        hostile.history["single"].validation_score[:, 1, 1], rel=1e-3
    )
    assert set(drawn["data_maps"]["tasks"]) == set(HOSTILE)
    assert hostile.data_map is not None
    expected = density(hostile.data_map.confidence[:, 2], hostile.data_map.variability[:, 2])
    assert drawn["data_maps"]["tasks"][HOSTILE[2]]["density"] == [
        pytest.approx(row, rel=1e-3) for row in expected
    ]
    assert list(drawn["data_maps"]["groups"]) == ["Group 1", "Group 2", "Group 3"]


def test_the_same_comparison_gives_the_same_bytes(tmp_path: Path) -> None:
    made = comparison(("a", "b", "c"), n_groups=2, n_examples=50)
    first, second = (
        write_report(made, tmp_path / folder / "report.html") for folder in ("one", "two")
    )
    assert first.read_bytes() == second.read_bytes()


def test_tables_can_be_taken_away(page: Page, hostile: Comparison) -> None:
    links = {a["download"]: a["href"] or "" for a in page.all("a") if a.get("download")}
    assert set(links) == {"gains.csv", "scores.csv", "costs.csv", "membership.csv"}
    tables = {
        name: csv.read_csv(io.BytesIO(base64.b64decode(uri.partition(",")[2])))
        for name, uri in links.items()
    }
    assert (
        tables["gains.csv"].column("task").to_pylist()
        == hostile.gains_table.column("task").to_pylist()
    )
    assert tables["gains.csv"].column("gain").to_pylist() == pytest.approx(
        hostile.gains_table.column("gain").to_pylist()
    )
    assert tables["scores.csv"].num_rows == hostile.scores_table.num_rows
    assert tables["membership.csv"].num_rows == len(HOSTILE) * 3 * 2


def test_a_hundred_tasks_fit_and_are_all_there(large_page: Path) -> None:
    assert large_page.stat().st_size < 3_000_000
    assert large_page.with_suffix(".json").stat().st_size < 3_000_000
    texts = Counter(Page(large_page).texts)
    assert all(texts[f"task_{i}"] >= 6 for i in range(100))
    assert texts["Show all 100 tasks"] == 2
    assert texts["Show all 100 tasks, by group"] == 7  # four references, three baselines


@pytest.mark.parametrize(
    "changes",
    [
        {"data_map": None, "history": {}, "stability": {}},
        {"findings": (), "config": {}},
        {"found": {}, "stability": {}},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_what_is_missing_is_left_out(tmp_path: Path, changes: dict) -> None:
    made = replace(comparison(("a", "b", "c"), n_groups=2, n_examples=30), **changes)
    parsed = Page(write_report(made, tmp_path / "report.html"))
    assert not parsed.unbalanced
    ids = {attributes.get("id") for _, attributes in parsed.elements}
    assert all(
        (a["href"] or "").removeprefix("#") in ids
        for a in parsed.all("a")
        if (a["href"] or "").startswith("#")
    )
    assert ("maps" in ids) == (made.data_map is not None)


def test_one_seed_has_gains_but_no_intervals(tmp_path: Path) -> None:
    texts = Page(
        write_report(
            comparison(("a", "b", "c"), n_groups=2, n_seeds=1, recorded=False), tmp_path / "r.html"
        )
    ).texts
    assert "no interval" in texts
    assert "nan" not in " ".join(texts).lower()


def test_one_group_needs_no_heat_map(tmp_path: Path) -> None:
    texts = Page(
        write_report(comparison(("a", "b", "c"), n_groups=1, recorded=False), tmp_path / "r.html")
    ).texts
    assert "Group 1" in texts
    assert not any("served in training" in text for text in texts)


def test_only_groups_that_were_found_are_called_the_same_again(tmp_path: Path) -> None:
    made = comparison(("a", "b", "c"), n_groups=2, recorded=False)
    fixed = {"grouped": [made.groupings["grouped"][0]] * 3}
    for stability, found in (
        ({"grouped": {"adjusted Rand between repetitions": [1.0]}}, True),
        ({"grouped": {}}, False),
    ):
        text = " ".join(
            Page(
                write_report(
                    replace(made, **found_by(fixed), stability=stability), tmp_path / "r.html"
                )
            ).texts
        )
        assert ("Every task is in the same group on all 3 repetitions." in text) == found
        assert (
            "These groups were given, not found anew on each of the 3 repetitions." in text
        ) != found


def test_notes_of_a_grouping_are_shown(tmp_path: Path) -> None:
    made = comparison(("a", "b", "c"), n_groups=2, recorded=False)
    first = made.groupings["grouped"][0]
    noted = replace(first, details={**first.details, "notes": ["Tasks share <30 examples."]})
    texts = Page(
        write_report(replace(made, **found_by({"grouped": [noted]})), tmp_path / "r.html")
    ).texts
    assert "Tasks share <30 examples." in texts


def test_a_path_that_cannot_be_a_page_is_refused(tmp_path: Path) -> None:
    made = comparison(("a", "b"), n_groups=1, n_examples=10, recorded=False)
    with pytest.raises(CoterieError, match="found the folder"):
        write_report(made, tmp_path)
    with pytest.raises(CoterieError, match=r"must not end in \.json"):
        write_report(made, tmp_path / "report.json")
    (tmp_path / "file").touch()
    with pytest.raises(CoterieError, match="must be writable"):
        write_report(made, tmp_path / "file" / "report.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file"]


def test_a_comparison_writes_its_own_report(tmp_path: Path) -> None:
    made = comparison(("a", "b"), n_groups=1, n_examples=10, recorded=False)
    assert made.report(str(tmp_path / "own.html")) == tmp_path / "own.html"
    assert (tmp_path / "own.json").is_file()
