"""The chapters about the groups themselves.

Who is in them, how each task learnt, how far the groups can be trusted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.drawing import figures
from coterie.report.folding import FEW
from coterie.report.svg import inline, raster
from coterie.results.tables import CHOSEN
from coterie.wording import is_number, number, plain, rounded, share

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord, DataMap, Grouping

READ_AT = 2.0
MOST_MAPS = 150
BETWEEN = "adjusted Rand between repetitions"
_FEATURES = {
    "cells": "confidence and variability of each example",
    "density": "where a task's examples lie on its map, whichever they are",
    "points": "votes of all single points of the maps",
}


def task_order(comparison: ComparisonRecord) -> list[str]:
    """All task names, those of one group together (by the first grouping).

    The order of every chapter.
    """
    first = next((groupings[0] for groupings in comparison.groupings.values() if groupings), None)
    return [
        comparison.tasks[t]
        for t in (range(len(comparison.tasks)) if first is None else by_group(first))
    ]


def by_group(grouping: Grouping) -> list[int]:
    """Task positions: group after group, in each the surest first."""
    strength = _reading(grouping).max(1)
    return sorted(
        range(len(grouping.tasks)),
        key=lambda t: (grouping.labels[t], -round(float(strength[t]), 6), t),
    )


def memberships(comparison: ComparisonRecord) -> list[dict[str, Any]]:
    """One entry per grouping but the choice, which is one of them.

    Its groups by name and its heat maps.

    Among several methods, hard groups need no heat map: it would repeat the names.
    """
    chosen = comparison.found.get(CHOSEN)
    return [
        {
            "name": name,
            "method": seeds[0].method,
            "fuzziness": plain(seeds[0].fuzziness),
            "groups": [list(names) for names in seeds[0].groups],
            "besides": besides(seeds[0]),
            "folded": bool(chosen) and len(comparison.tasks) > FEW and name != chosen[0].chosen,
            "readings": _readings(seeds[0])
            if seeds[0].n_groups > 1 and not (chosen and _is_listed(seeds[0]))
            else [],
        }
        for name, seeds in comparison.groupings.items()
        if seeds and name != CHOSEN
    ]


def _is_listed(grouping: Grouping) -> bool:
    """Whether the list of its groups says all.

    Each task in one group only, without distances to the others.
    """
    return (
        grouping.distances is None
        and not any(besides(grouping))
        and bool(np.isin(grouping.membership, (0, 1)).all())
    )


def besides(grouping: Grouping) -> list[list[str]]:
    """Tasks that each group trains but serves less than another group does.

    Of groups that train only what they serve, none.

    >>> from coterie.results import Grouping
    >>> serves, trains = np.eye(2)[[0, 0, 1]], np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 1.0]])
    >>> besides(Grouping(tasks=("a", "b", "c"), membership=serves, method="select", row_weights=trains))
    [[], ['b']]
    """
    if grouping.row_weights is None:
        return [[] for _ in range(grouping.n_groups)]
    return [
        [task for t, task in enumerate(grouping.tasks) if row[t] > 0 and grouping.labels[t] != k]
        for k, row in enumerate(grouping.row_weights)
    ]


def _reading(grouping: Grouping) -> np.ndarray:
    return grouping.membership if grouping.distances is None else grouping.membership_at(READ_AT)


def _readings(grouping: Grouping) -> list[dict[str, Any]]:
    if grouping.row_weights is not None and any(besides(grouping)):
        return [_trained_and_served(grouping, grouping.row_weights.T)]
    trained = (
        "as it served in training"
        if grouping.fuzziness is None
        else f"as it served in training, m\u00a0=\u00a0{grouping.fuzziness:g}"
    )
    tables = {trained: np.asarray(grouping.membership)}
    if grouping.distances is not None and grouping.fuzziness != READ_AT:
        tables = {
            f"how near each task is to each group, m\u00a0=\u00a0{READ_AT:g}": _reading(grouping)
        } | tables
    return [
        _heat_map(
            title, grouping, table / table.max(), [[share(float(v)) for v in row] for row in table]
        )
        for title, table in tables.items()
    ]


def _trained_and_served(grouping: Grouping, weights: np.ndarray) -> dict[str, Any]:
    """Groups that train more tasks than they serve; ``weights`` (T, K)."""
    own = np.arange(grouping.n_groups) == grouping.labels[:, None]
    plainly = bool(np.isin(weights, (0, 1)).all())
    texts = [
        [
            ("serves" if mine else "trains")
            if plainly and v
            else ""
            if plainly
            else share(float(v))
            for v, mine in cells
        ]
        for cells in (zip(row, mine, strict=True) for row, mine in zip(weights, own, strict=True))
    ]
    shades = np.where(own, 1.0, 0.45) * weights / weights.max()
    return _heat_map("what each group trains, and whom it serves", grouping, shades, texts)


def _heat_map(
    title: str, grouping: Grouping, shades: np.ndarray, texts: Sequence[Sequence[str]]
) -> dict[str, Any]:
    """A heat map (T, K) with ``shades`` from 0 to 1, tasks in the order of their groups."""
    order, labels = by_group(grouping), grouping.labels
    return {
        "title": title,
        "rows": [
            {
                "task": grouping.tasks[t],
                "cells": [
                    {"text": text, "percent": round(100 * float(v)), "own": k == labels[t]}
                    for k, (v, text) in enumerate(zip(shades[t], texts[t], strict=True))
                ],
                "first": position > 0 and labels[t] != labels[order[position - 1]],
            }
            for position, t in enumerate(order)
        ],
    }


def data_maps(comparison: ComparisonRecord) -> dict[str, Any] | None:
    """Maps of the groups and of the tasks on one colour scale; None where nothing was recorded."""
    recorded = comparison.data_map
    if recorded is None:
        return None
    where = {name: position for position, name in enumerate(recorded.tasks)}
    order = [where[name] for name in task_order(comparison) if name in where]
    shown = order[:MOST_MAPS]
    densities = {
        t: figures.density(recorded.confidence[:, t], recorded.variability[:, t]) for t in order
    }
    limits = figures.density_limits(list(densities.values()))
    panels = {t: _task_panel(recorded, t, densities[t], limits) for t in shown}
    typical = [t for t in _typical(comparison, where) if t in panels] if len(shown) > FEW else shown
    return {
        "examples": recorded.confidence.shape[0],
        "epochs": recorded.epoch,
        "low": f"{100 * limits[0]:.2g}\u00a0%",
        "high": f"{100 * limits[1]:.2g}\u00a0%",
        "groups": _group_panels(comparison, where, densities, limits),
        "few": [panels[t] for t in typical],
        "all": [panels[t] for t in shown] if len(shown) > len(typical) else [],
        "left_out": len(order) - len(shown),
    }


def density_table(maps: Mapping[str, Any]) -> dict[str, Any]:
    """The densities that the maps draw, as JSON types.

    Share of examples by bin of confidence and of variability.
    """
    drawn = {"tasks": maps["all"] or maps["few"], "groups": maps["groups"]}
    return {
        "examples": maps["examples"],
        "epochs": maps["epochs"],
        "confidence": [0.0, 1.0],
        "variability": [0.0, round(float(np.sqrt(0.5)), 4)],
        **{
            what: {
                p["title"]: {"facts": p["facts"], "density": rounded(p["density"])}
                for p in drawn[what]
            }
            for what in drawn
        },
    }


def _typical(comparison: ComparisonRecord, where: Mapping[str, int]) -> list[int]:
    """The surest task of each group, at most 12."""
    grouping = next(iter(comparison.groupings.values()))[0] if comparison.groupings else None
    if grouping is None:
        return list(where.values())[:12]
    ordered = by_group(grouping)
    first_of = {int(grouping.labels[t]): t for t in reversed(ordered)}
    return [where[grouping.tasks[first_of[k]]] for k in sorted(first_of)][:12]


def _task_panel(
    recorded: DataMap, t: int, density: np.ndarray, limits: tuple[float, float]
) -> dict[str, Any]:
    facts = _facts(recorded.confidence[:, t], recorded.variability[:, t])
    image = raster(figures.shades(density, limits))
    return {"title": recorded.tasks[t], "facts": facts, "image": image, "density": density}


def _facts(confidence: np.ndarray, variability: np.ndarray) -> str:
    if not np.isfinite(confidence).any():
        return "never observed"
    middle = [
        share(float(np.nanmedian(values.astype(np.float64))))
        for values in (confidence, variability)
    ]
    return f"median confidence {middle[0]}, variability {middle[1]}"


def _group_panels(
    comparison: ComparisonRecord,
    where: Mapping[str, int],
    densities: Mapping[int, np.ndarray],
    limits: tuple[float, float],
) -> list[dict[str, Any]]:
    grouping = next(iter(comparison.groupings.values()))[0] if comparison.groupings else None
    if grouping is None:
        return []
    panels = []
    for k, names in enumerate(grouping.groups):
        known = [where[name] for name in names if name in where]
        if known:
            density = np.mean([densities[t] for t in known], axis=0)
            axes = figures.data_map(density, limits=limits)
            alt = f"Data map of group {k + 1}, all its {len(known)} tasks together."
            panels.append(
                {
                    "title": f"Group {k + 1}",
                    "facts": ", ".join(names) if len(names) <= 6 else f"{len(names)} tasks",
                    "svg": inline(axes, name=f"group{k}", alt=alt),
                    "density": density,
                }
            )
    return panels


def stability(comparison: ComparisonRecord) -> list[dict[str, Any]]:
    """Per grouping.

    Agreement figures, tasks that changed group between repetitions, how the number of groups was
    found.

    Only groups that each repetition found anew can be said to be the same again; others were given.
    """
    chapters = []
    for position, (name, seeds) in enumerate(comparison.groupings.items()):
        agreed = comparison.stability.get(name, {})
        given = len(seeds) > 1 and BETWEEN not in agreed
        own = name != CHOSEN  # what stands for the choice is told under its own name
        details = seeds[0].details if own else {}
        chapters.append(
            {
                "name": name,
                "given": given,
                "chosen": not own,
                "facts": [_fact(label, value) for label, value in agreed.items()]
                + _measured_by(details),
                "notes": [str(note) for note in details.get("notes", ())],
                "moved": [] if given or not own else moved_tasks(seeds),
                "repetitions": len(seeds),
                "criterion": _criterion(seeds[0], f"auto{position}") if own else None,
            }
        )
    return chapters


def _measured_by(details: Mapping[str, Any]) -> list[dict[str, str]]:
    rows = []
    if "features" in details:
        rows.append(
            _fact("tasks compared by", _FEATURES.get(details["features"], details["features"]))
        )
    if is_number(details.get("negative_share")):
        rows.append(
            _fact(
                "share of distances that points cannot show, left out",
                abs(details["negative_share"]),
            )
        )
    return rows


def _fact(label: str, value: Any) -> dict[str, str]:
    """A labelled number, or the mean and range of several."""
    many = (
        [v for v in value if is_number(v)]
        if isinstance(value, Sequence) and not isinstance(value, str)
        else []
    )
    if len(many) > 1:
        low, mean, high = (number(float(v), 2) for v in (min(many), np.mean(many), max(many)))
        text = f"mean {mean}, from {low} to {high} (n = {len(many)})"
    else:
        only = many[0] if many else value
        text = number(only, 2) if isinstance(only, float) else plain(only)
    return {"label": label.replace("_", " "), "text": text}


def moved_tasks(seeds: Sequence[Grouping]) -> list[dict[str, Any]]:
    """Tasks that are not in the same group on all seeds, with their group on each, numbered as on the first.

    Groups of other seeds get the number of the first seed's group with which they share most tasks
    (one to one).
    """
    from scipy.optimize import linear_sum_assignment

    first = seeds[0]
    n = max(grouping.n_groups for grouping in seeds)
    columns = []
    for grouping in seeds:
        shared = np.zeros((n, n))
        np.add.at(shared, (grouping.labels, first.labels), 1)
        columns.append(linear_sum_assignment(-shared)[1][grouping.labels] + 1)
    table = np.stack(columns, axis=1)
    return [
        {"task": first.tasks[t], "groups": row.tolist()}
        for t, row in enumerate(table)
        if len(set(row.tolist())) > 1
    ]


def _criterion(grouping: Grouping, name: str) -> dict[str, Any] | None:
    """How "auto" chose the number of groups; None where the number was given."""
    found = grouping.details.get("silhouette")
    if not found:
        return None
    choices, values = [int(k) for k in found], np.array(list(found.values()), dtype=float)
    least, chosen = grouping.details["least_silhouette"], grouping.n_groups
    axes = figures.criterion(choices, values, chosen, threshold=least, what="silhouette")
    alt = "Silhouette by number of groups: " + ", ".join(
        f"{k}: {number(float(v))}" for k, v in zip(choices, values, strict=True)
    )
    return {"svg": inline(axes, name=name, alt=alt), "chosen": chosen, "threshold": plain(least)}
