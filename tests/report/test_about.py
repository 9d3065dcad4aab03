"""Settings, and tables to take away."""

from __future__ import annotations

import pytest

from coterie.report import about

from .synthetic import comparison


def test_large_score_tables_are_summarised_for_download(monkeypatch: pytest.MonkeyPatch) -> None:
    made = comparison(("a", "b", "c"), n_groups=2, recorded=False)
    monkeypatch.setattr(about, "MOST_ROWS", 10)
    entry = next(e for e in about.downloads(made) if e.file == "scores.csv")
    assert entry.rows == 5 * 3 * 5
    assert "mean and standard deviation" in entry.what


def test_settings_are_flat_and_leave_out_what_is_unset() -> None:
    made = comparison(("a", "b"), n_groups=1, recorded=False)
    shown = about.settings(made)
    assert shown.notes == ["Column date was left out."]
    assert ("batch size", "128") in shown.sections["training"]
    assert not any(name == "clip" for name, _ in shown.sections["training"])
    assert ("model", "cnn") in shown.sections["general"]
