"""Is the bound of `ct.headroom` one: does it hold, is it tight, does it see that nothing is there?

    python benchmarks/headroom.py planted --tasks 6 10
    python benchmarks/headroom.py planted --tasks 20 --worlds 25
    python benchmarks/headroom.py planted --tasks 6 10 --rows 24 --seeds 2
    python benchmarks/headroom.py tables --published ../shared/data/subset_results

Planted: tables of expected scores of all subsets of T tasks are drawn (co-member effects, sizes,
what remains of each subset), the best partition into K groups is found on them (exactly; three
groups of 20 tasks by re-splitting pairs of groups exactly from many starts), and noise of one point
a seed is added to the rows that would be trained: joint, single, random rows. 32 rows and 5 seeds are
the defaults of `ct.headroom`, 24 and 2 what `coterie run` begins with.

Tables: scores of all subsets, published or trained (`ground_truth.py`), of which only some rows are
shown. Published ones are taken as the truth and get noise of one point. Trained ones have their own
noise and no known truth: the best partition by one half of the repetitions, scored on the other
half, gains what the best can gain at least in expectation; the bound, from 24 rows of one half, must
not be below that."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from _common import RESULTS, log, save_result

from coterie.bounds import balanced_rows, exact, limits
from coterie.bounds.model import correlated, size_effect
from coterie.results import ScoreTable
from coterie.seeds import numpy_generator

SEEDS, ROWS, NOISE = 5, 32, 1.0
# Standard deviations in points of co-member effects, of the effect of size, of what remains, and
# the correlation of the latter between the tasks of a subset; then planted groups.
WORLDS = {
    "nothing": (0.0, 0.0, 0.0, 0.0),
    "mild": (0.3, 0.5, 0.3, 0.0),
    "strong": (1.0, 1.0, 0.7, 0.0),
    "rows that rise together": (0.3, 0.5, 0.3, 0.5),
    "groups": (0.0, 0.5, 0.3, 0.0),
}
STARTS = 40
MOST_COVERED = 6


def world(n_tasks: int, name: str, n_groups: int, rng: np.random.Generator) -> np.ndarray:
    """Expected scores (2^T, T) of all subsets, in points; 0 outside."""
    theta_sd, size_sd, rest_sd, common = WORLDS[name]
    members = exact.subset_members(n_tasks)
    sizes = members.sum(axis=1)
    theta = theta_sd * rng.standard_normal((n_tasks, n_tasks))
    if name == "groups":
        group = rng.permutation(np.arange(n_tasks) % n_groups)
        theta = np.where(group[:, None] == group, 0.5, -0.2)
    np.fill_diagonal(theta, 0.0)
    scores = (
        80
        + 5 * rng.standard_normal(n_tasks)
        + (members - (sizes - 1)[:, None] / (n_tasks - 1)) @ theta.T
    )
    scores += size_sd * rng.standard_normal(n_tasks) * size_effect(sizes, n_tasks)[:, None]
    if rest_sd:
        scores += rest_sd * correlated(scores.shape, common, rng)
    return np.where(members, scores, 0.0)


def best_gain(scores: np.ndarray, n_groups: int, rng: np.random.Generator) -> float:
    """What the best partition gains over one group of all, mean over tasks."""
    members = exact.subset_members(scores.shape[1])
    totals = np.where(members, scores - scores[-1], 0.0).sum(axis=1)
    small = scores.shape[1] <= 12 or n_groups == 2
    found = (
        exact.best_partition(totals[None], n_groups)[0]
        if small
        else _resplit(totals, n_groups, rng)
    )
    return max(float(found), 0.0) / scores.shape[1]


def best_cover(scores: np.ndarray, n_groups: int) -> float | None:
    """The same of groups that may overlap, each task served by its best; None where too many."""
    n_tasks = scores.shape[1]
    if n_tasks > MOST_COVERED:
        return None
    gains = np.where(exact.subset_members(n_tasks), scores - scores[-1], -np.inf)[1:]
    best = gains
    for _ in range(n_groups - 1):
        best = np.unique(np.maximum(best[:, None], gains).reshape(-1, n_tasks), axis=0)
    return max(float(best.sum(axis=1).max()), 0.0) / n_tasks


def _resplit(totals: np.ndarray, n_groups: int, rng: np.random.Generator) -> float:
    """The best sum over partitions found by splitting the union of two groups anew, exactly."""
    n_tasks, best = int(np.log2(len(totals))), 0.0
    for _ in range(STARTS):
        labels = rng.integers(n_groups, size=n_tasks)
        groups = [int((1 << np.flatnonzero(labels == k)).sum()) for k in range(n_groups)]
        gained = True
        while gained:
            gained = False
            for i in range(n_groups):
                for j in range(i):
                    both = groups[i] | groups[j]
                    halves = exact.subsets_of(both)
                    values = totals[halves] + totals[both ^ halves]
                    top = int(values.argmax())
                    if values[top] > totals[groups[i]] + totals[groups[j]] + 1e-9:
                        groups[i], groups[j], gained = (
                            int(halves[top]),
                            both ^ int(halves[top]),
                            True,
                        )
        best = max(best, float(totals[groups].sum()))
    return best


def trained(n_tasks: int, n_groups: int, n_rows: int, seed: int) -> np.ndarray:
    """The rows that `ct.headroom` trains."""
    rows = balanced_rows(n_tasks, n_groups, n_rows, seed)
    return np.concatenate([np.ones((1, n_tasks), bool), np.eye(n_tasks, dtype=bool), rows])


def observed(
    scores: np.ndarray, rows: np.ndarray, rng: np.random.Generator, seeds: int = SEEDS
) -> np.ndarray:
    """Scores (S, R, T) of rows with noise of their own, and what a seed does to all rows."""
    number = rows @ (1 << np.arange(rows.shape[1]))
    noise = NOISE * rng.standard_normal((seeds, *rows.shape))
    shared = NOISE * rng.standard_normal((seeds, 1, rows.shape[1]))
    return np.where(rows, scores[number] + noise + shared, np.nan)


def raw(scores: np.ndarray, rows: np.ndarray) -> float:
    """The best score seen of each task against the joint one, mean over tasks."""
    means = scores.mean(axis=0)
    return float((np.nanmax(means, axis=0) - means[rows.all(axis=1)][0]).mean())


def summary(
    truths: list[float], bounds: list[list[float]], covers: list[float | None] | None = None
) -> dict[str, object]:
    """How often bounds hold, and how large they are."""
    truth, (low, estimate, bound, raws, overlapping) = np.array(truths), np.array(bounds).T
    known = np.array([np.nan if cover is None else cover for cover in covers or [None]])
    over = overlapping - known
    shared = {
        "overlapping_coverage": round(float((over >= -1e-9).mean()), 3),
        "overlapping_excess": round(float(np.median(over)), 2),
    }
    return ({} if np.isnan(known).any() else shared) | {
        "worlds": len(truth),
        "truth": round(float(np.median(truth)), 2),
        "estimate": round(float(np.median(estimate)), 2),
        "bound": round(float(np.median(bound)), 2),
        "low": round(float(np.median(low)), 2),
        "best_seen": round(float(np.median(raws)), 2),
        "coverage": round(float((bound >= truth - 1e-9).mean()), 3),
        "excess": round(float(np.median(bound - truth)), 2),
        "below_half": round(float((bound < 0.5).mean()), 3),
        "below_one": round(float((bound < 1.0).mean()), 3),
    }


def measure(
    scores: np.ndarray, n_groups: int, n_rows: int, seed: int, seeds: int = SEEDS
) -> list[float]:
    """Bounds from what would be seen of a table of expected scores."""
    rows = trained(scores.shape[1], n_groups, n_rows, seed)
    seen = observed(scores, rows, numpy_generator(seed, "noise"), seeds)
    found = limits(seen, rows, n_groups, seed=seed)
    return [found.low, found.estimate, found.bound, raw(seen, rows), found.overlapping_bound]


def planted(
    tasks: list[int], worlds: int, n_rows: int, first: int = 0, seeds: int = SEEDS
) -> dict[str, object]:
    """All regimes at some numbers of tasks."""
    result: dict[str, object] = {}
    for n_tasks in tasks:
        for n_groups in (2, 3):
            for name in WORLDS:
                truths, bounds, covers = [], [], []
                for seed in range(first, first + worlds):
                    rng = numpy_generator(seed, "world", name, n_tasks, n_groups)
                    scores = world(n_tasks, name, n_groups, rng)
                    truths.append(best_gain(scores, n_groups, rng))
                    covers.append(best_cover(scores, n_groups))
                    bounds.append(measure(scores, n_groups, n_rows, seed, seeds))
                key = f"{n_tasks} tasks, {n_groups} groups, {name}"
                result[key] = summary(truths, bounds, covers)
                log(f"{key}: {result[key]}")
    return result


def full(table: ScoreTable) -> np.ndarray:
    """Scores (2^T, T) of a complete table."""
    n_tasks = len(table.tasks)
    scores = np.full((2**n_tasks, n_tasks), np.nan)
    scores[table.subsets @ (1 << np.arange(n_tasks))] = table.scores
    return np.where(exact.subset_members(n_tasks), scores, 0.0)


def published(folder: Path, repetitions: int) -> dict[str, object]:
    """Published tables of relative gains in percent, taken as the truth."""
    import pandas as pd

    result: dict[str, object] = {}
    for file, split in (
        ("hoa_setting1", "test"),
        ("hoa_setting3", "test"),
        ("mtgnet_taskonomy5", "reported"),
    ):
        frame = pd.read_csv(folder / f"{file}.csv")
        frame = frame[(frame["split"] == split) & (frame["size"] > 0)]
        if file == "mtgnet_taskonomy5":
            frame = frame[frame["metric"] == "relative_gain"]
        names = sorted(frame["task"].unique())
        scores = np.zeros((2 ** len(names), len(names)))
        # Networks of half the size stand beside whole ones: the first of each is taken.
        for _, row in frame.drop_duplicates(["subset", "task"], keep="last").iterrows():
            number = sum(1 << names.index(name) for name in row["subset"].split("+"))
            scores[number, names.index(row["task"])] = 100 * row["gain"]
        for n_groups in (2, 3):
            truth = best_gain(scores, n_groups, numpy_generator(0, "unused"))
            bounds = [measure(scores, n_groups, 16, seed) for seed in range(repetitions)]
            key = f"{file}, {n_groups} groups, 16 of 25 rows"
            result[key] = summary([truth] * repetitions, bounds)
            log(f"{key}: {result[key]}")
    return result


def own(repetitions: int) -> dict[str, object]:
    """Tables that were trained on real data: rows of one half of the repetitions, judged by the other."""
    import pandas as pd

    result: dict[str, object] = {}
    for name in ("emotions", "flags", "scene"):
        frame = pd.read_parquet(RESULTS / f"ground_truth_{name}.parquet")
        frame = frame[frame["part"] == "validation"]
        names = sorted(frame["task"].unique())
        parts = []
        for _, rows in frame.groupby(["split", "seed"]):
            scores = np.zeros((2 ** len(names), len(names)))
            numbers = [sum(1 << names.index(n) for n in text.split("+")) for text in rows["subset"]]
            scores[numbers, [names.index(task) for task in rows["task"]]] = 100 * rows["score"]
            parts.append(scores)
        every = np.stack(parts)
        for n_groups in (2, 3):
            truths, bounds = [], []
            for seed in range(repetitions):
                order = numpy_generator(seed, "halves").permutation(len(every))
                half, other = np.split(every[order[: 2 * (len(every) // 2)]], 2)
                rows = trained(len(names), n_groups, 24, seed)
                seen = np.where(rows, half[:, rows @ (1 << np.arange(len(names)))], np.nan)
                found = limits(seen, rows, n_groups, seed=seed)
                bounds.append(
                    [
                        found.low,
                        found.estimate,
                        found.bound,
                        raw(seen, rows),
                        found.overlapping_bound,
                    ]
                )
                truths.append(_cross_fitted(half.mean(axis=0), other.mean(axis=0), n_groups))
            key = f"{name}, {n_groups} groups, 24 rows"
            # What is known of the truth is noisy itself: its mean over halves is compared.
            result[key] = summary(truths, bounds) | {"at_least": round(float(np.mean(truths)), 2)}
            log(f"{key}: {result[key]}")
    return result


def _cross_fitted(half: np.ndarray, other: np.ndarray, n_groups: int) -> float:
    """What the best partition by one half gains on the other."""
    n_tasks = half.shape[1]
    members = exact.subset_members(n_tasks)
    gains = [np.where(members, each - each[-1], 0.0).sum(axis=1) for each in (half, other)]
    best, value = -np.inf, 0.0
    for labels in np.ndindex(*(n_groups,) * n_tasks):
        groups = [sum(1 << t for t in range(n_tasks) if labels[t] == k) for k in range(n_groups)]
        if (total := gains[0][groups].sum()) > best:
            best, value = total, float(gains[1][groups].sum())
    return value / n_tasks


def main() -> None:
    """Parse, run, add to what was found before."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("planted", "tables"))
    parser.add_argument("--tasks", type=int, nargs="+", default=[6, 10, 20])
    parser.add_argument("--worlds", type=int, default=40)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--first", type=int, default=0, help="seed of the first planted world")
    parser.add_argument("--published", type=Path, help="folder of published tables")
    asked = parser.parse_args()
    path = RESULTS / "headroom.json"
    if asked.what == "planted":
        found = planted(asked.tasks, asked.worlds, asked.rows, asked.first, asked.seeds)
        kind = f"planted, {asked.rows} rows, {asked.seeds} seeds, worlds from {asked.first}"
    else:
        found = own(asked.worlds) | (
            published(asked.published, asked.worlds) if asked.published else {}
        )
        kind = "tables"
    # Read last: others may have written in between.
    before = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    before.pop("about", None)
    save_result("headroom", before | {kind: before.get(kind, {}) | found})


if __name__ == "__main__":
    main()
