"""Affinity heat maps: order, colours, values."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread

from coterie.drawing import matrices
from coterie.report.svg import inline

HAND = np.array([[9.0, 0.2, 0.9], [0.0, 9.0, 0.1], [0.9, 0.2, 9.0]])


def test_the_tree_joins_the_nearest_first_and_puts_neighbours_together() -> None:
    grown = matrices.tree(HAND)
    # Mean affinities: 0-1 .1, 0-2 .9, 1-2 .15. So 0 and 2 join, then 1 at (.8 + .75) / 2, next to 2
    # which is nearer to it.
    assert grown.order.tolist() in ([1, 2, 0], [0, 2, 1])
    top = grown.lines[:, 1, 1]
    offset = 0.15 * 0.8
    assert top == pytest.approx([offset / (0.775 + offset), 1.0])


def test_the_diagonal_does_not_count() -> None:
    other = HAND.copy()
    np.fill_diagonal(other, -50)
    assert matrices.tree(other).order.tolist() == matrices.tree(HAND).order.tolist()


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.integers(0, 10_000), st.booleans())
def test_every_task_has_its_place_whatever_is_missing(n: int, seed: int, empty: bool) -> None:
    rng = np.random.default_rng(seed)
    matrix = (
        np.full((n, n), np.nan)
        if empty
        else np.where(rng.random((n, n)) < 0.3, np.nan, rng.normal(size=(n, n)))
    )
    grown = matrices.tree(matrix)
    assert sorted(grown.order.tolist()) == list(range(n))
    assert grown.lines.shape == (n - 1, 4, 2)
    assert np.isfinite(grown.lines).all()
    assert grown.lines[..., 1].max() == pytest.approx(1)
    assert np.isfinite(matrices.colours(matrix, signed=bool(seed % 2))).all()


def test_colours_part_at_zero_where_signs_matter() -> None:
    matrix = np.array([[np.nan, 2.0, 0.0], [-1.0, 5.0, np.nan], [1.0, -2.0, 5.0]])
    shades = matrices.colours(matrix, signed=True)
    assert shades[..., 3] == pytest.approx(
        np.array([[0.32, 0.8, 0.0], [0.4, 0.32, 0.32], [0.4, 0.8, 0.32]])
    )
    assert shades[0, 1, 2] > shades[0, 1, 0]  # blue
    assert shades[1, 0, 0] > shades[1, 0, 2]  # vermilion
    assert shades[1, 2].tolist() == shades[0, 0].tolist() == [0.5, 0.5, 0.5, 0.32]
    rising = matrices.colours(matrix, signed=False)
    assert rising[2, 1, 3] == pytest.approx(0.06)
    assert rising[0, 1, 3] == pytest.approx(0.8)
    assert (rising[[0, 0, 1, 2, 2], [1, 2, 0, 0, 1], 2] > 0.6).all()


def test_one_outlier_of_many_tasks_does_not_make_the_others_pale() -> None:
    matrix = np.ones((20, 20))
    matrix[3, 4] = 1000.0
    assert matrices.limits(matrix, signed=True) == (-1.0, 1.0)
    assert matrices.limits(matrix[:5, :5], signed=True) == (-1000.0, 1000.0)
    assert matrices.limits(np.ones((3, 3)), signed=False) == (1.0, 2.0)


@pytest.mark.parametrize(
    ("largest", "power", "shown"),
    [
        (0.00031, 3, ".31"),
        (0.0125, 3, "12"),
        (0.0999, 3, "100"),
        (0.5, 0, ".50"),
        (7.04, 0, "7.0"),
        (99.0, 0, "99"),
        (123456, -6, ".12"),
    ],
)
def test_values_are_written_short(largest: float, power: int, shown: str) -> None:
    found = matrices.scale_of(np.array([largest, -largest / 2]))
    assert (found, matrices.scaled(largest, found)) == (power, shown)


def test_up_to_twelve_tasks_have_their_values_and_more_have_none() -> None:
    rng = np.random.default_rng(0)
    texts = {}
    for n in (12, 13):
        svg = inline(
            matrices.heat_map(rng.normal(size=(n, n)), [f"t{i}" for i in range(n)], signed=True),
            name="f",
            alt="A.",
        )
        texts[n] = [element.text or "" for element in ET.fromstring(svg).iter("text")]
    assert sum(bool(re.fullmatch(r"−?\d?\.\d+|−?\d", text)) for text in texts[12]) == 12 * 11
    assert sorted(texts[13]) == sorted(
        [*(f"t{i}" for i in range(13)), *(f"t{i}" for i in range(13)), "source", "target"]
    )


def test_the_picture_has_one_pixel_per_cell_in_the_order_of_the_tree() -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(30, 30))
    svg = inline(
        matrices.heat_map(matrix, [f"t{i}" for i in range(30)], signed=True),
        name="f",
        alt="A.",
        keeps_size=True,
    )
    root = ET.fromstring(svg)
    (picture,) = root.iter("image")
    pixels = imread(
        io.BytesIO(base64.b64decode((picture.get("href") or "").partition(",")[2])), format="png"
    )
    order = matrices.tree(matrix).order
    expected = matrices.colours(matrix, signed=True)[np.ix_(order, order)]
    assert pixels.shape == (30, 30, 4)
    # The picture may lie upside down in the file, and its transform sets it right.
    down = "matrix(1 0 0 -1" in (picture.get("transform") or "") or "scale(1 -1)" in (
        picture.get("transform") or ""
    )
    assert pixels[..., 3] == pytest.approx((expected[::-1] if down else expected)[..., 3], abs=0.01)
    names = [element.text for element in root.iter("text")]
    assert names[:30] == [f"t{t}" for t in order]
    assert (root.get("style") or "").startswith("width:")


def test_a_heat_map_draws_on_given_axes() -> None:
    given_axes = Figure().add_subplot()
    assert matrices.heat_map(HAND, ["a", "b", "c"], signed=False, ax=given_axes) is given_axes


def test_two_hundred_tasks_are_drawn_without_names() -> None:
    rng = np.random.default_rng(0)
    svg = inline(
        matrices.heat_map(rng.normal(size=(200, 200)), ["name"] * 200, signed=True),
        name="f",
        alt="A.",
    )
    assert {e.text for e in ET.fromstring(svg).iter("text")} == {"source", "target"}
    assert len(svg) < 400_000
