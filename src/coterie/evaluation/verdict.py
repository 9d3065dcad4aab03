"""The verdict: what the gains mean, in plain sentences, for someone who reads nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from coterie.results.tables import CHOSEN, LEVEL, MEAN, outcome
from coterie.wording import MOST_NAMED, signed

Row = Mapping[str, Any]


def write_verdict(
    gains: pa.Table, costs: pa.Table, references: Mapping[str, Mapping[str, str]], *, repetitions: str
) -> tuple[str, ...]:
    """Say for each grouping whether it paid, against what, at which cost, and which tasks lose.

    Args:
        gains: the table of :class:`Comparison`.
        costs: likewise.
        references: for each grouping, the arm that plays each role ("joint", "single", "random", "ensemble") in its comparison.
        repetitions: what the intervals are over, such as "3 seeds".
    """
    rows = {(row["arm"], row["reference"], row["task"]): row for row in gains.to_pylist()}
    cost = {row["arm"]: row for row in costs.to_pylist()}
    sentences: list[str] = []
    for name, roles in references.items():
        means = {role: rows[name, arm, MEAN] for role, arm in roles.items()}
        sentences.append(_worth(name, means, cost[name], cost["joint"]))
        sentences += [_against(row, repetitions) for row in means.values()]
        sentences += _tasks_that_differ(name, [row for (arm, ref, _), row in rows.items() if (arm, ref) == (name, "joint")])
    rivals = len(references) - (CHOSEN in references)
    if rivals > 1:
        sentences.append(
            f"{rivals} groupings were compared on the same test examples: the best of them on test looks better than it is."
        )
    return tuple(sentences)


def _worth(name: str, means: Mapping[str, Row], cost: Row, joint_cost: Row) -> str:
    """One sentence on whether to use the grouping."""
    found = {role: outcome(row) for role, row in means.items()}
    times = cost["model_steps"] / joint_cost["model_steps"]
    price = f"{times:.1f} times the training steps of joint and {_models(cost['models'])}"
    if cost["models"] == 1:
        return f"{name}: one group, which is joint training."
    if found["joint"] == "unknown":
        return f"{name}: undecided, because gains need at least two seeds that differ. It takes {price}."
    if found["joint"] == "none":
        return f"{name}: not worth it here. No difference found to joint training, at {price}."
    if found["joint"] == "loss":
        return f"{name}: not worth it. It does worse than joint training, at {price}."
    if found.get("ensemble", "gain") != "gain":
        return (
            f"{name}: better than joint training, but no gain is found over an ensemble of as many joint models: "
            "this is ensembling, not grouping."
        )
    if found.get("random", "gain") != "gain":
        return (
            f"{name}: better than joint training, but no gain is found over random groups of the same sizes: "
            "which tasks are together did not matter."
        )
    if found.get("single") == "loss":
        return f"{name}: better than joint training, but single-task models do better still."
    return f"{name}: worth it if {price} are affordable: {_points(means['joint']['gain'])} over joint training."


def _against(row: Row, repetitions: str) -> str:
    pair, gain = f"{row['arm']} against {row['reference']}", _points(row["gain"])
    found = outcome(row)
    if found == "unknown":
        return f"{pair}: {gain} on the mean over tasks, without an interval ({repetitions})."
    spread = f"95 % interval {signed(row['low'])} to {signed(row['high'])} over {repetitions}"
    if found == "none":
        return f"No difference found between {row['arm']} and {row['reference']}: {gain} on the mean over tasks ({spread})."
    sentence = f"{pair}: {gain} on the mean over tasks ({spread})."
    low, high = row["bootstrap_low"], row["bootstrap_high"]
    if low is not None and high is not None and low <= 0 <= high:
        sentence += f" Other test examples could undo it: {signed(low)} to {signed(high)} over resampled ones."
    return sentence


def _tasks_that_differ(name: str, rows: Sequence[Row]) -> list[str]:
    """The tasks that lose or gain against joint training after Holm's correction."""
    tasks = [row for row in rows if row["task"] != MEAN]
    sure = [row for row in tasks if row["p_holm"] is not None and row["p_holm"] < LEVEL]
    worse, better = ([row for row in sure if sign * row["gain"] > 0] for sign in (-1, 1))
    sentences = []
    if worse:
        sentences.append(f"Tasks that lose with {name} against joint, after Holm's correction: {_listing(worse)}.")
    elif any(row["p_holm"] is not None for row in tasks):
        sentences.append(f"No task is found to lose with {name} against joint (Holm's correction over {len(tasks)} tasks).")
    if better:
        sentences.append(f"Tasks that gain with {name} against joint, after Holm's correction: {_listing(better)}.")
    return sentences


def _listing(rows: Sequence[Row]) -> str:
    ranked = sorted(rows, key=lambda row: -abs(row["gain"]))
    shown = ", ".join(f"{row['task']} ({signed(row['gain'])})" for row in ranked[:MOST_NAMED])
    return shown if len(ranked) <= MOST_NAMED else f"{shown} and {len(ranked) - MOST_NAMED} more"


def _points(value: float | None) -> str:
    return "not defined" if value is None else f"{signed(value)} points"


def _models(count: float) -> str:
    return "1 model" if count == 1 else f"{count:g} models"
