"""Arrow tables."""

import pyarrow as pa

from coterie.data.sources import read_source


def test_class_names_and_labels_of_the_metadata_are_used():
    about = {"y_names": '["no", "yes"]', "targets": '["y"]', "pandas": '{"index_columns": ["x"]}'}
    table = pa.table({"y": [1, 0, -1], "x": [5, 6, 7]}).replace_schema_metadata(about)
    raw = read_source(table)
    assert raw.frame["y"].tolist()[:2] == ["yes", "no"]
    assert raw.frame["y"].isna().tolist() == [False, False, True]
    assert (raw.labels, raw.index) == ({"y"}, ("x",))
