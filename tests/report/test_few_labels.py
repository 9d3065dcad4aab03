"""The chapter of few labels, and that a page has it where there is something to tell."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from coterie.evaluation import Comparison
from coterie.report import few_labels, write_report
from coterie.results.learning_curves import Estimate
from tests.results.test_learning_curves import made

from .synthetic import comparison


def test_the_chapter_tells_it_in_numbers() -> None:
    chapter = few_labels.chapter(made())
    assert chapter.arms == ("joint", "grouped", "forest")
    assert chapter.n_counted == 2
    first = chapter.rows[0]
    # Of the tasks that count: the coin has more labels.
    assert (first.share, first.labels, first.rarest) == ("10\u00a0%", "15", "2")
    assert [cell.best for cell in first.cells] == [False, True, False]
    assert first.cells[1] == few_labels.Cell(".700", ".680 to .720", best=True)
    assert chapter.gains[0] == few_labels.Gain(
        "10\u00a0%", "grouped", "+10.0", "+8.0 to +12.0", "better"
    )


def test_a_page_shows_it_with_a_picture_and_its_twin_has_the_numbers(tmp_path: Path) -> None:
    curve = made(tasks=("a<b", "c", "d"), arms=("joint", "<i>mine</i>", "forest"))
    page = write_report(
        replace(comparison(recorded=False), learning_curve=curve), tmp_path / "r.html"
    )
    html = page.read_text(encoding="utf-8")
    chapter = html[html.index('<section id="few">') :].partition("</section>")[0]
    assert '<a href="#few">' in html
    assert "<i>mine</i>" not in html
    assert "&lt;i&gt;mine&lt;/i&gt; with 10" in chapter
    assert "Mean AUROC on test against training labels a task." in chapter
    assert chapter.count("<svg") == 1
    twin = json.loads(page.with_suffix(".json").read_text(encoding="utf-8"))["learning_curve"]
    assert [row["labels"] for row in twin["scores"]] == [15] * 3 + [75] * 3 + [150] * 3
    assert twin["sentences"][0] in " ".join(curve.sentences)


def test_intervals_that_are_unknown_are_left_out() -> None:
    found, nothing = made(), np.full((3, 3), np.nan)
    chapter = few_labels.chapter(
        replace(found, score=Estimate(found.score.value, nothing, nothing))
    )
    assert {cell.interval for row in chapter.rows for cell in row.cells} == {""}


def test_a_page_without_it_has_no_such_chapter(tmp_path: Path) -> None:
    page = write_report(comparison(recorded=False), tmp_path / "r.html")
    assert "Few labels" not in page.read_text(encoding="utf-8")
    assert "learning_curve" not in json.loads(page.with_suffix(".json").read_text())


def test_a_comparison_keeps_it(tmp_path: Path) -> None:
    found = replace(comparison(recorded=False), learning_curve=made())
    files = found.save(tmp_path)
    assert tmp_path / "learning_curve.safetensors" in files
    again = Comparison.load(tmp_path).learning_curve
    assert again is not None
    assert again.to_dict() == made().to_dict()
