"""Tables of scores and their files."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.results import ScoreTable


def table():
    scores = np.array(
        [[0.5, np.nan, np.nan], [0.75, 0.25, np.nan], [np.nan, 0.1, 0.2], [0.6, np.nan, np.nan]]
    )
    return ScoreTable(
        tasks=("b", "a", "c"),
        subsets=~np.isnan(scores),
        scores=scores,
        costs=np.array([0.5, 1.0, 1.0, 1.0]),
        details={"candidates": "by hand", "seeds": 5},
        resources={"memory": np.array([1.0, 4.0, 4.5, 2.0])},
    )


def assert_equal(one, other):
    assert one.tasks == other.tasks
    for name in ("subsets", "scores", "costs"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    np.testing.assert_equal(dict(one.resources), dict(other.resources))


def test_parquet_keeps_everything(tmp_path):
    table().save(tmp_path / "scores.parquet")
    again = ScoreTable.load(tmp_path / "scores.parquet")
    assert_equal(again, table())
    assert again.details == table().details
    assert repr(again) == "ScoreTable(4 rows x 3 tasks)"


def test_parquet_keeps_the_order_of_tasks_that_appear_late(tmp_path):
    reverse = ScoreTable.of(("a", "b"), {("b",): [1.0], ("a",): [2.0]})
    reverse.save(tmp_path / "scores.parquet")
    assert_equal(ScoreTable.load(tmp_path / "scores.parquet"), reverse)


def test_losses_in_csv_become_scores_in_order_of_appearance(tmp_path):
    (tmp_path / "losses.csv").write_text(
        "subset,task,value,note\nx,x,0.5,-\ny+x,y,0.25,-\ny+x,x,0.75,-\n"
    )
    found = ScoreTable.load(tmp_path / "losses.csv", higher_is_better=False)
    assert_equal(found, ScoreTable.of(("x", "y"), {("x",): [-0.5], ("x", "y"): [-0.75, -0.25]}))
    assert found.names == ("x", "x+y")


def test_a_cost_of_nothing_is_a_cost():
    rows = [
        {"subset": "a", "task": "a", "value": 1, "cost": 0},
        {"subset": "a", "task": "a", "value": 2, "cost": None},
    ]
    assert ScoreTable.from_rows(rows).costs.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "scores has no rows; needed are subset, task, value and perhaps cost"),
        ([("a+a", "a", 1)], "row 'a+a' names a task twice"),
        (
            [{"subset": "a", "task": "a"}],
            "scores has no column 'value'; needed are subset, task, value and perhaps cost",
        ),
        ([("a", "a", 1), ("a", "a", 2)], "row 'a' gives task 'a' twice at cost 1"),
        (
            [("a+b", "a", 1), ("a+b", "b", 1), ("b+a", "b", 2)],
            "row 'b+a' gives task 'b' twice at cost 1",
        ),
        ([("a+z", "a", 1)], "row 'a+z' names the task 'z', of which there are no values"),
        (
            [("a", "a", 1), ("a", "b", 1)],
            "row 'a' has a value for task 'b', which it does not train",
        ),
        ([("a", "a", None)], "row 'a' has None for 'a', which must be a finite number"),
        ([("a", "a", "high")], "row 'a' has 'high' for 'a', which must be a finite number"),
        ([("a", "a", float("inf"))], "row 'a' has inf for 'a', which must be a finite number"),
        ([("a", "a", 1, "cheap")], "row 'a' has 'cheap' for 'cost', which must be a finite number"),
    ],
)
def test_bad_records_are_refused(rows, message):
    names = ("subset", "task", "value", "cost")
    records = [
        row if isinstance(row, dict) else dict(zip(names, row, strict=False)) for row in rows
    ]
    with pytest.raises(CoterieError) as error:
        ScoreTable.from_rows(records)
    assert message in str(error.value)


def test_resources_are_read_where_they_are_asked_for(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("subset,task,value,memory,note\nx+y,x,1,7,-\nx+y,y,2,7,-\nx,x,3,4,-\n")
    assert ScoreTable.load(path).resources == {}
    assert ScoreTable.load(path, resources=["memory"]).resources["memory"].tolist() == [7, 4]
    with pytest.raises(
        CoterieError,
        match="has no column 'latency'; needed are subset, task, value, latency and perhaps cost",
    ):
        ScoreTable.load(path, resources=["latency"])
    with pytest.raises(
        CoterieError, match="row 'x\\+y' has '-' for 'note', which must be a finite number"
    ):
        ScoreTable.load(path, resources=["note"])
    path.write_text("subset,task,value,memory\nx+y,x,1,7\nx+y,y,2,8\n")
    with pytest.raises(CoterieError, match="row 'x\\+y' has more than one value of 'memory'"):
        ScoreTable.load(path, resources=["memory"])


def test_unknown_tasks_and_unreadable_files_are_refused(tmp_path):
    with pytest.raises(CoterieError, match="Row 'a' must have 1 scores; found 2"):
        ScoreTable.of(("a",), {("a",): [1, 2]})
    with pytest.raises(CoterieError, match="Row 'a\\+z' names the unknown task 'z'"):
        ScoreTable.of(("a",), {("a", "z"): [1, 2]})
    (tmp_path / "scores.parquet").write_text("no table")
    with pytest.raises(CoterieError, match="cannot be read as a table of scores"):
        ScoreTable.load(tmp_path / "scores.parquet")
    with pytest.raises(CoterieError, match="cannot be read as a table of scores"):
        ScoreTable.load(tmp_path / "none.csv")


def test_the_long_form_has_one_line_per_score():
    long = table().to_arrow()
    assert isinstance(long, pa.Table)
    assert long.num_rows == 6
    assert long.column("memory").to_pylist() == [1.0, 4.0, 4.0, 4.5, 4.5, 2.0]
    assert long.select(["subset", "task", "cost"]).to_pylist()[:2] == [
        {"subset": "b", "task": "b", "cost": 0.5},
        {"subset": "b+a", "task": "b", "cost": 1.0},
    ]


names = (
    st.text(max_size=8)
    | st.text(alphabet="+\\\\ab", max_size=4)
    | st.sampled_from(["C++", "NA", "01", "1", "true", "2020-01-01"])
)
numbers = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def tables(draw):
    """Tables of any names, rows that differ, costs and resources."""
    tasks = draw(st.lists(names, min_size=1, max_size=5, unique=True))
    subsets = (
        st.lists(st.booleans(), min_size=len(tasks), max_size=len(tasks)).filter(any).map(tuple)
    )
    rows = draw(
        st.lists(
            st.tuples(subsets, st.sampled_from([0.5, 1.0])), min_size=1, max_size=6, unique=True
        )
    )
    trained = np.array([row for row, _ in rows])
    found = draw(st.lists(numbers, min_size=trained.size, max_size=trained.size))
    further = draw(
        st.lists(
            names.filter(lambda name: name not in ("subset", "task", "value", "cost")),
            max_size=2,
            unique=True,
        )
    )
    amounts = st.lists(numbers, min_size=len(rows), max_size=len(rows)).map(np.array)
    return ScoreTable(
        tasks=tuple(tasks),
        subsets=trained,
        scores=np.where(trained, np.reshape(found, trained.shape), np.nan),
        costs=np.array([cost for _, cost in rows]),
        details=dict.fromkeys(tasks, tasks),
        resources={name: draw(amounts) for name in further},
    )


@given(tables())
def test_any_table_is_read_as_it_was_saved(found):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.parquet"
        found.save(path)
        again = ScoreTable.load(path)
    assert_equal(again, found)
    assert (again.details, again.names) == (found.details, found.names)


@given(tables(), st.booleans())
def test_without_our_metadata_a_table_is_read_as_it_is_or_refused(found, plain):
    """As CSV, and as published tables are: names joined by + as they are."""
    rows = found.to_arrow().to_pylist()
    if plain:
        used = {
            name: [task for task, own in zip(found.tasks, row, strict=True) if own]
            for name, row in zip(found.names, found.subsets, strict=True)
        }
        rows = [row | {"subset": "+".join(used[row["subset"]])} for row in rows]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "scores.csv"
        pyarrow.csv.write_csv(
            pa.Table.from_pylist(
                [{name: row[name] for name in ("subset", "task", "value", "cost")} for row in rows]
            ),
            path,
        )
        try:
            again = ScoreTable.load(path)
        except CoterieError as error:
            assert "may be read as" in str(error)  # noqa: PT017
            return
    order = [again.tasks.index(task) for task in found.tasks if task in again.tasks]
    kept = [task in again.tasks for task in found.tasks]
    np.testing.assert_array_equal(again.subsets[:, order], found.subsets[:, kept])
    np.testing.assert_array_equal(again.scores[:, order], found.scores[:, kept])


@pytest.mark.parametrize(
    ("rows", "subsets"),
    [
        ([("C++", "C++"), ("C+++a", "C++"), ("C+++a", "a")], [{"C++"}, {"C++", "a"}]),
        ([("a+b", "a+b"), ("a", "a"), ("b", "b")], [{"a+b"}, {"a"}, {"b"}]),
        ([("a+b", "a"), ("a+b", "b"), ("a\\+b", "a+b")], [{"a", "b"}, {"a+b"}]),
        ([("a\\b", "a\\b"), ("a\\b+c", "c"), ("a\\b+c", "a\\b")], [{"a\\b"}, {"a\\b", "c"}]),
    ],
)
def test_names_with_a_plus_are_understood_where_there_is_no_doubt(rows, subsets):
    found = ScoreTable.from_rows(
        [{"subset": subset, "task": task, "value": 1} for subset, task in rows]
    )
    assert [
        {t for t, used in zip(found.tasks, row, strict=True) if used} for row in found.subsets
    ] == subsets


def test_a_doubtful_subset_is_refused():
    rows = [{"subset": "a+b", "task": task, "value": 1} for task in ("a", "b", "a+b")]
    with pytest.raises(
        CoterieError,
        match=r"row 'a\+b' may be read as .*'a', 'b'.*; write a \+ within a name as \\\+",
    ):
        ScoreTable.from_rows(rows)


def test_files_of_earlier_versions_are_read(tmp_path):
    """They did not mark what was within a name, nor say that they did."""
    rows = [
        {"subset": s, "task": t, "value": 1.0, "cost": 1.0}
        for s, t in [("C+++a", "C++"), ("C+++a", "a"), ("a", "a")]
    ]
    about = json.dumps({"tasks": ["a", "C++", "unused"], "details": {"n": 1}, "resources": []})
    pq.write_table(
        pa.Table.from_pylist(rows).replace_schema_metadata({"coterie": about}),
        tmp_path / "old.parquet",
    )
    found = ScoreTable.load(tmp_path / "old.parquet")
    assert (found.tasks, found.details) == (("a", "C++", "unused"), {"n": 1})
    assert found.subsets.tolist() == [[True, True, False], [True, False, False]]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"resources": {"value": np.ones(4)}}, "'value' is a column of every table"),
        ({"resources": {"cost": np.ones(4)}}, "'cost' is a column of every table"),
        ({"tasks": ("a", "a", "c")}, "'a' is there twice"),
        ({"subsets": np.zeros((4, 3), dtype=bool)}, "must train a task"),
        ({"scores": np.full((4, 3), np.nan)}, "must have finite scores"),
        ({"costs": np.array([1.0, 1, np.inf, 1])}, "must have finite scores, cost"),
        ({"costs": np.ones(4)}, "'b' must not be there twice at cost 1"),
        ({"details": {"what": object()}}, "must be JSON"),
        ({"tasks": ("\ud800", "b", "c")}, "must be Unicode text"),
    ],
)
def test_what_could_not_be_read_again_is_not_saved(tmp_path, change, message):
    with pytest.raises(CoterieError, match=message):
        replace(table(), **change).save(tmp_path / "scores.parquet")
    assert not list(tmp_path.iterdir())


def test_the_cost_may_be_a_resource(tmp_path):
    priced = replace(table(), resources={"cost": table().costs})
    priced.save(tmp_path / "scores.parquet")
    assert_equal(ScoreTable.load(tmp_path / "scores.parquet"), priced)


@pytest.mark.parametrize(
    "about",
    [
        "[1]",
        "no JSON",
        '{"tasks": [1]}',
        '{"tasks": "ab"}',
        '{"details": null}',
        '{"unknown": 1}',
        '{"marked": 2}',
    ],
)
def test_damaged_metadata_are_named(tmp_path, about):
    path = tmp_path / "scores.parquet"
    pq.write_table(table().to_arrow().replace_schema_metadata({"coterie": about}), path)
    with pytest.raises(
        CoterieError, match=r"scores\.parquet is (damaged|not a valid table of scores)"
    ):
        ScoreTable.load(path)


def test_a_row_without_a_task_is_refused():
    with pytest.raises(CoterieError, match="nothing in the column 'task'"):
        ScoreTable.from_rows([{"subset": "a", "task": None, "value": 1}])
    with pytest.raises(CoterieError, match=r"`resources`.*'task'"):
        ScoreTable.from_rows([{"subset": "a", "task": "a", "value": 1}], resources=["task"])
