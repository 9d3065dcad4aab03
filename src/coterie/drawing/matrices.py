"""Heat maps of square matrices between tasks, in the order of a dendrogram.

``T`` tasks; matrices are [source, target] and may have NaN where nothing was measured. Colours lie
over the page with some transparency, so that "nothing" looks like the page in light and dark alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from coterie.drawing import style
from coterie.pairs import symmetric
from coterie.wording import number, shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_VALUES = 12
_MOST_OPTIMAL = 300
_STRONGEST = 0.8  # text on it is readable in light and dark
_PALEST = 0.06
_GREY = (0.5, 0.5, 0.5, 0.32)
_POSITIVE, _NEGATIVE = (0.0, 0.447, 0.698), (0.835, 0.369, 0.0)
_TREE_HEIGHT = 44
_LARGEST = 640


@dataclass(frozen=True)
class Tree:
    """A dendrogram.

    ``order`` (T,) of tasks, ``lines`` (T - 1, 4, 2) in cells across and shares of the height.
    """

    order: np.ndarray
    lines: np.ndarray


def tree(matrix: np.ndarray) -> Tree:
    """Average linkage on how far affinities, both directions averaged, are below the largest.

    Pairs never measured count as the most distant ones. Of the orders that the tree allows it is
    the one in which neighbours are nearest (Bar-Joseph et al. 2001); beyond 300 tasks, any.

    >>> tree(np.array([[0.0, 0.1, 0.9], [0.1, 0.0, 0.2], [0.9, 0.2, 0.0]])).order.tolist()
    [1, 2, 0]
    """
    from scipy.cluster.hierarchy import dendrogram, linkage

    n_tasks = len(matrix)
    if n_tasks < 2:
        return Tree(np.arange(n_tasks), np.empty((0, 4, 2)))
    pairs = symmetric(matrix)[np.triu_indices(n_tasks, 1)]
    known = pairs[np.isfinite(pairs)]
    spread = float(np.ptp(known)) if len(known) else 0.0
    far = np.where(np.isfinite(pairs), (known.max() if len(known) else 0.0) - pairs, spread)
    # The same for all, which joins alike: the nearest two would have no branch to be seen.
    far += 0.15 * spread or 1.0
    drawn = dendrogram(
        linkage(far, method="average", optimal_ordering=n_tasks <= _MOST_OPTIMAL), no_plot=True
    )
    across = (np.array(drawn["icoord"]) - 5) / 10
    up = np.array(drawn["dcoord"])
    return Tree(np.array(drawn["leaves"]), np.stack([across, up / (up.max() or 1.0)], axis=-1))


def limits(matrix: np.ndarray, *, signed: bool) -> tuple[float, float]:
    """Values at the two ends of the colours; equally far from zero where signs matter.

    Of more than 12 tasks, the outermost hundredth of the values is cut off: one pair must not make
    all others pale.

    >>> limits(np.array([[9.0, 1.0], [-3.0, 9.0]]), signed=True)
    (-3.0, 3.0)
    """
    values = off_diagonal(matrix)
    outermost = 0.01 if len(matrix) > MOST_VALUES else 0.0
    if signed:
        high = float(np.quantile(np.abs(values), 1 - outermost)) if len(values) else 0.0
        return -(high or 1.0), high or 1.0
    low, high = np.quantile(values, [outermost, 1 - outermost]) if len(values) else (0.0, 1.0)
    return float(low), float(high if high > low else low + 1)


def off_diagonal(matrix: np.ndarray) -> np.ndarray:
    """What was measured between two different tasks, (n,)."""
    values = matrix[~np.eye(len(matrix), dtype=bool)]
    return values[np.isfinite(values)]


def colours(matrix: np.ndarray, *, signed: bool) -> np.ndarray:
    """Colours (T, T, 4) with transparency: blue for more, vermilion below zero.

    Grey for the diagonal and what is unknown.

    >>> colours(np.array([[9.0, 1.0], [-0.5, 9.0]]), signed=True)[..., 3].tolist()
    [[0.32, 0.8], [0.4, 0.32]]
    """
    low, high = limits(matrix, signed=signed)
    values = np.nan_to_num(matrix)
    if signed:
        strength = _STRONGEST * np.clip(np.abs(values) / high, 0, 1)
    else:
        strength = _PALEST + (_STRONGEST - _PALEST) * np.clip((values - low) / (high - low), 0, 1)
    hue = np.where((values < 0)[..., None] & signed, _NEGATIVE, _POSITIVE)
    shades = np.concatenate([hue, strength[..., None]], axis=-1)
    shades[~np.isfinite(matrix) | np.eye(len(matrix), dtype=bool)] = _GREY
    return shades


def heat_map(
    matrix: np.ndarray, tasks: Sequence[str], *, signed: bool, ax: Axes | None = None
) -> Axes:
    """Draw a matrix [source, target] in the order of its dendrogram, which stands above.

    Up to 12 tasks with their values.

    Args:
        matrix: (T, T), NaN where nothing was measured.
        tasks: their names, in the order of the matrix.
        signed: colours part at zero; otherwise they run from the lowest value to the highest.
        ax: axes to draw on, instead of a new figure.

    >>> heat_map(np.array([[0.0, 0.5], [-0.5, 0.0]]), ["a", "b"], signed=True).get_xlabel()
    'target'
    """
    from matplotlib.figure import Figure

    grown = tree(matrix)
    ordered = matrix[np.ix_(grown.order, grown.order)]
    cell = 27.0 if len(tasks) <= MOST_VALUES else min(15.0, _LARGEST / len(tasks))
    with style.style():
        own = Figure()
        axes = own.add_subplot() if ax is None else ax
        axes.imshow(colours(ordered, signed=signed), interpolation="none", aspect="auto")
        axes.spines[:].set_visible(False)
        axes.set(xlabel="target", ylabel="source")
        _names(axes, [str(tasks[t]) for t in grown.order], cell)
        if len(tasks) <= MOST_VALUES:
            _values(axes, ordered)
        above = axes.inset_axes(
            (0, 1.0 + 4 / (cell * len(tasks)), 1, _TREE_HEIGHT / (cell * len(tasks)))
        )
        above.set_axis_off()
        above.set(xlim=(-0.5, len(tasks) - 0.5), ylim=(0, 1.03))
        for line in grown.lines:
            above.plot(line[:, 0], line[:, 1], color=style.INK, linewidth=0.8)
        if ax is None:
            _fit(own, axes, cell * len(tasks))
    return axes


def _names(axes: Axes, names: Sequence[str], cell: float) -> None:
    """Task names along both sides, as long as they can be read."""
    if cell < 6:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    texts, size = [shortened(name, 20) for name in names], min(8.5, 0.92 * cell)
    axes.set_yticks(range(len(texts)), texts, fontsize=size)
    axes.set_xticks(range(len(texts)), texts, fontsize=size)
    axes.tick_params(length=0, pad=3)
    if max(map(len, texts)) <= 3 and cell > 20:
        return
    for label in axes.get_xticklabels():
        label.set(
            rotation=90 if cell <= 12 else 45, rotation_mode="anchor" if cell > 12 else "default"
        )
        label.set_horizontalalignment("right" if cell > 12 else "center")


def _values(axes: Axes, matrix: np.ndarray) -> None:
    digits = scale_of(off_diagonal(matrix))
    for source, target in np.argwhere(~np.eye(len(matrix), dtype=bool)):
        text = scaled(float(matrix[source, target]), digits)
        axes.text(target, source, text, ha="center", va="center", fontsize=7.5)


def scale_of(values: np.ndarray) -> int:
    """Power of ten, in threes, to multiply values by so that the largest lies between 0.1 and 100.

    >>> [scale_of(np.array(values)) for values in ([0.0031, -0.0002], [0.4], [4200.0])]
    [3, 0, -3]
    """
    largest = float(np.abs(values).max(initial=0.0))
    return -3 * int(np.floor((np.log10(largest) + 1) / 3)) if largest > 0 else 0


def scaled(value: float, power: int) -> str:
    """A value times 10 to the ``power``, in at most three figures.

    >>> scaled(-0.0031, 3), scaled(0.4, 0), scaled(float("nan"), 0)
    ('−3.1', '.40', '–')
    """
    shown = float(value) * 10.0**power
    text = number(shown, 2 if abs(shown) < 0.995 else 1 if abs(shown) < 9.95 else 0)
    return text.replace("0.", ".", 1) if text.lstrip("−").startswith("0.") else text


def _fit(figure: Figure, axes: Axes, side: float) -> None:
    """Make the square ``side`` points wide, and the figure as large as it and its names need."""
    figure.set_size_inches(2 * side / 72, 2 * side / 72)
    axes.set_position((0.25, 0.25, 0.5, 0.5))
    figure.draw_without_rendering()
    inner, outer = axes.get_window_extent(), axes.get_tightbbox() or axes.get_window_extent()
    edges = (inner.x0 - outer.x0, inner.y0 - outer.y0, outer.x1 - inner.x1, outer.y1 - inner.y1)
    left, bottom, right, top = (max(edge, 0) * 72 / figure.dpi + 4 for edge in edges)
    width, height = left + side + right, bottom + side + top
    figure.set_size_inches(width / 72, height / 72)
    axes.set_position((left / width, bottom / height, side / width, side / height))
