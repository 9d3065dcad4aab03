"""Sections of the benchmarks page on planted regimes."""

from __future__ import annotations

from typing import Any

from page_methods import table, with_interval

RIVALS = ("random", "joint", "single", "wide", "ensemble")


def gained(found: dict[str, Any]) -> str:
    """What true groups gain."""
    rows = [
        [
            regime,
            *(with_interval(g["mean"], g["low"], g["high"]) for g in (of[r] for r in RIVALS)),
            f"{found['headroom'][regime]['bound']:.1f}",
        ]
        for regime, of in found["gains"].items()
    ]
    return (
        f"Nine tasks in three true groups, {found['tables']} tables of each regime: what models of "
        "the true groups gain in points of balanced accuracy on the test part, with 95 % "
        "intervals, bold where they exclude zero, over random groups of the same sizes, one joint "
        "model, single models, a joint model of as many parameters, and as many joint models "
        "averaged; headroom is the bound on what any three models gain over one.\n\n"
        + table(["regime", *RIVALS, "headroom"], rows)
    )


def methods(found: dict[str, Any]) -> str:
    """Which method finds the true groups, and what its groups are worth."""
    regimes = found["regimes"]
    names = list(dict.fromkeys(name for of in regimes.values() for name in of))
    shown = [name for name in names if any("rand" in of.get(name, {}) for of in regimes.values())]
    rands = [[name, *(_rand(of.get(name)) for of in regimes.values())] for name in shown]
    regrets = [
        [
            name,
            *(_number(of.get(name), "regret") for of in regimes.values()),
            _mean(regimes, name, "cost"),
            _mean(regimes, name, "seconds"),
        ]
        for name in shown
    ]
    return "\n\n".join(
        [
            "Adjusted Rand index with the true groups, means over seeds; bold where the method "
            "claimed the regime before the seeds were run (20 seeds, others 5):",
            table(["method", *regimes], rands),
            "Regret, what the true groups score more in points of balanced accuracy on the test "
            "part; cost in trainings of the joint model, with finding and training the groups; "
            "seconds of finding them:",
            table(["method", *regimes, "cost", "seconds"], regrets),
            "Left to find the number of groups, the share of tables on which a method saw more than "
            "one:",
            table(
                ["method", *regimes],
                [
                    [name, *(_number(of.get(name), "structure_seen") for of in regimes.values())]
                    for name in shown
                    if any("structure_seen" in of.get(name, {}) for of in regimes.values())
                ],
            ),
        ]
    )


def _rand(entry: dict[str, Any] | None) -> str:
    said = _number(entry, "rand")
    return f"**{said}**" if entry and entry["claimed"] else said


def _number(entry: dict[str, Any] | None, name: str) -> str:
    return f"{entry[name]:.2f}" if entry and name in entry else "–"


def _mean(regimes: dict[str, Any], name: str, what: str) -> str:
    values = [of[name][what] for of in regimes.values() if what in of.get(name, {})]
    return f"{sum(values) / len(values):.1f}"
