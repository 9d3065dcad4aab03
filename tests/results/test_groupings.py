"""Groups of several groupings under one number."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from coterie.results import Grouping
from coterie.results.groupings import aligned_labels


def hard(labels: list[int], n_groups: int) -> Grouping:
    tasks = tuple(f"t{i}" for i in range(len(labels)))
    return Grouping(tasks=tasks, membership=np.eye(n_groups)[labels], method="mine")


@given(st.lists(st.integers(0, 3), min_size=1, max_size=8), st.permutations(range(4)))
def test_other_numbers_of_the_same_groups_are_undone(labels: list[int], names: list[int]) -> None:
    table = aligned_labels([hard(labels, 4), hard([names[label] for label in labels], 4)])
    assert table[:, 0].tolist() == table[:, 1].tolist() == labels


def test_a_group_gets_the_number_with_which_it_shares_most() -> None:
    # Group 0 of the second shares three tasks with group 1 of the first, and one with group 0.
    table = aligned_labels([hard([0, 0, 1, 1, 1], 2), hard([1, 0, 0, 0, 0], 2)])
    assert table[:, 1].tolist() == [0, 1, 1, 1, 1]


def test_numbers_are_one_to_one_where_there_are_more_groups() -> None:
    table = aligned_labels([hard([0, 0, 0, 0], 1), hard([0, 1, 1, 1], 2)])
    assert table.tolist() == [[0, 1], [0, 0], [0, 0], [0, 0]]
