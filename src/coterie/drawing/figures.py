"""The figures of the report that are lines and points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from coterie.drawing.labels import beside_points
from coterie.drawing.style import (
    BLUE,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    VERMILION,
    Look,
    Mark,
    axes_on,
    label,
    legend,
    plain_ticks,
    style,
)
from coterie.wording import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROLES: dict[str, Look] = {
    "grouped": {"color": BLUE, "marker": "D", "linestyle": "-"},
    "joint": {"color": INK, "marker": "o", "linestyle": "--"},
    "single": {"color": GREEN, "marker": "s", "linestyle": "-."},
    "random": {"color": VERMILION, "marker": "^", "linestyle": ":"},
    "ensemble": {"color": PURPLE, "marker": "v", "linestyle": (0, (6, 1, 1, 1, 1, 1))},
}
_ROLES["chosen"] = _ROLES["grouped"]
_ANOTHER: Look = {"color": ORANGE, "marker": "*", "linestyle": (0, (1, 1))}
# More groupings than two take further markers, full and hollow in turn.
_MORE_MARKERS = ("D", "p", "P", "X", "*", "h")
_KINDS: dict[str, Mark] = {
    "affinity": {"color": BLUE, "marker": "D"},
    "selection": {"color": VERMILION, "marker": "^"},
    "data map": {"color": GREEN, "marker": "s"},
    "learnt": {"color": ORANGE, "marker": "v"},
    "other": {"color": PURPLE, "marker": "o"},
}
_KIND_NAMES = {
    "affinity": "affinities",
    "selection": "score estimators",
    "data map": "data maps",
    "learnt": "learnt in training",
    "other": "others",
}
_LEVELS = ("--", ":", "-.")
_REACHED: tuple[Look, ...] = (
    {"color": BLUE, "marker": "D", "linestyle": "-"},
    {"color": VERMILION, "marker": "^", "linestyle": ":"},
)


def learning_curves(
    curves: Mapping[str, np.ndarray],
    *,
    what: str,
    roles: Mapping[str, str] | None = None,
    at: np.ndarray | None = None,
    along: str = "epoch",
    ax: Axes | None = None,
) -> Axes:
    """Draw one line per arm over epochs, each (E,).

    ``roles`` say by arm what it is, where its name does not; ``at`` (E,) which epochs these are, if
    not 1 to E, and ``along`` what they are called.

    >>> learning_curves({"joint": np.array([0.5, 0.7])}, what="validation score").get_xlabel()
    'epoch'
    """
    from matplotlib.ticker import MaxNLocator

    with style():
        axes = axes_on(ax, (3.9, 3.0))
        for arm, values in curves.items():
            epochs = np.arange(1, len(values) + 1) if at is None else at
            every = max(1, len(values) // 8)
            look = _ROLES.get((roles or {}).get(arm, arm), _ANOTHER)
            axes.plot(
                epochs,
                values,
                label=label(arm, 26),
                linewidth=1.6,
                markersize=4,
                markevery=every,
                **look,
            )
        axes.set(xlabel=along, ylabel=what)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", linewidth=0.6)
        axes.tick_params(length=3, width=0.7)
        legend(axes, below=ax is None)
    return axes


def scores_by_labels(
    lines: Mapping[str, np.ndarray],
    labels: np.ndarray,
    *,
    what: str,
    roles: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one line per arm over numbers of labels (S,), on a logarithmic axis.

    Args:
        lines: value, lower and upper end by arm, (3, S); no whiskers where the ends are NaN.
        labels: at which.
        what: the values are.
        roles: what each arm is, where its name does not say.
        ax: axes to draw on, instead of a new figure.

    >>> one = np.array([[0.5, 0.7], [0.4, 0.6], [0.6, 0.8]])
    >>> scores_by_labels({"joint": one}, np.array([10.0, 100.0]), what="AUROC").get_xscale()
    'log'
    """
    with style():
        axes = axes_on(ax, (5.2, 3.7))
        axes.set_xscale("log")
        beside = np.linspace(-0.012, 0.012, len(lines)) * np.log(labels[-1] / labels[0])
        looks = _told_apart(list(lines), roles or {})
        for (arm, (values, *ends)), aside in zip(lines.items(), beside, strict=True):
            # Side by side, so that whiskers do not hide one another.
            axes.errorbar(
                labels * np.exp(aside),
                values,
                yerr=np.abs(np.stack(ends) - values),
                label=label(arm, 26),
                linewidth=1.6,
                markersize=4.5,
                elinewidth=1,
                capsize=2.5,
                **looks[arm],
            )
        plain_ticks(axes)
        axes.set(xlabel="training labels a task", ylabel=what)
        axes.grid(linewidth=0.6)
        axes.tick_params(length=3, width=0.7, which="both")
        legend(axes, below=ax is None)
    return axes


