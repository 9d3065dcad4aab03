"""matplotlib figures as inline SVG with the colours and the font of the page, light or dark."""

from __future__ import annotations

import base64
import io
import re
import warnings
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
from markupsafe import Markup

from coterie.drawing import style
from coterie.drawing.maps import MAP_COLOURS
from coterie.errors import CoterieError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PAGE_COLOURS = {
    style.INK: "currentColor",
    style.RULE: "var(--rule)",
    style.BLUE: "var(--blue)",
    style.GREEN: "var(--green)",
    style.PURPLE: "var(--purple)",
    style.VERMILION: "var(--vermilion)",
    style.ORANGE: "var(--orange)",
}
_COLOUR = re.compile("|".join(_PAGE_COLOURS))
_FONT_FAMILY = re.compile(r"font-family:[^;]*;? ?")
_LINK = re.compile(r"#(\w+)")
# The page has one style sheet and says itself what it is; matplotlib's own copies would leak out of
# the figure.
_DROPPED = {"metadata", "style"}


def inline(ax: Axes, *, name: str, alt: str, keeps_size: bool = False) -> Markup:
    """The figure of ``ax`` as one ``<svg>`` element.

    Args:
        ax: axes of the figure.
        name: unique in the page; goes before every id inside.
        alt: what the figure shows, for those who do not see it.
        keeps_size: never shrink it on narrow pages, where it stands in a box that scrolls.

    >>> from coterie.drawing import figures
    >>> axes = figures.learning_curves({"joint": np.arange(3)}, what="score")
    >>> inline(axes, name="a", alt="Rises.")[:19]
    Markup('<svg viewBox="0 0 2')
    """
    from matplotlib.figure import Figure

    figure = ax.get_figure()
    if not isinstance(figure, Figure):
        raise CoterieError(f"`ax` must lie directly in a figure; found {type(figure).__name__}.")
    file = io.BytesIO()
    with style.style(), warnings.catch_warnings():
        # Names in scripts that the measuring font lacks are still text in the SVG: the reader's own
        # font draws them.
        warnings.filterwarnings("ignore", message="Glyph")
        figure.savefig(file, format="svg", metadata={"Date": None})
    root = ET.fromstring(file.getvalue())  # noqa: S314, it is matplotlib's own output
    _adapt(root, name)
    width = float(root.attrib["width"].removesuffix("pt")) * 4 / 3
    size = f"width:{width:.0f}px" if keeps_size else f"max-width:{width:.0f}px"
    root.attrib = {
        "viewBox": root.attrib["viewBox"],
        "role": "img",
        "aria-label": alt,
        "style": size,
    }
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704, escaped by ElementTree


def raster(shades: np.ndarray) -> str:
    """Colour positions in [0, 1], first row lowest, as a PNG data URI of one pixel per cell.

    >>> raster(np.zeros((2, 2)))[:22]
    'data:image/png;base64,'
    """
    from matplotlib.image import imsave

    file = io.BytesIO()
    imsave(file, shades, vmin=0, vmax=1, cmap=MAP_COLOURS, origin="lower", format="png")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _adapt(root: ET.Element, name: str) -> None:
    """Make names page-unique, colours the page's, and drop what HTML does not need."""
    for element in root.iter():
        for child in [c for c in element if c.tag.rpartition("}")[2] in _DROPPED]:
            element.remove(child)
        element.tag = element.tag.rpartition("}")[2]
        element.attrib = {key.rpartition("}")[2]: value for key, value in element.attrib.items()}
        if element.tag != "text":
            element.text = element.tail = None
        element.tail = None
    linked = {
        match
        for e in root.iter()
        for key in ("href", "clip-path")
        for match in _LINK.findall(e.get(key, ""))
    }
    for element in root.iter():
        if element.get("id") in linked:
            element.set("id", f"{name}-{element.get('id')}")
        else:
            element.attrib.pop("id", None)
        for key in ("href", "clip-path"):
            value = element.get(key, "")
            if value.startswith(("#", "url(#")):
                element.set(key, value.replace("#", f"#{name}-"))
            elif value:
                element.set(key, "".join(value.split()))
        if "style" in element.attrib:
            own = _FONT_FAMILY.sub("", element.attrib["style"])
            element.set("style", _COLOUR.sub(lambda m: _PAGE_COLOURS[m[0]], own))
        if "d" in element.attrib:
            element.set("d", " ".join(element.attrib["d"].split()))
