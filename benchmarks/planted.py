"""What true groups gain on planted data: the figures that `coterie.testing.planted` states.

    python benchmarks/planted.py

On every table of every regime the "mlp" is trained on the true groups, on random groups of the same
sizes, on all tasks together and on each alone, all rows from the same initialisation, with the
regime's settings; the last epoch counts, so that nothing is chosen on what judges. Differences of
the mean balanced accuracy on the validation part, in points, paired over tables."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

import numpy as np
from _common import log, save_result

import coterie as ct
from coterie.seeds import numpy_generator
from coterie.statistics import nadeau_bengio
from coterie.testing import REGIMES, Regime, planted

DRAWS = 3


def scores(regime: Regime, seed: int) -> dict[str, float]:
    """Mean validation scores of true and random groups, joint and single models, on one table."""
    found = planted(regime, seed)
    n_tasks, true, rng = (
        len(found.data.tasks),
        found.grouping.weights(),
        numpy_generator(seed, "random groups"),
    )
    arms = {
        "true": [true],
        "joint": [np.ones((1, n_tasks))],
        "single": [np.eye(n_tasks)],
        "random": [true[:, rng.permutation(n_tasks)] for _ in range(DRAWS)],
    }
    rows = np.concatenate([rows for each in arms.values() for rows in each])
    fit = ct.fit(
        "mlp",
        found.data,
        rows,
        init="shared",
        seed=seed,
        metric="balanced accuracy",
        **found.settings,
    )
    # Each task is served by one row of a grouping: the others have no score for it.
    served = iter(
        np.split(fit.scores, np.cumsum([len(rows) for each in arms.values() for rows in each])[:-1])
    )
    return {
        name: float(np.mean([np.nanmax(next(served), axis=0).mean() for _ in each]))
        for name, each in arms.items()
    }


def gains(regime: Regime, seeds: Iterable[int]) -> dict[str, dict[str, float]]:
    """What true groups gain against each other arm."""
    tables = [scores(regime, seed) for seed in seeds]
    found = {}
    for other in ("random", "joint", "single"):
        interval = nadeau_bengio(
            100 * np.array([[table["true"] - table[other]] for table in tables])
        )
        found[other] = {
            name: round(float(getattr(interval, name)[0]), 2) for name in ("mean", "low", "high")
        }
    return found


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=20)
    tables, found = parser.parse_args().tables, {}
    for regime in REGIMES:
        found[regime] = gains(regime, range(tables))
        log(f"{regime}: {found[regime]}")
    save_result(
        "planted",
        {
            "tables": tables,
            "draws": DRAWS,
            "settings": {r: dict(planted(r).settings) for r in REGIMES},
            "gains": found,
        },
    )


if __name__ == "__main__":
    main()
