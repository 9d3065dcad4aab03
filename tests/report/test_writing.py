"""Pages and their twins."""

from __future__ import annotations

import json

import pytest

from coterie.errors import CoterieError
from coterie.report.writing import targets, write


def test_a_page_has_a_twin_of_its_name(tmp_path):
    page, twin = targets(tmp_path / "a.b.html")
    assert twin == tmp_path / "a.b.json"
    assert write(page, "<p>", twin, {"a": 1}) == page
    assert page.read_text() == "<p>"
    assert json.loads(twin.read_text()) == {"a": 1}


def test_no_page_is_written_over_a_folder_or_as_its_own_twin(tmp_path):
    with pytest.raises(CoterieError, match="found the folder"):
        targets(tmp_path)
    with pytest.raises(CoterieError, match=r"must not end in \.json"):
        targets(tmp_path / "report.json")


def test_what_json_has_no_sign_for_is_no_fact(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path / "a.html", "", tmp_path / "a.json", float("nan"))
