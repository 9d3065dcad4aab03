"""Groups of several seeds, numbered alike."""

from __future__ import annotations

from coterie.report import stability

from .synthetic import hard


def test_group_numbers_follow_the_first_seed() -> None:
    first, renamed, other = hard([0, 0, 1, 1], 2), hard([1, 1, 0, 0], 2), hard([1, 0, 0, 0], 2)
    assert stability.moved_tasks([first, renamed]) == []
    assert stability.moved_tasks([first, renamed, other]) == [stability.Moved("t1", [1, 1, 2])]


def test_seeds_may_have_different_numbers_of_groups() -> None:
    assert stability.moved_tasks([hard([0, 0, 0], 1), hard([0, 1, 1], 2)]) == [
        stability.Moved("t0", [1, 2])
    ]
