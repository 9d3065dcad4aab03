"""Names beside points."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from matplotlib.text import Text

from coterie.drawing.labels import beside_points


def test_names_beside_points_cover_neither_points_nor_each_other() -> None:
    axes = Figure(figsize=(4, 3)).add_subplot()
    x, y = np.array([1.0, 1.0, 1.0, 3.0]), np.array([1.0, 1.02, 1.04, 1.5])
    axes.plot(x, y, "o")
    axes.set(xlim=(0, 4), ylim=(0, 2))
    beside_points(axes, ["first name", "second name", "third name", "fourth"], x, y, levels=[1.2])
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    boxes = [Text.get_window_extent(text) for text in axes.texts]  # without the line to its point
    assert not any(one.overlaps(other) for i, one in enumerate(boxes) for other in boxes[:i])
    points = axes.transData.transform(np.column_stack([x, y]))
    assert not any(box.contains(*point) for box in boxes for point in points)
    frame = axes.get_window_extent()
    assert all(frame.x0 <= box.x0 and box.x1 <= frame.x1 for box in boxes)
