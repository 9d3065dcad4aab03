"""Sections of docs/benchmarks.md on networks for tables beside forests and boosted trees."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from page_methods import table

TREES, NETWORKS = ("forest", "boosting"), ("mlp", "tabm")
CLOSE, TIMES = 0.003, 5


def tables(found: dict[str, Any]) -> str:
    """Scores and times of joint networks and trees, table by table."""
    lines, close, above, cheap = [], 0, 0, 0
    names = list(dict.fromkeys(row["table"] for row in found["rows"]))
    for name in names:
        mine = [row for row in found["rows"] if row["table"] == name]
        splits = _complete(mine)
        score, seconds = (
            {arm: _mean(mine, arm, splits, what) for arm in (*TREES, *NETWORKS)}
            for what in ("score", "seconds")
        )
        behind = max(score[arm] for arm in TREES) - score["tabm"]
        times = seconds["tabm"] / max(seconds[arm] for arm in TREES)
        close += behind <= CLOSE
        above += score["tabm"] >= score["mlp"]
        cheap += times <= TIMES
        sizes = f"{mine[0]['examples']:,} x {mine[0]['inputs']}, {mine[0]['tasks']}"
        lines.append(
            [name, sizes, len(splits)]
            + [f"{score[arm]:.4f}" for arm in (*TREES, *NETWORKS)]
            + [f"{-behind:+.4f}"]
            + [f"{seconds[arm]:.1f}" for arm in (*TREES, *NETWORKS)]
            + [f"{times:.1f}x"]
        )
    heads = ["table", "rows x inputs, tasks", "splits", *TREES, *NETWORKS]
    heads += ["`tabm` less the better tree", *(f"{arm}, s" for arm in (*TREES, *NETWORKS)), "time"]
    n = len(names)
    return "\n\n".join(
        [
            "Mean AUROC or R2 over tasks on test, each arm at its defaults, one seed on each split; "
            "networks are joint models of all tasks. Seconds are those of the processor on one "
            "thread, and the machine was shared. The time is that of `tabm` as a multiple of the "
            f"slower of forest and boosting. Asked: at most {CLOSE} below the better of them, in at "
            f"most {TIMES} times the time of the slower.",
            table(heads, lines),
            f"`tabm` is that close or above on **{close}** of {n} tables, no worse than `mlp` on "
            f"**{above}**, and that cheap on **{cheap}**.",
        ]
    )


def cost(found: dict[str, Any]) -> str:
    """Time of whole comparisons with either network."""
    names = list(dict.fromkeys(row["table"] for row in found["rows"]))
    seconds = {(row["table"], row["model"]): row["seconds"] for row in found["rows"]}
    lines = [
        [
            name,
            *(f"{seconds[name, model]:.0f}" for model in NETWORKS),
            f"{seconds[name, 'tabm'] / seconds[name, 'mlp']:.1f}x",
        ]
        for name in names
    ]
    return "\n\n".join(
        [
            "Seconds of the processor, on one thread of a shared machine, that one seed of a "
            "comparison takes: joint, single, two groups by data maps, random groups and an "
            "ensemble, without rivals.",
            table(["table", *(f"{model}, s" for model in NETWORKS), "time"], lines),
        ]
    )


def settings(found: dict[str, Any]) -> str:
    """Settings of ``tabm`` on tables that are not judged."""
    rows = found["rows"]
    arms = list(dict.fromkeys(row["arm"] for row in rows))
    names = list(dict.fromkeys(row["table"] for row in rows))
    lines = []
    for arm in arms:
        each = [_mean(rows, arm, (0,), "score", name) for name in names]
        seconds = fmean(_mean(rows, arm, (0,), "seconds", name) for name in names)
        lines.append([arm, *(f"{s:.3f}" for s in each), f"{fmean(each):.4f}", f"{seconds:.1f}"])
    return "\n\n".join(
        [
            "Mean AUROC or R2 over tasks on *validation*, one split of tables that are not judged "
            "above, by what differs from the settings as they are, and the time. Differences "
            "between settings of `tabm` are within the noise of so small tables; those from `mlp` "
            "are not.",
            table(["", *names, "mean", "seconds"], lines),
        ]
    )


def _complete(rows: Sequence[dict[str, Any]]) -> list[int]:
    """Splits on which all arms were measured."""
    arms = (*TREES, *NETWORKS)
    splits = {row["split"] for row in rows}
    return sorted(
        s for s in splits if {row["arm"] for row in rows if row["split"] == s} >= set(arms)
    )


def _mean(
    rows: Sequence[dict[str, Any]],
    arm: str,
    splits: Sequence[int],
    what: str,
    name: str | None = None,
) -> float:
    return fmean(
        row[what]
        for row in rows
        if row["arm"] == arm and row["split"] in splits and name in (None, row["table"])
    )
