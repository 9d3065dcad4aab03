"""The page about distilled examples."""

from __future__ import annotations

import base64
import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from coterie.data import Preprocessing
from coterie.report import write_distillation
from coterie.report.distillation import curves, rungs, sheet, summary
from coterie.results import Distilled
from coterie.tasks import Kind, Task, Tasks
from tests.results.made import distilled, diversity, post_training


def pictures(classes=("cat", "<b>dog"), per_class=3, channels=3) -> Distilled:
    """Rank-major images of one value each, that of their number."""
    n, n_classes = per_class * len(classes), len(classes)
    values = np.arange(n, dtype=np.uint8)
    return Distilled(
        tasks=Tasks.plain([Task(name="animal", kind=Kind.MULTICLASS, classes=classes)]),
        preprocessing=Preprocessing(
            input_shape=(channels, 2, 4), mean=(0.5,) * channels, std=(0.25,) * channels
        ),
        inputs=np.broadcast_to(values[:, None, None, None], (n, 2, 4, channels)).copy(),
        targets=(values[:, None] % n_classes).astype(np.float32),
        ids=np.arange(n),
        cells=np.arange(n) % n_classes,
        ranks=np.arange(n) // n_classes,
        iterations=np.repeat([40, 40, 20][:per_class], n_classes),
        scores=np.linspace(0, 1, n),
        outputs=np.zeros((n, n_classes), np.float32),
        known=np.array([True]),
        teacher="abc",
        history={"loss": np.array([2.0, 1.0]), "statistics": np.array([np.nan, 3.0])},
        settings={"rule": "median"},
    )


def shown(uri: str) -> np.ndarray:
    data = base64.b64decode(uri.removeprefix("data:image/png;base64,"))
    return (imread(io.BytesIO(data))[..., :3] * 255).round().astype(int)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_sheet_has_a_row_for_each_class_in_the_order_of_ranks(channels):
    made = pictures(channels=channels)
    order = np.array([5, 0, 3, 2, 1, 4])  # however examples are ordered
    mixed = {name: getattr(made, name)[order] for name in ("inputs", "targets", "cells", "ranks")}
    rows = sheet(replace(made, **mixed)).rows
    assert [row.name for row in rows] == ["cat", "<b>dog"]
    for row, values in zip(rows, ([0, 2, 4], [1, 3, 5]), strict=True):
        images = [shown(image) for image in row.images]
        assert {image.shape for image in images} == {(2, 4, 3)}
        assert [image[0, 0, 0] for image in images] == values


def of_labels(targets: list[list[float]], cells: list[int]) -> Distilled:
    n = len(targets)
    tasks = [
        Task(name="beard", kind=Kind.BINARY, classes=("no", "yes")),
        Task(name="hair", kind=Kind.MULTICLASS, classes=("fair", "dark")),
        Task(name="age", kind=Kind.REGRESSION),
        Task(name="hat", kind=Kind.BINARY, classes=("no", "yes")),
    ]
    return Distilled(
        tasks=Tasks.plain(tasks),
        preprocessing=Preprocessing(input_shape=(1, 2, 2), mean=(0.5,), std=(0.5,)),
        inputs=np.zeros((n, 2, 2, 1), np.uint8),
        targets=np.array(targets, np.float32),
        ids=np.arange(n),
        cells=np.array(cells),
        ranks=np.zeros(n, np.int64),
        iterations=np.zeros(n, np.int64),
        outputs=np.zeros((n, 5), np.float32),
        known=np.ones(4, dtype=bool),
        scores=np.ones(n),
        teacher="abc",
    )


def test_cells_are_called_by_their_most_frequent_labels():
    """Of yes or no those of yes; numbers and what is missing name nothing."""
    gap = np.nan
    made = of_labels(
        [[1, 1, 9, 0], [1, 0, 8, gap], [0, 1, 7, 1], [0, gap, 1, 0], [1, 1, 0, 1]],
        [0, 0, 0, 1, 2],
    )
    assert [row.name for row in sheet(made).rows] == [
        "1: beard, hair dark",
        "2: none of the labels",
        "3: beard, hair dark, hat",
    ]
    assert summary(made) == (
        "5 examples of 3 cells of like labels (4 tasks), real ones as they are."
    )


@pytest.mark.parametrize(
    ("side", "height", "enlarged"),
    [(8, 64, True), (28, 84, True), (96, 96, True), (224, 112, False)],
)
def test_small_pictures_grow_by_whole_pixels(side, height, enlarged):
    images = np.zeros((2, side, side, 1), np.uint8)
    made = replace(
        of_labels([[0, 0, 0, 0], [1, 1, 1, 1]], [0, 1]),
        preprocessing=Preprocessing(input_shape=(1, side, side), mean=(0.5,), std=(0.5,)),
        inputs=images,
    )
    found = sheet(made)
    assert (found.height, found.enlarged) == (height, enlarged)


def test_what_finds_no_room_is_told():
    many = sheet(pictures(classes=tuple(f"c{i}" for i in range(103)), per_class=1))
    assert len(many.rows) == 100
    assert many.left_out == "3 more cells are not shown."


def test_ranks_of_equal_length_are_one_rung():
    found = [(rung.ranks, rung.iterations, rung.examples) for rung in rungs(pictures())]
    assert found == [("1 to 2", 40, 4), ("3", 20, 2)]


def test_a_curve_for_each_part_of_the_loss():
    drawn = curves(pictures())
    assert len(drawn) == 2
    for svg, called in zip(drawn, ("loss of the tasks", "distance of statistics"), strict=True):
        assert svg.count(f">{called}<") == 1  # by its axis alone


def test_the_page_tells_it_all_and_so_does_its_twin(tmp_path):
    made = pictures()
    page = write_distillation(
        made,
        tmp_path / "report.html",
        diversity=diversity(),
        students=post_training(),
        about={"data": "cats.parquet"},
    )
    html, twin = page.read_text(), json.loads((tmp_path / "report.json").read_text())
    for section in ("students", "sheet", "schedule", "diversity", "run"):
        assert f'<section id="{section}">' in html
    assert post_training().sentence in html
    assert "The teacher, which saw all examples: 75.0." in html
    assert "<td>87.5</td>" in html
    assert "<dt>data</dt><dd>cats.parquet</dd>" in html
    assert "<dt>chosen by</dt><dd>median</dd>" in html
    assert "&lt;b&gt;dog" in html
    assert "<b>dog" not in html
    assert "does not know them: b." in html
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", html)
    assert twin["examples"]["iterations"] == [40, 40, 40, 40, 20, 20]
    assert twin["examples"]["score"] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert twin["history"] == {"loss": [2, 1], "statistics": [None, 3]}
    assert twin["diversity"]["pairwise"] == [[0.5, None], [0.75, None]]
    assert twin["students"]["teacher"] == [0.875, 0.625]
    assert twin["students"]["scores"][0] == [[0.25, 0.25], [0.75, 0.5], [0.5, 0.5]]


def test_the_same_examples_give_the_same_bytes(tmp_path):
    pages = [
        write_distillation(pictures(), tmp_path / name / "report.html", diversity=diversity())
        for name in "ab"
    ]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_tables_have_no_pictures(tmp_path):
    page = write_distillation(distilled(), tmp_path / "report.html")
    assert '<section id="sheet">' not in page.read_text()
    assert "2 cells of like labels (2 tasks)" in page.read_text()
