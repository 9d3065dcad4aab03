"""The page in a real browser: it fits narrow and wide windows, opens in full, and runs nothing."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-file-access-from-files",
    "--enable-logging=stderr",
    "--virtual-time-budget=20000",
    "--window-size=1500,1000",
)
# Chromium has no window as narrow as a phone, but a frame may be.
MEASURE = """
<!doctype html><title>measuring</title><body><script>
const measure = frame => {
  const page = frame.contentDocument, root = page.scrollingElement;
  const unfolded = [...page.querySelectorAll("details.chapter[open] > section")].map(s => s.id);
  page.querySelectorAll("details").forEach(d => { d.open = true; });
  const drawn = [...page.querySelectorAll("svg[role=img]")];
  return { width: frame.clientWidth, needed: root.scrollWidth, title: page.title, unfolded,
           height: root.scrollHeight,
           broken: drawn.filter(s => s.getBoundingClientRect().width < 40).length };
};
addEventListener("load", () => {
  const found = [...document.querySelectorAll("iframe")].map(measure);
  document.body.replaceChildren(JSON.stringify(found));
});
</script>%s</body>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.timeout(120)
def test_pages_fit_phones_and_desktops_and_stay_silent(
    hostile_page: Path,
    large_page: Path,
    several_page: Path,
    hundred_page: Path,
    searches_page: Path,
    large_search_page: Path,
    tmp_path: Path,
) -> None:
    pages = (hostile_page, large_page, several_page, hundred_page, searches_page, large_search_page)
    frames = "".join(
        f'<iframe width="{width}" height="800" style="border:0" src="{page.as_uri()}{place}"></iframe>'
        for page in pages
        for width, place in ((320, ""), (1400, "#scores"))
    )
    (tmp_path / "measure.html").write_text(MEASURE % frames, encoding="utf-8")
    assert CHROMIUM
    command = [
        CHROMIUM,
        *FLAGS,
        f"--user-data-dir={tmp_path / 'profile'}",
        "--dump-dom",
        (tmp_path / "measure.html").as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    body = re.search(r"<body[^>]*>(\[.*\])\s*</body>", done.stdout, re.DOTALL)
    assert body, done.stdout[-2000:]
    found = json.loads(html.unescape(body[1]))
    assert [entry["width"] for entry in found] == [320, 1400] * len(pages)
    assert [entry["unfolded"] for entry in found] == [[], ["scores"]] * len(pages)
    assert all(entry["needed"] <= entry["width"] for entry in found), found
    assert all(entry["title"].startswith("Task grouping report") for entry in found)
    assert all(entry["broken"] == 0 and entry["height"] > 3000 for entry in found), found
    assert "CONSOLE" not in done.stderr, done.stderr
