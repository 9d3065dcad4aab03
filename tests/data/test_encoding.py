"""From columns to tasks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from coterie.data.cells import read_cells, to_arrow
from coterie.data.encoding import encode_column, long_form, one_vs_rest
from coterie.data.metadata import with_class_names
from coterie.errors import CoterieError
from coterie.tasks import Kind


def read_column(column: pd.Series) -> pd.Series:
    """A column as the sources give it."""
    cells = to_arrow(column)
    return column if cells is None else read_cells(cells).values.rename(column.name)


@pytest.mark.parametrize(
    ("values", "kind", "classes", "codes"),
    [
        ([0, 1, 1], Kind.BINARY, ("0", "1"), [0, 1, 1]),
        ([True, False, None], Kind.BINARY, ("false", "true"), [1, 0, np.nan]),
        (["yes", "no", "yes"], Kind.BINARY, ("no", "yes"), [1, 0, 1]),
        ([-1.0, 1.0, np.nan], Kind.BINARY, ("-1", "1"), [0, 1, np.nan]),
        (["b", "a", None, "c"], Kind.MULTICLASS, ("a", "b", "c"), [1, 0, np.nan, 2]),
        ([3, 5, 9], Kind.MULTICLASS, ("3", "5", "9"), [0, 1, 2]),
        ([3.0, 5.0, 9.0, None], Kind.MULTICLASS, ("3", "5", "9"), [0, 1, 2, np.nan]),
        ([3.0, 5.0, 9.0], Kind.MULTICLASS, ("3", "5", "9"), [0, 1, 2]),
        (list(range(21)), Kind.REGRESSION, (), list(range(21))),
        (["1.5", "2.5", "3"], Kind.REGRESSION, (), [1.5, 2.5, 3]),
    ],
)
def test_kinds_are_inferred(
    values: list[Any], kind: Kind, classes: tuple[str, ...], codes: list[float]
) -> None:
    task, encoded = encode_column(read_column(pd.Series(values, name="y")))
    assert (task.name, task.kind, task.classes) == ("y", kind, classes)
    np.testing.assert_array_equal(encoded, codes)


def test_kinds_can_be_overridden() -> None:
    assert encode_column(pd.Series([1, 2, 3], name="y"), Kind.REGRESSION)[0].kind is Kind.REGRESSION
    assert len(encode_column(pd.Series(range(30), name="y"), Kind.MULTICLASS)[0].classes) == 30
    with pytest.raises(CoterieError, match="'y' has 3 distinct values; a binary target has two"):
        encode_column(pd.Series([1, 2, 3], name="y"), Kind.BINARY)


def test_class_names_of_the_metadata_are_used() -> None:
    named = lambda codes, names: encode_column(with_class_names(pd.Series(codes, name="y"), names))  # noqa: E731
    names = ["cat", "dog", "cow"]
    for codes in ([2, 0, 2], [2, 0, 1]):  # a class that happens to be absent is still one of three
        task, found = named(codes, names)
        assert (task.kind, task.classes, found.tolist()) == (
            Kind.MULTICLASS,
            ("cat", "dog", "cow"),
            codes,
        )
    assert named([2, 0, 9], names)[0].classes == ("0", "2", "9")
    task, found = named([1, -1, 0], ["no", "yes"])
    assert (task.kind, task.classes) == (Kind.BINARY, ("no", "yes"))
    np.testing.assert_array_equal(found, [1, np.nan, 0])
    many = named(np.arange(60) % 30, [f"c{i}" for i in range(30)])[0]
    assert (many.kind, len(many.classes)) == (Kind.MULTICLASS, 30)


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ([1, 1, None], None, "'y' is constant: every label is '1'"),
        ([None, None], None, "'y' has no label at all"),
        ([1, 2, "3,5", 4, 5], None, "'y' must hold numbers; found the text '3,5' in row 2"),
        (
            ["low", "high", "mid"],
            Kind.REGRESSION,
            "'y' must hold numbers; found the text 'low' in row 0",
        ),
        (
            [f"name {i}" for i in range(21)],
            None,
            "'y' is text with 21 distinct values in 21 labels; up to 20",
        ),
        ([0.5, np.inf, 2.5, 1.0], None, "'y' holds an infinite value in row 1"),
        (pd.date_range("2020", periods=4), None, "'y' holds dates"),
        (
            [dt.date(2020, 1, 1), dt.date(2020, 1, 2), None],
            None,
            "'y' holds dates; it must hold numbers or classes",
        ),
        ([dt.time(1), dt.time(2)], Kind.MULTICLASS, "'y' holds dates"),
        ([[0], [1], [0]], None, "'y' holds lists or structures; it must hold numbers or classes"),
        ([None, {"a": 0}, {"a": 1}], Kind.BINARY, "'y' holds lists or structures"),
        ([np.zeros(1), np.ones(1)], Kind.REGRESSION, "'y' holds lists or structures"),
    ],
)
def test_bad_targets_are_named(values: Any, kind: Kind | None, message: str) -> None:
    with pytest.raises(CoterieError, match=message):
        encode_column(read_column(pd.Series(values, name="y")), kind)


def test_one_vs_rest_keeps_missing_labels_missing() -> None:
    tasks, values = one_vs_rest(pd.Series(["b", None, "a"], name="y"))
    assert [task.name for task in tasks] == ["a", "b"]
    np.testing.assert_array_equal(values, [[0, 1], [np.nan, np.nan], [1, 0]])


def test_long_form_has_one_label_in_each_row() -> None:
    labels = long_form(
        pd.Series([1.5, 2.5, np.nan, 4.5], name="y"), pd.Series(["u", "v", "u", None], name="who")
    )
    assert [task.name for task in labels.tasks] == ["who u", "who v"]
    assert all(task.kind is Kind.REGRESSION for task in labels.tasks)
    np.testing.assert_array_equal(
        labels.values, [[1.5, np.nan], [np.nan, 2.5], [np.nan, np.nan], [np.nan, np.nan]]
    )
