"""Figures take arrays and axes, draw names literally, and embed cleanly."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import numpy as np
import pytest
from matplotlib.figure import Figure

from coterie.drawing import figures, maps, style
from coterie.errors import CoterieError
from coterie.report.svg import inline, raster

DRAW = {
    "data_map": lambda ax: maps.data_map(np.eye(4) / 4, ax=ax),
    "learning_curves": lambda ax: figures.learning_curves(
        {"joint": np.arange(3.0)}, what="score", ax=ax
    ),
    "cost_against_quality": lambda ax: figures.cost_against_quality(
        ["joint", "K=2"],
        np.array([1.0, 20.0]),
        np.ones(2),
        np.array([0.1, np.nan]),
        what="model-steps",
        ax=ax,
    ),
    "regret_against_cost": lambda ax: figures.regret_against_cost(
        ["a", "b"],
        ["affinity", "other"],
        np.array([10.0, 2000.0]),
        np.array([0.0, 1.5]),
        levels={"joint": 2.0},
        ax=ax,
    ),
    "tasks_over_epochs": lambda ax: figures.tasks_over_epochs(
        {"decided": np.array([0, 2])}, n_tasks=3, ax=ax
    ),
    "criterion": lambda ax: figures.criterion(
        [2, 3], np.array([0.2, 0.1]), 2, threshold=0.1, what="silhouette", ax=ax
    ),
}


@pytest.mark.parametrize("name", DRAW)
def test_figures_draw_on_given_axes_or_on_their_own(name: str) -> None:
    given = Figure().add_subplot()
    assert DRAW[name](given) is given
    own = DRAW[name](None)
    assert isinstance(own.get_figure(), Figure)
    svg = inline(own, name="f", alt="It shows.")
    assert svg.startswith("<svg ")
    assert 'aria-label="It shows."' in svg


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
    first, second = (inline(DRAW["cost_against_quality"](None), name="f", alt="") for _ in range(2))
    assert first == second


def test_axes_without_a_figure_are_refused() -> None:
    axes = Figure().add_subplot()
    axes.remove()
    with pytest.raises(CoterieError, match="`ax` must lie directly in a figure"):
        inline(axes, name="f", alt="")


def test_density_sums_to_one_over_what_was_seen() -> None:
    confidence = np.array([0.0, 1.0, 1.0, np.nan, 0.5], dtype=np.float16)
    variability = np.array([0.0, 0.0, 0.71, 0.1, np.nan], dtype=np.float16)
    shares = maps.density(confidence, variability, bins=4)
    assert shares.sum() == 1
    assert shares[0, 0] == shares[3, 0] == shares[3, 3] == pytest.approx(1 / 3)
    assert maps.density(np.full(3, np.nan), np.full(3, np.nan)).sum() == 0


def test_one_example_is_always_visible_and_nothing_is_empty() -> None:
    limits = maps.density_limits([np.array([[0.0, 0.001, 0.999]])])
    assert maps.shades(np.array([[0.0, 0.001, 0.999]]), limits)[0].tolist() == pytest.approx(
        [0, np.log(2) / np.log(1998), 1]
    )
    assert maps.density_limits([]) == maps.density_limits([np.zeros((2, 2))])
    assert raster(np.zeros((2, 2))).startswith("data:image/png;base64,")


def test_each_kind_of_arm_has_its_own_dash_and_marker() -> None:
    roles = {
        "K=3": "grouped",
        "joint": "joint",
        "single": "single",
        "random (K=3)": "random",
        "ensemble (K=3)": "ensemble",
        "mine": "a role of one's own",
    }
    lines = figures.learning_curves(
        dict.fromkeys(roles, np.arange(3.0)), what="score", roles=roles
    ).get_lines()
    assert (
        len(
            {
                (str(line.get_linestyle()), line.get_dash_capstyle(), line.get_marker())
                for line in lines
            }
        )
        == 6
    )
    assert len({line.get_marker() for line in lines}) == 6


def test_the_choice_looks_like_a_grouping() -> None:
    ours, chosen = figures.learning_curves(
        dict.fromkeys(["grouped", "chosen"], np.arange(3.0)), what="score"
    ).get_lines()
    assert (ours.get_color(), ours.get_marker()) == (chosen.get_color(), chosen.get_marker())


def test_many_groupings_are_told_apart_by_marker_and_filling() -> None:
    arms = [f"method {i}" for i in range(12)]
    roles = dict.fromkeys(arms, "grouped")
    axes = figures.cost_against_quality(
        arms, np.arange(1.0, 13), np.ones(12), np.full(12, np.nan), what="steps", roles=roles
    )
    looks = {
        (bars[0].get_marker(), bars[0].get_markerfacecolor() == "none") for bars in axes.containers
    }
    assert len(looks) == 12


def test_names_that_begin_with_an_underscore_are_in_the_legend() -> None:
    axes = figures.learning_curves({"_mine": np.arange(3.0), "joint": np.arange(3.0)}, what="score")
    [legend] = axes.get_figure().legends
    assert [text.get_text().strip() for text in legend.get_texts()] == ["_mine", "joint"]


def test_a_legend_of_long_names_has_one_column_and_the_figure_grows() -> None:
    def height(names: list[str]) -> float:
        figure = figures.learning_curves(
            dict.fromkeys(names, np.arange(3.0)), what="score"
        ).get_figure(root=True)
        assert figure is not None
        return figure.get_figheight()

    short, long = [f"arm {i}" for i in range(8)], [f"an arm with a long name {i}" for i in range(8)]
    assert height(short) == pytest.approx(3.0)
    assert height(long) == pytest.approx(3.0 + 4 * 0.18)
