"""Names beside the points of a figure, where they cover neither points nor each other.

Lengths are in points (1/72 inch).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE = 8.5
# The reader's own font is not known here: room for a wide one, in shares of the font size.
_WIDTH, _HEIGHT = 0.58, 1.15
_REACH = 5.0
_DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (-1, 1), (1, -1), (-1, -1))
_DISTANCES = (1.0, 2.4, 4.0, 6.0, 9.0)
Box = tuple[float, float, float, float]
Shift = tuple[float, float]


def beside_points(
    axes: Axes, names: Sequence[str], x: np.ndarray, y: np.ndarray, *, levels: Sequence[float] = ()
) -> None:
    """Write each name near its point, at the first place that is free.

    With a line to it where that is far.

    Args:
        axes: drawn already, with its final limits.
        names: one per point.
        x: where the points are, in data units.
        y: likewise.
        levels: heights of lines across that names should not cover.
    """
    figure = axes.get_figure(root=True)
    if figure is None:
        return
    figure.draw_without_rendering()  # the layout decides where points are
    scale = 72 / figure.dpi
    points = axes.transData.transform(np.column_stack([x, y])) * scale
    left, low, right, high = (edge * scale for edge in axes.get_window_extent().extents)
    taken = [(px - _REACH, py - _REACH, px + _REACH, py + _REACH) for px, py in points]
    heights = (
        axes.transData.transform([(x[0], level) for level in levels])[:, 1] * scale
        if levels
        else []
    )
    taken += [(left, height - 1, right, height + 1) for height in heights]
    for position in np.lexsort((points[:, 0], -points[:, 1])):
        size = (_WIDTH * SIZE * len(names[position]), _HEIGHT * SIZE)
        tried = list(_places(points[position], size))
        shift, box = min(
            tried, key=lambda place: _covered(place[1], taken, (left, low, right, high))
        )
        taken.append(box)
        far = {
            "arrowstyle": "-",
            "linewidth": 0.6,
            "color": axes.yaxis.label.get_color(),
            "shrinkA": 0,
            "shrinkB": 4,
        }
        axes.annotate(
            str(names[position]),
            (x[position], y[position]),
            xytext=shift,
            textcoords="offset points",
            fontsize=SIZE,
            ha=("right", "center", "left")[int(np.sign(shift[0])) + 1],
            va="center",
            arrowprops=far if np.hypot(*shift) > 3 * _REACH else None,
        )


def _places(point: np.ndarray, size: tuple[float, float]) -> Iterator[tuple[Shift, Box]]:
    """Where a text may go, the nearest first: its shift from the point, and its box."""
    for distance in _DISTANCES:
        for across, up in _DIRECTIONS:
            shift = (
                across * (_REACH + 2) * (1 if up else distance),
                up * (_REACH + 2.5) * distance,
            )
            left, low = (
                point[0] + shift[0] - size[0] * (1 - across) / 2,
                point[1] + shift[1] - size[1] / 2,
            )
            yield shift, (left, low, left + size[0], low + size[1])


def _covered(box: Box, taken: Sequence[Box], inside: Box) -> float:
    """How much of ``taken`` a text in ``box`` would cover, or would lie outside the axes."""
    cut = _overlap(box, inside)
    return (
        sum(_overlap(box, other) for other in taken) + (box[2] - box[0]) * (box[3] - box[1]) - cut
    )


def _overlap(one: Box, other: Box) -> float:
    """Area that two boxes (left, low, right, high) share.

    >>> _overlap((0, 0, 2, 2), (1, 1, 3, 3)), _overlap((0, 0, 1, 1), (2, 0, 3, 1))
    (1, 0)
    """
    width, height = (min(one[i + 2], other[i + 2]) - max(one[i], other[i]) for i in (0, 1))
    return width * height if width > 0 and height > 0 else 0
