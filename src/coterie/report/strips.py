"""A task's way through training as a strip.

Shades tell how probable its most probable group is, numbers which one it is.

Shapes: ``E`` epochs. Positions are in per cent of the strip's width.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np

_MOST_TOLD = 6
_COLUMNS = 100
_SHADES = 20
_LEGIBLE = 3.5  # per cent of a strip's width that the number of a group needs
_DARK = 62  # per cent of the colour on which text is that of the page
_PALEST = 8  # per cent of the colour that an even probability has


@dataclass(frozen=True)
class Piece:
    """A part of one shade, in ``percent`` of the colour."""

    at: float
    width: float
    percent: int


@dataclass(frozen=True)
class Stretch:
    """A part of one group, whose number stands there if it has room; ``hi`` where it is dark."""

    at: float
    text: str
    hi: bool


@dataclass(frozen=True)
class Strip:
    """What there is to draw of one task."""

    pieces: list[Piece]
    stretches: list[Stretch]


@dataclass(frozen=True)
class Tick:
    """The number of an epoch, and which of its ends is at its place."""

    at: float
    text: str
    anchor: str


def strip(highest: np.ndarray, led: np.ndarray, n_groups: int) -> Strip:
    """A task's epochs from left to right.

    Pieces of one shade, stretches of one group, whose number is left out if narrow.

    Args:
        highest: probability of the most probable group (E,).
        led: which group that is (E,).
        n_groups: how many there are, at least 2. Even probabilities are palest.

    Of more than 100 epochs, each column is the last of several.
    """
    n_epochs = len(led)
    ends = np.linspace(0, n_epochs, min(n_epochs, _COLUMNS) + 1).round().astype(int)
    shades = np.rint(_SHADES * (highest * n_groups - 1) / (n_groups - 1)).clip(0, _SHADES) / _SHADES
    colours = np.rint(_PALEST + (100 - _PALEST) * shades).astype(int)
    columns = [(int(led[b - 1]), int(colours[b - 1]), a, b) for a, b in pairwise(ends)]
    at = lambda epoch: round(100 * int(epoch) / n_epochs, 2)  # noqa: E731
    pieces, stretches = [], []
    for group, stretch in groupby(columns, key=lambda column: column[0]):
        mine = list(stretch)
        start, width = at(mine[0][2]), at(mine[-1][3]) - at(mine[0][2])
        beneath = [column[1] for column in mine if at(column[2]) < start + _LEGIBLE]
        text = str(group + 1) if width >= _LEGIBLE else ""
        stretches.append(Stretch(start, text, hi=sum(beneath) > _DARK * len(beneath)))
        for percent, shade in groupby(mine, key=lambda column: column[1]):
            same = list(shade)
            begin = at(same[0][2])
            pieces.append(Piece(begin, round(at(same[-1][3]) - begin, 2), percent))
    return Strip(pieces, stretches)


def said(led: np.ndarray) -> str:
    """A strip (E,) for those who do not see it.

    >>> said(np.array([0, 0, 2])), said(np.array([0, 1] * 10))
    ('Group 1 from epoch 1, group 3 from epoch 3', 'Group 2 from epoch 20, after 18 other changes')
    """
    starts = [0, *(np.flatnonzero(np.diff(led)) + 1).tolist()]
    told = [f"group {led[start] + 1} from epoch {start + 1}" for start in starts]
    if len(told) > _MOST_TOLD:
        return f"{told[-1].capitalize()}, after {len(told) - 2} other changes"
    return ", ".join(told).capitalize()


def ticks(n_epochs: int) -> list[Tick]:
    """Epochs to print along a strip, each at the middle of its column.

    >>> [tick.text for tick in ticks(50)], ticks(1)
    (['1', '15', '30', '45'], [Tick(at=50.0, text='1', anchor='middle')])
    """
    from matplotlib.ticker import MaxNLocator

    round_ones = MaxNLocator(4, integer=True).tick_values(1, max(n_epochs, 2))
    apart = max(1, 0.15 * n_epochs)
    shown = [1, *(round(epoch) for epoch in round_ones if 1 + apart <= epoch <= n_epochs)]
    places = [(epoch, round(100 * (epoch - 0.5) / n_epochs, 2)) for epoch in shown]
    return [
        Tick(at, str(epoch), "start" if at < 2 else "end" if at > 98 else "middle")
        for epoch, at in places
    ]
