"""The look of all figures, and those of the report.

Names are drawn as they are: ``$x_1$`` is never read as a formula. Colours are those of Okabe and
Ito, densities cividis; lines and points differ in dash and marker as well, so that nothing rests on
colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.drawing.labels import beside_points
from coterie.wording import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAP_COLOURS = "cividis"
INK, RULE = "#010203", "#d0d1d2"
BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#d55e00",
    "#56b4e9",
)
_ROLES: dict[str, dict[str, Any]] = {
    "grouped": {"color": BLUE, "marker": "D", "linestyle": "-"},
    "joint": {"color": INK, "marker": "o", "linestyle": "--"},
    "single": {"color": GREEN, "marker": "s", "linestyle": "-."},
    "random": {"color": VERMILION, "marker": "^", "linestyle": ":"},
    "ensemble": {"color": PURPLE, "marker": "v", "linestyle": (0, (6, 1, 1, 1, 1, 1))},
}
_ROLES["chosen"] = _ROLES["grouped"]
_ANOTHER = {"color": SKY, "marker": "*", "linestyle": (0, (1, 1))}
# More groupings than two take further markers, full and hollow in turn.
_MORE_MARKERS = ("D", "p", "P", "X", "*", "h")
_KINDS: dict[str, dict[str, Any]] = {
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
_WIDE_NAME = 22  # characters of which two columns still fit under a figure
_LEVELS = ("--", ":", "-.")
_MAP_RANGE = ((0.0, 1.0), (0.0, float(np.sqrt(0.5))))
_STYLE: dict[Any, Any] = {
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
    "axes.unicode_minus": True,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.labelsize": 10,
    "xtick.labelsize": 9,
    "ytick.labelsize": 9,
    "legend.fontsize": 9.5,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "coterie",
    "image.composite_image": False,
}


@contextmanager
def style() -> Iterator[None]:
    """The look of every figure here; also needed while such a figure is saved."""
    import matplotlib as mpl

    with mpl.rc_context(_STYLE):
        yield


def axes_on(ax: Axes | None, size: tuple[float, float]) -> Axes:
    """The axes that are given, or those of a new figure of a size in inches."""
    if ax is not None:
        return ax
    from matplotlib.figure import Figure

    return Figure(figsize=size, layout="constrained").add_subplot()


def density(confidence: np.ndarray, variability: np.ndarray, *, bins: int = 32) -> np.ndarray:
    """Share of examples in each bin of confidence [0, 1] x variability [0, sqrt(1/2)].

    (bins, bins), unobserved ones left out.

    >>> float(density(np.array([0.9, np.nan]), np.array([0.1, np.nan])).sum())
    1.0
    """
    seen = np.isfinite(confidence) & np.isfinite(variability)
    pairs = [
        np.clip(a[seen].astype(np.float64), *r)
        for a, r in zip((confidence, variability), _MAP_RANGE, strict=True)
    ]
    counts = np.histogram2d(*pairs, bins=bins, range=_MAP_RANGE)[0]
    return counts / max(counts.sum(), 1)


def shades(shares: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Colour position in [0, 1] of each bin: logarithmic between ``limits``.

    >>> shades(np.array([[0.0, 0.1, 1.0]]), (0.01, 1.0))
    array([[0. , 0.5, 1. ]])
    """
    low, high = limits
    return np.clip(np.log(np.maximum(shares, low) / low) / np.log(high / low), 0, 1)


def data_map(
    shares: np.ndarray, *, limits: tuple[float, float] | None = None, ax: Axes | None = None
) -> Axes:
    """Draw a :func:`density`: confidence upwards, variability to the right, log colours.

    Args:
        shares: (bins, bins), confidence first.
        limits: shares at the two ends of the colours; shared by maps that are to be compared.
        ax: axes to draw on, instead of a new figure.

    >>> data_map(density(np.array([0.9]), np.array([0.1]))).get_ylabel()
    'confidence'
    """
    shade = shades(shares, limits or density_limits([shares]))
    with style():
        axes = axes_on(ax, (3.3, 2.75))
        extent = (*_MAP_RANGE[1], *_MAP_RANGE[0])
        axes.imshow(
            shade,
            origin="lower",
            extent=extent,
            aspect="auto",
            cmap=MAP_COLOURS,
            vmin=0,
            vmax=1,
            interpolation="nearest",
        )
        axes.set_xticks([0, 0.35, 0.7], ["0", ".35", ".7"])
        axes.set_yticks([0, 0.5, 1], ["0", ".5", "1"])
        axes.tick_params(length=2.5, width=0.7, pad=2)
        axes.set(xlabel="variability", ylabel="confidence")
    return axes


def density_limits(densities: Sequence[np.ndarray]) -> tuple[float, float]:
    """Smallest and largest shares to colour, common to all ``densities``.

    From just below one example, four decades at most.

    >>> density_limits([np.array([[0.25, 0.75]])])
    (0.125, 0.75)
    """
    seen = np.concatenate([d[d > 0] for d in densities] or [np.empty(0)])
    high = float(seen.max(initial=0.0)) or 1.0
    return max(float(seen.min(initial=high)) / 2, high / 1e4), high


