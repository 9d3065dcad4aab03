"""What true groups gain on planted data: the figures that `coterie.testing.planted` states.

    python benchmarks/planted.py
    python benchmarks/planted.py --regimes "few labels" --first 1000 --tables 6 --no-save

On every table of every regime the "mlp" is trained on the true groups, on random groups of the same
sizes, on all tasks together, on each alone, on all together with about as many parameters as the
groups' models have ("wide"), and as many joint models are averaged ("ensemble"), with the regime's
settings; the last epoch counts, so that nothing is chosen on what judges. Differences of the mean
balanced accuracy on the test part, in points, paired over tables. Settings were chosen on tables
from 1000 on.

Headroom is the bound of `ct.headroom` on what any grouping into as many models gains over joint, on
validation, and its estimate; means over the first tables."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from _common import RESULTS, log, save_result
from _rows import METRIC, Rows

import coterie as ct
from coterie.seeds import numpy_generator
from coterie.statistics import nadeau_bengio
from coterie.testing import REGIMES, Regime, planted
from coterie.testing.planted import MEASURED

DRAWS = 3
HEADROOM_TABLES, HEADROOM_ROWS, HEADROOM_SEEDS = 5, 24, 3
KEPT = ("settings", "gains", "scores", "headroom")
RIVALS = ("random", "joint", "single", "wide", "ensemble")


def scores(regime: Regime, seed: int) -> dict[str, float]:
    """Mean scores on the test part of true groups and of what they are compared with."""
    found, rng = planted(regime, seed), numpy_generator(seed, "random groups")
    rows, true = Rows(found, seed), found.grouping
    n_groups, n_tasks = true.n_groups, len(true.tasks)
    random = [_permuted(true, rng.permutation(n_tasks)) for _ in range(DRAWS)]
    groupings = [true, *random]
    every = [each.weights() for each in groupings]
    rows.train(np.concatenate([*every, rows.joint, np.eye(n_tasks)]))
    return {
        "true": rows.score(true),
        "random": float(np.mean([rows.score(each) for each in random])),
        "joint": rows.score_of_joint(),
        "single": rows.score_of_single(),
        "wide": rows.score_of_wide(n_groups),
        "ensemble": rows.score_of_ensemble(n_groups),
    }


def _permuted(grouping: ct.Grouping, order: np.ndarray) -> ct.Grouping:
    weights = None if grouping.row_weights is None else grouping.row_weights[:, order]
    return replace(grouping, membership=grouping.membership[order], row_weights=weights)


def gains(regime: Regime, seeds: Iterable[int]) -> dict[str, dict[str, float]]:
    """What true groups gain against each other arm."""
    tables = [scores(regime, seed) for seed in seeds]
    found = {}
    for other in RIVALS:
        interval = nadeau_bengio(np.array([[table["true"] - table[other]] for table in tables]))
        found[other] = {
            name: round(float(getattr(interval, name)[0]), 2) for name in ("mean", "low", "high")
        }
    found["scores"] = {
        name: round(float(np.mean([table[name] for table in tables])), 1) for name in tables[0]
    }
    return found


def headroom(regime: Regime, seeds: Iterable[int]) -> dict[str, float]:
    """Bound and estimate of what any grouping gains over joint, in points."""
    bounds = []
    for seed in seeds:
        found = planted(regime, seed)
        data, n_groups = found.data.with_metric(METRIC), found.grouping.n_groups
        size = {"rows": HEADROOM_ROWS, "seeds": HEADROOM_SEEDS, "seed": seed}
        bounds.append(ct.headroom("mlp", data, n_groups, **size, **found.settings))
    return {
        "bound": round(float(np.mean([each.bound for each in bounds])), 1),
        "estimate": round(float(np.mean([each.estimate for each in bounds])), 1),
    }


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tables", type=int, default=20)
    parser.add_argument("--first", type=int, default=0, help="the first table")
    parser.add_argument("--regimes", nargs="+", choices=REGIMES, default=REGIMES)
    parser.add_argument("--no-save", action="store_true", help="print only")
    asked = parser.parse_args()
    seeds, found = range(asked.first, asked.first + asked.tables), _kept()
    for regime in asked.regimes:
        measured = gains(regime, seeds)
        means = measured.pop("scores")
        log(f"{regime}: {measured}, scores {means}")
        if asked.no_save:
            continue
        found["gains"][regime], found["scores"][regime] = measured, means
        found["settings"][regime] = dict(planted(regime).settings)
        found["headroom"][regime] = headroom(regime, seeds[:HEADROOM_TABLES])
        log(f"{regime}: headroom {found['headroom'][regime]}")
        sizes = {"tables": asked.tables, "draws": DRAWS, "headroom_tables": HEADROOM_TABLES}
        kept = {name: _ordered(found[name]) for name in KEPT}
        save_result("planted", {**sizes, **kept})
        stated = {name: kept[name] for name in ("gains", "headroom")}
        MEASURED.write_text(json.dumps(stated, indent=1) + "\n", encoding="utf-8")


def _kept() -> dict[str, Any]:
    """What was measured before: a regime may be measured anew."""
    file = RESULTS / "planted.json"
    before = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {name: before.get(name, {}) for name in KEPT}


def _ordered(by_regime: dict[str, Any]) -> dict[str, Any]:
    return {regime: by_regime[regime] for regime in REGIMES if regime in by_regime}


if __name__ == "__main__":
    main()
