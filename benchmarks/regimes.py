"""Which method finds groups that are there, where, and at which cost? On every planted regime.

    python benchmarks/regimes.py --plan
    python benchmarks/regimes.py --first 1000 --seeds 2 --minutes 60
    python benchmarks/regimes.py --minutes 480
    python benchmarks/regimes.py --summary

A unit is one table: a regime, a seed, a number of tasks. On it one joint model is trained, on which
every method rides that measures, and every method finds groups, asked for as many as there are
("K=3") or for as many as it sees ("auto"). Groups of all methods are trained from the same table of
rows, so that equal groups are equal models; a search that brings its models is scored by those. The
network and its settings are those of the regime, the last epoch counts, and all is scored on the
test part, by balanced accuracy.

Of each method: the adjusted Rand index with the true groups, over tasks that are in one of them; its
regret, what the true groups score more; its gain over the joint model; its cost, the model steps of
the joint training, of finding groups and of training them, where the joint training is 1; seconds
of the processor that finding them took; and how many groups it says there are.

``CLAIMS`` was written down before the final seeds, 0 on, were run: it says where a method should
find the groups. These are run on 20 seeds, others on 5. Everything was tuned on seeds from 1000 on.
A result is one line of a file, written as it comes: a run that was stopped continues."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd
import torch
from _common import RESULTS, log, save_result
from _rows import Rows
from sklearn.metrics import adjusted_rand_score

import coterie as ct
from coterie import methods
from coterie.affinities import AFFINITIES
from coterie.datamaps.gram import FEATURES
from coterie.errors import CoterieError
from coterie.evaluation import make_probes
from coterie.grouping import AFFINITY_METHODS, METHODS
from coterie.methods import Case, Cluster, Groups, Method, method_named
from coterie.results import Found
from coterie.statistics import nadeau_bengio
from coterie.testing import REGIMES, Planted, Regime, planted

LINES = RESULTS / "regimes.jsonl"
REFERENCE = "true groups"
N_GROUPS, PER_GROUP = 3, 3
SEEDS_CLAIMED, SEEDS = 20, 5
TUNING = 1000
# These train every subset of the tasks: 63 of 6 tasks in two groups.
AUTO = ", auto"
SMALL, SMALL_GROUPS = ("train", "early"), 2
UNGROUPED: tuple[Regime, ...] = ("no structure", "unequal difficulty")
GROUPED = tuple(regime for regime in REGIMES if regime not in UNGROUPED)
EASY: tuple[Regime, ...] = ("agreeing heads", "few labels", "overlapping groups")
CLAIMS: dict[str, tuple[Regime, ...]] = {
    "train": (*EASY, "narrow network", "disjoint examples", "unequal tasks"),
    **dict.fromkeys(("pairs", "pairs:published"), EASY),
    **dict.fromkeys(("surrogate", "surrogate:published"), ("agreeing heads", "overlapping groups")),
    **dict.fromkeys(("mtgnet", "early"), ("agreeing heads",)),
    "lookahead": ("agreeing heads", "conflicting heads", "few labels"),
    "auxiliary_gain": ("agreeing heads", "conflicting heads"),
    "alignment": ("conflicting heads", "few labels"),
    **dict.fromkeys(("transfer_gain", "data_map", "data_map, centred"), ("conflicting heads",)),
    **{
        f"{name}{AUTO}": UNGROUPED
        for name in (
            *("data_map", "data_map, centred", "alignment", "cosine"),
            *("lookahead", "transfer_gain", "auxiliary_gain"),
        )
    },
}
"""Where a method should find the groups, or (``UNGROUPED``) that there are none."""

CELL = ["regime", "seed", "tasks", "method"]
FIGURES = ["rand", "regret", "gain", "cost", "seconds", "groups"]
COLUMNS = [*CELL, *FIGURES, "score", "spent", "refused"]
Make = Callable[[Groups], Method]


def lineup() -> dict[str, Make]:
    """All methods by name, made for a number of groups; those that may find it, for "auto" too."""
    usual: dict[str, Make] = {
        **{name: partial(Cluster, name) for name in AFFINITIES},
        **{
            f"data_map, {features}": partial(Cluster, "data_map", features=features)
            for features in FEATURES
            if features != "cells"
        },
    }
    others = {
        f"{name}, {by}": partial(Cluster, name, by=by)
        for name in AFFINITIES
        for by in (*(METHODS if name == "data_map" else ()), *AFFINITY_METHODS)
        if by != Cluster(name).by
    }
    return {
        **{name: _asked(make) for name, make in {**usual, **others}.items()},
        **{f"{name}{AUTO}": _asked(make, "auto") for name, make in usual.items()},
        **{name: partial(method_named, name) for name in methods.METHODS if name not in AFFINITIES},
        **{
            f"{name}:published": partial(method_named, f"{name}:published")
            for name, entry in methods.PUBLISHED.items()
            if entry.made is not None
        },
    }


def _asked(make: Callable[..., Method], n_groups: Groups | None = None) -> Make:
    return lambda there_are: make(n_groups=there_are if n_groups is None else n_groups)


@dataclass(frozen=True)
class Unit:
    """One table."""

    regime: Regime
    seed: int
    small: bool

    @property
    def table(self) -> Planted:
        """The data and their groups."""
        size = {"n_groups": SMALL_GROUPS if self.small else N_GROUPS, "per_group": PER_GROUP}
        return planted(self.regime, self.seed, **size)


def units(
    names: Mapping[str, Make], seeds: range, regimes: list[Regime]
) -> Iterator[tuple[Unit, list[str]]]:
    """Tables with the methods that are to be run there, seed by seed."""
    for seed in seeds:
        for regime in regimes:
            for small in (False, True):
                wanted = [
                    name
                    for name in names
                    if (name in SMALL) == small and (seed >= TUNING or seed < n_seeds(name, regime))
                ]
                if wanted:
                    yield Unit(regime, seed, small), wanted


def n_seeds(name: str, regime: Regime) -> int:
    """How many of the final seeds a method is run on."""
    return SEEDS_CLAIMED if regime in CLAIMS.get(name, ()) else SEEDS


def run(unit: Unit, names: list[str], makes: Mapping[str, Make]) -> Iterator[dict[str, Any]]:
    """What each method finds on a table, as it comes; first what is true of the table itself."""
    started, found = process_time(), unit.table
    rows, truth = Rows(found, unit.seed), found.grouping
    about = {"regime": unit.regime, "seed": unit.seed, "tasks": len(truth.tasks)}
    made = {name: makes[name](truth.n_groups) for name in names}
    rows.train(np.concatenate([truth.weights(), rows.joint]))
    true, joint = rows.score(truth), rows.score_of_joint()
    probes = make_probes(made, seed=unit.seed)
    fit = ct.fit(
        "mlp",
        found.data,
        seed=unit.seed,
        init="shared",
        record=True,
        probes=list(probes.values()),
        **found.settings,
    )
    case = Case(model="mlp", data=found.data, joint=fit, settings=found.settings, probes=probes)
    yield {
        **about,
        "method": REFERENCE,
        "score": true,
        "gain": true - joint,
        "cost": 1 + rows.steps(truth.weights()) / rows.steps(rows.joint),
        "spent": process_time() - started,
    }
    for name in names:
        begun = process_time()
        try:
            answer = made[name](replace(case, maps={}), seed=unit.seed)
        except CoterieError as error:
            yield {**about, "method": name, "refused": str(error)}
            continue
        seconds = process_time() - begun
        probe = probes.get(made[name].measurement)
        score, steps = judged(answer, rows)
        yield {
            **about,
            "method": name,
            "groups": n_used(answer.grouping),
            "rand": rand(truth, answer.grouping),
            "score": score,
            "regret": true - score,
            "gain": score - joint,
            "cost": 1 + (answer.cost.model_steps + steps) / rows.steps(rows.joint),
            "seconds": seconds + getattr(probe, "seconds", 0.0),
            "spent": process_time() - begun,
        }


def judged(answer: Found, rows: Rows) -> tuple[float, float]:
    """The score of what a method found, and the steps that training it takes."""
    if answer.trained is not None:
        return rows.score_of(answer.trained.stack, answer.grouping.membership), 0.0
    return rows.score(answer.grouping), rows.steps(answer.grouping.weights())


def n_used(grouping: ct.Grouping) -> int:
    """Groups that serve a task."""
    return len(np.unique(grouping.labels))


def rand(truth: ct.Grouping, found: ct.Grouping) -> float:
    """Adjusted Rand index over the tasks that are in one true group only."""
    alone = truth.membership.max(1) == 1
    return float(adjusted_rand_score(truth.labels[alone], found.labels[alone]))


def known() -> pd.DataFrame:
    """All lines that there are; one that was not written to its end is none."""
    text = LINES.read_text(encoding="utf-8") if LINES.exists() else ""
    lines = [json.loads(line) for line in text.splitlines() if line.endswith("}")]
    return pd.DataFrame(lines, columns=COLUMNS)


def carry_out(asked: argparse.Namespace, makes: Mapping[str, Make]) -> None:
    """Run what is missing until the time is over."""
    begun, done = perf_counter(), set(known()[CELL].itertuples(index=False, name=None))
    for unit, names in units(makes, range(asked.first, asked.first + asked.seeds), asked.regimes):
        n_tasks = PER_GROUP * (SMALL_GROUPS if unit.small else N_GROUPS)
        missing = [name for name in names if (unit.regime, unit.seed, n_tasks, name) not in done]
        if not missing:
            continue
        started = perf_counter()
        for line in run(unit, missing, makes):
            if line["method"] == REFERENCE and (unit.regime, unit.seed, n_tasks, REFERENCE) in done:
                continue
            with LINES.open("a", encoding="utf-8") as file:
                file.write(json.dumps(_plain(line)) + "\n")
            if perf_counter() - begun > 60 * asked.minutes:
                log("The time is over.")
                return
        log(f"{unit.regime}, seed {unit.seed}, {n_tasks} tasks: {perf_counter() - started:.0f} s")


def _plain(line: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(float(value), 4) if isinstance(value, float) else value
        for name, value in line.items()
    }


def plan(asked: argparse.Namespace, makes: Mapping[str, Make]) -> None:
    """Say how long the run would take, by one table of each regime, measured if need be."""
    first = argparse.Namespace(**{**vars(asked), "first": TUNING, "seeds": 1, "minutes": 1e9})
    carry_out(first, makes)
    lines = known()
    each = lines.groupby(["regime", "method"]).spent.mean()
    hours = dict.fromkeys(asked.regimes, 0.0)
    for unit, names in units(makes, range(SEEDS_CLAIMED), asked.regimes):
        for name in (REFERENCE, *names):
            hours[unit.regime] += each.get((unit.regime, name), 0.0) / 3600
    for regime, long in hours.items():
        log(f"{regime}: {long:.1f} hours")
    log(f"all: {sum(hours.values()):.1f} hours")


def summary(lines: pd.DataFrame) -> dict[str, Any]:
    """Means over seeds of every method on every regime, of the Rand index with an interval."""
    found: dict[str, dict[str, Any]] = {}
    for (regime, method), mine in lines.groupby(["regime", "method"], sort=False):
        entry: dict[str, Any] = {"seeds": len(mine), "claimed": regime in CLAIMS.get(method, ())}
        if mine.refused.notna().any():
            entry["refused"] = int(mine.refused.notna().sum())
            mine = mine[mine.refused.isna()]
        for name in FIGURES:
            values = mine[name].dropna().to_numpy(dtype=float)
            if len(values):
                entry[name] = round(float(values.mean()), 3)
        several = mine["rand"].dropna().to_numpy(dtype=float)
        if len(several) > 1 and several.std() > 0:
            interval = nadeau_bengio(several[:, None])
            entry["rand_interval"] = [
                round(float(each[0]), 3) for each in (interval.low, interval.high)
            ]
        if method.endswith(AUTO) and len(mine):
            entry["structure_seen"] = round(float((mine.groups > 1).mean()), 3)
        found.setdefault(regime, {})[method] = entry
    return found


def report(lines: pd.DataFrame) -> str:
    """Adjusted Rand by method and regime, and costs, as plain text."""
    lines = lines[lines.method != REFERENCE]
    table = lines.pivot_table(index="method", columns="regime", values="rand", sort=False)
    table["cost"] = lines.groupby("method").cost.mean()
    table["seconds"] = lines.groupby("method").seconds.mean()
    regrets = lines.pivot_table(index="method", columns="regime", values="regret", sort=False)
    with pd.option_context(
        "display.width", 250, "display.max_rows", 200, "display.max_columns", 20
    ):
        return f"adjusted Rand\n{table.round(2)}\n\nregret\n{regrets.round(1)}"


def main() -> None:
    """Parse, then plan, run or sum up."""
    makes = lineup()
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plan", action="store_true", help="say how long it takes, and stop")
    parser.add_argument("--summary", action="store_true", help="save the means, and stop")
    parser.add_argument("--minutes", type=float, default=480)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seeds", type=int, default=SEEDS_CLAIMED)
    parser.add_argument("--methods", nargs="+", choices=makes, default=list(makes), metavar="NAME")
    parser.add_argument("--regimes", nargs="+", choices=REGIMES, default=list(REGIMES))
    asked = parser.parse_args()
    torch.set_num_threads(1)
    chosen = {name: makes[name] for name in asked.methods}
    if asked.plan:
        plan(asked, chosen)
    elif not asked.summary:
        carry_out(asked, chosen)
    lines = known()
    final = lines[lines.seed < TUNING]
    log(report(final if asked.first < TUNING and len(final) else lines))
    if asked.summary:
        save_result("regimes", {"claims": CLAIMS, "regimes": summary(final)})


if __name__ == "__main__":
    main()
