"""Any names.

Of tasks and of groupings, from the data to the report and the table of predictions.
"""

import io
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.csv
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import coterie as ct
from coterie.cli.predictions import prediction_table
from coterie.cli.show import Screen, show_answer, show_grouping
from coterie.evaluation import Comparison
from coterie.models import GroupedModel
from coterie.tasks import Kind, Task, Tasks
from coterie.texts import file_name, visible

ODD = [
    "C++",
    "Gram+",
    "a\\b",
    "$x_1$",
    "a_b",
    "</script><b>",
    "{{7*7}}",
    "%s",
    "[red]r[/red]",
    '"q"',
    "two\nlines",
    "\x1b[2J",
    "\x00",
    "\u202egnp",
    "日本語",
    "e\u0301",
    "é",
    "A",
    "a",
    " a",
    "",
    "-",
    "id",
    "task",
    "value",
    "chosen",
    "joint",
    "y" * 400,
]
names = (st.text(max_size=6) | st.sampled_from(ODD)).filter(lambda name: name != "mean")
SMALL = {"epochs": 1, "model_options": {"hidden": (2,)}}


def steering(text: str) -> list[str]:
    return [sign for sign in text if visible(sign, keep="\n") != sign]


def from_data_to_predictions(tasks: list[str], mine: str, folder: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    labels = (x[:, np.arange(len(tasks)) % 3] + rng.normal(size=(200, len(tasks))) > 0).astype(int)
    frame = pd.concat(
        [pd.DataFrame(x, columns=["in 1", "in 2", "in 3"]), pd.DataFrame(labels, columns=tasks)],
        axis=1,
    )
    data = ct.load(frame, targets=tasks)
    assert data.tasks.names == tuple(tasks)

    membership = np.eye(2)[np.arange(len(tasks)) % 2]
    groupings = {
        f"mine: {mine}": ct.Grouping(tasks=data.tasks.names, membership=membership, method="mine"),
        "other": "data_map",
    }
    run = {
        "seeds": 1,
        "repeats": 1,
        "draws": 1,
        "rivals": "none",
        "n_groups": 2,
        "run": folder / "run",
        **SMALL,
    }
    ct.compare("mlp", data, groupings, **run)
    found = ct.compare("mlp", data, groupings, **run)  # read back
    found.save(folder / "saved")
    again = Comparison.load(folder / "saved")
    assert (again.to_dict(), again.tasks) == (found.to_dict(), tuple(tasks))
    page = again.report(folder / "report.html").read_bytes().decode()
    assert not steering(page.replace("\t", ""))
    assert "</script><b>" not in page

    screen, said = Screen(), io.StringIO()
    screen.out.file = said
    show_answer(screen, again)
    show_grouping(screen, again.groupings["other"][0], mine)
    assert not steering(said.getvalue())

    model = GroupedModel.load(folder / "run/model.safetensors")
    table = prediction_table(np.arange(5), model.predict(data.inputs[:5]), model.tasks)
    assert table.column_names[1:] == tasks
    pyarrow.csv.write_csv(table, folder / "predictions.csv")
    layout = pyarrow.csv.ParseOptions(newlines_in_values=True)
    assert (
        pyarrow.csv.read_csv(folder / "predictions.csv", parse_options=layout).column_names[1:]
        == tasks
    )


@example(tasks=ODD[:10], mine="x" * 300)
@example(tasks=ODD[10:], mine="\x1b[1m+/..")
@settings(max_examples=1, deadline=None, suppress_health_check=list(HealthCheck))
@given(tasks=st.lists(names, min_size=2, max_size=4, unique=True), mine=names)
def test_any_names_go_all_the_way(tasks, mine):
    with tempfile.TemporaryDirectory() as folder:
        from_data_to_predictions(tasks, mine, Path(folder))


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(tasks=st.lists(names, min_size=2, max_size=4, unique=True), mine=names)
def test_very_many_names_go_all_the_way(tasks, mine):
    with tempfile.TemporaryDirectory() as folder:
        from_data_to_predictions(tasks, mine, Path(folder))


@given(st.text())
def test_what_is_visible_steers_nothing(text):
    assert not steering(visible(text))
    assert visible(visible(text)) == visible(text)


@given(st.text(max_size=1000))
def test_every_name_makes_a_file_name(name):
    found = file_name(name)
    assert "/" not in found
    assert len(found.encode()) <= 160
    assert file_name(found) == found


def test_long_names_that_differ_late_have_files_of_their_own():
    assert file_name("x" * 500 + "a") != file_name("x" * 500 + "b")


def test_columns_beside_the_tasks_give_way():
    """Two columns of one name would be one."""
    binary = [Task(name=name, kind=Kind.BINARY) for name in ("id", "p probability", "id_")]
    tasks = Tasks.plain([*binary, Task(name="p", kind=Kind.MULTICLASS, classes=("a", "b"))])
    table = prediction_table(np.arange(2), torch.ones(2, 5), tasks)
    assert table.column_names == ["id__", "id", "p probability", "id_", "p", "p probability_"]
