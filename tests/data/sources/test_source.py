"""Kinds of sources, one asked after the other."""

import pandas as pd
import pyarrow as pa
import pytest

from coterie.data import load
from coterie.data.sources import SOURCES, Reading, Source, TableSource, read_source, register
from coterie.errors import CoterieError


class Shout(TableSource):
    """A text in capitals: its letters."""

    sentence = "a text in capitals"

    def accepts(self, source):
        return isinstance(source, str) and source.isupper()

    def table(self, source, how):
        return pa.table({"letter": list(source), "place": range(len(source))})


@pytest.fixture
def shout():
    before = list(SOURCES)
    yield register(Shout())
    SOURCES[:] = before


def test_one_of_ones_own_is_asked_first_and_named_where_none_accepts(shout):
    assert read_source("ABBA").frame["letter"].tolist() == ["A", "B", "B", "A"]
    with pytest.raises(CoterieError, match=r"must be a text in capitals, 'digits', a path .* or a"):
        read_source(3)


def test_a_class_that_is_defined_again_takes_its_own_place(shout):
    again = register(Shout())
    assert [type(source) for source in SOURCES].count(Shout) == 1
    assert SOURCES[0] is again is not shout


def test_a_table_may_be_a_part(shout):
    raw = read_source({"train": "ABAB", "test": pa.table({"letter": ["B"], "place": [7]})})
    assert raw.part.tolist() == [0, 0, 0, 0, 2]
    assert raw.frame["place"].tolist() == [0, 1, 2, 3, 7]


def test_cells_of_any_table_are_read_by_the_same_rules(shout):
    data = load("ABAB" * 20, targets="letter", keep="place")
    assert data.tasks[0].classes == ("A", "B")
    assert read_source("AB", Reading(missing=("A",))).frame["letter"].isna().tolist() == [
        True,
        False,
    ]


@pytest.mark.parametrize("wrong", [Shout, 3, type("Mute", (Shout,), {"sentence": None})()])
def test_what_is_no_kind_of_source_is_refused(wrong):
    with pytest.raises(CoterieError, match="`source` must be an object of a subclass of Source"):
        register(wrong)


def test_each_of_ours_has_a_sentence_of_its_own_and_refuses_to_be_abstract():
    sentences = [source.sentence for source in SOURCES]
    assert len(set(sentences)) == len(sentences) == 8
    with pytest.raises(TypeError, match="abstract"):
        Source()


def test_names_are_for_sources_that_have_none():
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    with pytest.raises(CoterieError, match="`names` is for targets without names"):
        read_source(frame, Reading(names=("b",)))
    arrays = {"inputs": [[1.0], [2.0]], "targets": [0, 1]}
    assert list(read_source(arrays, Reading(names=("b",))).frame) == ["b"]


def test_an_empty_source_is_named():
    with pytest.raises(CoterieError, match="`source` is empty"):
        read_source(pd.DataFrame({"a": []}))
