"""The chapter on methods.

Cost, regret, proof, agreement, the choice on validation, groups that overlap.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coterie.evaluation import Comparison
from coterie.files import read_json
from coterie.report import curves, gains, groups, methods, scores, stability, write_report
from coterie.results import Grouping

from .synthetic import EMOTIONS, GIVEN, METHODS, comparison, found_by, worked
from .test_page import Page


def test_groups_that_were_given_have_no_cost_and_are_not_drawn() -> None:
    made = worked()
    given = replace(made, about={**made.about, "one": GIVEN})
    chapter = methods.chapter(given)
    assert chapter is not None
    assert chapter.rows[0].measured == "nothing: the groups were given"
    assert chapter.rows[0].steps == "–"
    assert chapter.svg is None
    assert methods.chapter(made).svg is not None  # type: ignore[index]


def test_the_choice_is_counted_over_repetitions(several: Comparison) -> None:
    assert methods.choice(several) == methods.Choice(
        first="lookahead",
        parts=[("lookahead", "on 2 of 3 repetitions"), ("gradtag", "on 1 of 3 repetitions")],
        repetitions=3,
    )
    assert methods.choice(comparison(("a", "b"), n_groups=1, recorded=False)) is None


def test_the_table_says_what_was_measured_found_and_proven(several: Comparison) -> None:
    chapter = methods.chapter(several)
    assert chapter is not None
    rows = {row.method: row for row in chapter.rows}
    assert list(rows) == list(METHODS)
    assert rows["lookahead"].measured == "what a step on one task does to the loss of another"
    assert rows["train"].measured == "trained every candidate group in full"
    assert (rows["train"].candidates, rows["lookahead"].candidates) == (
        "all 255 subsets",
        None,
    )
    assert (rows["transfer_gain"].steps, rows["data_map"].steps) == ("9,020", "0")
    assert (rows["lookahead"].proven, rows["gradtag"].proven) == ("–", "yes")
    assert rows["train"].proven == "2 of 3, gap up to 1.2 %"
    assert rows["lookahead"].groups == [
        "amazed, happy, relaxed",
        "quiet, sad, angry",
        "excited, bored",
    ]
    assert [row.method for row in chapter.rows if row.best] == [chapter.best]
    assert [row.name for row in chapter.references] == [
        "chosen on validation",
        "joint, no groups",
    ]


def test_a_gap_that_is_not_known_is_not_shown() -> None:
    assert methods._proven({"proven": 0, "gap": None, "repetitions": 2}) == "no"


def test_many_tasks_are_given_by_the_sizes_of_their_groups() -> None:
    tasks = tuple(f"t{i}" for i in range(13))
    grouping = Grouping(tasks=tasks, membership=np.eye(3)[[0] * 9 + [2] * 4], method="mine")
    assert methods.found_groups(grouping) == ["2 groups of 9 and 4 tasks"]


def test_agreement_is_symmetric_and_leaves_the_diagonal_out(several: Comparison) -> None:
    found = methods.agreement(several)
    assert found is not None
    assert [row.method for row in found.rows] == list(METHODS)
    texts = np.array([[cell.text for cell in row.cells] for row in found.rows])
    assert (texts == texts.T).all()
    assert (np.diag(texts) == "").all()
    first = found.rows[0].cells[1]
    assert first.text == f"{several.agreement['lookahead']['transfer_gain']:.2f}".removeprefix("0")
    assert first.percent == round(100 * several.agreement["lookahead"]["transfer_gain"])


def test_agreement_below_chance_is_pale_and_never_minus_zero() -> None:
    made = replace(worked(), agreement={"one": {"two": -0.004}, "two": {"one": -0.3}})
    found = methods.agreement(made)
    assert found is not None
    assert found.rows[0].cells[1] == methods.Cell(".00", 0, itself=False)
    assert found.rows[1].cells[0].text == "−0.30"
    assert found.rows[1].cells[0].percent == 0


def test_one_method_that_measured_has_a_row_but_no_regret() -> None:
    made = worked()
    alone = replace(made, found={"one": made.found["one"]})
    chapter = methods.chapter(alone)
    assert chapter is not None
    assert (chapter.best, chapter.svg, chapter.agreement) == (None, None, None)
    assert chapter.rows[0].steps == "110"


def test_nothing_measured_and_nothing_chosen_is_no_chapter(tmp_path: Path) -> None:
    made = comparison(("a", "b", "c"), n_groups=2, groupings=("K=2", "K=3"), recorded=False)
    assert methods.chapter(made) is None
    page = Page(write_report(made, tmp_path / "report.html"))
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert not ids & {"methods", "affinities"}
    assert "Regret" not in page.texts
    assert "methods" not in read_json(tmp_path / "report.json")


def test_overlapping_groups_tell_what_they_train_besides(several: Comparison) -> None:
    entries = {entry.name: entry for entry in groups.memberships(several)}
    assert list(entries) == list(METHODS)  # the choice is one of them
    grouping = several.groupings["train"][0]
    assert grouping.row_weights is not None
    for k, (served, more) in enumerate(
        zip(entries["train"].groups, entries["train"].besides, strict=True)
    ):
        trained = {task for t, task in enumerate(EMOTIONS) if grouping.row_weights[k, t] > 0}
        assert set(served) | set(more) == trained
        assert not set(served) & set(more)
    assert any(entries["train"].besides)
    assert not any(entries["lookahead"].besides)
    (reading,) = entries["train"].readings
    texts = {row.task: [cell.text for cell in row.cells] for row in reading.rows}
    for t, task in enumerate(EMOTIONS):
        assert texts[task] == [
            "serves" if k == grouping.labels[t] else "trains" if grouping.row_weights[k, t] else ""
            for k in range(3)
        ]


def test_soft_training_weights_are_shown_as_numbers() -> None:
    made = comparison(("a", "b"), n_groups=2, recorded=False)
    soft = Grouping(
        tasks=("a", "b"),
        membership=np.eye(2),
        method="m",
        row_weights=np.array([[1.0, 0.25], [0.0, 1.0]]),
    )
    (reading,) = groups.memberships(replace(made, **found_by({"grouped": [soft]})))[0].readings
    assert [[cell.text for cell in row.cells] for row in reading.rows] == [
        ["1.00", ".00"],
        [".25", "1.00"],
    ]
    # Trained, not served: paler than its share.
    assert reading.rows[1].cells[0].percent < 25


def test_hard_groups_of_several_methods_need_no_heat_map(several: Comparison) -> None:
    readings = {entry.name: entry.readings for entry in groups.memberships(several)}
    assert readings["lookahead"] == []
    alone = replace(several, found={"lookahead": several.found["lookahead"]})
    assert len(groups.memberships(alone)[0].readings) == 1


def test_the_choice_leads_and_the_methods_are_folded(several: Comparison) -> None:
    arms = gains.chapter(several, several.tasks)
    assert [(arm.name, arm.folded) for arm in arms] == [
        ("chosen", False),
        *((name, True) for name in METHODS),
        (None, False),
    ]
    assert scores.arms_of(several)[:2] == ["chosen", "lookahead"]
    order = scores.arms_of(several)
    assert order.index("random (chosen)") < order.index("random (lookahead)")
    assert [entry.name for entry in curves.chapter(several)] == list(METHODS)
    told = {entry.name: entry for entry in stability.chapter(several)}
    assert told["chosen"].chosen
    assert (told["chosen"].moved, told["chosen"].criterion) == ([], None)


def test_the_cost_figure_leaves_random_groups_of_single_methods_to_the_table(
    several: Comparison,
) -> None:
    costs = scores.costs(several)
    assert costs.left_out == len(METHODS)
    assert {f"random ({name})" for name in METHODS} <= {row.arm for row in costs.rows}
    assert "random (chosen)" in costs.svg
    assert "random (lookahead)" not in costs.svg


def test_the_page_says_what_was_chosen_first_and_again_beside_the_groups(
    several_page: Path,
) -> None:
    page = several_page.read_text(encoding="utf-8")
    said = (
        "Chosen on validation: <b>lookahead</b> on 2 of 3 repetitions, <b>gradtag</b> on 1 of 3 "
        "repetitions."
    )
    assert [m.start() < page.index('id="groups"') for m in re.finditer(re.escape(said), page)] == [
        True,
        False,
    ]
    texts = Page(several_page).texts
    headlines = re.findall(r'<p class="headline">(.*?)</p>', page)
    assert len(headlines) == 1
    assert headlines[0].startswith("Undecided. Until more is known, use joint: ")
    assert page.index("<p>chosen: ") < page.index('id="groups"')
    assert sum(text.startswith("also trains ") for text in texts) >= 3
    assert any("picked on these same test scores" in text for text in texts)
    assert "lookahead: what a step on one task does to the loss of another" in texts


def test_the_hundred_tasks_are_whole_small_and_escaped(hundred_page: Path) -> None:
    page = Page(hundred_page)
    assert not page.unbalanced
    assert not page.open
    assert not page.all("script")
    assert hundred_page.stat().st_size < 5_000_000
    assert any(text.startswith("also trains ") for text in page.texts)
    assert any("<script>alert(1)</script>" in text for text in page.texts)
    assert all(
        a.get("aria-hidden") == "true" or a.get("role") == "presentation" or a.get("aria-label")
        for a in page.all("svg")
    )
    section = (
        hundred_page.read_text(encoding="utf-8")
        .split('<section id="affinities">')[1]
        .split("</section>")[0]
    )
    assert len(section) < 300_000  # three methods


def test_the_twin_has_regret_affinities_and_agreement(
    several: Comparison, several_page: Path
) -> None:
    twin = read_json(several_page.with_suffix(".json"))
    assert [row["method"] for row in twin["methods"]["methods"]] == list(METHODS)
    assert twin["methods"] == methods.table(several)
    assert twin["agreement"] == several.agreement
    found = {
        name: [each["evidence"] for each in several] for name, several in twin["groupings"].items()
    }
    given = several.found["lookahead"][2].evidence.matrix  # type: ignore[union-attr]
    assert np.array(found["lookahead"][2]["affinity"]["matrix"]) == pytest.approx(given, rel=1e-3)
    assert found["transfer_gain"][0]["affinity"]["matrix"][0][7] is None
    assert (twin["groupings"]["chosen"][0]["chosen"], found["chosen"][0]) == ("lookahead", None)


def test_a_gap_without_bound_does_not_cost_the_report(several: Comparison, tmp_path: Path) -> None:
    cut = [
        replace(each, evidence=replace(each.evidence, proven=False, gap=float("inf")))  # type: ignore[type-var]
        for each in several.found["train"]
    ]
    made = replace(several, found={**several.found, "train": cut}, history={}, data_map=None)
    twin = read_json(write_report(made, tmp_path / "r.html").with_suffix(".json"))
    assert twin["groupings"]["train"][0]["evidence"]["selection"]["gap"] is None


def test_methods_can_be_taken_away_as_a_table(several_page: Path) -> None:
    links = {a["download"] for a in Page(several_page).all("a") if a.get("download")}
    assert links == {"gains.csv", "scores.csv", "costs.csv", "membership.csv", "methods.csv"}
