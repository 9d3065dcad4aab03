"""The tasks that target columns make."""

import numpy as np
import pandas as pd
import pytest

from coterie.data.labels import label
from coterie.data.roles import Columns
from coterie.data.sources import RawData
from coterie.errors import CoterieError

RAW = RawData(
    frame=pd.DataFrame(
        {
            "kind": ["cat", "dog", None, "cow"],
            "ill": ["no", "yes", "no", None],
            "cat": [0, 1, 1, 0],
            "weight": [4.5, 30.0, np.nan, 700.25],
        }
    )
)


def test_columns_and_one_vs_rest_stand_side_by_side():
    found = label(RAW, Columns(targets=("ill", "weight"), one_vs_rest="kind"))
    assert [task.name for task in found.tasks] == ["ill", "weight", "cat", "cow", "dog"]
    np.testing.assert_array_equal(found.values[0], [0, 4.5, 1, 0, 0])
    assert np.isnan(found.values[2, 2:]).all()
    assert found.strata is None


@pytest.mark.parametrize("columns", [{"targets": ("kind",)}, {"one_vs_rest": "kind"}])
def test_one_column_of_classes_is_split_by_its_classes(columns):
    assert label(RAW, Columns(**columns)).strata.tolist() == [0, 2, -1, 1]


def test_numbers_have_no_strata():
    assert label(RAW, Columns(targets=("weight",))).strata is None


def test_kinds_and_positives_are_by_target():
    columns = Columns(targets=("ill", "weight"))
    found = label(RAW, columns, {"weight": "regression"}, {"ill": "no"})
    assert found.tasks[0].classes == ("yes", "no")
    for arguments, said in (
        (({"size": "count"}, None), "`kinds` names 'size', which is no target"),
        (({"ill": "rank"}, None), "`kinds` must be one of .* found 'rank' for 'ill'"),
        ((None, {"size": 1}), "`positive` names 'size', which is no target"),
    ):
        with pytest.raises(CoterieError, match=said):
            label(RAW, columns, *arguments)


def test_two_tasks_of_one_name_are_refused():
    with pytest.raises(CoterieError, match="Two tasks are called 'cat'"):
        label(RAW, Columns(targets=("cat",), one_vs_rest="kind"))
