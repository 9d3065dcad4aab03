"""Train every subset of the tasks of a table: what each method that guesses at it is judged by.

    python benchmarks/ground_truth.py emotions scene flags --data DATA_FOLDER

All 2^T - 1 rows of a unit are one stack, start alike and keep their best epoch on validation. Units
are ten splits of one seed each, and four more seeds on the first split, which tell the noise of
seeds from that of splits. Scores of each cell go to ``results/ground_truth_NAME.parquet``, the
noise and the time (beside training some rows one after the other, in the same run) to the JSON of
the same name."""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from _common import RESULTS, log, save_result

import coterie as ct
from coterie.data import Dataset
from coterie.evaluation import repeated_splits
from coterie.metrics import scores
from coterie.tasks import task_losses

SETTINGS: dict[str, Any] = {"batch_size": 64, "lr": 1e-3, "epochs": 30}
SPLITS, SEEDS = 10, 5
UNITS = [*((split, split) for split in range(SPLITS)), *((0, seed) for seed in range(1, SEEDS))]
ONE_BY_ONE = 8


def all_rows(n_tasks: int) -> np.ndarray:
    """Every non-empty subset as a 0/1 row, singles first."""
    rows = np.array([row for row in product([0, 1], repeat=n_tasks) if any(row)])
    return rows[np.lexsort((*rows.T, rows.sum(1)))]


def load(folder: Path, name: str) -> Dataset:
    """A multi-label table; its Parquet metadata names the targets."""
    return ct.load(str(folder / f"tabular/{name}.parquet"), rare="drop")


def cells(
    fit: ct.Fit, data: Dataset, rows: np.ndarray, split: int, seed: int
) -> list[dict[str, Any]]:
    """Score and loss of every trained cell on validation and test."""
    found = []
    for part in ("validation", "test"):
        positions = getattr(data.split, part)
        outputs, targets = ct.predict(fit.stack, data, positions), data.targets[positions]
        score = scores(outputs, targets, data.tasks).numpy()
        loss = task_losses(outputs, targets, data.tasks).numpy()
        found += [
            {
                "split": split,
                "seed": seed,
                "part": part,
                "subset": "+".join(np.array(data.tasks.names)[rows[m] > 0]),
                "task": data.tasks.names[t],
                "score": float(score[m, t]),
                "loss": float(loss[m, t]),
            }
            for m, t in np.argwhere(rows)
        ]
    return found


def study(folder: Path, name: str) -> None:
    """All units of one table."""
    data = load(folder, name)
    rows, records, seconds = all_rows(len(data.tasks)), [], []
    splits = repeated_splits(data, SPLITS)
    for split, seed in UNITS:
        started = perf_counter()
        fit = ct.fit("mlp", splits[split], rows, init="shared", seed=seed, **SETTINGS)
        seconds.append(perf_counter() - started)
        records += cells(fit, splits[split], rows, split, seed)
        log(
            f"{name}, split {split}, seed {seed}: {len(rows)} rows in {seconds[-1]:.1f} s "
            f"({fit.cost['strategy']})"
        )
    started = perf_counter()
    some = np.linspace(0, len(rows) - 1, ONE_BY_ONE).astype(int)
    for row in some:
        ct.fit("mlp", data, rows[row : row + 1], init="shared", seed=0, **SETTINGS)
    alone = (perf_counter() - started) / ONE_BY_ONE * len(rows)
    table = pa.Table.from_pylist(records)
    pq.write_table(table, RESULTS / f"ground_truth_{name}.parquet", compression="zstd")
    save_result(
        f"ground_truth_{name}",
        {
            "tasks": list(data.tasks.names),
            "rows": len(rows),
            "examples": len(data),
            "settings": SETTINGS,
            "units": UNITS,
            "stack_seconds": seconds,
            "one_by_one_seconds": alone,
            "speedup": alone / float(np.median(seconds)),
            "strategy": fit.cost["strategy"],
            "noise": noise(table, data.tasks.names),
        },
    )
    log(
        f"{name}: one after the other would take {alone:.0f} s a seed, "
        f"{alone / np.median(seconds):.1f} times as long"
    )


def noise(table: pa.Table, tasks: tuple[str, ...]) -> dict[str, Any]:
    """Spread of a cell over seeds and over splits, beside that between the subsets to choose from.

    Standard deviations, averaged (as variances) over the cells of a task. ``subsets`` is that of a
    cell's mean over the seeds of the first split; what remains of it when seed noise is subtracted
    is ``signal``."""
    frame = table.to_pandas()
    found: dict[str, Any] = {}
    for part, what in product(("validation", "test"), ("score", "loss")):
        mine = frame[frame.part == part]
        seeds = mine[mine.split == 0].pivot_table(
            index=["task", "subset"], columns="seed", values=what
        )
        one_each = mine[mine.split == mine.seed].pivot_table(
            index=["task", "subset"], columns="split", values=what
        )
        between = seeds.mean(axis=1).groupby("task").var(ddof=1)
        within = seeds.var(axis=1, ddof=1).groupby("task").mean()
        spread = {
            "seeds": within,
            "splits and seeds": one_each.var(axis=1, ddof=1).groupby("task").mean(),
            "subsets": between,
            "signal": (between - within / seeds.shape[1]).clip(lower=0),
        }
        found[f"{part} {what}"] = {
            key: np.sqrt(value[list(tasks)]).to_dict() for key, value in spread.items()
        }
    return found


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for name in arguments.tables:
        study(arguments.data, name)


if __name__ == "__main__":
    main()
