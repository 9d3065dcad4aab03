"""Results in notebooks: as frames, as tables of HTML, and as pictures."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coterie.errors import CoterieError
from coterie.results import DataMap, Evaluation, Grouping
from coterie.results.tables import GAINS
from coterie.results.views import as_html
from tests.report.conftest import HOSTILE
from tests.report.synthetic import comparison, several_methods
from tests.results.made import affinity, everything, grouping

SHOWN = (
    "affinity",
    "data map",
    "grouping",
    "selection",
    "score table",
    "fit",
    "comparison",
    "distilled",
    "diversity",
    "post-training",
)


class Cells(HTMLParser):
    """Tags and texts of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.texts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data.strip())


def ticks(axes: Axes) -> tuple[list[str], list[str]]:
    return tuple(
        [label.get_text() for label in labels]
        for labels in (axes.get_xticklabels(), axes.get_yticklabels())
    )


def test_frames_say_what_rows_and_columns_are() -> None:
    made = everything()
    frame = made["affinity"].frame
    assert frame.loc["a", "b"] == 2.0
    assert (frame.index.name, frame.columns.name) == ("source", "target")
    assert made["grouping"].frame.loc["a"].to_dict() == {"1": 0.25, "2": 0.75}
    assert made["fit"].frame.loc[1, "b"] == 0.25
    pd.testing.assert_frame_equal(
        made["selection"].frame,
        pd.DataFrame({"trains": ["a, b", "a"], "serves": ["b", "a"]}, pd.Index([2, 7], name="row")),
    )
    scores = made["score table"].frame
    assert scores.loc[r"b\++a"].to_dict() == {"b+": 0.75, "a": 0.25, "cost": 1.0, "memory": 4.0}


def test_rows_of_metrics_are_a_list_and_a_frame() -> None:
    rows = [{"model": 0, "task": "a", "metric": "AUROC", "value": 0.75}]
    found = Evaluation(rows)
    assert found == rows
    assert [row["value"] for row in found] == [0.75]
    pd.testing.assert_frame_equal(found.frame, pd.DataFrame(rows))
    assert "1 metrics of 1 tasks" in found._repr_html_()
    assert Evaluation([]).frame.empty


@pytest.mark.parametrize("name", SHOWN)
def test_notebooks_show_the_line_and_a_table(name: str) -> None:
    result = everything()[name]
    shown = Cells(result._repr_html_())
    assert repr(result) in " ".join(shown.texts)
    assert {"p", "table", "td"} <= shown.tags


def test_what_users_call_things_is_never_markup() -> None:
    names = tuple(f"{name}<script>&" for name in HOSTILE[:6])
    made = Grouping(tasks=names, membership=np.eye(6), method="<img src=x>")
    shown = Cells(made._repr_html_())
    assert not {"script", "img"} & shown.tags
    for name in names:
        assert any(name.split()[0] in text for text in shown.texts), name


def test_large_tables_are_cut_in_the_middle() -> None:
    cells = Cells(as_html("much", pd.DataFrame(np.zeros((1000, 1000))))).texts
    assert len(cells) < 1000
    assert {"0", "999", "..."} <= set(cells)


def test_a_map_tells_the_share_that_was_observed_and_means_of_that() -> None:
    table = Cells(everything()["data map"]._repr_html_()).texts
    row = [text for text in table if text]
    assert row[row.index("b") :][:5] == ["b", "0.6667", "0.75", "0.375", "0.5"]


def test_results_draw_on_given_axes_or_on_their_own() -> None:
    made = everything()
    for result in (made["affinity"], made["grouping"], made["data map"], grouping()):
        given = Figure().add_subplot()
        assert result.plot(given) is given
        own = result.plot()
        assert isinstance(own, Axes)
        assert own.get_figure() is not given.get_figure()
        own.get_figure().draw_without_rendering()


def test_an_affinity_is_drawn_with_its_tasks() -> None:
    x, y = ticks(affinity().plot())
    assert sorted(x) == sorted(y) == ["a", "b"]
    negative = replace(affinity(), matrix=np.array([[0.0, -1.0], [1.0, 0.0]]))
    assert {text.get_text() for text in negative.plot().texts} == {"−1.0", "1.0"}


def test_tasks_of_a_group_are_drawn_together() -> None:
    made = Grouping(
        tasks=tuple("abcd"),
        membership=np.array([[0.2, 0.8], [0.6, 0.4], [0.0, 1.0], [1.0, 0.0]]),
        method="mine",
    )
    axes = made.plot()
    assert ticks(axes) == (["1", "2"], ["d", "b", "c", "a"])
    shown = [text.get_text() for text in axes.texts]
    assert shown == ["1.00", "0.00", "0.60", "0.40", "0.00", "1.00", "0.20", "0.80"]


def test_a_map_is_drawn_whole_or_of_one_task() -> None:
    made: DataMap = everything()["data map"]
    whole, one = (
        np.count_nonzero(made.plot(task=task).images[0].get_array()) for task in (None, "a")
    )
    assert (whole, one) == (5, 3)
    with pytest.raises(CoterieError, match="`task` must be one of 'a', 'b'; found 'z'"):
        made.plot(task="z")


def test_tables_of_a_comparison_are_frames() -> None:
    made = several_methods()
    for name in ("scores", "gains", "costs"):
        frame, table = getattr(made, name), getattr(made, f"{name}_table")
        assert list(frame) == table.column_names
        pd.testing.assert_frame_equal(frame, pd.DataFrame(table.to_pylist(), columns=list(frame)))
    assert made.scores.groupby("arm")["value"].mean().notna().all()
    assert list(made.methods_frame["method"]) == list(made.methods)


def test_a_comparison_draws_cost_against_score_and_its_gains() -> None:
    made = comparison(("a", "b"), n_groups=2, n_examples=5)
    axes = made.plot()
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("model-steps in training", "mean test score")
    drawn = {(line[0].get_xdata()[0], line[0].get_ydata()[0]) for line in axes.containers}
    steps = {row["arm"]: row["model_steps"] for row in made.costs_table.to_pylist()}
    assert drawn == {(steps[arm], made.mean_score(arm)[0]) for arm in made.arms}
    axes = made.plot.gains()
    rows = made.mean_gains()
    assert ticks(axes)[1] == [f"{row['arm']} – {row['reference']}" for row in rows]
    np.testing.assert_allclose(axes.lines[-1].get_xdata(), [row["gain"] for row in rows])
    given = Figure().add_subplot()
    assert made.plot(given) is made.plot.gains(given) is given


def test_intervals_that_are_not_known_are_left_out() -> None:
    made = comparison(("a", "b"), n_groups=2, n_seeds=1, n_examples=5)
    rows = [row | {"low": None, "high": None} for row in made.gains_table.to_pylist()]
    axes = replace(made, gains_table=pa.Table.from_pylist(rows, GAINS)).plot.gains()
    assert len(axes.collections[0].get_segments()) == 0
    axes.get_figure().draw_without_rendering()


def test_a_comparison_shows_gains_and_its_verdict() -> None:
    made = comparison(("a", "b"), n_groups=2, n_examples=5, groupings=("<b>",))
    shown = Cells(made._repr_html_())
    assert "b" not in shown.tags
    assert set(made.verdict) <= set(shown.texts)
