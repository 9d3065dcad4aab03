"""The same cells mean the same in every format."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.data import load
from coterie.data.cells import read_cells, reading_notes, to_arrow
from coterie.errors import CoterieError
from coterie.tasks import Kind

N = 240
datasets.disable_progress_bars()
words = st.sampled_from(
    [
        "yes",
        "no",
        "NA",
        "nan",
        "",
        "?",
        "007",
        "7",
        "7.0",
        "True",
        "false",
        " no",
        "b",
        "1e3",
        "Null",
        "x,y",
        "ü",
    ]
)


def formats(frame: pd.DataFrame, folder: Path) -> dict[str, Any]:
    """The same text cells in every format; the empty cell is empty text in all of them."""
    frame.to_csv(folder / "t.csv", index=False)
    frame.to_csv(folder / "t16.csv", index=False, encoding="utf-16")
    frame.to_csv(folder / "t.tsv", index=False, sep="\t")
    table = pa.table({name: pa.array(frame[name].tolist(), pa.string()) for name in frame})
    pq.write_table(table, folder / "t.parquet")
    pyarrow.feather.write_feather(table, folder / "t.arrow")
    binary = table.set_column(0, table.column_names[0], table.column(0).cast(pa.binary()))
    pq.write_table(binary, folder / "bytes.parquet")
    return {
        **{
            name: folder / name
            for name in ("t.csv", "t16.csv", "t.tsv", "t.parquet", "t.arrow", "bytes.parquet")
        },
        "frame": frame,
        "object frame": frame.astype(object),
        "hub": datasets.Dataset(table),
    }


def meaning(source: Any, **options: Any) -> Any:
    """What a source says, or why it is refused."""
    try:
        data = load(source, targets=["y"], rare="drop", **options)
    except CoterieError as error:
        return str(error)
    return (
        data.tasks[0].kind,
        data.tasks[0].classes,
        data.targets.numpy().tobytes(),
        data.preprocessing,
        sorted(data.notes),
    )


@settings(max_examples=25, deadline=None)
@given(cells=st.lists(words, min_size=2, max_size=5, unique=True), seed=st.integers(0, 9))
def test_every_format_reads_the_same_text_alike(
    cells: list[str], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    generator = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "y": generator.choice(cells, N),
            "word": generator.choice(cells, N),
            "x": generator.normal(size=N).round(3).astype(str),
        }
    )
    found = {
        name: meaning(source)
        for name, source in formats(frame, tmp_path_factory.mktemp("cells")).items()
    }
    expected = found.pop("t.parquet")
    assert found == dict.fromkeys(found, expected)


@pytest.mark.parametrize(
    ("values", "kind", "classes"),
    [
        (["007", "012", "030"], Kind.MULTICLASS, ("007", "012", "030")),
        (["TRUE", "False", "true"], Kind.BINARY, ("false", "true")),
        ([" no", "no ", "yes"], Kind.BINARY, ("no", "yes")),
        (["10", "9", "2"], Kind.MULTICLASS, ("2", "9", "10")),
        (["1.0", "2.0", "3"], Kind.MULTICLASS, ("1", "2", "3")),
        (
            ["12345678901234567890", "12345678901234567891", "12345678901234567892"],
            Kind.MULTICLASS,
            None,
        ),
        (["+1", "-1", "0"], Kind.MULTICLASS, ("-1", "0", "1")),
        ([True, False, True], Kind.BINARY, ("false", "true")),
        ([True, "unknown", False], Kind.MULTICLASS, ("false", "true", "unknown")),
        ([1.0, "a", "b"], Kind.MULTICLASS, ("1", "a", "b")),
        ([Decimal(1), Decimal(2), Decimal(3)], Kind.MULTICLASS, ("1", "2", "3")),
        ([b"low", b"high", b"mid"], Kind.MULTICLASS, ("high", "low", "mid")),
        ([2**60, 2**60 + 1, 5], Kind.MULTICLASS, ("5", str(2**60), str(2**60 + 1))),
    ],
)
def test_classes_are_named_as_written(
    values: list[Any], kind: Kind, classes: tuple[str, ...] | None
) -> None:
    frame = pd.DataFrame(
        {"y": pd.Series(values * 80), "x": np.random.default_rng(0).normal(size=3 * 80)}
    )
    task = load(frame, targets=["y"]).tasks[0]
    assert (task.kind, task.classes) == (kind, classes or tuple(sorted(values)))


def test_a_gap_does_not_change_the_kind() -> None:
    whole = np.tile([1.0, 2.0, 3.0, 4.0], 30)
    gap = np.where(np.arange(120) % 10 == 0, np.nan, whole)
    for values in (
        whole,
        gap,
        whole.astype(int),
        pd.Series(gap).astype("Int64"),
        pd.Series(gap, dtype="Float32"),
    ):
        task = load(
            pd.DataFrame({"y": values, "x": np.random.default_rng(0).normal(size=120)}),
            targets=["y"],
        ).tasks[0]
        assert (task.kind, task.classes) == (Kind.MULTICLASS, ("1", "2", "3", "4"))


def test_ordered_categories_keep_their_order_through_files(tmp_path: Path) -> None:
    grade = pd.Categorical(
        ["mid", "low", "high"] * 40, categories=["low", "mid", "high"], ordered=True
    )
    pair = pd.Categorical(["hi", "lo", "lo"] * 40, categories=["lo", "hi"], ordered=True)
    frame = pd.DataFrame(
        {"grade": grade, "pair": pair, "x": np.random.default_rng(0).normal(size=120)}
    )
    frame.to_parquet(tmp_path / "t.parquet")
    pyarrow.feather.write_feather(frame, tmp_path / "t.arrow")
    for source in (frame, tmp_path / "t.parquet", tmp_path / "t.arrow"):
        tasks = load(source, targets=["grade", "pair"]).tasks
        assert [task.classes for task in tasks] == [("low", "mid", "high"), ("lo", "hi")]


def test_words_for_missing_cells_are_named_and_can_be_chosen(tmp_path: Path) -> None:
    region = np.array(["NA", "EU", "AS", "none"])[np.arange(120) % 4]
    frame = pd.DataFrame({"region": region, "x": np.random.default_rng(0).normal(size=120)})
    frame.to_csv(tmp_path / "t.csv", index=False)
    for source in (frame, tmp_path / "t.csv"):
        data = load(source, targets=["region"])
        assert data.tasks[0].classes == ("AS", "EU", "none")
        assert "30 cells 'NA' read as missing in 'region'." in data.notes
        assert load(source, targets=["region"], na=()).tasks[0].classes == (
            "AS",
            "EU",
            "NA",
            "none",
        )
        assert load(source, targets=["region"], na=["none", "AS"]).tasks[0].classes == ("EU", "NA")


def test_declared_categories_are_no_missing_words() -> None:
    region = pd.Categorical(["NA", "EU", "AS"] * 40, categories=["EU", "NA", "AS"], ordered=True)
    data = load(
        pd.DataFrame({"region": region, "x": np.random.default_rng(0).normal(size=120)}),
        targets=["region"],
    )
    assert data.tasks[0].classes == ("EU", "NA", "AS")
    assert not data.targets.isnan().any()


def test_nan_is_never_a_class() -> None:
    for values in (
        ["a", "b", float("nan")],
        ["a", "b", None],
        ["a", "b", pd.NA],
        ["a", "b", "nan"],
    ):
        frame = pd.DataFrame(
            {
                "y": pd.Series(values * 80, dtype=object),
                "x": np.random.default_rng(0).normal(size=N),
            }
        )
        data = load(frame, targets=["y"])
        assert data.tasks[0].classes == ("a", "b")
        assert data.targets.isnan().sum() == 80


def test_bytes_that_are_no_text_are_named(tmp_path: Path) -> None:
    cells = pa.array([b"gr\xfcn", b"rot"] * 120, pa.binary())
    pq.write_table(
        pa.table({"y": cells, "c": cells, "x": np.random.default_rng(0).normal(size=N)}),
        tmp_path / "t.parquet",
    )
    with pytest.raises(CoterieError, match="Target 'y' holds bytes that are no UTF-8 text"):
        load(tmp_path / "t.parquet", targets=["y"])


def test_what_was_interpreted_is_said_with_names_and_counts() -> None:
    table = {
        "zip": ["01234", "02139"],
        "gap": ["?", "1"],
        "void": ["?", ""],
        "space": [" a", "b"],
        "long": ["1234567890123456", "2"],
    }
    read = {name: read_cells(pa.chunked_array([cells])) for name, cells in table.items()}
    assert reading_notes(read, list(table)) == [
        "Column 'zip' is read as text, because it has leading zeros.",
        "Column 'long' is read as text, because its numbers have more than 15 digits.",
        "2 cells '?' read as missing in 'gap', 'void'.",
        "Spaces around 1 cell dropped in 'space'.",
    ]
    assert reading_notes(read, ["gap"]) == ["1 cell '?' read as missing in 'gap'."]


@settings(max_examples=60, deadline=None)
@given(values=st.lists(st.one_of(st.floats(allow_nan=False), st.none()), min_size=1, max_size=20))
def test_numbers_survive_their_text(values: list[float | None]) -> None:
    text = pa.chunked_array([["" if value is None else repr(value) for value in values]])
    expected = np.array([np.nan if value is None else value for value in values])
    np.testing.assert_array_equal(read_cells(text).values.to_numpy(dtype=float), expected)


def test_objects_that_are_no_cells_stay_what_they_are() -> None:
    assert to_arrow(pd.Series([{1}, 2, "x"], dtype=object)) is None
    assert to_arrow(pd.Series([1 + 2j])) is None
    assert to_arrow(pd.Series(pd.period_range("2020", periods=2, freq="D"))) is None


def test_empty_text_is_missing_in_text_tables() -> None:
    buffer = io.BytesIO(b"x,y\n1,a\n,b\n3,\n")
    table = pyarrow.csv.read_csv(
        buffer,
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={"x": pa.string(), "y": pa.string()}
        ),
    )
    assert read_cells(table["x"]).values.tolist()[1] != read_cells(table["x"]).values.tolist()[1]
    assert read_cells(table["y"]).values.isna().tolist() == [False, False, True]
