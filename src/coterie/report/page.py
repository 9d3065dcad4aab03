"""Writing the page and its JSON twin."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from coterie.errors import CoterieError
from coterie.files import atomic
from coterie.report import about, curves, gains, groups, scores

if TYPE_CHECKING:
    from coterie.evaluation import Comparison


def write_report(comparison: Comparison, path: str | Path) -> Path:
    """Write ``comparison`` as one HTML file that needs no network, and the same facts as JSON beside it.

    The same comparison gives the same bytes. Returns the path of the page; ``report.html`` has ``report.json`` as its twin.

    Raises:
        CoterieError: ``path`` is a folder, is itself the name of a JSON file, or cannot be written.

    >>> write_report(comparison, "report.html")  # doctest: +SKIP
    PosixPath('report.html')
    """
    page = Path(path)
    twin = page.with_suffix(".json")
    if page.is_dir():
        raise CoterieError(f"`path` must name a file such as report.html; found the folder {page}.")
    if page == twin:
        raise CoterieError(
            f"`path` must not end in .json, which is the name of the report's twin; found {page}. Try report.html."
        )
    maps = groups.data_maps(comparison)
    html = render(comparison, maps, twin_name=twin.name)
    drawn = {"curves": curves.table(comparison), "data_maps": maps and groups.density_table(maps)}
    try:
        with atomic(page) as temporary:
            temporary.write_text(html, encoding="utf-8", errors="replace")
        with atomic(twin) as temporary:
            # Without line breaks: those of write_json, one for each number, would be most of the file.
            text = json.dumps({**comparison.to_dict(), **drawn}, separators=(",", ":"), allow_nan=False)
            temporary.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise CoterieError(f"`path` must be writable; found {page} ({error.strerror}).") from error
    return page


def render(comparison: Comparison, maps: dict[str, Any] | None, *, twin_name: str) -> str:
    """The page as text; ``maps`` is its chapter of data maps, ``twin_name`` the file name of the JSON twin that it mentions."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    loader = PackageLoader("coterie.report", "")
    page = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    style = files("coterie.report").joinpath("style.css").read_text(encoding="utf-8")
    order = groups.task_order(comparison)
    return page.get_template("template.html.j2").render(
        style=Markup(style),  # noqa: S704, our own file
        comparison=comparison,
        verdict=_verdict(comparison),
        twin=twin_name,
        memberships=groups.memberships(comparison),
        maps=maps,
        stability=groups.stability(comparison),
        gains=gains.chapter(comparison, order),
        scores=scores.score_table(comparison, order),
        costs=scores.costs(comparison),
        curves=curves.chapter(comparison),
        settings=about.settings(comparison),
        downloads=about.downloads(comparison),
    )


def _verdict(comparison: Comparison) -> dict[str, list[str]]:
    """Sentences that judge a grouping as a whole, what else there is to know, and the findings behind them."""
    judged = tuple(f"{name}: " for name in comparison.groupings)
    headlines = [sentence for sentence in comparison.verdict if sentence.startswith(judged)] if judged else []
    rest = [sentence for sentence in comparison.verdict if sentence not in headlines]
    if len(headlines) < 2:
        return {"headlines": headlines, "plain": rest, "findings": []}
    return {"headlines": headlines, "plain": rest[-1:], "findings": rest[:-1]}
