"""A page and its JSON twin: made from a template, written whole."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from markupsafe import Markup

from coterie.errors import CoterieError
from coterie.files import atomic, path_of
from coterie.texts import visible


def targets(path: str | Path) -> tuple[Path, Path]:
    """Where a page and its twin go.

    Raises:
        CoterieError: ``path`` is a folder, or itself the name of a JSON file.
    """
    page = path_of(path)
    twin = page.with_suffix(".json")
    if page.is_dir():
        raise CoterieError(f"`path` must name a file such as report.html; found the folder {page}.")
    if page == twin:
        raise CoterieError(
            f"`path` must not end in .json, which is the name of the report's twin; found {page}. "
            "Try report.html."
        )
    return page, twin


def rendered(template: str, **parts: object) -> str:
    """A template of this room with the style of its pages, as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    page = Environment(
        loader=PackageLoader("coterie.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = files("coterie.report").joinpath("style.css").read_text(encoding="utf-8")
    html = page.get_template(template).render(style=Markup(style), **parts)  # noqa: S704, our own file
    return visible(html, keep="\n\t")


def write(page: Path, html: str, twin: Path, facts: object) -> Path:
    """Write both; the path of the page.

    Raises:
        CoterieError: they cannot be written.
    """
    try:
        with atomic(page) as temporary:
            temporary.write_text(html, encoding="utf-8")
        with atomic(twin) as temporary:
            # Without line breaks: those of write_json, one for each number, would be most of the
            # file.
            text = json.dumps(facts, separators=(",", ":"), allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")
    except CoterieError as error:
        raise CoterieError(f"`path` must be writable: {error}") from error
    return page
