"""Interval plots: blocks, extremes, scales."""

from __future__ import annotations

import pytest

from coterie.report import gains, groups
from coterie.report.gains import Scale

from .synthetic import comparison


def test_gains_of_a_grouping_are_one_block_per_reference_and_the_baselines_come_last() -> None:
    made = comparison(("a", "b", "c"), n_groups=2, recorded=False)
    chapter = gains.chapter(made, groups.task_order(made))
    assert [arm.name for arm in chapter] == ["grouped", None]
    assert [b.title for b in chapter[0].blocks] == [
        "against joint",
        "against single",
        "against random (grouped)",
        "against ensemble (K=2)",
    ]
    assert chapter[1].blocks[0].title == "single against joint"
    row = made.gain("grouped", "joint", "b")
    shown = next(entry for entry in chapter[0].blocks[0].few if entry.task == "b")
    assert float(shown.gain.replace("−", "-")) == pytest.approx(row["gain"], abs=0.05)
    assert shown.sure == (row["p_holm"] < 0.05)


def test_many_tasks_are_folded_to_the_extremes() -> None:
    made = comparison([f"t{i}" for i in range(40)], n_groups=3, recorded=False)
    block = gains.chapter(made, groups.task_order(made))[0].blocks[0]
    values = [entry.value for entry in block.few]
    everything = sorted((entry.value for entry in block.all), reverse=True)
    assert values == [*everything[:6], *everything[-6:]]
    assert len(block.all) == 40


def test_a_scale_shows_zero_and_every_gain_but_not_the_widest_interval() -> None:
    narrow = [{"gain": 1.0, "low": 0.5, "high": 1.5} for _ in range(19)]
    scale = Scale.over([*narrow, {"gain": 2.0, "low": -96.0, "high": 100.0}])
    assert 0 < scale.at(0.0) < scale.at(2.0) < 100
    assert scale.at(100.0) == 100
    assert all(0 < tick.at < 100 for tick in scale.ticks())


def test_a_scale_of_nothing_is_still_a_scale() -> None:
    assert Scale.over([{"gain": None, "low": None, "high": None}]).at(0.0) == 50
