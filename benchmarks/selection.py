"""Time exact selections: 9 tasks with all 511 rows, and 27 tasks with 3,000 rows.

Proofs, gaps, and HiGHS without reductions.

    python benchmarks/selection.py --limit 30 --long 600

Tables are structured (a task's own score, plus effects of the others that depend on four hidden
groups, plus noise), as gains over the task's own score, or pure noise, which leaves the bounds
nothing to hold on to. What is not proven within ``--limit`` seconds is tried once more for
``--long``."""

from __future__ import annotations

import argparse
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from _common import log, save_result

import coterie as ct
from coterie.grouping._cover import Cover, undominated
from coterie.grouping._highs import serve
from coterie.seeds import numpy_generator

SIZES = ((9, 511, (1, 2, 3, 4)), (27, 3000, (2, 3, 4, 5, 6)))
KINDS = ("structured", "gains", "noise")
ASKED = {9: "under 1 s, proven", 27: "gap at most 1 % in 30 s, 0 in 10 minutes"}


def subsets(n_tasks: int, n_rows: int, seed: int) -> np.ndarray:
    """All subsets if these are as many.

    Else singles, pairs, all tasks, and random rows of 3 to 12 tasks.
    """
    if n_rows == 2**n_tasks - 1:
        return (np.arange(1, 2**n_tasks)[:, None] >> np.arange(n_tasks) & 1).astype(bool)
    rng = numpy_generator(seed, "subsets")
    one = np.eye(n_tasks, dtype=bool)
    rows = np.unique(
        np.vstack(
            [(one[:, None] | one[None]).reshape(-1, n_tasks), np.ones((1, n_tasks), dtype=bool)]
        ),
        axis=0,
    )
    while len(rows) < n_rows:
        drawn = np.zeros(n_tasks, dtype=bool)
        drawn[rng.choice(n_tasks, rng.integers(3, 13), replace=False)] = True
        rows = np.unique(np.vstack([rows, drawn]), axis=0)
    return rows


def table(kind: str, rows: np.ndarray, seed: int) -> np.ndarray:
    """Scores (R, T) of a kind, NaN outside the rows."""
    rng, n_tasks = numpy_generator(seed, "scores", kind), rows.shape[1]
    if kind == "noise":
        return np.where(rows, rng.random(rows.shape), np.nan)
    groups = rng.integers(0, 4, n_tasks)
    effects = rng.normal(0, 0.01, (n_tasks, n_tasks)) + np.where(
        groups[:, None] == groups, 0.015, -0.01
    )
    np.fill_diagonal(effects, 0)
    others = np.maximum(rows.sum(axis=1, keepdims=True) - 1, 1)
    scores = rows @ effects / np.sqrt(others) + rng.normal(0, 0.01, rows.shape)
    return np.where(
        rows, scores + (rng.uniform(0.6, 0.9, n_tasks) if kind == "structured" else 0), np.nan
    )


def plain(scores: np.ndarray, budget: int, limit: float) -> dict[str, Any]:
    """HiGHS on the programme without dominated rows, but without prices."""
    started = perf_counter()
    lowest = np.nanmin(scores, axis=0)
    cover = Cover(
        np.where(np.isnan(scores), -np.inf, scores - lowest), np.full((1, len(scores)), 1 / budget)
    )
    cover = cover.only(undominated(cover))
    answer = serve(cover, started + limit)
    found = None if answer.rows is None else cover.worth(answer.rows) + lowest.sum()
    return {
        "plain_seconds": perf_counter() - started,
        "plain_objective": found,
        "plain_proven": answer.finished,
    }


def instance(
    n_tasks: int, n_rows: int, kind: str, seed: int, budget: int, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Select once, and again with more time where that is needed."""
    scores = table(kind, subsets(n_tasks, n_rows, seed), seed)
    found: dict[str, Any] = {
        "tasks": n_tasks,
        "rows": n_rows,
        "kind": kind,
        "seed": seed,
        "budget": budget,
    }
    for key, limit in (("", arguments.limit), ("long_", arguments.long)):
        started = perf_counter()
        chosen = ct.select(scores, budget=budget, time_limit=limit)
        found[f"{key}seconds"] = perf_counter() - started
        found |= {f"{key}{name}": getattr(chosen, name) for name in ("objective", "gap", "proven")}
        found |= {f"{key}{name}": chosen.details[name] for name in ("dominated", "left")}
        if chosen.proven:
            break
    if seed == 0:
        found |= plain(scores, budget, arguments.plain)
    log(str(found))
    return found


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Seconds, proofs and largest gap of each size and kind."""
    lines = {}
    for n_tasks, n_rows, _ in SIZES:
        for kind in KINDS:
            these = [one for one in found if (one["tasks"], one["kind"]) == (n_tasks, kind)]
            seconds = [one["seconds"] for one in these]
            beside = [one for one in these if "plain_seconds" in one]
            lines[f"{n_tasks} tasks, {n_rows} rows, {kind}"] = {
                "asked": ASKED[n_tasks],
                "instances": len(these),
                "proven": sum(one["proven"] for one in these),
                "proven_with_more_time": sum(
                    one.get("long_proven", one["proven"]) for one in these
                ),
                "largest_gap": max(one["gap"] for one in these),
                "median_seconds": median(seconds),
                "max_seconds": max(seconds),
                "plain_proven": f"{sum(one['plain_proven'] for one in beside)} of {len(beside)}",
                "times_faster_than_plain": median(
                    one["plain_seconds"] / one["seconds"] for one in beside
                ),
            }
    return lines


def main() -> None:
    """Parse, run, save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit", type=float, default=30, help="seconds for each selection")
    parser.add_argument("--long", type=float, default=600, help="seconds for what was not proven")
    parser.add_argument("--plain", type=float, default=60, help="seconds for HiGHS without prices")
    parser.add_argument("--seeds", type=int, default=3)
    arguments = parser.parse_args()
    found = [
        instance(n_tasks, n_rows, kind, seed, budget, arguments)
        for n_tasks, n_rows, budgets in SIZES
        for kind in KINDS
        for seed in range(arguments.seeds)
        for budget in budgets
    ]
    save_result(
        "selection", {"settings": vars(arguments), "summary": summary(found), "instances": found}
    )


if __name__ == "__main__":
    main()
