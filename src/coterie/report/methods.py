"""The chapter about the methods that were compared.

What each measured, at which cost, how good its groups are, who agrees.

Shapes: ``U`` units (repetitions), ``T`` tasks, ``K`` groups.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from coterie.drawing import figures
from coterie.report.svg import inline
from coterie.results.tables import CHOSEN
from coterie.wording import MOST_NAMED, count, is_number, listing, number, seconds, share, signed

if TYPE_CHECKING:
    from coterie.results import ComparisonRecord, Grouping

_REFERENCES = {CHOSEN: "chosen on validation", "joint": "joint, no groups"}


def choice(comparison: ComparisonRecord) -> dict[str, Any] | None:
    """Which grouping was chosen on validation, and on how many repetitions.

    None where there was no choice.
    """
    seeds = comparison.found.get(CHOSEN)
    if not seeds:
        return None
    picked = [each.chosen or "–" for each in seeds]
    parts = [
        (name, f"on {n} of {len(seeds)} repetitions" if len(seeds) > 1 else "")
        for name, n in Counter(picked).most_common()
    ]
    return {"first": picked[0], "parts": parts, "repetitions": len(seeds)}


def is_shown(comparison: ComparisonRecord) -> bool:
    """Whether there is more to tell of the methods than the groups they found."""
    measured = any(
        each.evidence is not None or each.cost.model_steps
        for found in comparison.found.values()
        for each in found[:1]
    )
    return measured or CHOSEN in comparison.groupings or any(comparison.agreement.values())


def chapter(comparison: ComparisonRecord) -> dict[str, Any] | None:
    """The table of methods, regret against cost, and how far the methods agree.

    None where nothing was measured or chosen.
    """
    if not is_shown(comparison):
        return None
    found = table(comparison)
    return {
        "best": found["best"] if len(found["methods"]) > 1 else None,
        "metric": _metric(comparison),
        "rows": [_row(row, comparison) for row in found["methods"]],
        "references": [
            {"name": _REFERENCES[row["arm"]], "regret": _regret_text(row)}
            for row in found["references"]
        ],
        "proof": any(row["proven"] is not None for row in found["methods"]),
        "svg": _figure(found),
        "agreement": agreement(comparison),
    }


def table(comparison: ComparisonRecord) -> dict[str, Any]:
    """Cost and regret of every method, as JSON types.

    ``references`` are joint training and the choice on validation.
    """
    rows = [
        {
            "method": row["method"],
            "measured": comparison.about[row["method"]].measures,
            **row,
        }
        for row in comparison.methods_table.to_pylist()
    ]
    references = [
        name
        for name in _REFERENCES
        if comparison.unit_means.get(name) and comparison.best is not None
    ]
    return {
        "best": comparison.best,
        "methods": rows,
        "references": [{"arm": name, **comparison.regret(name)} for name in references],
    }


def _row(row: Mapping[str, Any], comparison: ComparisonRecord) -> dict[str, Any]:
    """A row of the table as text."""
    return {
        "method": row["method"],
        "measured": row["measured"],
        "candidates": row["candidates"],
        "steps": count(row["model_steps"]),
        "seconds": seconds(row["seconds"]),
        "groups": found_groups(comparison.groupings[row["method"]][0]),
        "regret": _regret_text(row),
        "best": row["regret"] == 0,
        "proven": _proven(row),
    }


def _regret_text(row: Mapping[str, Any]) -> tuple[str, str]:
    """Regret and its standard deviation.

    >>> _regret_text({"regret": -1e-9, "regret_sd": 0.25}), _regret_text({"regret": 0.0, "regret_sd": None})
    (('0.00', '0.25'), ('0.00', ''))
    """
    value, spread = row["regret"], row["regret_sd"]
    shown = round(value, 2) + 0.0 if is_number(value) else None
    return number(shown, 2), number(spread, 2) if is_number(spread) else ""


def _proven(row: Mapping[str, Any]) -> str:
    """Whether groups are the best by the method's own estimates.

    >>> _proven({"proven": 2, "repetitions": 3, "gap": 0.0123}), _proven({"proven": 1, "repetitions": 1, "gap": 0.0})
    ('2 of 3, gap up to 1.2 %', 'yes')
    """
    if row["proven"] is None:
        return number(None)
    if row["proven"] == row["repetitions"]:
        return "yes"
    some = "no" if row["proven"] == 0 else f"{row['proven']} of {row['repetitions']}"
    return f"{some}, gap up to {100 * row['gap']:.2g} %" if is_number(row["gap"]) else some


def found_groups(grouping: Grouping) -> list[str]:
    """The groups by name where there are few tasks, else their sizes.

    >>> from coterie.results import Grouping
    >>> found_groups(Grouping(tasks=("a", "b", "c"), membership=np.eye(2)[[0, 0, 1]], method="mine"))
    ['a, b', 'c']
    """
    groups = [group for group in grouping.groups if group]
    if len(grouping.tasks) <= MOST_NAMED:
        return [", ".join(group) for group in groups]
    return [f"{len(groups)} groups of {listing(str(len(group)) for group in groups)} tasks"]


def agreement(comparison: ComparisonRecord) -> dict[str, Any] | None:
    """Adjusted Rand index between methods as a heat map's rows; None for fewer than two methods."""
    known = [name for name in comparison.methods if comparison.agreement.get(name)]
    if len(known) < 2:
        return None
    return {
        "rows": [
            {
                "method": one,
                "cells": [
                    _agreement_cell(comparison.agreement[one].get(other), one == other)
                    for other in known
                ],
            }
            for one in known
        ],
        "repetitions": len(comparison.groupings[known[0]]),
    }


def _agreement_cell(value: Any, itself: bool) -> dict[str, Any]:
    percent = round(100 * min(max(value, 0.0), 1.0)) if is_number(value) and not itself else 0
    return {
        "text": "" if itself else share(round(value, 2) + 0.0 if is_number(value) else None),
        "percent": percent,
        "itself": itself,
    }


def _metric(comparison: ComparisonRecord) -> str:
    shared = set(comparison.metric_names)
    return shared.pop().replace("_", " ") if len(shared) == 1 else "each task’s own metric"


def _figure(found: Mapping[str, Any]) -> Markup | None:
    """Regret against the cost of measurement; None where fewer than two methods have both."""
    rows = [
        row for row in found["methods"] if is_number(row["regret"]) and is_number(row["with_joint"])
    ]
    if len(rows) < 2:
        return None
    levels = {
        _REFERENCES[reference["arm"]]: reference["regret"] for reference in found["references"]
    }
    axes = figures.regret_against_cost(
        [row["method"] for row in rows],
        [row["kind"] for row in rows],
        np.array([row["with_joint"] for row in rows]),
        np.array([row["regret"] for row in rows]),
        levels=levels,
    )
    said = [
        f"{row['method']}: {number(row['regret'], 2)} points for {count(row['with_joint'])} "
        "model-steps"
        for row in rows
    ]
    said += [f"{name}: {signed(value, 2)}" for name, value in levels.items()]
    return inline(
        axes, name="regret", alt="Regret against the cost of measurement. " + "; ".join(said) + "."
    )
