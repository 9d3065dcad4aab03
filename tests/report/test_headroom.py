"""The chapter of headroom as a page shows it."""

from __future__ import annotations

from jinja2 import Environment, PackageLoader, StrictUndefined

from coterie.report import headroom
from tests.results.test_headroom import made


def test_the_template_shows_the_sentence_and_each_task_escaped():
    loader = PackageLoader("coterie.report", "")
    page = Environment(loader=loader, autoescape=True, undefined=StrictUndefined)
    chapter = headroom.chapter(made(tasks=("a<b", "c", "d")))
    html = page.get_template("headroom.html.j2").render(headroom=chapter)
    assert chapter.sentence in html
    assert "a&lt;b" in html
    assert html.count('<th scope="row">') == 3


def test_the_chapter_tells_it_in_numbers():
    chapter = headroom.chapter(made())
    assert (chapter.bound, chapter.trained, chapter.seeds) == ("0.60", 5, 2)
    assert chapter.rows[0] == headroom.Row("a", "80.0", "79.0", "0.5", "1.0")
