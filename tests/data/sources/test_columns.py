"""Columns to frames, with the one of images apart."""

import pyarrow as pa
import pytest

from coterie.data.sources import Reading
from coterie.data.sources._columns import from_columns, from_table
from coterie.errors import CoterieError

IMAGES = pa.array([{"bytes": b"a", "path": None}, {"bytes": b"b", "path": None}])
PLAIN = pa.array(["1", "2"])


def test_images_are_found_by_their_type_and_are_no_column_of_the_frame():
    raw = from_table(pa.table({"photo": IMAGES, "y": PLAIN}), Reading())
    assert (raw.image_column, list(raw.frame), raw.frame["y"].tolist()) == ("photo", ["y"], [1, 2])
    assert raw.images.to_pylist() == IMAGES.to_pylist()


def test_of_two_columns_of_images_the_one_that_is_named_is_read():
    table = pa.table({"one": IMAGES, "two": IMAGES, "y": PLAIN})
    raw = from_table(table, Reading(image_column="two"))
    assert (raw.image_column, raw.images.to_pylist()) == ("two", IMAGES.to_pylist())
    assert "'two' is read, 'one' left out" in raw.notes[0]


@pytest.mark.parametrize(
    ("asked", "said"), [("none", "is no column; columns are y"), ("y", "holds no encoded images")]
)
def test_a_column_that_is_none_of_images_is_named(asked, said):
    columns = {"y": [1, 2]} if asked == "y" else {"y": pa.chunked_array([PLAIN])}
    with pytest.raises(CoterieError, match=f"`image_column` {asked!r} {said}"):
        from_columns(columns, Reading(image_column=asked))


def test_a_name_may_occur_once():
    table = pa.table([PLAIN, PLAIN], names=["y", "y"])
    with pytest.raises(CoterieError, match="Column 'y' occurs more than once"):
        from_table(table, Reading())


def test_decimal_commas_are_numbers_where_semicolons_separate():
    cells = {"x": pa.chunked_array([["1,5", "2"]])}
    assert from_columns(cells, Reading(), decimal_comma=True).frame["x"].tolist() == [1.5, 2.0]
    assert from_columns(cells, Reading()).frame["x"].tolist() == ["1,5", "2"]
