"""Groupings and selections, from data maps, affinities and tables that nothing was trained for."""

from __future__ import annotations

from typing import Any

import numpy as np

import coterie as ct
from coterie.datamaps import gram
from coterie.grouping import agreement, candidates, stability, subset_scores
from tests.golden.cases.inputs import known_scores, planted_affinity, planted_map
from tests.golden.registry import case

_CHOSEN = ("*/rows", "*/serves", "*/subsets", "*/proven")


def _clustered(method: str) -> dict[str, Any]:
    whole, gaps = planted_map(), planted_map(gaps=0.3)
    return {
        "hard": ct.group(whole, 3, method=method),
        "soft": ct.group(whole, 3, method=method, fuzziness=2.0, seed=1),
        "auto": ct.group(whole, "auto", method=method),
        "gaps": ct.group(gaps, 4, method=method, fuzziness=1.5, restarts=3),
    }


def _from_distances(method: str) -> dict[str, Any]:
    whole, gaps = planted_map(), planted_map(gaps=0.3)
    soft = ct.group(whole, 3, method=method, fuzziness=2.0)
    return {
        **_clustered(method),
        "density": ct.group(gaps, 3, method=method, features="density"),
        "gram": ct.group(gram(gaps), "auto", method=method),
        "read at 1.3": soft.membership_at(1.3),
        "weights": soft.weights(),
    }


@case(exact=("hard/labels", "auto/labels", "gram/labels"), close=("soft/membership",))
def group_fuzzy_kmeans() -> dict[str, Any]:
    return _from_distances("fuzzy-kmeans")


@case(exact=("hard/labels", "auto/labels", "gram/labels"), close=("soft/membership",))
def group_fuzzy_cmeans() -> dict[str, Any]:
    return _from_distances("fuzzy-cmeans")


@case(exact=("hard/labels", "auto/labels", "gram/labels"))
def group_kmeans() -> dict[str, Any]:
    return _from_distances("kmeans")


@case(exact=("auto/labels",))
def group_points() -> dict[str, Any]:
    return _clustered("points")


@case(exact=("alike/labels", "noisy/labels"))
def group_without_structure() -> dict[str, Any]:
    """Tasks that are all alike, and tasks that are all different: "auto" may answer one group."""
    return {
        "alike": ct.group(planted_map(n_groups=1), "auto"),
        "noisy": ct.group(planted_map(8, 8), "auto"),
    }


@case(exact=("*/labels",))
def group_affinities() -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, source in {
        "planted": planted_affinity(),
        "symmetric": planted_affinity(symmetric=True),
    }.items():
        for method in ("sdp", "spectral", "hierarchical"):
            found[f"{name} {method} 2"] = ct.group(source, 2, method=method)
            found[f"{name} {method} auto"] = ct.group(source, "auto", method=method)
    return found | {
        "three": ct.group(planted_affinity(9, 3), 3),
        "partition": ct.group(planted_affinity(), 2, method="principled").labels,
    }


@case()
def group_stability() -> dict[str, Any]:
    """Over resampled examples, and agreement between groupings."""
    maps = planted_map(noise=0.3, gaps=0.2)
    found = {
        method: stability(maps, 3, method=method, bootstraps=5)
        for method in ("fuzzy-kmeans", "kmeans", "points")
    }
    return found | {"agreement": agreement([ct.group(maps, k) for k in (2, 3, 4)])}


@case(exact=_CHOSEN, close=("*/objective",))
def select_from_table() -> dict[str, Any]:
    """Budgets, partitions, every constraint, costs and weights."""
    table = known_scores()
    size = table.subsets.sum(1).astype(float)
    both = ct.select(table, budget=3)
    costs = 0.5 + 0.1 * size
    return {
        "budget 1": ct.select(table, budget=1),
        "budget 2": ct.select(table, budget=2),
        "budget 3": both,
        "partition": ct.select(table, budget=3, partition=True),
        "sizes": ct.select(table, budget=4, sizes=(2, 3)),
        "must": ct.select(table, budget=3, must_link=[("a", "c")]),
        "cannot": ct.select(table, budget=3, cannot_link=[("a", "b"), (2, 3)], partition=True),
        "costs": ct.select(table.scores, budget=1.8, costs=costs, tasks=table.tasks),
        "resources": ct.select(
            table, budget=4, resources={"memory": (size, 7.0)}, row_limits={"width": (size, 3.0)}
        ),
        "task weights": ct.select(
            table.scores, budget=2, tasks=table.tasks, task_weights=[3, 1, 1, 0, 1, 2]
        ),
        "many": ct.select(known_scores(8, seed=4), budget=3),
        "grouping": both.grouping,
    }


@case(
    exact=("*/rows", "*/serves", "*/subsets", "rows", "grown", "*/proven"),
    close=("*/objective", "scores/scores"),
)
def select_from_affinity() -> dict[str, Any]:
    """Scores of groups read off an affinity, over rows that are listed or grown."""
    source = planted_affinity()
    rows, how = candidates(source.tasks)
    several = rows[rows.sum(1) > 1]
    helps = planted_affinity(14, 3).matrix

    def predict(weights: np.ndarray) -> np.ndarray:
        members = weights > 0
        return np.where(members, np.stack([helps[row].mean(0) for row in members]), np.nan)

    grown, how_grown = candidates(14, predict, beam=4, limit=120, groups=[range(7)])
    scores = subset_scores(source, several)
    return {
        "rows": rows,
        "how": how,
        "grown": grown,
        "how grown": how_grown,
        "scores": scores,
        "chosen": ct.select(scores, budget=2),
        "partition": ct.select(scores, budget=3, partition=True),
        "of grown": ct.select(predict(grown), grown, budget=3),
    }
