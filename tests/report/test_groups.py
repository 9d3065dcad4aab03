"""Who is in which group, in which order, and how far."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from coterie.report import groups
from coterie.results import Grouping

from .synthetic import comparison, found_by, hard


def test_tasks_are_ordered_by_group_then_by_strength() -> None:
    membership = np.array([[0.1, 0.9], [0.6, 0.4], [0.8, 0.2], [0.3, 0.7]])
    grouping = Grouping(tasks=("a", "b", "c", "d"), membership=membership, method="mine")
    assert groups.by_group(grouping) == [2, 1, 0, 3]


def test_heat_maps_show_the_reading_at_2_and_the_training_one() -> None:
    made = comparison(("a", "b", "c"), n_groups=2, recorded=False)
    grouping = made.groupings["grouped"][0]
    at_two, trained = groups.memberships(made)[0].readings
    order = groups.by_group(grouping)
    for reading, table in ((at_two, grouping.membership_at(2.0)), (trained, grouping.membership)):
        shown = [[float(cell.text) for cell in row.cells] for row in reading.rows]
        assert shown == pytest.approx(table[order].round(2))
        assert [
            [cell.own for cell in row.cells].index(True) for row in reading.rows
        ] == grouping.labels[order].tolist()


def test_a_grouping_without_distances_has_one_reading() -> None:
    made = replace(
        comparison(("t0", "t1", "t2"), n_groups=2, recorded=False),
        **found_by({"grouped": [hard([0, 0, 1], 2)]}),
    )
    assert [r.title for r in groups.memberships(made)[0].readings] == ["as it served in training"]
