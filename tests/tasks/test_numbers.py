"""Kinds whose labels are numbers."""

import pandas as pd
import pytest
import torch

from coterie.data.columns import TargetColumn
from coterie.errors import CoterieError
from coterie.tasks import Kind, Task
from coterie.tasks._numbers import finite


@pytest.mark.parametrize(
    ("cells", "said"),
    [([1.0, "two"], "found the text 'two' in row 1"), ([1.0, float("inf")], "infinite .* row 1")],
)
def test_what_is_no_number_is_named_with_its_row(cells, said):
    with pytest.raises(CoterieError, match=said):
        finite(TargetColumn(pd.Series(cells, name="y")))


def test_a_table_of_predictions_has_one_column_and_gaps_for_what_is_no_number():
    (column,) = Kind.REGRESSION.columns(
        torch.tensor([[1.5], [torch.nan]]), Task(name="y", kind="count")
    )
    assert column.to_pylist() == [1.5, None]
    assert Kind.REGRESSION.fits(())
    assert not Kind.REGRESSION.fits(("a", "b"))
