"""Groups that are learnt while models train.

Who decided when, how firmly, and what is said and drawn of it.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import coterie as ct
from coterie.differentiable import MODES
from coterie.evaluation import Comparison
from coterie.files import read_json
from coterie.report import assignments, methods, write_report
from coterie.results import Found, Grouping

from .conftest import HOSTILE
from .synthetic import GIVEN, comparison, found_by, search, searched
from .test_page import Page

# (E, T, K): "late" goes from group 2 to 1 to 3 and stays; "even" never leaves its start; "sure" is
# in 1 from the first.
HAND = [
    [[0.2, 0.5, 0.3], [1 / 3, 1 / 3, 1 / 3], [0.50, 0.25, 0.25]],
    [[0.4, 0.3, 0.3], [1 / 3, 1 / 3, 1 / 3], [0.75, 0.15, 0.10]],
    [[0.2, 0.2, 0.6], [1 / 3, 1 / 3, 1 / 3], [0.90, 0.06, 0.04]],
    [[0.1, 0.1, 0.8], [1 / 3, 1 / 3, 1 / 3], [0.97, 0.02, 0.01]],
]
NAMES = ("late", "even", "sure")


def of(*seeds: Grouping, name: str = "dmtg") -> Comparison:
    """A comparison of groups that were found so on each seed."""
    made = comparison(
        seeds[0].tasks, n_groups=1, n_seeds=len(seeds), groupings=(name,), recorded=False
    )
    return replace(made, **found_by({name: list(seeds)}), history={})


def entry(*seeds: Grouping) -> assignments.Chapter:
    (only,) = assignments.chapter(of(*seeds))
    return only


def pair(*ends: float, start: float = 0.6) -> Grouping:
    """Tasks with two groups over two epochs; their first group ends with these probabilities."""
    both = [[[p, 1 - p] for p in epoch] for epoch in ([start] * len(ends), ends)]
    return searched([f"t{i}" for i in range(len(ends))], both)


def section(path: Path) -> str:
    return (
        path.read_text(encoding="utf-8")
        .split('<section id="assignments">')[1]
        .split("</section>")[0]
    )


def test_a_case_by_hand_is_told_task_by_task() -> None:
    found = entry(searched(NAMES, HAND))
    told = [
        (r.task, r.group, r.since, r.probability, r.reading, r.next, r.first) for r in found.rows
    ]
    assert told == [
        ("sure", 1, 1, ".97", "firm", "", False),
        ("even", 1, 1, ".33", "undecided", "next: group 2 (.33)", False),
        ("late", 3, 3, ".80", "leaning", "", True),
    ]
    assert found.summary == [
        "One of the 3 tasks ends in a group with a probability of .95 or more.",
        "No task changed its group after epoch 3 of 4.",
        "Undecided, that is, below .75 at the end: even (.33). Another seed may well put them "
        "elsewhere.",
    ]
    assert [row.said for row in found.rows] == [
        "Group 1 from epoch 1",
        "Group 1 from epoch 1",
        "Group 2 from epoch 1, group 1 from epoch 2, group 3 from epoch 3",
    ]
    assert (found.even, found.folded, found.svg) == (".33", False, None)


def test_a_probability_is_judged_as_it_is_printed() -> None:
    found = entry(pair(0.9496, 0.9449, 0.7451, 0.7449))
    assert {row.task: (row.probability, row.reading) for row in found.rows} == {
        "t0": (".95", "firm"),
        "t1": (".94", "leaning"),
        "t2": (".75", "leaning"),
        "t3": (".74", "undecided"),
    }


@pytest.mark.parametrize(
    ("grouping", "said"),
    [
        (pair(0.99, 0.97), "All 2 tasks end in a group with a probability of .95 or more."),
        (pair(0.8, 0.6), "None of the 2 tasks ends in a group with a probability of .95 or more."),
        (pair(0.99, 0.97, 0.8), "2 of 3 tasks end in a group with a probability of .95 or more."),
        (pair(0.99, 0.97), "No task changed its group after the first epoch."),
        (
            pair(0.99, 0.1),
            "The last of the 2 epochs still changed the group of t1: more epochs may give other "
            "groups.",
        ),
        (
            searched(("a", "b"), [[[0.9, 0.1], [0.1, 0.9]]]),
            "After a single epoch it cannot be told whether these groups",
        ),
        (pair(0.99, 0.8), "No task is undecided, that is, below .75 at the end."),
        (pair(0.7, 0.6, 0.9), "below .75 at the end: t1 (.60) and t0 (.70). Another"),
        (pair(*[0.6] * 13, 0.55), "t13 (.55), t0 (.60), t1 (.60), "),
        (pair(*[0.6] * 13, 0.55), "t10 (.60) and 2 more. Another"),
        (
            searched(NAMES, HAND, pruned=4),
            "4 of 9 pairs of a task and a group were ruled out on the way",
        ),
    ],
)
def test_sentences(grouping: Grouping, said: str) -> None:
    assert said in " ".join(entry(grouping).summary)


def test_nothing_is_said_of_pairs_where_none_was_ruled_out() -> None:
    assert "ruled out" not in " ".join(entry(pair(0.99, 0.1)).summary)


def test_other_repetitions_are_counted_unless_they_are_the_same_again() -> None:
    one, two, three = pair(0.99, 0.97), pair(0.99, 0.6), pair(0.6, 0.6)
    assert (
        entry(one, two, three)
        .summary[0]
        .endswith("; on the other 2 repetitions, not shown here, 1 and 0.")
    )
    assert entry(one, two).summary[0].endswith("; on the other repetition, not shown here, 1.")
    assert entry(one, one, one).summary[0].endswith(" .95 or more.")


def test_with_one_group_there_is_nothing_to_draw(tmp_path: Path) -> None:
    alone = searched(("a", "b"), np.ones((3, 2, 1)))
    found = entry(alone)
    assert (found.summary, found.rows, found.svg) == (
        ["With one group there was nothing to decide."],
        [],
        None,
    )
    text = section(write_report(of(alone), tmp_path / "r.html"))
    assert "With one group there was nothing to decide." in text
    assert "<table" not in text


@pytest.mark.parametrize(
    "broken",
    [
        None,
        "text",
        [],
        [[[0.5, 0.5]]],
        [[[0.5, 0.5], [0.5]]],
        [[["a", "b"], ["c", "d"]]],
        [[[0.9, None], [0.1, 0.9]]],
        [[[0.5, None], [0.5, 0.5]], [[0.9, 0.1], [0.1, 0.9]]],
        [[[0.1, 0.9], [0.1, 0.9]]],
    ],
)
def test_details_that_are_no_record_of_these_groups_are_passed_over(broken: object) -> None:
    odd = Grouping(
        tasks=("a", "b"), membership=np.eye(2), method="dmtg", details={"probabilities": broken}
    )
    assert assignments.learnt(Found.of(odd)) is None
    assert assignments.chapter(of(odd)) == []


def test_a_real_search_can_be_told() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(120, 4, generator=generator)
    data = ct.load({"inputs": inputs, "targets": (inputs[:, :3] > 0).float()})
    provider = ct.DifferentiableGrouping(2, prune=0.49, init="independent", learning_rate=1e4)
    grouping = ct.fit(
        "mlp", data, provider, epochs=2, batch_size=32, model_options={"hidden": (8,)}
    ).grouping
    assert grouping is not None
    found = entry(grouping)
    assert sorted(row.task for row in found.rows) == sorted(grouping.tasks)
    by_name = dict(zip(grouping.tasks, grouping.labels, strict=True))
    assert all(row.group == by_name[row.task] + 1 for row in found.rows)
    assert any("ruled out" in sentence for sentence in found.summary)


def test_every_mode_is_told_in_words() -> None:
    told = [entry(searched(NAMES, HAND, mode=mode)).mode for mode in MODES]
    assert all(told)
    assert len(set(told)) == len(MODES)
    assert entry(searched(NAMES, HAND, mode="of another library")).mode == ""


def test_many_tasks_are_counted_over_epochs_and_folded() -> None:
    n = assignments.FEW + 1
    few, many = (search([f"t{i}" for i in range(size)], 3, 5) for size in (n - 1, n))
    assert (entry(few).folded, entry(few).svg) == (False, None)
    found = entry(many)
    assert found.folded
    assert len(found.rows) == n
    table = np.array(many.details["probabilities"])
    since = np.array([row.since for row in found.rows])
    first, last = ((table[e].max(1).round(2) >= 0.95).sum() for e in (0, -1))
    alt = re.search('aria-label="([^"]*)"', found.svg)
    assert alt
    assert alt[1] == (
        f"Number of tasks by epoch: {n} in the group they end in, for good at the end, "
        f"{(since == 1).sum()} after the first epoch; {last} with a probability of .95 or more at "
        f"the end, {first} after the first epoch."
    )


def test_the_choice_is_not_told_twice(searches: Comparison) -> None:
    assert [found.name for found in assignments.chapter(searches)] == ["dmtg", "dmtg paper"]


def test_groups_that_were_learnt_are_a_kind_of_their_own(searches: Comparison) -> None:
    measured = {row["method"]: row for row in methods.table(searches)["methods"]}
    assert measured["dmtg"]["kind"] == "learnt"
    assert (
        measured["dmtg"]["measured"]
        == "groups learnt while K\u00a0=\u00a03 branches train side by side"
    )
    chapter = methods.chapter(searches)
    assert chapter is not None
    assert "learnt in training" in chapter.svg
    assert "var(--orange)" in chapter.svg
    given_ones = replace(searches, about={**searches.about, "dmtg": GIVEN})
    assert {row["method"]: row["kind"] for row in methods.table(given_ones)["methods"]}[
        "dmtg"
    ] == "given"
    assert len(assignments.chapter(given_ones)) == 2


def test_the_page_shows_every_task_with_its_strip(
    searches: Comparison, searches_page: Path
) -> None:
    page, text = Page(searches_page), section(searches_page)
    assert not page.unbalanced
    assert not page.open
    ids = Counter(a["id"] for _, a in page.elements if a.get("id"))
    assert max(ids.values()) == 1
    assert "#assignments" in [a.get("href") for a in page.all("a")]
    assert text.count("<table") == 2
    assert text.count('<svg role="img" aria-label="Group ') == 2 * len(HOSTILE)
    rows = [row for found in assignments.chapter(searches) for row in found.rows]
    assert text.count("<b>undecided</b>") == sum(row.reading == "undecided" for row in rows) > 0
    assert {row.next for row in rows} - {""} == {
        text for text in page.texts if text.startswith("next: ")
    }
    assert "Assignment probability" in page.texts
    glossary = next(t for t in page.texts if "a decision is called firm" in t)
    assert f"From .{round(100 * assignments.FIRM)} on" in glossary
    assert f"below .{round(100 * assignments.OPEN)} undecided" in glossary
    assert not page.all("script")


@pytest.mark.parametrize("name", HOSTILE)
def test_names_appear_as_they_are(searches_page: Path, name: str, tmp_path: Path) -> None:
    (tmp_path / "part.html").write_text(section(searches_page), encoding="utf-8")
    assert Page(tmp_path / "part.html").texts.count(name) == 2


def test_a_hundred_tasks_over_300_epochs_stay_small(large_search_page: Path) -> None:
    text = section(large_search_page)
    assert text.count("<summary>Show all 100 tasks, by group</summary>") == 2
    assert text.count("<svg viewBox") == 2  # how many tasks are decided, by epoch
    assert len(text) < 1_000_000


def test_without_a_search_there_is_no_chapter(hostile_page: Path) -> None:
    text = hostile_page.read_text(encoding="utf-8")
    assert "assignments" not in text
    assert "Assignment probability" not in text


def test_the_twin_has_the_probabilities_once(searches: Comparison, searches_page: Path) -> None:
    twin = read_json(searches_page.with_suffix(".json"))["groupings"]
    for name in ("dmtg", "dmtg paper"):
        kept = [each["evidence"]["assignments"]["probabilities"] for each in twin[name]]
        told = [each.evidence.probabilities.tolist() for each in searches.found[name]]  # type: ignore[union-attr]
        assert kept == told
    assert [(each["chosen"], each["evidence"]) for each in twin["chosen"]] == [("dmtg", None)] * 3


def test_the_same_search_gives_the_same_bytes(tmp_path: Path) -> None:
    made = of(search([f"t{i}" for i in range(30)], 3, 6))
    one, two = (
        write_report(made, tmp_path / folder / "r.html").read_bytes() for folder in ("a", "b")
    )
    assert one == two
