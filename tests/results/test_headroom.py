"""What a bound says, in words and in files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import coterie as ct
from coterie.errors import CoterieError


def made(**changed):
    subsets = np.array([[1, 1, 1], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]]) > 0
    found = ct.Headroom(
        tasks=("a", "b", "c"),
        n_groups=2,
        margin=1.0,
        low=0.1,
        estimate=0.4,
        bound=0.6,
        overlapping_bound=0.7,
        joint=np.array([80.0, 70.0, 60.0]),
        single=np.array([79.0, 71.0, 60.0]),
        subset_variance=np.array([0.25, 0.0, 0.0]),
        seed_variance=np.array([1.0, 4.0, 1.0]),
        pairs_met=1.0,
        subsets=subsets,
        scores=np.where(subsets, 0.75, np.nan)[None].repeat(2, axis=0),
    )
    return replace(found, **changed)


@pytest.mark.parametrize(
    ("changed", "below", "enough", "said"),
    [
        ({}, True, True, "No grouping into 2 models can gain more than 0.6 points"),
        (
            {"estimate": 1.4, "bound": 2.0, "overlapping_bound": 2.0},
            *(False, True, "gains about 1.4 and at most 2.0 points"),
        ),
        (
            {"bound": 2.0, "overlapping_bound": 2.5},
            *(False, False, "Whether it can gain 1.0 is not settled"),
        ),
        # Settled, whatever pairs that were never together could do: they are in the bound.
        ({"pairs_met": 0.5}, True, True, "can gain more than 0.6 points"),
        (
            {"pairs_met": 2 / 3, "bound": 2.0, "overlapping_bound": 2.5},
            *(False, False, "33 % of the pairs of tasks were never trained together: more rows"),
        ),
        (
            {"pairs_met": 0.999, "estimate": 1.4, "bound": 2.0, "overlapping_bound": 2.5},
            *(False, False, "gains at most 2.0 points"),
        ),
    ],
)
def test_sentences(changed, below, enough, said):
    found = made(**changed)
    assert (found.below_margin, found.enough) == (below, enough)
    assert said in found.sentence
    assert "3 tasks (95 %)" in found.sentence
    assert found.to_dict()["sentence"] == found.sentence


def test_what_is_settled_asks_for_no_more_rows():
    assert "more rows" not in made(pairs_met=0.5).sentence
    hardly_any = made(pairs_met=0.999, bound=2.0, overlapping_bound=2.5).sentence
    assert hardly_any.endswith(
        "1 % of the pairs of tasks were never trained together: more rows (`--rows`) may lower this."
    )


def test_it_is_read_as_it_was_written(tmp_path):
    found = made(details={"seed": 3})
    found.save(tmp_path / "h.safetensors")
    again = ct.Headroom.load(tmp_path / "h.safetensors")
    assert again.to_dict() == found.to_dict()
    np.testing.assert_array_equal(again.scores, found.scores)
    np.testing.assert_array_equal(again.subsets, found.subsets)
    assert repr(again) == (
        "Headroom(2 groups of 3 tasks: about 0.40, at most 0.60 points over joint)"
    )
    assert again.frame.loc["b", "between seeds"] == 2


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"bound": 0.3}, "must rise"),
        ({"n_groups": 4}, "n_groups"),
        ({"margin": -1.0}, "margin"),
        ({"joint": np.zeros(2)}, "joint"),
        ({"tasks": ("a", "a", "b")}, "'a'"),
    ],
)
def test_what_does_not_fit_is_refused(changed, said):
    with pytest.raises(CoterieError, match=said):
        made(**changed)
