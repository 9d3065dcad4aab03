"""The look of all figures, as far as they share it.

Names are drawn as they are: ``$x_1$`` is never read as a formula. Colours are those of Okabe and
Ito; lines and points differ in dash and marker as well, so that nothing rests on colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypedDict

from coterie.wording import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import RcKeyType

INK, RULE = "#010203", "#d0d1d2"
BLUE, ORANGE, GREEN, PURPLE, VERMILION, SKY = (
    "#0072b2",
    "#e69f00",
    "#009e73",
    "#cc79a7",
    "#d55e00",
    "#56b4e9",
)
_WIDE_NAME = 22  # characters of which two columns still fit under a figure
_STYLE: dict[RcKeyType, object] = {
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


class Mark(TypedDict):
    """Colour and shape of points."""

    color: str
    marker: str


class Look(Mark):
    """Colour, shape of points and dashes of a line."""

    linestyle: str | tuple[int, tuple[int, ...]]


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


def label(name: str, length: int) -> str:
    """A name for the legend, out of which matplotlib leaves what begins with an underscore."""
    text = shortened(name, length)
    return f"\N{HAIR SPACE}{text}" if text.startswith("_") else text


def plain_ticks(ax: Axes) -> None:
    """Ticks such as 2k or 1.5M, on a log axis at 1, 2 and 5 of each decade."""
    from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter

    logarithmic = ax.get_xscale() == "log"
    ax.xaxis.set_major_locator(
        LogLocator(subs=(1, 2, 5), numticks=8) if logarithmic else MaxNLocator(5)
    )
    ax.xaxis.set_major_formatter(EngFormatter(sep=""))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.yaxis.set_major_locator(MaxNLocator(5))


def legend(axes: Axes, *, below: bool) -> None:
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
