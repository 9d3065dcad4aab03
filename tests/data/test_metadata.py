"""What a file says about itself."""

import json

import pandas as pd
import pyarrow as pa
import pytest

from coterie.data.metadata import (
    class_names,
    index_columns,
    metadata_of,
    named_labels,
    with_class_names,
)
from coterie.errors import CoterieError


def schema(**about):
    return pa.schema([("a", pa.int64())], metadata=about)


def test_json_is_decoded_and_other_text_stays():
    found = metadata_of(schema(targets='["a"]', note="as it is"))
    assert found == {"targets": ["a"], "note": "as it is"}
    assert metadata_of(pa.schema([])) == {}


def test_class_labels_of_hub_files_are_names_of_their_column():
    hub = {"info": {"features": {"kind": {"names": ["cat", "dog"]}, "x": {"dtype": "float"}}}}
    found = metadata_of(schema(huggingface=json.dumps(hub)))
    assert class_names(found, "kind") == ["cat", "dog"]
    assert class_names(found, "x") == []
    assert named_labels(found, ["kind", "x"]) == {"kind"}


@pytest.mark.parametrize(
    ("key", "column"), [("fine_names", "fine_label"), ("names", "label"), ("a_names", "a")]
)
def test_names_of_classes_are_found_by_the_name_of_the_column(key, column):
    assert class_names({key: ["u", "v"]}, column) == ["u", "v"]
    assert class_names({key: ["u", 3]}, column) == []


def test_names_that_do_not_fit_leave_numbers_alone():
    for values in ([0, 1, 2], [0.5, 1.0], [-2, 0]):
        column = pd.Series(values)
        assert with_class_names(column, ["u", "v"]) is column
    with pytest.raises(CoterieError, match="must have names that differ"):
        with_class_names(pd.Series([0, 1], name="y"), ["u", "u"])


def test_the_index_of_a_frame_is_remembered():
    table = pa.Table.from_pandas(pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name="who")))
    assert index_columns(metadata_of(table.schema)) == ("who",)
    assert index_columns({"pandas": "damaged"}) == ()
