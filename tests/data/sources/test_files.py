"""Files by their names."""

from __future__ import annotations

from pathlib import Path

import pytest

from coterie.data import load
from coterie.errors import CoterieError


def test_files_of_the_wrong_kind(tmp_path: Path) -> None:
    for name, content in (("a.parquet", "no"), ("b.arrow", "no"), ("c.csv", ""), ("d.txt", "a,b")):
        (tmp_path / name).write_text(content)
    for name, message in (
        ("a.parquet", "is no readable parquet file"),
        ("b.arrow", "is no readable arrow file"),
        ("c.csv", "c.csv' is empty"),
        ("d.txt", "must end in .parquet, .csv, .tsv or .arrow; found .txt"),
    ):
        with pytest.raises(CoterieError, match=message):
            load(tmp_path / name, targets=["a"])
