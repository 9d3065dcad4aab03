"""Which maps are drawn, and which first."""

from __future__ import annotations

import numpy as np

from coterie.report import maps

from .synthetic import comparison


def test_maps_cover_all_tasks_and_start_with_typical_ones() -> None:
    made = comparison([f"t{i}" for i in range(30)], n_groups=4, n_examples=50)
    drawn = maps.chapter(made)
    assert drawn is not None
    first = made.groupings["grouped"][0]
    strongest = [
        max(
            (t for t in range(30) if first.labels[t] == k),
            key=first.membership_at(2.0).max(1).__getitem__,
        )
        for k in range(4)
    ]
    assert [panel.title for panel in drawn.few] == [f"t{t}" for t in strongest]
    assert sorted(panel.title for panel in drawn.all) == sorted(made.tasks)
    assert len(drawn.groups) == 4


def test_a_task_that_was_never_observed_says_so() -> None:
    made = comparison(("a", "b"), n_groups=1, n_examples=20)
    assert made.data_map is not None
    made.data_map.confidence[:, 0] = np.nan
    drawn = maps.chapter(made)
    assert drawn is not None
    assert {panel.title: panel.facts for panel in drawn.few}["a"] == "never observed"