def cost_against_quality(
    arms: Sequence[str],
    cost: np.ndarray,
    score: np.ndarray,
    spread: np.ndarray,
    *,
    what: str,
    roles: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw each arm at its cost and mean score, all (arms,), with the spread over seeds as a bar.

    ``roles`` say by arm what it is, where its name does not.

    >>> one = np.ones(1)
    >>> cost_against_quality(["joint"], one, one, 0 * one, what="model-steps").get_xlabel()
    'model-steps'
    """
    with style():
        axes = axes_on(ax, (4.0, 3.4))
        looks = _told_apart(arms, roles or {})
        for arm, x, y, bar in zip(arms, cost, score, spread, strict=True):
            error = bar if np.isfinite(bar) and bar > 0 else None
            axes.errorbar(
                x,
                y,
                yerr=error,
                label=label(arm, 30),
                markersize=6,
                elinewidth=1,
                capsize=2.5,
                color=looks[arm]["color"],
                marker=looks[arm]["marker"],
                mfc=looks[arm]["mfc"],
                linestyle="none",
            )
        finite = cost[np.isfinite(cost) & (cost > 0)]
        if len(finite) and finite.max() > 5 * finite.min():
            axes.set_xscale("log")
        plain_ticks(axes)
        axes.margins(0.12)
        axes.set(xlabel=what, ylabel="mean test score")
        axes.grid(linewidth=0.6)
        axes.tick_params(length=3, width=0.7, which="both")
        legend(axes, below=ax is None)
    return axes


class _Filled(Look):
    """A look whose markers are full or hollow."""

    mfc: str


def _told_apart(arms: Sequence[str], roles: Mapping[str, str]) -> dict[str, _Filled]:
    """A look for each arm, that of its role; further ones of a look have other markers, or hollow."""
    looks: dict[str, _Filled] = {}
    seen: dict[str, int] = {}
    for arm in arms:
        look = _ROLES.get(roles.get(arm, arm), _ANOTHER)
        before = seen.get(look["color"], 0)
        seen[look["color"]] = before + 1
        filled: _Filled = {**look, "mfc": "none" if before % 2 else look["color"]}
        if before > 1:
            filled["marker"] = _MORE_MARKERS[before // 2 % len(_MORE_MARKERS)]
        looks[arm] = filled
    return looks


def regret_against_cost(
    methods: Sequence[str],
    kinds: Sequence[str],
    cost: np.ndarray,
    regret: np.ndarray,
    *,
    levels: Mapping[str, float | None],
    ax: Axes | None = None,
) -> Axes:
    """Draw each method at what its measurement takes and what its groups lose, (methods,).

    Args:
        methods: names, drawn beside the points.
        kinds: "affinity", "selection", "data map", "learnt" or "other", one per method: its marker.
        cost: model-steps of the measurement, drawn on a logarithmic axis.
        regret: points below the best.
        levels: further values to compare with, drawn across.
        ax: axes to draw on, instead of a new figure.

    >>> cost, regret = np.array([10.0]), np.zeros(1)
    >>> regret_against_cost(["a"], ["affinity"], cost, regret, levels={}).get_xscale()
    'log'
    """
    with style():
        axes = axes_on(ax, (4.4, 3.7 + 0.13 * max(0, len(methods) - 6)))
        axes.set_xscale("log")
        for kind in dict.fromkeys(kinds):
            own = [position for position, other in enumerate(kinds) if other == kind]
            axes.plot(
                cost[own],
                regret[own],
                linestyle="none",
                markersize=6,
                label=_KIND_NAMES[kind],
                **_KINDS[kind],
            )
        drawn = [value for value in levels.values() if value is not None]
        for dash, (name, value) in zip(_LEVELS, levels.items(), strict=False):
            if value is not None:
                axes.axhline(value, color=INK, linestyle=dash, linewidth=1, label=label(name, 30))
        axes.set_xlim(cost.min() / 1.6, cost.max() * 1.6)
        axes.margins(y=0.12)
        plain_ticks(axes)
        axes.set(xlabel="model-steps to measure, with joint training", ylabel="regret (points)")
        axes.grid(linewidth=0.6)
        axes.tick_params(length=3, width=0.7, which="both")
        legend(axes, below=ax is None)
        beside_points(axes, [shortened(name, 22) for name in methods], cost, regret, levels=drawn)
    return axes


def criterion(
    choices: Sequence[int],
    values: np.ndarray,
    chosen: int,
    *,
    threshold: float,
    what: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw the criterion (choices,) by which the number of groups was chosen.

    The choice ringed, the threshold as a line.

    >>> criterion([2, 3], np.array([0.3, 0.5]), 3, threshold=0.1, what="silhouette").get_xlabel()
    'number of groups'
    """
    from matplotlib.ticker import MaxNLocator

    with style():
        axes = axes_on(ax, (3.9, 2.8))
        axes.plot(choices, values, color=BLUE, marker="D", markersize=4, linewidth=1.4)
        axes.axhline(threshold, color=INK, linestyle="--", linewidth=1, label="below: one group")
        for k, value in zip(choices, values, strict=True):
            if k == chosen:
                axes.plot(
                    k,
                    value,
                    marker="o",
                    markersize=12,
                    mfc="none",
                    color=VERMILION,
                    linestyle="none",
                    label="chosen",
                )
        axes.set(xlabel="number of groups", ylabel=what)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.margins(0.1)
        axes.grid(axis="y", linewidth=0.6)
        legend(axes, below=ax is None)
    return axes


def reliability(
    before: np.ndarray, after: np.ndarray, intervals: np.ndarray, *, ax: Axes | None = None
) -> Axes:
    """Draw how often it came so against what was predicted, before and after calibration.

    Args:
        before: predicted and observed of each bin, (bins, 2).
        after: likewise, of as many bins as there are then.
        intervals: lower and upper end for each ``observed`` of ``after``, of its shape.
        ax: axes to draw on, instead of a new figure.

    >>> one = np.array([[0.4, 0.5]])
    >>> reliability(one, one, np.array([[0.3, 0.7]])).get_ylabel()
    'observed share'
    """
    with style():
        axes = axes_on(ax, (3.9, 4.1))
        axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1, label="as predicted")
        axes.plot(
            *before.T,
            color=VERMILION,
            marker="^",
            linestyle=":",
            mfc="none",
            markersize=6,
            label="before calibration",
        )
        observed = after[:, 1]
        axes.errorbar(
            *after.T,
            yerr=np.abs(intervals.T - observed),
            color=BLUE,
            marker="o",
            markersize=5,
            elinewidth=1,
            capsize=2.5,
            label="after calibration",
        )
        axes.set(
            xlabel="predicted probability",
            ylabel="observed share",
            xlim=(-0.02, 1.02),
            ylim=(-0.02, 1.02),
            aspect="equal",
        )
        axes.grid(linewidth=0.6)
        axes.tick_params(length=3, width=0.7)
        legend(axes, below=ax is None)
    return axes


def tasks_over_epochs(
    lines: Mapping[str, np.ndarray], *, n_tasks: int, ax: Axes | None = None
) -> Axes:
    """Draw how many tasks have reached what, a line (E,) each.

    >>> tasks_over_epochs({"decided": np.array([0, 3])}, n_tasks=5).get_ylabel()
    'tasks'
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    with style():
        own = Figure(figsize=(4.4, 3.1), layout="constrained")
        axes = own.add_subplot() if ax is None else ax
        for look, (what, values) in zip(_REACHED, lines.items(), strict=False):
            every = max(1, len(values) // 8)
            axes.plot(
                range(1, len(values) + 1),
                values,
                label=what,
                linewidth=1.6,
                markersize=4,
                markevery=every,
                **look,
            )
        axes.axhline(n_tasks, color=INK, linestyle="--", linewidth=1, label=f"all {n_tasks}")
        axes.set(xlabel="epoch", ylabel="tasks", ylim=(0, 1.05 * n_tasks))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.grid(axis="y", linewidth=0.6)
        axes.tick_params(length=3, width=0.7)
        if ax is None:
            own.legend(loc="outside lower left", handlelength=2.6, borderaxespad=0.2)
        else:
            axes.legend()
    return axes
