"""Data maps as densities: colours are logarithmic, those of cividis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from coterie.drawing.style import axes_on, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAP_COLOURS = "cividis"
_MAP_RANGE = ((0.0, 1.0), (0.0, float(np.sqrt(0.5))))


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
