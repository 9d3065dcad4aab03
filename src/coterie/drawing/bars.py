"""Intervals and memberships."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coterie.drawing.style import BLUE, INK, axes_on, style
from coterie.wording import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LONGEST = 30


def intervals(
    names: Sequence[str],
    middle: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    *,
    what: str,
    ax: Axes | None = None,
) -> Axes:
    """Draw a point with its interval for each name, all (names,), from above, and a line at zero.

    Ends that are not finite are not drawn.

    >>> intervals(["a"], np.ones(1), np.zeros(1), np.full(1, 2.0), what="gain").get_xlabel()
    'gain'
    """
    places = np.arange(len(names))
    known = np.isfinite(low) & np.isfinite(high)
    with style():
        axes = axes_on(ax, (4.2, 0.8 + 0.3 * len(names)))
        axes.axvline(0, color=INK, linewidth=0.8, linestyle="--")
        axes.hlines(places[known], low[known], high[known], color=BLUE, linewidth=1.6)
        axes.plot(middle, places, color=BLUE, marker="D", markersize=5, linestyle="none")
        axes.set_yticks(places, [shortened(name, _LONGEST) for name in names])
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_xlabel(what)
        axes.grid(axis="x", linewidth=0.6)
        axes.tick_params(length=3, width=0.7)
    return axes


def memberships(
    shares: np.ndarray, tasks: Sequence[str], groups: Sequence[str], *, ax: Axes | None = None
) -> Axes:
    """Draw shares (T, K) as a heat map, a row for each task, a column for each group.

    >>> memberships(np.array([[1.0, 0.0]]), ["a"], ["1", "2"]).get_xlabel()
    'group'
    """
    n_tasks, n_groups = shares.shape
    with style():
        axes = axes_on(ax, (1.8 + 0.4 * n_groups, 0.8 + 0.25 * n_tasks))
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.3, interpolation="none", aspect="auto")
        axes.spines[:].set_visible(False)
        axes.set_yticks(range(n_tasks), [shortened(name, _LONGEST) for name in tasks])
        axes.set_xticks(range(n_groups), list(groups))
        axes.tick_params(length=0, pad=3)
        for (task, group), share in np.ndenumerate(shares):
            axes.text(group, task, f"{share:.2f}", ha="center", va="center", fontsize=7.5)
        axes.set_xlabel("group")
    return axes
