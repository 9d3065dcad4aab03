"""Your own table: write it, load it, group its targets, see whether that pays.

    python examples/own_table.py [FOLDER]

The table is made here so that the example runs anywhere: 1,200 machines with eight sensor readings
and six targets. Three targets depend on heat, two on load, one is a temperature in degrees; a third
of all labels is missing, as in real life."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd

import coterie as ct


def make_table(n: int = 1200, seed: int = 0) -> pd.DataFrame:
    """Readings, a category and six targets with gaps."""
    rng = np.random.default_rng(seed)
    readings = rng.normal(size=(n, 8))
    heat = np.sin(2 * readings[:, 0]) + readings[:, 1] * readings[:, 2]
    load = np.sin(2 * readings[:, 3]) + readings[:, 4] * readings[:, 5]
    frame = pd.DataFrame(readings, columns=[f"sensor {i}" for i in range(8)])
    frame["site"] = rng.choice(["north", "south", "harbour"], n)
    noise = rng.normal(scale=0.3, size=(n, 6))
    frame["overheats"] = np.where(heat + noise[:, 0] > 0.5, "yes", "no")
    frame["fan fails"] = np.where(heat + noise[:, 1] > 0.0, "yes", "no")
    frame["temperature"] = 60 + 15 * heat + 5 * noise[:, 2]
    frame["gear slips"] = np.where(load + noise[:, 3] > 0.0, "yes", "no")
    frame["overloaded"] = np.where(load + noise[:, 4] > 0.5, "yes", "no")
    frame["shift"] = rng.choice(["early", "late", "night"], n)
    targets = ["overheats", "fan fails", "temperature", "gear slips", "overloaded", "shift"]
    for target in targets:
        frame.loc[rng.random(n) < 1 / 3, target] = None
    return frame


def main(folder: Path) -> None:
    """Five lines do the work; the rest prints."""
    folder.mkdir(parents=True, exist_ok=True)
    make_table().to_parquet(folder / "machines.parquet")
    targets = ["overheats", "fan fails", "temperature", "gear slips", "overloaded", "shift"]
    data = ct.load(folder / "machines.parquet", targets=targets)
    print(*data.notes, sep="\n")

    joint = ct.fit("mlp", data, record=True, epochs=10, batch_size=64)
    groups = ct.group(joint.data_map, n_groups=2)
    print(groups)

    result = ct.compare("mlp", data, groups, seeds=3, repeats=1, draws=1, epochs=10, batch_size=64)
    print(*result.verdict, sep="\n")
    result.report(folder / "report.html")
    print(f"Report: {folder / 'report.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "runs/own_table"))
