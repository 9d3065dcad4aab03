"""What the chapters say: numbers, orders, marks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coterie.report import about, curves, gains, groups, scores
from coterie.report.gains import Scale
from coterie.results import Grouping

from .synthetic import comparison, found_by


def hard(labels: list[int], n_groups: int) -> Grouping:
    tasks = tuple(f"t{i}" for i in range(len(labels)))
    return Grouping(tasks=tasks, membership=np.eye(n_groups)[labels], method="kmeans")


def test_tasks_are_ordered_by_group_then_by_strength() -> None:
    membership = np.array([[0.1, 0.9], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7]])
    grouping = Grouping(tasks=("a", "b", "c", "d"), membership=membership, method="mine")
    assert groups.by_group(grouping) == [2, 1, 0, 3]


def test_heat_maps_show_the_reading_at_2_and_the_training_one() -> None:
    made = comparison(("a", "b", "c"), n_groups=2, recorded=False)
    grouping = made.groupings["grouped"][0]
    at_two, trained = groups.memberships(made)[0]["readings"]
    order = groups.by_group(grouping)
    for reading, table in ((at_two, grouping.membership_at(2.0)), (trained, grouping.membership)):
        shown = [[float(cell["text"]) for cell in row["cells"]] for row in reading["rows"]]
        assert shown == pytest.approx(table[order].round(2))
        assert [
            [cell["own"] for cell in row["cells"]].index(True) for row in reading["rows"]
        ] == grouping.labels[order].tolist()


def test_a_grouping_without_distances_has_one_reading() -> None:
    made = replace(
        comparison(("t0", "t1", "t2"), n_groups=2, recorded=False),
        **found_by({"grouped": [hard([0, 0, 1], 2)]}),
    )
    assert [r["title"] for r in groups.memberships(made)[0]["readings"]] == [
        "as it served in training"
    ]


def test_group_numbers_follow_the_first_seed() -> None:
    first, renamed, other = hard([0, 0, 1, 1], 2), hard([1, 1, 0, 0], 2), hard([1, 0, 0, 0], 2)
    assert groups.moved_tasks([first, renamed]) == []
    assert groups.moved_tasks([first, renamed, other]) == [{"task": "t1", "groups": [1, 1, 2]}]


def test_seeds_may_have_different_numbers_of_groups() -> None:
    assert groups.moved_tasks([hard([0, 0, 0], 1), hard([0, 1, 1], 2)]) == [
        {"task": "t0", "groups": [1, 2]}
    ]


def test_maps_cover_all_tasks_and_start_with_typical_ones() -> None:
    made = comparison([f"t{i}" for i in range(30)], n_groups=4, n_examples=50)
    maps = groups.data_maps(made)
    assert maps is not None
    first = made.groupings["grouped"][0]
    strongest = [
        max(
            (t for t in range(30) if first.labels[t] == k),
            key=first.membership_at(2.0).max(1).__getitem__,
        )
        for k in range(4)
    ]
    assert [panel["title"] for panel in maps["few"]] == [f"t{t}" for t in strongest]
    assert sorted(panel["title"] for panel in maps["all"]) == sorted(made.tasks)
    assert len(maps["groups"]) == 4


def test_a_task_that_was_never_observed_says_so() -> None:
    made = comparison(("a", "b"), n_groups=1, n_examples=20)
    assert made.data_map is not None
    made.data_map.confidence[:, 0] = np.nan
    maps = groups.data_maps(made)
    assert maps is not None
    assert {panel["title"]: panel["facts"] for panel in maps["few"]}["a"] == "never observed"


def test_gains_of_a_grouping_are_one_block_per_reference_and_the_baselines_come_last() -> None:
    made = comparison(("a", "b", "c"), n_groups=2, recorded=False)
    chapter = gains.chapter(made, groups.task_order(made))
    assert [arm["name"] for arm in chapter] == ["grouped", None]
    assert [b["title"] for b in chapter[0]["blocks"]] == [
        "against joint",
        "against single",
        "against random (grouped)",
        "against ensemble (K=2)",
    ]
    assert chapter[1]["blocks"][0]["title"] == "single against joint"
    row = made.gain("grouped", "joint", "b")
    shown = next(entry for entry in chapter[0]["blocks"][0]["few"] if entry["task"] == "b")
    assert float(shown["gain"].replace("−", "-")) == pytest.approx(row["gain"], abs=0.05)
    assert shown["sure"] == (row["p_holm"] < 0.05)


def test_many_tasks_are_folded_to_the_extremes() -> None:
    made = comparison([f"t{i}" for i in range(40)], n_groups=3, recorded=False)
    block = gains.chapter(made, groups.task_order(made))[0]["blocks"][0]
    values = [entry["value"] for entry in block["few"]]
    everything = sorted((entry["value"] for entry in block["all"]), reverse=True)
    assert values == [*everything[:6], *everything[-6:]]
    assert len(block["all"]) == 40


def test_a_scale_shows_zero_and_every_gain_but_not_the_widest_interval() -> None:
    narrow = [{"gain": 1.0, "low": 0.5, "high": 1.5} for _ in range(19)]
    scale = Scale.over([*narrow, {"gain": 2.0, "low": -96.0, "high": 100.0}])
    assert 0 < scale.at(0.0) < scale.at(2.0) < 100
    assert scale.at(100.0) == 100
    assert all(0 < tick["at"] < 100 for tick in scale.ticks())


def test_a_scale_of_nothing_is_still_a_scale() -> None:
    assert Scale.over([{"gain": None, "low": None, "high": None}]).at(0.0) == 50


def test_scores_mark_the_best_and_hide_a_metric_that_all_share() -> None:
    made = comparison(("a", "b", "c"), n_groups=2, recorded=False)
    table = scores.score_table(made, made.tasks)
    assert table["metric"] == "balanced accuracy"
    assert table["arms"] == ["grouped", "joint", "single", "random (grouped)", "ensemble (K=2)"]
    for row in table["rows"]:
        shown = [float(cell["text"]) for cell in row["cells"]]
        assert [cell["best"] for cell in row["cells"]] == [value == max(shown) for value in shown]
    mixed = replace(made, metric_names=("accuracy", "auroc", "balanced_accuracy"))
    assert scores.score_table(mixed, made.tasks)["metric"] is None


def test_learning_curves_follow_the_model_that_serves_each_task() -> None:
    made = comparison(("a", "b", "c"), n_groups=2, n_epochs=4, recorded=False)
    score, labels = made.history["grouped"].validation_score, made.groupings["grouped"][0].labels
    expected = np.mean([score[:, labels[t], t] for t in range(3)], axis=0)
    assert curves.over_tasks(made, "grouped", "validation_score") == pytest.approx(expected)
    single = made.history["single"].validation_score
    assert curves.over_tasks(made, "single", "validation_score") == pytest.approx(
        np.mean(single[:, range(3), range(3)], axis=1)
    )
    assert np.isnan(curves.over_tasks(made, "random (grouped)", "validation_score")).all()


def test_groups_without_tasks_have_no_model_and_no_curve() -> None:
    made = comparison(("t0", "t1", "t2"), n_groups=2, n_epochs=4, recorded=False)
    sparse = replace(made, **found_by({"grouped": [hard([0, 2, 2], 3)]}))
    score = made.history["grouped"].validation_score
    expected = np.mean([score[:, 0, 0], score[:, 1, 1], score[:, 1, 2]], axis=0)
    assert curves.over_tasks(sparse, "grouped", "validation_score") == pytest.approx(expected)


def test_large_score_tables_are_summarised_for_download(monkeypatch: pytest.MonkeyPatch) -> None:
    made = comparison(("a", "b", "c"), n_groups=2, recorded=False)
    monkeypatch.setattr(about, "MOST_ROWS", 10)
    entry = next(e for e in about.downloads(made) if e["file"] == "scores.csv")
    assert entry["rows"] == 5 * 3 * 5
    assert "mean and standard deviation" in entry["what"]


def test_settings_are_flat_and_leave_out_what_is_unset() -> None:
    made = comparison(("a", "b"), n_groups=1, recorded=False)
    shown = about.settings(made)
    assert shown["notes"] == ["Column date was left out."]
    assert ("batch size", "128") in shown["sections"]["training"]
    assert not any(name == "clip" for name, _ in shown["sections"]["training"])
    assert ("model", "cnn") in shown["sections"]["general"]
