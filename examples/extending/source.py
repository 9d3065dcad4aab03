"""Your own data source: a table of an SQLite file.

    python examples/extending/source.py

It says what it accepts and gives an Arrow table; what its cells mean, which columns are inputs and
how examples are split is decided as for any other source."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
import pyarrow as pa

import coterie as ct
from coterie.data.sources import Reading, TableSource, register
from coterie.testing import check_source


class Sqlite(TableSource):
    """``"FILE.sqlite#TABLE"``."""

    sentence = "'FILE.sqlite#TABLE', a table of an SQLite file"

    def accepts(self, source: object) -> bool:
        return isinstance(source, str) and ".sqlite#" in source

    def table(self, source: str, how: Reading) -> pa.Table:
        path, _, name = source.rpartition("#")
        if not Path(path).is_file():
            raise ct.CoterieError(f"`source`: there is no file {path!r}.")
        with closing(sqlite3.connect(path)) as base:
            if not base.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone():
                raise ct.CoterieError(f"`source`: {path!r} has no table {name!r}.")
            cells = base.execute(f'SELECT * FROM "{name}"')
            columns = [column for column, *_ in cells.description]
            return pa.Table.from_pylist([dict(zip(columns, row, strict=True)) for row in cells])


def main(folder: Path) -> None:
    rng = np.random.default_rng(0)
    plots = pd.DataFrame(rng.normal(size=(400, 3)), columns=["ph", "rain", "slope"])
    plots["clover"] = np.where(plots["ph"] > 0, "yes", "no")
    plots["moss"] = np.where(plots["rain"] - plots["ph"] > 0, "yes", "no")
    plots.loc[::9, ["rain", "moss"]] = None
    with closing(sqlite3.connect(folder / "field.sqlite")) as base:
        plots.to_sql("plots", base, index=False)
    mine, wanted = f"{folder}/field.sqlite#plots", ["clover", "moss"]
    refused = [f"{folder}/none.sqlite#plots", f"{folder}/field.sqlite#none"]
    held = check_source(register(Sqlite()), mine, targets=wanted, frame=plots, refused=refused)
    print("holds:", ", ".join(held))
    print(ct.fit("mlp", ct.load(mine, targets=wanted), epochs=5))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else mkdtemp()))
