"""The small world of the checks tells one thing from another."""

import random

import numpy as np
import pytest
import torch

from coterie.testing._checks import ViolationError
from coterie.testing._world import (
    content,
    other_test_part,
    random_state_kept,
    require_close,
    require_unchanged,
    same,
    table,
    unlabelled_pair,
)


def test_sameness_is_to_the_last_bit_with_gaps():
    one = np.array([1.0, np.nan])
    assert same(one, one.copy())
    assert same(torch.from_numpy(one), one)
    assert not same(one, np.array([1.0 + 1e-16 + 2.3e-16, np.nan]))
    assert not same(one, one.astype(np.float32))
    assert not same(1, 1.0)


@pytest.mark.parametrize(
    "draw",
    [random.random, np.random.random, lambda: torch.rand(1)],
    ids=["python", "numpy", "torch"],
)
def test_a_draw_from_any_global_state_is_seen(draw):
    with pytest.raises(ViolationError), random_state_kept():
        draw()


def test_arrays_are_close_up_to_their_size_and_share_their_gaps():
    one = np.array([100.0, np.nan])
    require_close(one, one + 0.9, "close")
    for other in (one + 1.1, np.array([100.0, 1.0]), one[:1]):
        with pytest.raises(ViolationError):
            require_close(one, other, "close")


def test_pairs_differ_where_they_say_and_nowhere_else():
    before, after = other_test_part()
    assert torch.equal(before.targets[before.split.train], after.targets[after.split.train])
    assert not torch.equal(before.inputs[before.split.test], after.inputs[after.split.test])
    before, after = unlabelled_pair()
    differ = (before.inputs != after.inputs).any(1)
    assert differ.any()
    assert before.targets[differ].isnan().all()


def test_a_change_in_place_is_named():
    data = table()
    before = content(data)
    require_unchanged(before, content(data), "the data")
    data.targets[0] = 1 - data.targets[0]
    with pytest.raises(ViolationError, match="targets"):
        require_unchanged(before, content(data), "the data")
