"""Figures in the page: names, colours, ids, bytes."""

from __future__ import annotations

import base64
import io
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from coterie.drawing import figures, style
from coterie.errors import CoterieError
from coterie.report.svg import inline, raster


def test_names_are_never_formulas_nor_markup_and_control_signs_vanish() -> None:
    names = ["$x_1$", "<b>&", 'style="fill: #0072b2"', "日本語", "a\x00b\nc"]
    svg = inline(
        figures.learning_curves(dict.fromkeys(names, np.arange(2.0)), what="s"),
        name="f",
        alt="<&>\"'",
    )
    root = ET.fromstring(svg)
    texts = [element.text for element in root.iter("text")]
    assert [t for t in texts if t in ("$x_1$", "<b>&", "日本語", "ab c")] == [
        "$x_1$",
        "<b>&",
        "日本語",
        "ab c",
    ]
    assert any("#0072b2" in (t or "") for t in texts)
    assert root.get("aria-label") == "<&>\"'"


def test_colours_are_those_of_the_page_and_ids_carry_the_name() -> None:
    svg = inline(
        figures.learning_curves({"joint": np.arange(2.0), "grouped": np.arange(2.0)}, what="s"),
        name="here",
        alt="",
    )
    root = ET.fromstring(svg)
    styles = " ".join(element.get("style", "") for element in root.iter())
    assert "var(--blue)" in styles
    assert "currentColor" in styles
    assert not any(colour in styles for colour in (style.INK, style.RULE, style.BLUE))
    assert "font-family" not in styles
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert ids
    assert all(i and i.startswith("here-") for i in ids)


def test_the_same_figure_gives_the_same_text() -> None:
    first, second = (
        inline(figures.learning_curves({"a": np.arange(2.0)}, what="s"), name="f", alt="")
        for _ in range(2)
    )
    assert first == second


def test_axes_without_a_figure_are_refused() -> None:
    axes = Figure().add_subplot()
    axes.remove()
    with pytest.raises(CoterieError, match="`ax` must lie directly in a figure"):
        inline(axes, name="f", alt="")


def test_a_raster_is_a_picture_of_its_cells() -> None:
    picture = raster(np.array([[0.0, 1.0], [0.5, 0.5]]))
    kind, _, data = picture.partition(",")
    pixels = imread(io.BytesIO(base64.b64decode(data)), format="png")
    assert kind == "data:image/png;base64"
    assert pixels.shape[:2] == (2, 2)
    # The first row is the lowest, and cividis runs from blue to yellow.
    assert pixels[1, 0, 2] > pixels[1, 0, 0]
    assert pixels[1, 1, 0] > pixels[1, 1, 2]
    assert (pixels[0, 0] == pixels[0, 1]).all()
