"""Splits: disjoint, complete, fair, and whole by group."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.data.splits import assign_parts, check_fractions, given_parts
from coterie.errors import CoterieError

FRACTIONS = (0.6, 0.2, 0.2)


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 300), seed=st.integers(0, 99))
def test_every_example_has_one_part_of_the_right_size(n: int, seed: int) -> None:
    parts = assign_parts(n, FRACTIONS, np.random.default_rng(seed))
    assert parts.shape == (n,)
    assert set(parts) <= {0, 1, 2}
    assert np.abs(np.bincount(parts, minlength=3) - n * np.array(FRACTIONS)).max() <= 1


@settings(max_examples=40, deadline=None)
@given(labels=st.lists(st.integers(0, 3), min_size=20, max_size=200), seed=st.integers(0, 99))
def test_strata_keep_their_shares(labels: list[int], seed: int) -> None:
    strata = np.array(labels)
    parts = assign_parts(len(strata), FRACTIONS, np.random.default_rng(seed), strata=strata)
    for stratum in np.unique(strata):
        counts = np.bincount(parts[strata == stratum], minlength=3)
        assert np.abs(counts - (strata == stratum).sum() * np.array(FRACTIONS)).max() <= 1


@pytest.mark.parametrize("n_rows", [1, 2, 3, 4])
def test_small_strata_share_the_parts_out(n_rows: int) -> None:
    strata = np.repeat(np.arange(20), n_rows)
    parts = assign_parts(len(strata), FRACTIONS, np.random.default_rng(0), strata=strata)
    assert np.bincount(parts, minlength=3) / len(parts) == pytest.approx(FRACTIONS)
    if n_rows > 1:
        assert len(np.unique(strata[parts == 0])) == 20
    other = assign_parts(len(strata), FRACTIONS, np.random.default_rng(1), strata=strata)
    assert (parts != other).any()


@settings(max_examples=40, deadline=None)
@given(groups=st.lists(st.integers(0, 30), min_size=1, max_size=200), seed=st.integers(0, 99))
def test_groups_stay_whole(groups: list[int], seed: int) -> None:
    codes = np.array(groups)
    parts = assign_parts(len(codes), FRACTIONS, np.random.default_rng(seed), groups=codes)
    for group in np.unique(codes):
        assert len(np.unique(parts[codes == group])) == 1


def test_groups_come_near_the_fractions() -> None:
    groups = np.random.default_rng(0).integers(0, 200, 2000)
    parts = assign_parts(2000, FRACTIONS, np.random.default_rng(1), groups=groups)
    assert np.allclose(np.bincount(parts) / 2000, FRACTIONS, atol=0.02)


def test_a_seed_decides() -> None:
    first, again, other = (
        assign_parts(100, FRACTIONS, np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_given_parts_reads_words_and_numbers() -> None:
    assert given_parts(
        np.array(["Train", "valid", "validation", "val", "test"], dtype=object), "fold"
    ).tolist() == [
        0,
        1,
        1,
        1,
        2,
    ]
    assert given_parts(np.array([0.0, 1.0, 2.0]), "fold").tolist() == [0, 1, 2]


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(CoterieError, match=r"'fold' may hold .*found 'holdout'"):
        given_parts(np.array(["train", "holdout"]), "fold")


@pytest.mark.parametrize("split", [(0.5, 0.5), (0.8, 0.2, 0.0), (0.5, 0.5, 0.5)])
def test_wrong_fractions(split: tuple[float, ...]) -> None:
    with pytest.raises(CoterieError, match="`split` must be three positive fractions"):
        check_fractions(split)
