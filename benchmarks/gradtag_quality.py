"""How well does Grad-TAG predict the validation losses of all subsets?

Beside a guess that is blind to subsets, and retraining.

    python benchmarks/gradtag_quality.py emotions scene flags --data DATA_FOLDER

On the first split of ``ground_truth.py``, five seeds: the estimate starts from the joint model of a
seed and is compared with that seed's table; so is the *blind* guess that every subset does as the
joint row, and, as the ceiling, the table of the next seed. Within-target correlation (Pearson) and
relative distance (Frobenius norm) of losses, subsets of at least two tasks."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from _common import RESULTS, log, save_result
from ground_truth import SEEDS, SETTINGS, all_rows, load

import coterie as ct
from coterie.estimators import GradTagScores, judge

RIDGES = (0.0005, 0.002, 0.01, 0.05)


def tables(name: str, tasks: tuple[str, ...], rows: np.ndarray) -> list[np.ndarray]:
    """Negated validation losses (R, T) of every seed on the first split."""
    frame = pd.read_parquet(RESULTS / f"ground_truth_{name}.parquet")
    frame = frame[(frame.split == 0) & (frame.part == "validation")]
    subsets = ["+".join(np.array(tasks)[row > 0]) for row in rows]
    found = []
    for seed in range(SEEDS):
        table = frame[frame.seed == seed].pivot_table(index="subset", columns="task", values="loss")
        found.append(-table.loc[subsets, list(tasks)].to_numpy())
    return found


def quality(guess: np.ndarray, truth: np.ndarray, rows: np.ndarray) -> dict[str, float]:
    """Within-target correlation and relative distance."""
    several = rows.sum(1) > 1
    guess, truth, rows = guess[several], truth[several], rows[several]
    return {
        "correlation": judge.within_target_correlation(guess, truth, rows),
        "distance": judge.relative_distance(guess, truth),
    }


def study(folder: Path, name: str) -> dict[str, Any]:
    """Means over seeds."""
    data = load(folder, name)
    rows = all_rows(len(data.tasks))
    truth = tables(name, data.tasks.names, rows)
    found: dict[str, list[dict[str, float]]] = {}
    for seed in range(SEEDS):
        joint = ct.fit("mlp", data, seed=seed, init="shared", **SETTINGS)
        for ridge in RIDGES:
            guess = GradTagScores(ridge=ridge, seed=seed).fit(joint, data).predict(rows)
            found.setdefault(f"gradtag, ridge {ridge:g}", []).append(
                quality(guess, truth[seed], rows)
            )
        blind = judge.blind_baseline(truth[seed][rows.sum(1).argmax()], rows)
        found.setdefault("blind", []).append(quality(blind, truth[seed], rows))
        found.setdefault("retrained", []).append(
            quality(truth[(seed + 1) % SEEDS], truth[seed], rows)
        )
    return {
        key: {what: float(np.mean([each[what] for each in of])) for what in of[0]}
        for key, of in found.items()
    }


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found = {}
    for name in arguments.tables:
        found[name] = study(arguments.data, name)
        log(f"{name}: {found[name]}")
    save_result("gradtag_quality", found)


if __name__ == "__main__":
    main()
