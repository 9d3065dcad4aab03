"""Strips: positions, shades, numbers and ticks of a task's way through training."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.report import strips


def test_a_strip_by_hand() -> None:
    drawn = strips.strip(np.array([0.5, 0.75, 0.75, 1.0]), np.array([0, 0, 1, 1]), 2)
    # Even is 8 % of the colour, certain is all of it; the change of group parts two columns of one
    # shade.
    assert drawn.pieces == [
        strips.Piece(0.0, 25.0, 8),
        strips.Piece(25.0, 25.0, 54),
        strips.Piece(50.0, 25.0, 54),
        strips.Piece(75.0, 25.0, 100),
    ]
    assert drawn.stretches == [
        strips.Stretch(0.0, "1", hi=False),
        strips.Stretch(50.0, "2", hi=False),
    ]


def test_equal_shades_are_one_piece_and_narrow_stretches_have_no_number() -> None:
    led = np.array([1] + [0] * 39)
    drawn = strips.strip(np.ones(40), led, 2)
    assert [(piece.at, piece.width) for piece in drawn.pieces] == [(0.0, 2.5), (2.5, 97.5)]
    assert [(stretch.text, stretch.hi) for stretch in drawn.stretches] == [
        ("", True),
        ("1", True),
    ]


def test_a_number_is_written_in_the_colour_that_suits_what_is_beneath_it() -> None:
    # The number is as wide as four columns, of which one is pale.
    rising = np.array([0.5, *[1.0] * 99])
    assert strips.strip(rising, np.zeros(100, dtype=int), 2).stretches[0].hi
    assert not strips.strip(rising[:2], np.zeros(2, dtype=int), 2).stretches[0].hi


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 350), st.integers(2, 5), st.integers(0, 10_000))
def test_strips_cover_their_width_and_end_where_the_task_does(
    n_epochs: int, n_groups: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    led = rng.integers(0, n_groups, n_epochs)
    drawn = strips.strip(rng.uniform(1 / n_groups, 1, n_epochs), led, n_groups)
    ends = [round(piece.at + piece.width, 2) for piece in drawn.pieces]
    assert drawn.pieces[0].at == drawn.stretches[0].at == 0
    assert ends[:-1] == [piece.at for piece in drawn.pieces[1:]]
    assert ends[-1] == 100
    assert len(ends) <= 100
    assert all(8 <= piece.percent <= 100 for piece in drawn.pieces)
    own = strips.strip(
        np.ones(n_epochs), np.where(np.arange(n_epochs) == n_epochs - 1, 7, 0), n_groups
    )
    assert len(own.stretches) == min(n_epochs, 2)  # the last epoch always has its column


@pytest.mark.parametrize("n_epochs", [1, 2, 5, 8, 50, 60, 300])
def test_ticks_lie_in_the_middle_of_their_epochs_and_apart(n_epochs: int) -> None:
    ticks = strips.ticks(n_epochs)
    assert ticks[0].text == "1"
    assert [tick.at for tick in ticks] == pytest.approx(
        [100 * (int(t.text) - 0.5) / n_epochs for t in ticks], abs=0.01
    )
    assert all(b.at - a.at >= 14.9 for a, b in pairwise(ticks))
    assert len(ticks) >= min(n_epochs, 3)


def test_a_strip_is_told_in_words() -> None:
    assert strips.said(np.array([1, 1, 0])) == "Group 2 from epoch 1, group 1 from epoch 3"
    assert strips.said(np.array([0, 1, 0, 1, 0, 1])).count("group") == 5
    assert (
        strips.said(np.array([0, 1, 0, 1, 0, 1, 2]))
        == "Group 3 from epoch 7, after 5 other changes"
    )
