"""Densities of data maps, and their colours."""

from __future__ import annotations

import numpy as np
import pytest

from coterie.drawing import maps


def test_density_sums_to_one_over_what_was_seen() -> None:
    confidence = np.array([0.0, 1.0, 1.0, np.nan, 0.5], dtype=np.float16)
    variability = np.array([0.0, 0.0, 0.71, 0.1, np.nan], dtype=np.float16)
    shares = maps.density(confidence, variability, bins=4)
    assert shares.sum() == 1
    assert shares[0, 0] == shares[3, 0] == shares[3, 3] == pytest.approx(1 / 3)
    assert maps.density(np.full(3, np.nan), np.full(3, np.nan)).sum() == 0


def test_one_example_is_always_visible_and_nothing_is_empty() -> None:
    limits = maps.density_limits([np.array([[0.0, 0.001, 0.999]])])
    assert maps.shades(np.array([[0.0, 0.001, 0.999]]), limits)[0].tolist() == pytest.approx(
        [0, np.log(2) / np.log(1998), 1]
    )
    assert maps.density_limits([]) == maps.density_limits([np.zeros((2, 2))])
