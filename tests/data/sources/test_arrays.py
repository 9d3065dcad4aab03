"""Inputs that come with their targets."""

import numpy as np
import pandas as pd
import pytest

from coterie.data.sources import read_source
from coterie.errors import CoterieError


def test_targets_of_a_frame_keep_their_names_and_are_read_as_its_columns_are():
    targets = pd.DataFrame({"a": ["1", "NA"], "b": [True, False]})
    raw = read_source({"inputs": np.zeros((2, 3)), "targets": targets})
    assert list(raw.frame) == ["a", "b"]
    assert raw.frame["a"].isna().tolist() == [False, True]
    assert raw.inputs.shape == (2, 3)


def test_lengths_must_agree():
    with pytest.raises(CoterieError, match="same length; found 2 and 3"):
        read_source({"inputs": np.zeros((2, 3)), "targets": [0, 1, 0]})
