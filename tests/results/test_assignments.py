"""When groups that are learnt were settled."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.results import Assignments


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 8), st.integers(1, 5), st.integers(1, 3), st.integers(0, 10_000))
def test_a_task_is_settled_from_the_first_epoch_after_which_nothing_changes(
    e: int, t: int, k: int, seed: int
) -> None:
    led = np.random.default_rng(seed).integers(0, k, (e, t))
    slowly = [
        min(n for n in range(1, e + 1) if (led[n - 1 :, j] == led[-1, j]).all()) for j in range(t)
    ]
    record = Assignments(probabilities=np.eye(k)[led])
    assert record.settled(led[-1]).tolist() == slowly


def test_where_groups_are_equally_probable_the_task_is_where_it_ends() -> None:
    shares = np.array([[[0.4, 0.4, 0.2]], [[0.4, 0.2, 0.4]], [[0.1, 0.8, 0.1]]])
    ties, ends = Assignments(probabilities=shares), np.array([1])
    assert ties.leaders(ends)[:, 0].tolist() == [1, 0, 1]
    assert ties.settled(ends).tolist() == [3]


def test_only_the_most_probable_groups_were_led_to() -> None:
    record = Assignments(probabilities=np.array([[[0.9, 0.1], [0.3, 0.7]]]))
    assert record.led_to(np.array([0, 1]))
    assert not record.led_to(np.array([0, 0]))
    assert record.final(np.array([0, 0])).tolist() == [0.9, 0.3]
    assert not Assignments(probabilities=np.empty((0, 2, 2))).led_to(np.array([0, 1]))


@pytest.mark.parametrize("broken", [[[0.5, 0.5]], [[[np.nan, 1.0]]], [[[-0.5, 1.5]]], "text"])
def test_what_is_no_probability_is_refused(broken: object) -> None:
    with pytest.raises(CoterieError, match="probabilities"):
        Assignments(probabilities=broken)  # type: ignore[arg-type]
