"""What a comparison tells of its arms and methods.

Mean scores, regret, cost and proof, worked by hand.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

import coterie as ct
from coterie.files import read_json
from coterie.results import Grouping
from coterie.results.standings import proof
from tests.report.synthetic import GIVEN, METHODS, comparison, several_methods, worked


def test_regret_and_cost_of_a_hand_worked_case() -> None:
    made = worked()
    one, two = made.methods_table.to_pylist()
    assert made.best == "two"
    # Means over tasks are .7, .5 and .6, .7: two is better by .05 on average, by -.1 and .2 on the
    # two seeds.
    assert one["score"] == pytest.approx(0.6)
    assert one["regret"] == pytest.approx(5.0)
    assert one["regret_sd"] == pytest.approx(np.std([-10, 20], ddof=1))
    assert (two["regret"], two["regret_sd"]) == (0.0, None)
    # The joint training takes 940 steps; seeds measured for 100 and 120.
    assert (one["model_steps"], one["with_joint"], one["seconds"]) == (110.0, 1050.0, 3.0)
    assert made.regret("chosen")["regret"] == pytest.approx(-5.0)
    assert made.regret("joint")["regret"] == pytest.approx(15.0)
    assert made.regret("nobody") == {"score": None, "regret": None, "regret_sd": None}


def test_a_task_that_an_arm_lacks_is_left_out_of_its_mean_only() -> None:
    made = worked()
    rows = [
        row
        for row in made.scores_table.to_pylist()
        if (row["arm"], row["seed"], row["task"]) != ("one", 0, "b")
    ]
    assert replace(made, scores_table=pa.Table.from_pylist(rows)).regret("one")[
        "score"
    ] == pytest.approx((0.8 + 0.5) / 2)


def test_groups_that_were_given_have_no_cost() -> None:
    made = worked()
    given = replace(made, about={**made.about, "one": GIVEN})
    one = given.methods_table.to_pylist()[0]
    assert (one["kind"], one["model_steps"], one["seconds"], one["with_joint"]) == (
        "given",
        None,
        None,
        None,
    )


def test_kinds_of_methods_are_told_apart() -> None:
    kinds = dict(zip(METHODS, several_methods().methods_table["kind"].to_pylist(), strict=True))
    assert kinds == {
        "lookahead": "affinity",
        "transfer_gain": "affinity",
        "data_map": "affinity",
        "gradtag": "selection",
        "train": "selection",
    }


def test_a_gap_that_is_not_known_on_all_repetitions_is_unknown() -> None:
    grouping = Grouping(tasks=("a",), membership=np.ones((1, 1)), method="select")
    found = [
        ct.Found.of(replace(grouping, details={"proven": False, "gap": gap}))
        for gap in (np.inf, 0.1)
    ]
    assert proof(found) == {"proven": 0, "gap": None, "repetitions": 2}


def test_mean_scores_count_each_task_and_each_run_alike() -> None:
    made = comparison(("a", "b", "c"), n_groups=2, recorded=False)
    mean, spread = made.mean_score("random (grouped)")
    rows = [
        r
        for r in made.scores_table.to_pylist()
        if r["arm"] == "random (grouped)" and r["metric"] == "balanced_accuracy"
    ]
    runs = np.array([r["value"] for r in rows]).reshape(-1, 3).mean(1)
    assert len(runs) == 9
    assert mean == pytest.approx(runs.mean())
    assert spread == pytest.approx(runs.std(ddof=1))
    assert np.isnan(made.mean_score("nobody")).all()


OLD = Path(__file__).parent / "old_comparison"


def test_a_comparison_that_tells_of_arms_by_name_only_is_read_as_it_was_meant(
    tmp_path: Path,
) -> None:
    """``old_comparison`` is older than role, of and reference_role in tables, and findings."""
    read = ct.Comparison.load(OLD)
    assert read.arms == {
        "joint": ("joint", None),
        "mine": ("grouped", "mine"),
        "auto": ("grouped", "auto"),
        "single": ("single", None),
        "random (mine)": ("random", "mine"),
        "random (auto)": ("random", "auto"),
        "ensemble (K=2)": ("ensemble", None),
        "ensemble (K of auto)": ("ensemble", "auto"),
        "chosen": ("chosen", "chosen"),
        "random (chosen)": ("random", "chosen"),
    }
    assert (read.standings, read.recommendation, read.outcome) == ((), None, None)
    assert read.gains_table["margin"].null_count == read.gains_table.num_rows
    # Its own verdict took no difference found for none: today it is undecided.
    said = read_json(OLD / "comparison.json")["verdict"]
    assert said[0].startswith("chosen: not worth it here. No difference found")
    assert read.verdict[0].startswith("chosen: undecided.")
    assert len(read.verdict) == len(said)
    assert [finding.of for finding in read.findings if finding.about == "worth"] == [
        "chosen",
        "mine",
        "auto",
    ]
    read.save(tmp_path)
    again = ct.Comparison.load(tmp_path)
    for name in ("scores_table", "gains_table", "costs_table", "findings", "roles"):
        assert getattr(again, name) == getattr(read, name), name
    page = read.report(tmp_path / "report.html").read_text(encoding="utf-8")
    for title in ("Grouped", "Chosen", "Joint", "Single", "Random", "Ensemble"):
        assert f"<dt>{title}</dt>" in page


def test_findings_that_a_file_holds_are_read_back(tmp_path: Path) -> None:
    made = comparison(("a", "b"), n_groups=2)
    roles = {**dict.fromkeys((part.role for part in made.arms.values()), ""), "joint": "One model."}
    kept = replace(made, findings=made.findings[:2], roles=roles)
    kept.save(tmp_path)
    read = ct.Comparison.load(tmp_path)
    assert (read.findings, read.roles) == (made.findings[:2], roles)
    assert read.verdict == made.verdict[:4]
    assert made.recommendation is not None
    assert read.verdict[:2] == made.recommendation.sentences
    assert (read.standings, read.recommendation) == (made.standings, made.recommendation)


def test_files_of_different_comparisons_are_refused(tmp_path: Path) -> None:
    made = comparison(("a", "b"), n_groups=2)
    joint_only = made.scores_table.filter(pc.equal(made.scores_table["arm"], "joint"))
    for change, message in (
        (
            {"scores_table": joint_only},
            "gains.parquet has the arm 'grouped', of which scores.parquet has no scores",
        ),
        ({"roles": {"joint": "One model."}}, "`roles` of comparison.json lacks 'single'"),
    ):
        replace(made, **change).save(tmp_path)
        with pytest.raises(ct.CoterieError, match=message):
            ct.Comparison.load(tmp_path)
