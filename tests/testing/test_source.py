"""Sources of ours hold what is asked of others, and every check can fail."""

import itertools
import random
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch

from coterie.data.sources import SOURCES, RawData, Reading, TableSource, register
from coterie.data.sources.arrays import Arrays
from coterie.data.sources.files import Files
from coterie.data.sources.frames import Frame
from coterie.data.sources.tables import ArrowTable
from coterie.errors import CoterieError
from coterie.testing import CheckFailed, check_source, checks_of

EVER = itertools.count()
N = 120


@pytest.fixture(autouse=True)
def as_registered():
    """What a test registers is forgotten."""
    before = list(SOURCES)
    yield
    SOURCES[:] = before


def table(n=N):
    generator = np.random.default_rng(0)
    size = np.where(np.arange(n) % 7 == 0, np.nan, generator.normal(size=n))
    colour = np.where(np.arange(n) % 5 == 0, None, generator.choice(["red", "blue"], n))
    return pd.DataFrame({"size": size, "colour": colour, "y": np.arange(n) % 2})


class Box(list):
    """What the sources of these tests accept."""


class Boxed(TableSource):
    """A box with a frame, to be broken: ``after(table)`` is what is given."""

    sentence = "a box"
    after = staticmethod(lambda found: found)

    def accepts(self, source):
        return isinstance(source, Box)

    def table(self, source, how):
        if not isinstance(source[0], pd.DataFrame):
            raise CoterieError("`source` must be a box with a frame.")
        return self.after(pa.Table.from_pandas(source[0], preserve_index=False))


def source_that(after=None, **methods):
    more = {} if after is None else {"after": staticmethod(after)}
    return type("Broken", (Boxed,), {**methods, **more})()


def counted_from_one(self, source, how):
    raw = Boxed.read(self, source, how)
    return RawData(frame=raw.frame.set_index(np.arange(1, len(raw) + 1)), read=raw.read)


def ever_other(found):
    numbers = np.random.default_rng(next(EVER)).normal(size=len(found))
    return found.set_column(0, "size", pa.array(numbers))


def drawing(found):
    random.random()
    return found


def as_text(found):
    return found.set_column(0, "size", pa.array([f"size {i % 3}" for i in range(len(found))]))


def filled(found):
    return found.set_column(0, "size", found.column("size").fill_null(0.0))


def only_once(self, source, how):
    """A part has fewer rows than the whole."""
    return Boxed.table(self, source, how).slice(0, N - next(EVER) % 2)


def unpacked(self, source, how):
    return pa.Table.from_pandas(source[0], preserve_index=False)


BROKEN = {
    "registered": source_that(accepts=lambda self, source: False),
    "others": source_that(accepts=lambda self, source: not isinstance(source, str | Path)),
    "rows": source_that(read=counted_from_one),
    "twice": source_that(ever_other),
    "random state": source_that(drawing),
    "alike": source_that(as_text),
    "missing cells": source_that(filled),
    "parts": source_that(table=only_once),
    "refused": source_that(table=unpacked),
}
OPTIONS = {"source": Box([table()]), "targets": ["y"], "frame": table(), "refused": [Box([3])]}


@pytest.mark.parametrize("name", BROKEN)
def test_a_check_fails_on_what_violates_it(name):
    check = next(check for check in checks_of("source") if check.name == name)
    with pytest.raises(CheckFailed) as failed:
        check(register(BROKEN[name]), **OPTIONS)
    assert failed.value.check == name
    assert check.says in str(failed.value)


def test_every_check_is_seen_to_fail():
    assert {check.name for check in checks_of("source")} == set(BROKEN)


def test_what_they_are_broken_from_is_sound():
    assert check_source(register(Boxed()), **OPTIONS) == tuple(BROKEN)


def ours(kind):
    return next(source for source in SOURCES if type(source) is kind)


@pytest.mark.parametrize("suffix", ["csv", "parquet", "arrow"])
def test_files_hold_them_all(tmp_path, suffix):
    path, frame = tmp_path / f"table.{suffix}", table()
    write = {"csv": frame.to_csv, "parquet": frame.to_parquet, "arrow": frame.to_feather}[suffix]
    write(path, **({"index": False} if suffix == "csv" else {}))
    refused = [tmp_path / f"none.{suffix}", tmp_path]
    held = check_source(ours(Files), path, targets="y", frame=frame, refused=refused)
    assert held == tuple(BROKEN)


def test_frames_tables_and_arrays_hold_what_applies_to_them():
    frame = table()
    assert set(BROKEN) - set(check_source(ours(Frame), frame, targets="y", frame=frame)) == {
        "parts",
        "refused",
    }
    held = check_source(ours(ArrowTable), pa.Table.from_pandas(frame), targets="y", frame=frame)
    assert set(BROKEN) - set(held) == {"refused"}
    arrays = {"inputs": torch.rand(N, 3), "targets": frame["y"].to_numpy()}
    wrong = [{"inputs": torch.rand(3, 3), "targets": [0, 1]}]
    held = check_source(ours(Arrays), arrays, refused=wrong)
    assert held == ("registered", "others", "rows", "twice", "random state", "refused")


def test_read_alone_is_enough_for_rows():
    assert len(Boxed().read(Box([table()]), Reading())) == N
