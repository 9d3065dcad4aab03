"""The page about distilled examples."""

from __future__ import annotations

import base64
import io
import json
import re

import numpy as np
import pytest
from matplotlib.image import imread

from coterie.data import Preprocessing
from coterie.report import write_distillation
from coterie.report.distillation import curves, rungs, sheet
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
    mixed = {name: getattr(made, name)[order] for name in ("inputs", "cells", "ranks")}
    from dataclasses import replace

    rows = sheet(replace(made, **mixed)).rows
    assert [row.name for row in rows] == ["cat", "<b>dog"]
    for row, values in zip(rows, ([0, 2, 4], [1, 3, 5]), strict=True):
        image = shown(row.image)
        assert image.shape == (2, 12, 3)
        assert image[0, ::4, 0].tolist() == values


def test_what_finds_no_room_is_told():
    many = sheet(pictures(classes=tuple(f"c{i}" for i in range(103)), per_class=1))
    assert len(many.rows) == 100
    assert many.left_out == "3 more cells are not shown."


def test_ranks_of_equal_length_are_one_rung():
    found = [(rung.ranks, rung.iterations, rung.examples) for rung in rungs(pictures())]
    assert found == [("1 to 2", 40, 4), ("3", 20, 2)]


def test_a_curve_for_each_part_of_the_loss():
    assert len(curves(pictures())) == 2


def test_the_page_tells_it_all_and_so_does_its_twin(tmp_path):
    made = pictures()
    page = write_distillation(
        made, tmp_path / "report.html", diversity=diversity(), students=post_training()
    )
    html, twin = page.read_text(), json.loads((tmp_path / "report.json").read_text())
    for section in ("students", "sheet", "schedule", "diversity", "run"):
        assert f'<section id="{section}">' in html
    assert post_training().sentence in html
    assert "&lt;b&gt;dog" in html
    assert "<b>dog" not in html
    assert "does not know them: b." in html
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", html)
    assert twin["examples"]["iterations"] == [40, 40, 40, 40, 20, 20]
    assert twin["examples"]["score"] == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert twin["history"] == {"loss": [2, 1], "statistics": [None, 3]}
    assert twin["diversity"]["pairwise"] == [[0.5, None], [0.75, None]]
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
    assert "2 cells of labels" in page.read_text()
