"""Preprocessing: plain numbers that do exactly what scikit-learn does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from coterie.data.fit_preprocessing import fit_table
from coterie.errors import CoterieError


def test_whole_floats_and_integers_are_one_category() -> None:
    fitted, _ = fit_table(pd.DataFrame({"code": pd.Categorical([1, 2])}), [], ["code"])
    assert fitted.table(pd.DataFrame({"code": [1.0, np.nan]})).tolist() == [[1.0, 0.0], [1.0, 0.0]]


def test_new_tables_are_checked() -> None:
    fitted, _ = fit_table(pd.DataFrame({"size": [1.0, 2.0]}), ["size"], [])
    with pytest.raises(CoterieError, match="lacks the column 'size'"):
        fitted.table(pd.DataFrame({"weight": [1.0]}))
    with pytest.raises(CoterieError, match="'size' must hold numbers; found 'big' in row 1"):
        fitted.table(pd.DataFrame({"size": ["1", "big"]}))
    with pytest.raises(CoterieError, match="'size' holds an infinite value in row 0"):
        fitted.table(pd.DataFrame({"size": [np.inf]}))
