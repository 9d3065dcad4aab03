"""Subsets drawn within the groups found so far, against subsets drawn from all tasks.

    python benchmarks/adaptive_sampling.py

Planted scores: a target's is the sum of what the other members of a subset do for it, 1 from its
own group and 0 from others, each with a spread of .5 that stays, and every score has noise. Subsets
are of 10 tasks, the usual size, or of few, as where each of them is trained. The affinity of sampled
subsets (`coterie.estimators.sampled_affinity`) is clustered into the true number
of groups by the semidefinite relaxation. Adjusted Rand index with the planted groups, means over
tables, and the difference of the two with its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from _common import log, save_result, simulation_arguments
from sklearn.metrics import adjusted_rand_score

from coterie.estimators import sampled_affinity
from coterie.grouping import group
from coterie.seeds import numpy_generator
from coterie.statistics import nadeau_bengio

# Tasks, groups, tasks of a subset, noise, tables.
CASES = ((24, 4, 3, 1.0, 20), (24, 4, 10, 2.0, 20), (60, 6, 4, 1.0, 10), (60, 6, 10, 2.0, 10))
PER_TASK = (4, 8, 16)
SPREAD = 0.5


class Scores:
    """An oracle of planted groups; it answers a row in the same way whenever it is asked."""

    measure, cost = "score", {"model_steps": 0.0, "seconds": 0.0}

    def __init__(self, n_tasks: int, n_groups: int, noise: float, seed: int) -> None:
        rng = numpy_generator(seed, "planted scores", n_tasks)
        self.labels = rng.permutation(np.arange(n_tasks) % n_groups)
        self.effects = (self.labels[:, None] == self.labels) + SPREAD * rng.normal(
            size=(n_tasks, n_tasks)
        )
        np.fill_diagonal(self.effects, 0)
        self.tasks, self.noise, self.seed = tuple(map(str, range(n_tasks))), noise, seed

    def predict(self, weights: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
        """Scores (M, T)."""
        rows = np.asarray(weights) > 0
        noise = [
            numpy_generator(self.seed, "noise", np.packbits(row).tobytes().hex()).normal(
                size=rows.shape[1]
            )
            for row in rows
        ]
        return np.where(rows, rows @ self.effects + self.noise * np.array(noise), np.nan)


def agreement(oracle: Scores, n_groups: int, size: int, n_subsets: int) -> Mapping[str, float]:
    """Adjusted Rand index of both ways of drawing, and how many subsets they asked about.

    Both ask about as many: adaptive draws end with what brings missing pairs together, or earlier.
    """
    found: dict[str, float] = {}
    for name, adaptive in {"adaptive": n_groups, "uniform": None}.items():
        measured = sampled_affinity(
            oracle,  # type: ignore[arg-type]
            n_subsets=int(found.get("subsets", n_subsets)),
            size=size,
            adaptive=adaptive,
            seed=oracle.seed,
        )
        # Pairs that were never met are of average use, as far as is known.
        complete = replace(measured, matrix=np.nan_to_num(measured.matrix))
        labels = group(complete, n_groups).labels
        found[name] = float(adjusted_rand_score(oracle.labels, labels))
        found["subsets"] = float(measured.details["subsets"])  # type: ignore[arg-type]
    return found


def main() -> None:
    """Simulate, print, keep."""
    asked = simulation_arguments(__doc__)
    rows = []
    for n_tasks, n_groups, size, noise, tables in CASES:
        for per_task in PER_TASK:
            seeds = range(asked.seed, asked.seed + max(3, round(asked.scale * tables)))
            found = [
                agreement(
                    Scores(n_tasks, n_groups, noise, seed), n_groups, size, per_task * n_tasks
                )
                for seed in seeds
            ]
            gain = nadeau_bengio(np.array([each["adaptive"] - each["uniform"] for each in found]))
            rows.append(
                {
                    "tasks": n_tasks,
                    "groups": n_groups,
                    "size": size,
                    "noise": noise,
                    "subsets_per_task": per_task,
                    "tables": len(found),
                    **{name: float(np.mean([each[name] for each in found])) for name in found[0]},
                    "gain": [float(gain.mean), float(gain.low), float(gain.high)],
                }
            )
            log(str(rows[-1]))
    if not asked.no_save:
        save_result("adaptive_sampling", {"spread": SPREAD, "rows": rows})


if __name__ == "__main__":
    main()
