"""The section of docs/benchmarks.md about groups that are not there."""

from __future__ import annotations

from typing import Any

from page_methods import table


def false_structure(found: dict[str, Any]) -> str:
    """How often "auto" groups tasks without structure, what it finds, and which epochs tell it."""
    seen = found["seconds"]
    parts = [
        'How often `n_groups="auto"` answers several groups, "before" by the earlier rule (a '
        "silhouette of 0.1 of k-means). Largest silhouettes and what they had to exceed are means; "
        "the last column is the share of what tells two groups apart that is difficulty.",
        "Independent tasks, an `mlp` on 1,500 examples:",
        _several(found["trained"]),
        "Simulated maps of tasks that share nothing but a common factor:",
        _several(found["simulated"]),
        "Where there are groups; adjusted Rand with those planted, three of three tasks:",
        _power(found["power"]),
        "Planted groups found (adjusted Rand, K = 3) by the map up to the best epoch and by that of "
        "all epochs, after 10, 30 and 100 of them:",
        _window(found["window"]),
        "Groups of affinities that ride on such a training. In the first two regimes there are none, "
        "though gradients of 20 tasks in 12 inputs are alike where they point the same way by "
        'chance; "before" is an earlier rule, a curve fitted to noise:',
        _affinities(found["affinities"]),
        f"A grouping by `auto` of an affinity takes "
        f"{seen['5 tasks, affinity, auto']:.2f} s with 5 tasks and "
        f"{seen['100 tasks, affinity, auto']:.1f} s with 100, of a measured map of 50,000 examples takes "
        f"{seen['5 tasks, auto']:.2f} s with 5 tasks and {seen['40 tasks, auto']:.2f} s with 40.",
    ]
    return "\n\n".join(parts)


def _several(found: dict[str, Any]) -> str:
    head = ["tasks", "maps", "several", "before", "silhouette", "needed", "difficulty"]
    return table(head, [[name, *_row(one)] for name, one in found.items()])


def _affinities(found: dict[str, Any]) -> str:
    """Shares over all affinities, and of each where there are groups."""
    head = ["affinity", "regime", "tasks", "tables", "several", "before", "adjusted Rand"]
    rows = []
    for key, one in found.items():
        name, regime, tasks = key.split(", ")
        shares = [f"{100 * one[each]:.0f} %" for each in ("several", "several before")]
        rows.append([name, regime, tasks.split()[0], str(one["tables"]), *shares])
        rows[-1].append(_digits(one.get("adjusted Rand")))
    return table(head, rows)


def _power(found: dict[str, Any]) -> str:
    head = ["data, features", "maps", "several", "before", "silhouette", "needed", "difficulty"]
    head += ["adjusted Rand", "at K = 3"]
    rows = [
        [
            name,
            *_row(one),
            *(_digits(one.get(each)) for each in ("adjusted Rand", "adjusted Rand, K = 3")),
        ]
        for name, one in found.items()
    ]
    return table(head, rows)


def _window(found: dict[str, Any]) -> str:
    columns = [
        f"{which}, {how}" for how in ("cells", "centred") for which in ("to the best", "all")
    ]
    rows = [
        [name, ", ".join(map(str, one["best epoch"])), *(_digits(one[each]) for each in columns)]
        for name, one in found.items()
    ]
    return table(["training", "best epochs", *columns], rows)


def _row(one: dict[str, Any]) -> list[str]:
    return [
        str(one["maps"]),
        *(f"{100 * one[name]:.0f} %" for name in ("several", "several before")),
        *(_digits(one.get(name)) for name in ("silhouette", "least", "difficulty of two groups")),
    ]


def _digits(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
