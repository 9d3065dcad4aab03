"""Which affinity finds planted groups, with which settings, after how many epochs.

    python benchmarks/affinity_regimes.py                      # claimed seeds, the main affinities
    python benchmarks/affinity_regimes.py --part tuning        # seeds 100 on, all settings

On every table of every regime the "mlp" is trained on all tasks together for 100 epochs with the
regime's settings, and everything is measured on this one training. Its first 10 and 30 epochs are
what shorter trainings would have been, for the learning rate is constant. Each affinity ends at the
last of these epochs, or at the best of them by validation, and is clustered into the true number of
groups. A training that is in the file already is not repeated."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from _common import RESULTS, log, save_result
from sklearn.metrics import adjusted_rand_score

import coterie as ct
from coterie.affinities import (
    AffinityProbe,
    Alignment,
    AuxiliaryGain,
    Cosine,
    Lookahead,
    TransferGain,
)
from coterie.grouping import AFFINITY_METHODS
from coterie.results import Affinity
from coterie.testing import Regime, planted

REGIMES: tuple[Regime, ...] = ("agreeing heads", "conflicting heads", "disjoint examples")
EPOCHS = (10, 30, 100)
PUBLISHED: dict[str, Any] = {"step": 1, "scored_on": "train", "normalise": False}
MAIN: dict[str, AffinityProbe] = {
    "cosine": Cosine(),
    "alignment": Alignment(),
    "lookahead, published": Lookahead(**PUBLISHED),
    "lookahead": Lookahead(),
}
OTHERS: dict[str, AffinityProbe] = {
    "lookahead, step 1": Lookahead(step=1),
    "lookahead, step 0.1": Lookahead(step=0.1),
    "lookahead, scored on train": Lookahead(scored_on="train"),
    "lookahead, not normalised": Lookahead(normalise=False),
    "lookahead, 128 examples": Lookahead(batch_size=128),
    "transfer gain, published": TransferGain(**PUBLISHED),
    "transfer gain": TransferGain(),
    "auxiliary gain, earlier": AuxiliaryGain(step=1, normalise=False),
    "auxiliary gain": AuxiliaryGain(),
}


def found_groups(
    regime: Regime, seed: int, probes: Mapping[str, AffinityProbe], every: int
) -> dict[str, dict[str, float]]:
    """Adjusted Rand index of each probe by "epochs end clustering", on one table."""
    from dataclasses import replace

    table = planted(regime, seed)
    riding = {name: replace(probe, every=every) for name, probe in probes.items()}
    settings: Any = {**table.settings, "epochs": EPOCHS[-1]}
    joint = ct.fit("mlp", table.data, probes=list(riding.values()), seed=seed, **settings)
    losses = np.nanmean(joint.history.validation_loss[:, 0], axis=1)
    found = {}
    for name, probe in riding.items():
        found[name] = {
            f"{epochs} {end} {by}": _agreement(probe, at, by, table.grouping)
            for epochs in EPOCHS
            for end, at in (("last", epochs - 1), ("best", int(losses[:epochs].argmin())))
            for by in AFFINITY_METHODS
        }
        found[name]["seconds"] = round(probe.seconds, 2)
    return found


def _agreement(probe: AffinityProbe, epoch: int, by: str, truth: ct.Grouping) -> float:
    """0 where a pair was never measured, for then there are no groups."""
    matrix = probe.course.until(epoch).mean_or_nan()
    np.fill_diagonal(matrix, 0)
    if np.isnan(matrix).any():
        return 0.0
    measured = Affinity(tasks=truth.tasks, matrix=matrix, method=probe.name)
    grouping = ct.group(measured, truth.n_groups, method=by)
    return round(float(adjusted_rand_score(truth.labels, grouping.labels)), 3)


def summary(tables: Mapping[str, Mapping[str, dict[str, float]]]) -> dict[str, Any]:
    """Means over the tables of each regime."""
    means: dict[str, Any] = {}
    for regime in REGIMES:
        own = [found for key, found in tables.items() if key.startswith(regime)]
        names = dict.fromkeys(name for found in own for name in found)
        means[regime] = {
            name: {
                key: round(float(np.mean([found[name][key] for found in own if name in found])), 3)
                for key in next(found[name] for found in own if name in found)
            }
            for name in names
        }
    return means


def main() -> None:
    """Parse, run, save after every table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=("claimed", "tuning"), default="claimed")
    parser.add_argument("--tables", type=int, help="20 of the claimed, 5 of the tuning part")
    parser.add_argument("--every", type=int, default=10)
    asked = parser.parse_args()
    tuning = asked.part == "tuning"
    name = "affinity_regimes_tuning" if tuning else "affinity_regimes"
    path = RESULTS / f"{name}.json"
    tables = json.loads(path.read_text())["tables"] if path.exists() else {}
    seeds = range(100, 100 + (asked.tables or 5)) if tuning else range(asked.tables or 20)
    for seed in seeds:
        for regime in REGIMES:
            key = f"{regime} {seed}"
            if key in tables:
                continue
            probes = {**MAIN, **OTHERS} if tuning else MAIN
            tables[key] = found_groups(regime, seed, probes, asked.every)
            log(f"{key}: " + ", ".join(f"{n} {f['30 best sdp']}" for n, f in tables[key].items()))
            save_result(name, {"every": asked.every, "means": summary(tables), "tables": tables})


if __name__ == "__main__":
    main()
