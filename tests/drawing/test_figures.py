"""Figures take arrays and axes, and tell arms apart."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from coterie.drawing import figures, maps
from coterie.report.svg import inline

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
    "reliability": lambda ax: figures.reliability(
        np.array([[0.1, 0.3], [0.9, 0.7]]),
        np.array([[0.2, 0.2]]),
        np.array([[0.1, 0.4]]),
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


def test_the_figure_draws_the_counts_it_is_given() -> None:
    axes = figures.tasks_over_epochs(
        {"one": np.array([1, 2, 4]), "two": np.array([0, 0, 1])}, n_tasks=4
    )
    one, two, everyone = axes.get_lines()
    assert [list(line.get_ydata()) for line in (one, two)] == [[1, 2, 4], [0, 0, 1]]
    assert list(one.get_xdata()) == [1, 2, 3]
    assert set(everyone.get_ydata()) == {4}
    assert (
        len({(str(line.get_linestyle()), line.get_marker()) for line in (one, two, everyone)}) == 3
    )
