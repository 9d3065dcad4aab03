"""What is told of diversity."""

from __future__ import annotations

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.results import Diversity
from tests.results.made import diversity


def test_means_are_of_cells_where_it_is_known():
    assert diversity().means == [("distilled", 0.875, 0.5), ("real", 0.75, 0.75)]
    assert diversity().frame.loc["real", "pairwise"] == 0.75
    assert repr(diversity()).startswith("Diversity(distilled: similarity to the centroid 0.875")


def test_of_single_examples_there_is_no_distance():
    one = np.ones((1, 2))
    found = Diversity(sets=("a",), cells=np.arange(2), centroid=one, pairwise=one * np.nan)
    assert np.isnan(found.means[0][2])


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(CoterieError):
        Diversity(
            sets=("a",), cells=np.arange(2), centroid=np.ones((1, 3)), pairwise=np.ones((1, 2))
        )
