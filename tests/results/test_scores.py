"""Tables of scores and their files."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from coterie.errors import CoterieError
from coterie.results import ScoreTable


def table():
    scores = np.array([[0.5, np.nan, np.nan], [0.75, 0.25, np.nan], [np.nan, 0.1, 0.2], [0.6, np.nan, np.nan]])
    return ScoreTable(
        tasks=("b", "a", "c"), subsets=~np.isnan(scores), scores=scores, costs=np.array([0.5, 1.0, 1.0, 1.0]),
        details={"candidates": "by hand", "seeds": 5}, resources={"memory": np.array([1.0, 4.0, 4.5, 2.0])},
    )  # fmt: skip


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
    (tmp_path / "losses.csv").write_text("subset,task,value,note\nx,x,0.5,-\ny+x,y,0.25,-\ny+x,x,0.75,-\n")
    found = ScoreTable.load(tmp_path / "losses.csv", higher_is_better=False)
    assert_equal(found, ScoreTable.of(("x", "y"), {("x",): [-0.5], ("x", "y"): [-0.75, -0.25]}))
    assert found.names == ("x", "x+y")


def test_a_cost_of_nothing_is_a_cost():
    rows = [{"subset": "a", "task": "a", "value": 1, "cost": 0}, {"subset": "a", "task": "a", "value": 2, "cost": None}]
    assert ScoreTable.from_rows(rows).costs.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "scores has no rows; needed are subset, task, value and perhaps cost"),
        ([("a+a", "a", 1)], "row 'a+a' names a task twice"),
        ([{"subset": "a", "task": "a"}], "scores has no column 'value'; needed are subset, task, value and perhaps cost"),
        ([("a", "a", 1), ("a", "a", 2)], "row 'a' gives task 'a' twice at cost 1"),
        ([("a+b", "a", 1), ("a+b", "b", 1), ("b+a", "b", 2)], "row 'b+a' gives task 'b' twice at cost 1"),
        ([("a+z", "a", 1)], "row 'a+z' names the task 'z', of which there are no values"),
        ([("a", "a", 1), ("a", "b", 1)], "row 'a' has a value for task 'b', which it does not train"),
        ([("a", "a", None)], "row 'a' has None for 'a', which must be a finite number"),
        ([("a", "a", "high")], "row 'a' has 'high' for 'a', which must be a finite number"),
        ([("a", "a", float("inf"))], "row 'a' has inf for 'a', which must be a finite number"),
        ([("a", "a", 1, "cheap")], "row 'a' has 'cheap' for 'cost', which must be a finite number"),
    ],
)
def test_bad_records_are_refused(rows, message):
    names = ("subset", "task", "value", "cost")
    records = [row if isinstance(row, dict) else dict(zip(names, row, strict=False)) for row in rows]
    with pytest.raises(CoterieError) as error:
        ScoreTable.from_rows(records)
    assert message in str(error.value)


def test_resources_are_read_where_they_are_asked_for(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("subset,task,value,memory,note\nx+y,x,1,7,-\nx+y,y,2,7,-\nx,x,3,4,-\n")
    assert ScoreTable.load(path).resources == {}
    assert ScoreTable.load(path, resources=["memory"]).resources["memory"].tolist() == [7, 4]
    with pytest.raises(CoterieError, match="has no column 'latency'; needed are subset, task, value, latency and perhaps cost"):
        ScoreTable.load(path, resources=["latency"])
    with pytest.raises(CoterieError, match="row 'x\\+y' has '-' for 'note', which must be a finite number"):
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
        {"subset": "b", "task": "b", "cost": 0.5}, {"subset": "b+a", "task": "b", "cost": 1.0},
    ]  # fmt: skip
