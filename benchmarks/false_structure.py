"""Does "auto" find groups where there are none, and does it still find those that there are?

    python benchmarks/false_structure.py [--only PART ...]

Each part is saved when it is done:

* ``simulated``: maps of tasks that share nothing but what makes an example easy for all of them (a
  Gaussian copula with one factor), of equal and of unequal difficulty; whole, with gaps, compared
  by density, and of mixed kinds.
* ``trained``: an "mlp" on independent tasks with equal and with unequal noise.
* ``power``: planted groups and digits, where several groups are to be found.
* ``window``: the map up to the best epoch and that of all epochs, when trained for 10, 30, 100; on
  the networks of the planted regimes, and on wide ones that learn the examples by heart.
* ``affinities``: those that ride on such a training, of tasks in planted groups and of tasks that
  are in none.
* ``seconds``: what the calibration takes.

"before" is the rule of earlier versions: of maps, that the largest silhouette of k-means is at least
0.1; of affinities, that it is above a curve fitted to Gaussian noise, of distances below the largest
affinity.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from time import perf_counter
from typing import Any

import numpy as np
from _common import RESULTS, log, save_result
from scipy.stats import beta, norm
from sklearn.metrics import adjusted_rand_score

import coterie as ct
from coterie.affinities import AFFINITIES
from coterie.datamaps import gram
from coterie.datamaps.gram import FeatureName, classical_scaling
from coterie.evaluation import make_probes
from coterie.grouping._automatic import silhouette
from coterie.grouping._method import Settings
from coterie.grouping._standardised import standardised
from coterie.grouping.kmeans import kmeans_distances
from coterie.methods import Cluster
from coterie.seeds import numpy_generator
from coterie.testing import Planted, Regime, planted

N_TASKS = (5, 10, 20, 40)
FEATURES: tuple[FeatureName, ...] = ("cells", "centred")
BEFORE = 0.1


def simulated_map(
    n_tasks: int,
    seed: int,
    *,
    unequal: bool,
    n_examples: int = 1_000,
    gaps: float = 0.0,
    mixed: bool = False,
    loadings: tuple[float, float] = (0.2, 0.8),
) -> ct.DataMap:
    """Confidences with a beta distribution, whose common factor is how easy an example is."""
    random = numpy_generator(seed, "simulated map", n_tasks, unequal)
    means = random.uniform(0.55, 0.95, n_tasks) if unequal else np.full(n_tasks, 0.75)
    loading = random.uniform(*loadings, n_tasks)
    common, own = (random.standard_normal((n_examples, n)) for n in (1, n_tasks))
    ranks = norm.cdf(loading * common + np.sqrt(1 - loading**2) * own)
    confidence = beta.ppf(ranks, 4 * means, 4 * (1 - means))
    noise = random.uniform(0.6, 1.4, confidence.shape)
    variability = 0.5 * np.sqrt(confidence * (1 - confidence)) * noise
    if gaps:
        missing = random.uniform(size=confidence.shape) < gaps
        confidence[missing] = variability[missing] = np.nan
    seen = ~np.isnan(confidence)
    kinds = [("binary", "regression")[task % 2 if mixed else 0] for task in range(n_tasks)]
    return ct.DataMap(
        tasks=tuple(f"task {task}" for task in range(n_tasks)),
        kinds=tuple(kinds),
        ids=np.arange(n_examples),
        epoch=10,
        confidence=confidence,
        variability=variability,
        correctness=np.where(seen, confidence > 0.5, np.nan),
        count=np.where(seen, 10.0, 0.0),
    )


def unrelated(n_tasks: int, seed: int, *, unequal: bool) -> ct.Dataset:
    """The regime "no structure" of :func:`coterie.testing.planted`, with noise from .5 to 8."""
    if not unequal:
        return planted("no structure", seed, n_groups=1, per_group=n_tasks).data
    random = numpy_generator(seed, "unequal noise", n_tasks)
    inputs = random.standard_normal((1_500, 12))
    noise = np.geomspace(0.5, 8, n_tasks) * random.standard_normal((1_500, n_tasks))
    targets = inputs @ random.standard_normal((12, n_tasks)) + noise > 0
    return ct.load(
        {"inputs": inputs.astype(np.float32), "targets": targets.astype(np.float32)}, seed=seed
    )


def judged(source: ct.DataMap, features: FeatureName = "cells") -> dict[str, Any]:
    """Whether several groups are found now, were found before, and what tells them apart."""
    measured = gram(source, features)
    now = ct.group(measured, "auto")
    earlier = kmeans_silhouettes(measured.distances2, restarts=3, seed=0)
    two = ct.group(measured, 2)
    return {
        "n_groups": now.n_groups,
        "silhouette": max(now.details["silhouette"].values()),
        "least": now.details["least_silhouette"],
        "before": max(earlier.values()) >= BEFORE,
        "difficulty of two groups": two.details.get("difficulty_share"),
    }


def kmeans_silhouettes(distances2: np.ndarray, *, restarts: int, seed: int) -> dict[int, float]:
    """By number of groups, of k-means on principal coordinates."""
    coordinates, _ = classical_scaling(distances2)
    n_tasks, found = len(distances2), {}
    for n_groups in range(2, min(n_tasks - 1, max(2, n_tasks // 2), 20) + 1):
        how = Settings(n_groups=n_groups, fuzziness=2.0, restarts=restarts, seed=seed)
        labels = kmeans_distances(coordinates, how)[0].argmin(axis=1)
        found[n_groups] = silhouette(np.sqrt(distances2), labels)
    return found


def several_before(affinity: ct.Affinity) -> bool:
    """Whether several groups of an affinity were found by the curve."""
    given = np.where(np.eye(len(affinity.tasks), dtype=bool), 0.0, affinity.matrix)
    between, measured = ~np.eye(len(given), dtype=bool), standardised(given)
    distances2 = np.square(np.where(between, measured[between].max() - measured, 0.0))
    symmetric = np.allclose(given, given.T, rtol=1e-5, atol=0)
    start, slope = (0.81, 0.42) if symmetric else (0.66, 0.385)
    least = np.clip(np.exp(start - slope * np.sqrt(len(given))), 0.1, 1.0)
    return max(kmeans_silhouettes(distances2, restarts=3, seed=0).values()) > least


def mean(values: Iterable[float]) -> float:
    """To three digits."""
    return round(float(np.mean(list(values))), 3)


def shares(found: Iterable[dict[str, Any]]) -> dict[str, float]:
    """How often several groups were found, and means of what was seen."""
    rows = list(found)
    several = [row["n_groups"] > 1 for row in rows]
    return {
        "maps": len(rows),
        "several": mean(several),
        "several before": mean(row["before"] for row in rows),
        **{
            name: mean(row[name] for row in rows)
            for name in ("silhouette", "least", "difficulty of two groups")
            if rows[0][name] is not None
        },
    }


def simulated(n_maps: int) -> dict[str, Any]:
    """False structure of simulated maps."""
    kinds: dict[str, Callable[[int, int, bool], dict[str, Any]]] = {
        "whole": lambda t, s, u: judged(simulated_map(t, s, unequal=u)),
        "centred": lambda t, s, u: judged(simulated_map(t, s, unequal=u), "centred"),
        "gaps": lambda t, s, u: judged(simulated_map(t, s, unequal=u, gaps=0.5)),
        "mixed kinds": lambda t, s, u: judged(simulated_map(t, s, unequal=u, mixed=True)),
        "density": lambda t, s, u: judged(simulated_map(t, s, unequal=u), "density"),
    }
    found: dict[str, Any] = {}
    for name, judge in kinds.items():
        for n_tasks in N_TASKS if name == "whole" else N_TASKS[::2]:
            for unequal in (False, True):
                key = f"{name}, {n_tasks} tasks, {'un' * unequal}equal difficulty"
                found[key] = shares(judge(n_tasks, seed, unequal) for seed in range(n_maps))
                log(f"{key}: {found[key]}")
    return found


def trained(n_maps: int) -> dict[str, Any]:
    """False structure of real fits, and of what else reads their maps."""
    settings = {"epochs": 15, "batch_size": 32, "lr": 3e-3, "model_options": {"hidden": (64,)}}
    found: dict[str, Any] = {}
    for n_tasks in N_TASKS:
        for unequal in (False, True):
            maps = []
            for seed in range(n_maps):
                data = unrelated(n_tasks, seed, unequal=unequal)
                maps.append(ct.fit("mlp", data, record=True, seed=seed, **settings).data_map)
            key = f"{n_tasks} tasks, {'un' * unequal}equal noise"
            found[key] = shares(judged(each) for each in maps)
            found[key]["several by affinity of maps"] = float(
                np.mean(
                    [
                        ct.group(ct.affinities.data_map_affinity(m), "auto").n_groups > 1
                        for m in maps
                    ]
                )
            )
            log(f"{key}: {found[key]}")
    return found


def power(n_maps: int) -> dict[str, Any]:
    """Planted groups that are to be found, and digits."""
    found: dict[str, Any] = {}
    regimes: tuple[Regime, ...] = ("conflicting heads", "agreeing heads")
    for regime in regimes:
        cases = [planted(regime, seed) for seed in range(n_maps)]
        fits = [
            ct.fit("mlp", each.data, record=True, seed=seed, **{**each.settings, "keep": "best"})
            for seed, each in enumerate(cases)
        ]
        true = cases[0].grouping.labels
        for features in FEATURES:
            auto, three = (
                [ct.group(fit, k, features=features) for fit in fits] for k in ("auto", 3)
            )
            key = f"{regime}, {features}"
            found[key] = {
                **shares(judged(fit.data_map, features) for fit in fits),
                "adjusted Rand": mean(adjusted_rand_score(true, g.labels) for g in auto),
                "adjusted Rand, K = 3": mean(adjusted_rand_score(true, g.labels) for g in three),
                "difficulty of three groups": mean(g.details["difficulty_share"] for g in three),
                "n_groups": [grouping.n_groups for grouping in auto],
            }
            log(f"{key}: {found[key]}")
    names = ct.load("digits").tasks.names
    for name, targets in (("digits", names), ("digits, one against the rest", names[:10])):
        data = ct.load("digits", targets=targets)
        fits = [ct.fit("mlp", data, record=True, epochs=15, seed=seed) for seed in range(5)]
        for features in FEATURES:
            key = f"{name}, {features}"
            found[key] = {
                **shares(judged(fit.data_map, features) for fit in fits),
                "groups": [str(ct.group(fit, "auto", features=features)) for fit in fits],
            }
            log(f"{key}: {found[key]}")
    return found


def window(n_maps: int) -> dict[str, Any]:
    """Adjusted Rand of three groups: maps up to the best epoch, and maps of all epochs."""
    wide = {"model_options": {"hidden": (128, 128)}, "lr": 2e-3}
    found: dict[str, Any] = {}
    regimes: tuple[Regime, ...] = ("conflicting heads", "agreeing heads")
    for regime in regimes:
        for network, changed in (("its own", {}), ("wide", wide)):
            fits = [long_training(regime, seed, changed) for seed in range(n_maps)]
            true = planted(regime).grouping.labels
            for epochs in (10, 30, 100):
                best = [
                    int(fit.history.validation_loss[:epochs, 0].mean(-1).argmin()) + 1
                    for fit in fits
                ]
                key = f"{regime}, {network}, {epochs} epochs"
                found[key] = {"best epoch": best}
                for name, ends in (("to the best", best), ("all", [epochs] * n_maps)):
                    for features in FEATURES:
                        found[key][f"{name}, {features}"] = mean(
                            adjusted_rand_score(
                                true,
                                ct.group(
                                    replace(fit.data_map.snapshots[end - 1], earlier=()),
                                    3,
                                    features=features,
                                ).labels,
                            )
                            for fit, end in zip(fits, ends, strict=True)
                        )
                log(f"{key}: {found[key]}")
    return found


def long_training(regime: Regime, seed: int, changed: dict[str, Any]) -> ct.Fit:
    """A training of 100 epochs whose map is kept after each.

    Its first epochs are those of a shorter training, as the learning rate is constant.
    """
    case = planted(regime, seed)
    settings = {**case.settings, **changed, "keep": "best", "epochs": 100}
    return ct.fit("mlp", case.data, record=True, snapshots=range(1, 100), seed=seed, **settings)


def affinities(n_tables: int) -> dict[str, Any]:
    """Groups of each affinity, of tables with and without groups."""
    regimes: dict[Regime, int] = {
        "no structure": n_tables,
        "unequal difficulty": n_tables,
        "conflicting heads": n_tables // 3,
        "agreeing heads": n_tables // 3,
    }
    found: dict[str, Any] = {}
    for regime, n in regimes.items():
        for n_groups, per_group in ((2, 3), (3, 3), (4, 5)):
            rows: dict[str, list[tuple[bool, bool, float]]] = {}
            for seed in range(n if n_groups < 4 else n // 2):
                case = planted(regime, seed, n_groups=n_groups, per_group=per_group)
                for name, measured in measured_on(case, seed).items():
                    auto = ct.group(measured, "auto", seed=seed)
                    rand = adjusted_rand_score(case.grouping.labels, auto.labels)
                    several = auto.n_groups > 1
                    rows.setdefault(name, []).append((several, several_before(measured), rand))
            for name, each in rows.items():
                several, before, rand = np.mean(each, axis=0).round(3).tolist()
                key = f"{name}, {regime}, {n_groups * per_group} tasks"
                found[key] = {"tables": len(each), "several": several, "several before": before}
                if regime in ("conflicting heads", "agreeing heads"):
                    found[key]["adjusted Rand"] = rand
                log(f"{key}: {found[key]}")
    return found


def measured_on(case: Planted, seed: int) -> dict[str, ct.Affinity]:
    """All affinities that ride on a joint training."""
    methods = {name: Cluster(name, n_groups=2) for name in AFFINITIES if name != "data_map"}
    probes = make_probes(methods, seed=seed)
    riding = list(probes.values())
    ct.fit("mlp", case.data, seed=seed, init="shared", probes=riding, **case.settings)
    return {name: probes[each.measurement].affinity() for name, each in methods.items()}


def seconds(_: int) -> dict[str, float]:
    """What a grouping takes once the map is measured, "auto" and not."""
    found = {}
    for n_tasks in (*N_TASKS, 100):
        noise = np.random.default_rng(0).normal(size=(n_tasks, n_tasks))
        affinity = ct.Affinity(
            tasks=tuple(f"task {t}" for t in range(n_tasks)), matrix=noise, method="noise"
        )
        started = perf_counter()
        ct.group(affinity, "auto", method="hierarchical")
        found[f"{n_tasks} tasks, affinity, auto"] = round(perf_counter() - started, 3)
    for n_tasks in N_TASKS:
        measured = gram(simulated_map(n_tasks, 0, unequal=True, n_examples=50_000))
        for n_groups in (2, "auto"):
            started = perf_counter()
            ct.group(measured, n_groups)
            found[f"{n_tasks} tasks, {n_groups}"] = round(perf_counter() - started, 3)
    log(str(found))
    return found


PARTS = {
    "seconds": (seconds, 1),
    "trained": (trained, 12),
    "power": (power, 12),
    "window": (window, 4),
    "affinities": (affinities, 30),
    "simulated": (simulated, 20),
}


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    asked = parser.parse_args().only
    file = RESULTS / "false_structure.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    for name in asked:
        part, repetitions = PARTS[name]
        found[name] = part(repetitions)
        save_result("false_structure", found)


if __name__ == "__main__":
    main()