def learning_curves(
    curves: Mapping[str, np.ndarray],
    *,
    what: str,
    roles: Mapping[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw one line per arm over epochs, each (E,).

    ``roles`` say by arm what it is, where its name does not.

    >>> learning_curves({"joint": np.array([0.5, 0.7])}, what="validation score").get_xlabel()
    'epoch'
    """
    from matplotlib.ticker import MaxNLocator

    with style():
        axes = axes_on(ax, (3.9, 3.0))
        for arm, values in curves.items():
            epochs = np.arange(1, len(values) + 1)
            every = max(1, len(values) // 8)
            look = _ROLES.get((roles or {}).get(arm, arm), _ANOTHER)
            axes.plot(
                epochs,
                values,
                label=_label(arm, 26),
                linewidth=1.6,
                markersize=4,
                markevery=every,
                **look,
            )
        axes.set(xlabel="epoch", ylabel=what)
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5))
        axes.grid(axis="y", linewidth=0.6)
        axes.tick_params(length=3, width=0.7)
        _legend(axes, below=ax is None)
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

    >>> cost_against_quality(["joint"], np.ones(1), np.ones(1), np.zeros(1), what="model-steps").get_xlabel()
    'model-steps'
    """
    with style():
        axes = axes_on(ax, (4.0, 3.4))
        fills = {}
        for arm, x, y, bar in zip(arms, cost, score, spread, strict=True):
            role = (roles or {}).get(arm, arm)
            role = "grouped" if role == "chosen" else role  # the choice is one of them
            look = dict(_ROLES.get(role, _ANOTHER), linestyle="none")
            fills[role] = before = fills.get(role, -1) + 1
            face = look["color"] if before % 2 == 0 else "none"
            if before > 1 and role == "grouped":
                look["marker"] = _MORE_MARKERS[before // 2 % len(_MORE_MARKERS)]
            error = bar if np.isfinite(bar) and bar > 0 else None
            axes.errorbar(
                x,
                y,
                yerr=error,
                label=_label(arm, 30),
                markersize=6,
                elinewidth=1,
                capsize=2.5,
                mfc=face,
                **look,
            )
        finite = cost[np.isfinite(cost) & (cost > 0)]
        if len(finite) and finite.max() > 5 * finite.min():
            axes.set_xscale("log")
        _plain_ticks(axes)
        axes.margins(0.12)
        axes.set(xlabel=what, ylabel="mean test score")
        axes.grid(linewidth=0.6)
        axes.tick_params(length=3, width=0.7, which="both")
        _legend(axes, below=ax is None)
    return axes


def regret_against_cost(
    methods: Sequence[str],
    kinds: Sequence[str],
    cost: np.ndarray,
    regret: np.ndarray,
    *,
    levels: Mapping[str, float | None],
    ax: Axes | None = None,
) -> Axes:
    """Draw each method, labelled, at what its measurement takes and what its groups lose, all (methods,).

    Args:
        methods: names, drawn beside the points.
        kinds: "affinity", "selection", "data map", "learnt" or "other", one per method: its marker.
        cost: model-steps of the measurement, drawn on a logarithmic axis.
        regret: points below the best.
        levels: further values to compare with, drawn across.
        ax: axes to draw on, instead of a new figure.

    >>> regret_against_cost(["a"], ["affinity"], np.array([10.0]), np.zeros(1), levels={}).get_xscale()
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
                axes.axhline(value, color=INK, linestyle=dash, linewidth=1, label=_label(name, 30))
        axes.set_xlim(cost.min() / 1.6, cost.max() * 1.6)
        axes.margins(y=0.12)
        _plain_ticks(axes)
        axes.set(xlabel="model-steps to measure, with joint training", ylabel="regret (points)")
        axes.grid(linewidth=0.6)
        axes.tick_params(length=3, width=0.7, which="both")
        _legend(axes, below=ax is None)
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
        _legend(axes, below=ax is None)
    return axes


def _label(name: str, length: int) -> str:
    """A name for the legend, out of which matplotlib leaves what begins with an underscore."""
    text = shortened(name, length)
    return f"\N{HAIR SPACE}{text}" if text.startswith("_") else text


def _plain_ticks(ax: Axes) -> None:
    """Ticks such as 2k or 1.5M, on a log axis at 1, 2 and 5 of each decade."""
    from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

    logarithmic = ax.get_xscale() == "log"
    ax.xaxis.set_major_locator(
        LogLocator(subs=(1, 2, 5), numticks=8) if logarithmic else MaxNLocator(5)
    )
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_locator(MaxNLocator(5))


def _legend(axes: Axes, *, below: bool) -> None:
    """A legend under the axes where the figure is ours, which grows with it; else inside them."""
    figure = axes.get_figure(root=True)
    if below and figure is not None:
        names = axes.get_legend_handles_labels()[1]
        columns = 2 if max(map(len, names), default=0) <= _WIDE_NAME else 1
        rows = -(-len(names) // columns)
        figure.set_figheight(figure.get_figheight() + 0.18 * max(0, rows - 4))
        figure.legend(
            loc="outside lower left",
            ncols=columns,
            handlelength=2.6,
            columnspacing=1.4,
            borderaxespad=0.2,
        )
    else:
        axes.legend()
