"""CSV files as people have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from coterie.data import load
from coterie.errors import CoterieError

N = 240


def test_csv_as_people_have_it(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "größe": generator.normal(size=N).round(4),
            "t": np.arange(N) % 2,
            "farbe": ["grün", "rot"] * (N // 2),
        }
    )
    frame["farbe"] = generator.permutation(frame["farbe"])
    plain = load(frame, targets=["t"]).preprocessing
    path = tmp_path / "t.csv"
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        frame.to_csv(path, index=False, encoding=encoding)
        assert load(path, targets=["t"]).preprocessing == plain
    frame.to_csv(path, index=False, encoding="cp1252")
    with pytest.raises(
        CoterieError, match=r"is no utf-8 text .*Say its `encoding`, such as 'latin-1'"
    ):
        load(path, targets=["t"])
    assert load(path, targets=["t"], encoding="cp1252").preprocessing == plain
    with pytest.raises(CoterieError, match="`encoding` 'utf-9' is unknown"):
        load(path, targets=["t"], encoding="utf-9")
    frame.to_csv(path, index=False, encoding="utf-16-le")
    with pytest.raises(CoterieError, match="holds NUL characters"):
        load(path, targets=["t"])
    assert load(path, targets=["t"], encoding="utf-16-le").preprocessing == plain
    frame.to_csv(tmp_path / "t.csv.gz", index=False)
    assert load(tmp_path / "t.csv.gz", targets=["t"]).preprocessing == plain


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_are_found_and_said(tmp_path: Path, separator: str) -> None:
    frame = pd.DataFrame(
        {"a": np.random.default_rng(0).normal(size=N).round(4), "t": np.arange(N) % 2}
    )
    frame.to_csv(
        tmp_path / "t.csv", index=False, sep=separator, decimal="," if separator == ";" else "."
    )
    data = load(tmp_path / "t.csv", targets=["t"])
    assert data.preprocessing == load(frame, targets=["t"]).preprocessing
    assert f"Columns are separated by {separator!r}." in data.notes
    assert ("Column 'a' has decimal commas." in data.notes) == (separator == ";")


def test_line_breaks_and_separators_in_quotes(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "a\nb": ["one\ntwo", "x,y"] * 120,
            "c": np.random.default_rng(0).normal(size=N),
            "t": np.arange(N) % 3 == 0,
        }
    )
    frame.to_csv(tmp_path / "t.csv", index=False)
    assert load(tmp_path / "t.csv", targets=["t"]).preprocessing.feature_names == (
        "c",
        "a\nb=one\ntwo",
        "a\nb=x,y",
    )


def test_columns_without_a_name_do_not_hide_others(tmp_path: Path) -> None:
    lines = [
        "a,,t,",
        *(
            f"{value},{row % 5},{row % 2},"
            for row, value in enumerate(np.random.default_rng(0).normal(size=N))
        ),
    ]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    data = load(tmp_path / "t.csv", targets=["t"])
    assert data.preprocessing.feature_names == ("a", "")
    assert "Column 'Unnamed: 3' left out: it is empty." in data.notes
