"""What is known before the split."""

import numpy as np
import pandas as pd
import pytest

from coterie.data.labels import label
from coterie.data.recipes import recipe_of
from coterie.data.roles import Columns
from coterie.data.sources import read_source
from coterie.data.tables import Table
from coterie.errors import CoterieError

N = 40
RNG = np.random.default_rng(0)
FRAME = pd.DataFrame(
    {
        "who": [f"p{i}" for i in range(N)],
        "size": RNG.normal(size=N),
        "home": np.where(np.arange(N) % 8 == 0, None, (np.arange(N) // 4).astype(str)),
        "y": np.arange(N) % 2,
    }
)


def recipe(source=FRAME, **columns):
    raw, asked = read_source(source), Columns(targets=("y",), **columns)
    return recipe_of(raw, asked, label(raw, asked), overlap=False, missing=("NA",))


def test_inputs_are_the_columns_that_are_left_and_ids_the_one_that_numbers_rows():
    found = recipe(exclude=("home",))
    assert isinstance(found.stored, Table)
    assert list(found.stored.frame) == ["size"]
    assert found.ids.tolist() == FRAME["who"].tolist()
    assert found.missing == ("NA",)


def test_a_row_without_a_group_is_one_of_its_own():
    codes = recipe(group="home").groups.codes
    known = FRAME["home"].notna().to_numpy()
    assert len(np.unique(codes[~known])) == (~known).sum()
    assert not np.isin(codes[~known], codes[known]).any()
    assert len(np.unique(codes[known])) == FRAME["home"].nunique()


def test_arrays_that_count_rows_are_said():
    inputs = np.stack([np.arange(N), RNG.normal(size=N)], axis=1)
    notes = recipe({"inputs": inputs, "targets": {"y": FRAME["y"]}}).notes
    assert [note for note in notes if "may be a row number" in note] == [
        "Column 0 of `inputs` may be a row number: it counts the rows."
    ]


def test_there_must_be_an_input():
    with pytest.raises(CoterieError, match="No column is left to be an input"):
        recipe(FRAME[["who", "y"]])
