"""Data sets of ``datasets`` are known by what they are, without the library."""

import pyarrow as pa
import pytest

from coterie.data.sources import read_source
from coterie.data.sources.hub import is_of_datasets
from coterie.errors import CoterieError


class Streamed:
    """As ``datasets.IterableDataset`` looks."""

    def with_format(self, kind):
        raise AssertionError("it is not read")


class InMemory(Streamed):
    """As ``datasets.Dataset`` looks."""

    num_rows = 2

    def __getitem__(self, rows):
        return pa.table({"a": [1, 2]})[rows]

    def with_format(self, kind):
        assert kind == "arrow"
        return self


Streamed.__module__ = InMemory.__module__ = "datasets.looks_like_it"


def test_what_lies_in_memory_is_read_as_arrow():
    assert is_of_datasets(InMemory())
    assert read_source(InMemory()).frame["a"].tolist() == [1, 2]


def test_streams_are_refused():
    with pytest.raises(CoterieError, match="that lies on disk or in memory"):
        read_source(Streamed())


def test_other_modules_are_not_of_the_library():
    assert not is_of_datasets(pa.table({"a": [1]}))
